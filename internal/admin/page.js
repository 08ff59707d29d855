"use strict";
// Everything that comes from the server goes into the page as text.
(function () {
  const get = id => document.getElementById(id);
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const broken = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

  function scaled(v, units, step) {
    let i = 0;
    while (v >= step && i < units.length - 1) { v /= step; i++; }
    return (v >= 100 || i === 0 ? whole : broken).format(v) + " " + units[i];
  }
  const bytes = v => scaled(v, ["B", "kB", "MB", "GB", "TB"], 1000);
  const rate = v => v < 100 && v > 0 ? broken.format(v) : whole.format(v);
  function time(s) {
    if (s >= 1) return broken.format(s) + " s";
    if (s >= 0.001) return (s >= 0.1 ? whole : broken).format(s * 1e3) + " ms";
    return s < 1e-6 ? "< 1 µs" : whole.format(s * 1e6) + " µs";
  }

  // A write that changes nothing is none: readers of the screen are notified of changes.
  function put(e, text) { if (e.textContent !== text) e.textContent = text; }

  function rows(body, list, cells) {
    while (body.rows.length > list.length) body.deleteRow(-1);
    list.forEach((item, i) => {
      const tr = body.rows[i] || body.insertRow();
      const texts = cells(item, tr);
      while (tr.cells.length > texts.length) tr.deleteCell(-1);
      texts.forEach((text, j) => {
        if (!tr.cells[j]) {
          const c = document.createElement(j === 0 && body.id !== "slow-rows" ? "th" : "td");
          if (c.tagName === "TH") c.scope = "row";
          tr.append(c);
        }
        tr.cells[j].removeAttribute("colspan");
        tr.cells[j].classList.remove("quiet");
        put(tr.cells[j], text);
      });
    });
  }

  // --- the moving picture -------------------------------------------------------------------------
  const phase = {
    CONN_INIT: "head", CONN_HANDSHAKE: "head", CONN_READING: "head", CONN_OPENING: "disk", CONN_READING_ASYNC: "disk", CONN_PREFETCHING: "disk",
    CONN_WREADY: "send", CONN_SENDING: "send",
  };
  const lanes = get("lanes").tBodies[0], canvas = get("dots"), pen = canvas.getContext("2d");
  const names = [], dots = [];
  let counts = [], each = 1, moving = false, before = 0, left = 0, right = 0, middles = [], tones = [];
  const dotsMax = 300, radius = 3.5, speed = 0.006;

  function lane(name, i) {
    names[i] = name;
    const tr = lanes.insertRow(), th = document.createElement("th");
    tr.dataset.of = phase[name] || "end";
    th.scope = "row";
    th.textContent = name;
    tr.append(th);
    tr.insertCell().dataset.state = name;
  }

  function measure() {
    const box = canvas.getBoundingClientRect(), dense = window.devicePixelRatio || 1;
    canvas.width = Math.round(box.width * dense);
    canvas.height = Math.round(box.height * dense);
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    const cell = lanes.rows[0] && lanes.rows[0].cells[1].getBoundingClientRect();
    if (!cell) return;
    left = cell.left - box.left + (box.width < 480 ? 30 : 46);
    right = box.width - 10;
    middles = [...lanes.rows].map(tr => { const r = tr.getBoundingClientRect(); return r.top - box.top + r.height / 2; });
    tones = [...lanes.rows].map(tr => getComputedStyle(tr.cells[0], "::before").backgroundColor);
    place();
  }

  // place says where each dot belongs: one behind the other in its lane, closer if there are many.
  function place() {
    const seats = names.map(() => 0), width = right - left;
    const shown = names.map((_, i) => dots.filter(d => d.lane === i).length);
    for (const d of dots) {
      if (d.lane < 0) { d.tx = right + 20; d.ty = d.y; continue; }
      const pitch = Math.min(9, width / Math.max(1, shown[d.lane]));
      d.tx = left + radius + seats[d.lane]++ * pitch;
      d.ty = middles[d.lane];
    }
    if (!moving) { moving = true; before = 0; requestAnimationFrame(draw); }
  }

  function move(list) {
    counts = list;
    const all = list.reduce((a, b) => a + b, 0);
    each = Math.max(1, Math.ceil(all / dotsMax));
    put(get("scale"), each === 1 ? "A dot is a connection. It moves when its state changes." :
      "A dot is " + each + " connections. It moves when their state changes.");
    const want = list.map(n => Math.ceil(n / each)), spare = [];
    list.forEach((_, i) => {
      const here = dots.filter(d => d.lane === i);
      spare.push(...here.slice(want[i]));
    });
    want.forEach((n, i) => {
      for (let have = dots.filter(d => d.lane === i && !spare.includes(d)).length; have < n; have++) {
        const d = spare.shift();
        if (d) d.lane = i;
        else dots.push({ lane: i, x: left - 50, y: middles[i], tx: 0, ty: 0 });
      }
    });
    for (const d of spare) d.lane = -1;
    place();
  }

  function draw(now) {
    const passed = before ? Math.min(now - before, 100) : 16;
    before = now;
    const part = still.matches ? 1 : 1 - Math.exp(-passed * speed);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    let far = false;
    for (let i = dots.length - 1; i >= 0; i--) {
      const d = dots[i];
      d.x += (d.tx - d.x) * part;
      d.y += (d.ty - d.y) * part;
      const away = Math.abs(d.tx - d.x) + Math.abs(d.ty - d.y) > 0.3;
      if (d.lane < 0 && (!away || d.x > right)) { dots.splice(i, 1); continue; }
      far = far || away;
      if (d.x < left - 4) continue;
      pen.beginPath();
      pen.fillStyle = tones[d.lane] || tones[tones.length - 1];
      pen.arc(d.x, d.y, radius, 0, 7);
      pen.fill();
    }
    moving = far;
    if (far) requestAnimationFrame(draw);
  }

  // --- the last minute ----------------------------------------------------------------------------
  const past = { requests: [], bytes: [], latency: [] }, points = 120;
  function graph(name, value, show) {
    const list = past[name];
    list.push(value);
    if (list.length > points) list.shift();
    const top = Math.max(...list) || 1;
    const at = (v, i) => ((points - list.length + i) * 240 / (points - 1)).toFixed(1) + " " + (58 - 54 * v / top).toFixed(1);
    const line = "M" + list.map(at).join("L"), svg = get("graph-" + name);
    svg.querySelector(".line").setAttribute("d", line);
    svg.querySelector(".area").setAttribute("d", line + "L240 60L" + ((points - list.length) * 240 / (points - 1)).toFixed(1) + " 60Z");
    put(get("peak-" + name), "peak " + show(Math.max(...list)));
  }

  // --- the news -----------------------------------------------------------------------------------
  const readMethods = { nowait: "kernel, from memory", direct: "kernel, from disk", thread: "worker thread" };
  let said = 0;

  function status(text, kind) {
    put(get("status"), text);
    get("status").dataset.is = kind;
  }

  const day = 86400;
  function until(seconds) {
    if (seconds < 0) return "expired";
    return seconds < 2 * day ? "in " + whole.format(seconds / 3600) + " h" : "in " + whole.format(Math.floor(seconds / day)) + " days";
  }

  function showTLS(n) {
    const t = n.tls, all = t.full.value + t.resumed.value;
    rows(get("tls-handshakes"), (t.suites || []).concat([{ name: "in all", rate: t.full.rate + t.resumed.rate, value: all }]),
      s => [s.name, rate(s.rate), whole.format(s.value)]);
    put(get("tls-resumed"), all ? whole.format(t.resumed.value) + " (" + whole.format(100 * t.resumed.value / all) + " %)" : "–");
    put(get("tls-progress"), whole.format((n.states.find(s => s.name === "CONN_HANDSHAKE") || { value: 0 }).value));
    const failures = t.failures || [];
    rows(get("tls-failures"), failures, (f, tr) => {
      tr.className = f.rate > 0 ? "some" : "";
      return [f.name, rate(f.rate), whole.format(f.value)];
    });
    get("tls-none").hidden = failures.length > 0;
    rows(get("tls-certificates"), t.certificates || [], (c, tr) => {
      const left = c.expiry - n.at / 1000;
      tr.className = left < 3 * day ? "some" : "";
      tr.title = c.file;
      return [c.name || c.file, c.expiry ? until(left) : "not obtained yet", c.expiry ? new Date(c.expiry * 1000).toISOString().slice(0, 10) : "–"];
    });
    get("tls-part").hidden = false;
  }

  function show(n) {
    status(n.ready ? "serving" : "draining", n.ready ? "serving" : "bad");
    put(get("version"), n.version);
    put(get("loops"), n.loops === 1 ? "1 loop" : n.loops + " loops");
    for (const e of document.querySelectorAll("[data-metric]")) put(e, whole.format(n.metrics[e.dataset.metric] || 0));
    for (const e of document.querySelectorAll("[data-rate]")) {
      const v = n.rates[e.dataset.rate] || 0;
      put(e, e.dataset.as === "bytes" ? bytes(v) : rate(v));
    }
    for (const e of document.querySelectorAll("[data-time]")) {
      const q = n.times[e.dataset.time];
      put(e, q && q.count ? time(q[e.dataset.q]) : "–");
    }
    if (!names.length) { n.states.forEach((s, i) => lane(s.name, i)); measure(); }
    n.states.forEach((s, i) => put(lanes.rows[i].cells[1], whole.format(s.value)));
    const live = n.states.reduce((sum, s) => sum + s.value, 0);
    put(get("live"), whole.format(live));
    move(n.states.map(s => s.value));
    rows(get("reads"), n.reads, r => {
      const q = n.times["read " + r.name];
      return [readMethods[r.name] || r.name, rate(r.rate), whole.format(r.value), q && q.count ? time(q.p99) : "–"];
    });
    rows(get("error-rows"), n.errors, (e, tr) => {
      tr.className = e.rate > 0 ? "some" : "";
      return [e.name, rate(e.rate), whole.format(e.value)];
    });
    if (n.slowest && n.slowest.length) rows(get("slow-rows"), n.slowest, t => [
      time(t.total), t.method + " " + t.target, time(t.disk), time(t.send), bytes(t.bytes),
      String(t.status) + (t.complete ? "" : " aborted"), t.kind + (t.cold ? ", cold" : ""),
    ]);
    if (n.tls) showTLS(n);
    const requests = n.rates.awsd_requests_total || 0, sent = n.rates.awsd_sent_bytes_total || 0, total = n.times.total;
    graph("requests", requests, rate);
    graph("bytes", sent, bytes);
    graph("latency", total.count ? total.p99 : 0, time);
    // Anyone who listens rather than looks is notified every ten seconds.
    if (n.at - said > 10000) {
      said = n.at;
      put(get("summary"), rate(requests) + " requests and " + bytes(sent) + " per second, " + whole.format(live) +
        " connections" + (total.count ? ", median latency " + time(total.p50) : ""));
    }
  }

  addEventListener("resize", measure);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", measure);
  const source = new EventSource("events");
  source.onmessage = e => show(JSON.parse(e.data));
  source.onerror = () => status("connection lost, trying again", "bad");
})();
