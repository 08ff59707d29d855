package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// plot is a picture of a scenario.
type plot struct{ name, title, svg string }

// plotsOf draws what there is to see of a scenario.
func plotsOf(s *scenario, r *result) []plot {
	var list []plot
	where := s.Title + " (" + r.network() + ")"
	add := func(name, title, svg string) {
		if svg != "" {
			list = append(list, plot{name, where + ": " + title, svg})
		}
	}
	shows := func(m metric) bool { return slices.Contains(s.show, m) }
	if len(r.Timelines) > 0 {
		add("rate", "requests per second", timelines(r, where+": req/s of the hot file", func(m moment) float64 {
			return m.Requests / isolationSlice.Seconds()
		}))
		add("p99", "99th percentile", timelines(r, where+": p99 of the hot file, ms", func(m moment) float64 { return m.P99 / 1000 }))
		return list
	}
	switch {
	case shows(mBytes) && !shows(mRate):
		add("bytes", "bytes per second", bars(r, where+": MiB/s", []metric{mBytes}))
	case shows(mRate):
		add("rate", "requests per second", bars(r, where+": req/s", []metric{mRate}))
	}
	if shows(mCPU) {
		add("cpu", "processor time per request", bars(r, where+": CPU µs per request", []metric{mCPU}))
	}
	if shows(mP50) {
		add("latency", "latency", bars(r, where+": p50, p99, p99.9, µs", []metric{mP50, mP99, mP999}))
	}
	if shows(mConnBytes) {
		add("memory", "memory", bars(r, where+": resident bytes per idle connection", []metric{mConnBytes}))
	}
	if shows(mPage) {
		add("time", "time", bars(r, where+": ms from connect to the last byte", []metric{mPage}))
	}
	if shows(mStart) {
		add("start", "start", bars(r, where+": ms", []metric{mStart}))
	}
	return list
}

// The size of the pictures, and their colours: ours, then others.
const (
	plotWidth  = 760
	labelWidth = 200
	valueWidth = 90
	barHeight  = 16
	titleSpace = 34
	curvesHigh = 260
)

var (
	oursColour  = "#c2410c"
	otherColour = "#64748b"
	palette     = []string{"#c2410c", "#ea9a3e", "#1d4ed8", "#0d9488", "#7c3aed", "#64748b"}
)

func svgOf(height int, title string, body *strings.Builder) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12">
<rect width="100%%" height="100%%" fill="white"/>
<text x="10" y="20" font-size="14" font-weight="bold">%s</text>
%s</svg>
`, plotWidth, height, plotWidth, height, escape(title), body.String())
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// bars draws a bar for each row and figure, with a line from the smallest to the largest.
func bars(r *result, title string, figures []metric) string {
	most := 0.0
	for _, row := range r.Rows {
		for _, m := range figures {
			if v, ok := row.of(m); ok {
				most = math.Max(most, inUnit(m, v.high))
			}
		}
	}
	if most == 0 {
		return ""
	}
	var b strings.Builder
	y := titleSpace
	scale := float64(plotWidth-labelWidth-valueWidth) / most
	for _, row := range r.Rows {
		drawn := false
		for i, m := range figures {
			v, ok := row.of(m)
			if !ok {
				continue
			}
			colour := otherColour
			if row.Ours {
				colour = oursColour
			}
			if i == 0 {
				fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", labelWidth-8, y+barHeight-4, escape(row.Label))
			}
			low, mid, high := inUnit(m, v.low)*scale, inUnit(m, v.median)*scale, inUnit(m, v.high)*scale
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s" fill-opacity="%.2f"/>`+"\n",
				labelWidth, y+1, mid, barHeight-2, colour, 1-0.3*float64(i))
			fmt.Fprintf(&b, `<path d="M%.1f %dH%.1f" stroke="black"/>`+"\n", labelWidth+low, y+barHeight/2, labelWidth+high)
			fmt.Fprintf(&b, `<text x="%.1f" y="%d">%s</text>`+"\n", labelWidth+high+6, y+barHeight-4, digits(inUnit(m, v.median)))
			y += barHeight
			drawn = true
		}
		if drawn {
			y += 6
		}
	}
	return svgOf(y+8, title, &b)
}

// timelines draws a curve for each server. The scale is logarithmic: a server that stands still
// and one that does not belong into one picture.
func timelines(r *result, title string, value func(moment) float64) string {
	var end time.Duration
	low, high := math.Inf(1), 0.0
	for _, line := range r.Timelines {
		for _, m := range line {
			end = max(end, m.At)
			if v := value(m); v > 0 {
				low, high = math.Min(low, v), math.Max(high, v)
			}
		}
	}
	if high == 0 || end == 0 {
		return ""
	}
	bottom, top := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	if top == bottom {
		top++
	}
	const left, right = 70, 190
	x := func(at time.Duration) float64 {
		return left + float64(at)/float64(end)*(plotWidth-left-right)
	}
	y := func(v float64) float64 {
		if v <= 0 {
			return titleSpace + curvesHigh
		}
		return titleSpace + curvesHigh*(top-math.Log10(v))/(top-bottom)
	}
	var b strings.Builder
	for p := bottom; p <= top; p++ {
		at := y(math.Pow(10, p))
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#e2e8f0"/><text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n",
			left, at, plotWidth-right, left-6, at+4, math.Pow(10, p))
	}
	for s := 0; time.Duration(s)*time.Second <= end; s += max(1, int(end.Seconds())/8) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%d s</text>`+"\n",
			x(time.Duration(s)*time.Second), titleSpace+curvesHigh+18, s)
	}
	drawn := 0
	for _, row := range r.Rows {
		line := r.Timelines[row.Label]
		if len(line) == 0 {
			continue
		}
		colour := palette[drawn%len(palette)]
		var points []string
		for _, m := range line {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(m.At), y(value(m))))
		}
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="%s"/>`+"\n", colour, strings.Join(points, " "))
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", plotWidth-right+10, titleSpace+14+18*drawn, colour, escape(row.Label))
		drawn++
	}
	return svgOf(titleSpace+curvesHigh+28, title, &b)
}
