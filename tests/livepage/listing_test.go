package livepage

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aws/tests/harness"
)

// deepDirectory is an empty directory with a long path, which the breadcrumbs show.
var deepDirectory = "a directory with a rather long name, as people give them/" + strings.Repeat("V", 120) + strings.Repeat("/2026", 5) + "/<i>&amp;"

// makeListed makes a directory with the names that listings break at: long ones with and without a place to break, sizes of every
// width, several scripts, and a README with long lines.
func makeListed(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	directory := filepath.Join(root, "releases")
	if err := os.MkdirAll(filepath.Join(directory, deepDirectory), 0o755); err != nil {
		t.Fatal(err)
	}
	readme := "# Releases\n\n\tmake install\n\n" + strings.Repeat("A sentence that goes on for long. ", 20) + "\n" + strings.Repeat("w", 300) + "\n<b>&amp;</b>\n"
	files := map[string]int64{
		"notes.txt": 12, "disk-1.iso": 1 << 30, "disk-10.iso": 1047999, "huge.img": 4<<40 - 1, strings.Repeat("W", 200) + ".bin": 999 << 20,
		"many words " + strings.Repeat("in a name ", 20): 1023, "עברית.txt": 5, "日本語の名前" + strings.Repeat("長い", 30): 5, "<b>&amp;.txt": 7,
	}
	for i := range 30 {
		files[fmt.Sprintf("data-%d.csv", i)] = int64(i) * 12345
	}
	for name, size := range files {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		modified := time.Date(2026, 10, 28, 20, 48, 8, 0, time.UTC).Add(-time.Duration(size) * time.Second % (1000 * time.Hour))
		if err := os.Chtimes(path, modified, modified); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(directory, "README.md"), []byte(readme), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

// layoutErrors measures the page: what is wider than the screen, and which dates, sizes and headings have more than one line or
// are wider than their cells.
const layoutErrors = `
	const list = [], root = document.documentElement;
	if (root.scrollWidth > root.clientWidth) list.push("the page is " + root.scrollWidth + " wide");
	for (const e of document.querySelectorAll("time, tbody td[title], thead a, label")) {
		const range = document.createRange();
		range.selectNodeContents(e);
		const tops = new Set(Array.from(range.getClientRects(), (r) => Math.round(r.bottom / 8)));
		const lines = e.getBoundingClientRect().height / parseFloat(getComputedStyle(e).lineHeight);
		if (e.tagName === "TIME" && (lines > 1.5 || tops.size > 1)) list.push("more than one line: " + e.textContent);
		const text = range.getBoundingClientRect(), cell = (e.closest("td, th") ?? e).getBoundingClientRect();
		if (text.left < cell.left - 1 || text.right > cell.right + 1) list.push("outside of its cell: " + e.textContent);
		if (text.height > 1.5 * parseFloat(getComputedStyle(e).lineHeight)) list.push("two lines: " + e.textContent);
	}
	for (const e of document.querySelectorAll("tbody a, pre, h1, h2, footer, input, nav")) {
		const box = e.getBoundingClientRect();
		if (box.left < 0 || box.right > root.clientWidth) list.push("outside of the screen: " + e.textContent);
	}
	return list;`

// TestListing looks at a listing in a browser: its layout on screens of many widths, with fonts of several widths and sizes, and
// its filter, by keyboard only.
func TestListing(t *testing.T) {
	root := makeListed(t)
	b := startBrowser(t)
	s := harness.StartServe(t, harness.Options{}, root, "--list")
	address := "http://" + fmt.Sprint(s.Address) + "/releases/"
	b.open(address)
	for _, width := range []int{320, 360, 414, 570, 580, 768, 1024, 1200, 1280, 1920} {
		for _, scheme := range []string{"light", "dark"} {
			b.screen(width, 800, scheme)
			for _, font := range []string{"", "serif", "monospace", "DejaVu Sans"} {
				for _, size := range []string{"", "20px"} {
					var list []string
					b.eval(fmt.Sprintf("const s = document.documentElement.style; s.fontFamily = %q; s.fontSize = %q;", font, size)+layoutErrors, &list)
					if len(list) > 0 {
						t.Errorf("at %d with font %q %s: %.1000q", width, font, size, list)
					}
				}
			}
			b.eval("document.documentElement.removeAttribute('style')", nil)
			if width == 360 || width == 1200 {
				name := fmt.Sprintf("listing-%s-%d", scheme, width)
				b.shoot(name, false)
				b.shoot(name+"-whole", true)
			}
			var colours [2]string
			b.eval("const s = getComputedStyle(document.documentElement); return [s.color, s.backgroundColor]", &colours)
			if dark := colours[1] != "rgb(255, 255, 255)"; colours[0] == colours[1] || dark != (scheme == "dark") {
				t.Errorf("%s: text %s on %s", scheme, colours[0], colours[1])
			}
		}
	}
	b.open(address + (&url.URL{Path: deepDirectory + "/"}).EscapedPath())
	for _, width := range []int{320, 360, 1200} {
		b.screen(width, 800, "light")
		var list []string
		if b.eval(layoutErrors, &list); len(list) > 0 {
			t.Errorf("a deep directory at %d: %.1000q", width, list)
		}
		b.shoot(fmt.Sprintf("listing-deep-%d", width), false)
	}
	var crumbs int
	if b.eval("return document.querySelectorAll('nav a').length", &crumbs); crumbs != 9 { // the root, and the last eight
		t.Errorf("%d breadcrumbs", crumbs)
	}
	b.screen(1200, 800, "light")
	filterByKeyboard(t, b, address)
	var readme struct{ Text, Markup string }
	b.eval("const e = document.querySelector('pre'); return {text: e.textContent, markup: e.innerHTML}", &readme)
	if !strings.HasPrefix(readme.Text, "# Releases\n\n\tmake install\n") || !strings.HasSuffix(readme.Markup, "&lt;b&gt;&amp;amp;&lt;/b&gt;\n") {
		t.Errorf("README %q, %q", readme.Text, readme.Markup)
	}
	if list := b.complaints(); len(list) > 0 {
		t.Errorf("the browser complains:\n%s", strings.Join(list, "\n"))
	}

	// Without scripts there are the entries, in the order that was asked for, and no box without a use.
	b.devtools("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	b.open(address + "?sort=size&order=desc")
	if shown := shownRows(b); len(shown) != 41 || shown[1] != "huge.img" {
		t.Errorf("without scripts %d entries are shown: %q", len(shown), shown)
	}
	var hidden bool
	b.eval("return document.getElementById('filter').getBoundingClientRect().height === 0", &hidden)
	if !hidden {
		t.Error("without scripts there is a filter")
	}
}

// shownRows returns the names of the entries that can be seen.
func shownRows(b *browser) (names []string) {
	b.t.Helper()
	b.eval(`return Array.from(document.querySelectorAll("tbody th")).filter((e) => e.getBoundingClientRect().height > 0).map((e) => e.textContent)`, &names)
	return names
}

// filterByKeyboard goes to the filter with the tabulator key, types words, sorts what is left, and empties the filter.
func filterByKeyboard(t *testing.T, b *browser, address string) {
	t.Helper()
	const tab, enter, escape = "\ue004", "\ue007", "\ue00c"
	b.open(address)
	all := shownRows(b)
	if len(all) != 41 {
		t.Errorf("%d entries are shown", len(all))
	}
	for _, c := range []struct {
		keys  string
		shown []string
		count string
	}{
		{strings.Repeat(tab, 3) + "ISO", []string{"disk-1.iso", "disk-10.iso"}, "2 of 41"},
		{" 10", []string{"disk-10.iso"}, "1 of 41"},
		{"x", nil, "0 of 41"},
		{escape, all, ""},
		{"1.", []string{"data-1.csv", "data-11.csv", "data-21.csv", "disk-1.iso"}, "4 of 41"},
	} {
		b.press(c.keys)
		var count string
		b.eval("return document.querySelector('output').textContent", &count)
		if shown := shownRows(b); !slices.Equal(shown, c.shown) || count != c.count {
			t.Errorf("after %q: %q, %q", c.keys, count, shown)
		}
	}
	b.press(tab + tab + enter) // the heading of the sizes
	harness.Eventually(t, patience, "the entries are sorted", func() error {
		var here string
		b.eval("return document.readyState === 'complete' ? location.href : ''", &here)
		if u, err := url.Parse(here); err != nil || u.Query().Get("sort") != "size" {
			return fmt.Errorf("at %s", here)
		}
		return nil
	})
	if shown, want := shownRows(b), []string{"disk-1.iso", "data-21.csv", "data-11.csv", "data-1.csv"}; !slices.Equal(shown, want) {
		t.Errorf("sorted by size with a filter: %q, want %q", shown, want)
	}
}
