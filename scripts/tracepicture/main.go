// Command tracepicture draws a trace file of aws (--trace-file) as a picture: a row for the turns of
// each loop, and a row per connection with its states and, beneath them, its reads.
//
//	tracepicture trace.json > trace.svg
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "tracepicture: expected one trace file")
		os.Exit(2)
	}
	text, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = draw(os.Stdout, text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tracepicture:", err)
		os.Exit(1)
	}
}

// element is an element of a trace.
type element struct {
	Ph   string
	Name string
	Pid  int
	Tid  int64
	Ts   float64 // microseconds, as Dur
	Dur  float64
	Args struct{ Name string }
}

// row is a row of the picture.
type row struct {
	name  string
	order float64
	spans []element
	reads []element
}

// tones are the colours of the states, in light and in dark surroundings.
var tones = []struct{ state, class, light, dark string }{
	{"CONN_INIT", "i", "#c9d3e0", "#46525f"},
	{"CONN_READING", "r", "#3266ad", "#78a9ea"},
	{"CONN_OPENING", "o", "#8a6d1f", "#d8bb5b"},
	{"CONN_WREADY", "w", "#7a5c99", "#b79bd6"},
	{"CONN_READING_ASYNC", "a", "#d07a1c", "#f0a04b"},
	{"CONN_PREFETCHING", "c", "#b03a2e", "#f08a80"},
	{"CONN_SENDING", "s", "#1c7a4c", "#5ecb94"},
	{"CONN_LINGERING", "l", "#9aa3a0", "#6f7a7d"},
	{"read", "d", "#9a4a00", "#ffc98a"},
	{"turn", "t", "#555d59", "#aab4b0"},
}

func classOf(name string) string {
	for _, t := range tones {
		if t.state == name {
			return t.class
		}
	}
	return "l"
}

// Sizes of the picture.
const (
	width, left, right = 1000, 74, 12
	top, pitch         = 58, 11
	foot               = 28
)

// lanes is how many tracks a connection has at most (internal/tracefile).
const lanes = 16

// rowsOf sorts the spans into rows: turns first, then the connections in the order of their beginning.
func rowsOf(list []element) []*row {
	type key struct {
		pid int
		tid int64
	}
	found := map[key]*row{}
	for _, e := range list {
		if e.Ph != "X" {
			continue
		}
		k := key{e.Pid, e.Tid / lanes}
		r := found[k]
		if r == nil {
			r = &row{name: fmt.Sprintf("conn %d", k.tid), order: e.Ts}
			if k.tid == 0 {
				r.name, r.order = fmt.Sprintf("loop %d", e.Pid-1), float64(e.Pid)-math.MaxInt32
			}
			found[k] = r
		}
		if k.tid != 0 {
			r.order = min(r.order, e.Ts)
		}
		if e.Name == "read" {
			r.reads = append(r.reads, e)
		} else {
			r.spans = append(r.spans, e)
		}
	}
	var rows []*row
	for _, r := range found {
		rows = append(rows, r)
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].order < rows[j].order })
	return rows
}

func draw(w io.Writer, text []byte) error {
	var list []element
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	rows := rowsOf(list)
	from, to := math.Inf(1), 0.0
	for _, r := range rows {
		for _, s := range r.spans {
			if s.Name != "turn" {
				from, to = min(from, s.Ts), max(to, s.Ts+s.Dur)
			}
		}
	}
	if to <= from {
		return fmt.Errorf("the trace has no connection")
	}
	height := top + len(rows)*pitch + foot
	scale := (width - left - right) / (to - from)
	at := func(ts float64) float64 { return left + (min(max(ts, from), to)-from)*scale }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="ui-monospace, monospace" font-size="8" role="img" aria-label="A trace: turns of the loop, and for each of %d connections its states over %.1f milliseconds">`+"\n",
		width, height, len(rows)-1, (to-from)/1000)
	style(&b)
	fmt.Fprintf(&b, `<rect class="page" width="%d" height="%d"/>`+"\n", width, height)
	legend(&b, list)
	axis(&b, (to-from)/1000, height, func(ms float64) float64 { return at(from + ms*1000) })
	for i, r := range rows {
		y := float64(top + i*pitch)
		fmt.Fprintf(&b, `<text x="4" y="%.0f">%s</text>`+"\n", y+7, r.name)
		bars(&b, r.spans, at, y, 6.5)
		bars(&b, r.reads, at, y+7, 2)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// bars draws spans, those of one class as one path.
func bars(b *strings.Builder, spans []element, at func(float64) float64, y, height float64) {
	paths := map[string]*strings.Builder{}
	var order []string
	for _, s := range spans {
		x, end := at(s.Ts), at(s.Ts+s.Dur)
		if end <= x && s.Dur > 0 && s.Name == "turn" {
			continue // outside of what is shown
		}
		class := classOf(s.Name)
		p := paths[class]
		if p == nil {
			p = &strings.Builder{}
			paths[class] = p
			order = append(order, class)
		}
		// What is shorter than a hair is drawn as one.
		wide := max(end-x, 0.3)
		fmt.Fprintf(p, "M%.1f %.1fh%.1fv%.1fh-%.1fz", x, y, wide, height, wide)
	}
	for _, class := range order {
		fmt.Fprintf(b, `<path class="%s" d="%s"/>`+"\n", class, paths[class])
	}
}

func style(b *strings.Builder) {
	b.WriteString("<style>\n.page{fill:#fff}text{fill:#333}.axis{stroke:#ddd}\n")
	for _, t := range tones {
		fmt.Fprintf(b, ".%s{fill:%s}", t.class, t.light)
	}
	b.WriteString("\n@media(prefers-color-scheme:dark){.page{fill:#14171a}text{fill:#ccd}.axis{stroke:#333b42}\n")
	for _, t := range tones {
		fmt.Fprintf(b, ".%s{fill:%s}", t.class, t.dark)
	}
	b.WriteString("}\n</style>\n")
}

// legend names the colours that are there.
func legend(b *strings.Builder, list []element) {
	there := map[string]bool{}
	for _, e := range list {
		there[e.Name] = true
	}
	x := left
	for _, t := range tones {
		if there[t.state] {
			fmt.Fprintf(b, `<rect class="%s" x="%d" y="10" width="10" height="8"/><text x="%d" y="17" font-size="9">%s</text>`+"\n", t.class, x, x+14, t.state)
			x += 30 + 6*len(t.state)
		}
	}
}

// axis draws the time in milliseconds.
func axis(b *strings.Builder, ms float64, height int, at func(float64) float64) {
	step := math.Pow(10, math.Floor(math.Log10(ms)))
	for _, part := range []float64{0.1, 0.2, 0.5} {
		if ms/(step*part) <= 12 {
			step *= part
			break
		}
	}
	for v := 0.0; v <= ms; v += step {
		x := at(v)
		fmt.Fprintf(b, `<path class="axis" d="M%.1f %dV%d"/><text x="%.1f" y="%d" text-anchor="middle">%.4g ms</text>`+"\n", x, top-6, height-foot+4, x, top-12, v)
	}
}
