"use strict";
{
	const box = document.getElementById("filter");
	const input = box.querySelector("input");
	const count = box.querySelector("output");
	const fold = (text) => text.normalize("NFKC").toLowerCase();
	let rows = null;

	// Shows the entries whose names have every word, and takes the words along when the order changes.
	const apply = () => {
		rows ??= Array.from(document.querySelectorAll("tbody th"), (cell) => ({ row: cell.parentNode, name: fold(cell.textContent) }));
		const words = fold(input.value).split(/\s+/);
		let shown = 0;
		for (const { row, name } of rows) {
			row.hidden = !words.every((word) => name.includes(word));
			shown += row.hidden ? 0 : 1;
		}
		const idle = input.value.trim() === "";
		count.textContent = idle ? "" : `${shown} of ${rows.length}`;
		for (const link of document.querySelectorAll("thead a")) {
			link.hash = idle ? "" : new URLSearchParams({ filter: input.value });
		}
	};

	box.hidden = false;
	input.addEventListener("input", apply);
	input.addEventListener("keydown", (event) => {
		if (event.key === "Escape") {
			input.value = "";
			apply();
		}
	});
	document.addEventListener("DOMContentLoaded", () => {
		rows = null; // until now not all of them were there
		input.value ||= new URLSearchParams(location.hash.slice(1)).get("filter") ?? "";
		apply();
	});
}
