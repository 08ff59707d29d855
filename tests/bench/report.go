package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// figureNames are the headings of the columns.
var figureNames = map[metric]string{
	mCPU: "CPU µs/req", mCPUPerMiB: "CPU µs/MiB", mRate: "req/s", mBytes: "MiB/s", mP50: "p50 µs", mP99: "p99 µs",
	mP999: "p99.9 µs", mRSS: "RSS MiB", mSwitches: "switches/req", mBusy: "server busy", mClient: "client busy",
	mStart: "start ms", mKept: "req/s kept", mTail: "p99 ×", mCold: "cold MiB/s", mConnBytes: "B/idle conn",
	mConnWhole: "B/conn, all", mAccepts: "accepts/s", mAcceptCPU: "CPU µs/accept",
	mGCsOpening: "GCs, opening", mGCs: "GCs, requests", mGCPause: "GC pause µs",
	mErrors: "errors", mBoth: "both µs/req", mPage: "page ms", mServerCore: "server core", mClientCore: "client core",
}

// compared are the figures that are shown with their ratio to ours.
var compared = map[metric]bool{
	mCPU: true, mBoth: true, mCPUPerMiB: true, mRate: true, mBytes: true, mP50: true, mP99: true, mP999: true, mRSS: true,
	mStart: true, mPage: true, mConnBytes: true, mSwitches: true,
	mConnWhole: true, mAccepts: true, mAcceptCPU: true,
}

// inUnit gives a figure the unit of its column.
func inUnit(m metric, v float64) float64 {
	switch m {
	case mBytes, mCold:
		return v / (1 << 20)
	case mRSS:
		return v / 1024
	default:
		return v
	}
}

// digits writes a number with three significant digits, and all of those before the point.
func digits(v float64) string {
	switch abs := math.Abs(v); {
	case abs >= 100 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case abs >= 10:
		return fmt.Sprintf("%.1f", v)
	case abs >= 0.1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

// table is a scenario's, as cells; the first line holds the headings.
func (s *scenario) table(r *result) [][]string {
	var ours *row
	for _, row := range r.Rows {
		if row.Ours && row.Skipped == "" {
			ours = row
			break
		}
	}
	head := []string{"server"}
	for _, m := range s.show {
		head = append(head, figureNames[m])
	}
	lines := [][]string{head}
	for _, row := range r.Rows {
		if row.Skipped != "" {
			continue
		}
		line := []string{row.Label}
		for _, m := range s.show {
			line = append(line, cell(row, ours, m))
		}
		lines = append(lines, line)
	}
	return lines
}

// cell is a median, its range, and its ratio to ours.
func cell(r, ours *row, m metric) string {
	v, ok := r.of(m)
	if !ok {
		return ""
	}
	text := digits(inUnit(m, v.median))
	if len(r.Samples) > 1 {
		text += fmt.Sprintf(" (%s–%s)", digits(inUnit(m, v.low)), digits(inUnit(m, v.high)))
	}
	if ours != nil && r != ours && compared[m] {
		if ratio, ok := r.ratio(ours, m); ok {
			text += " ×" + digits(ratio.median)
		}
	}
	return text
}

// printReport prints the tables as text.
func printReport(w io.Writer, r *report) error {
	var b strings.Builder
	for _, s := range scenarios {
		for _, found := range r.results(s.Name) {
			fmt.Fprintf(&b, "%s (%s): %s\n", s.Title, s.Name, found.network())
			writeAligned(&b, s.table(found))
			for _, line := range found.leftOut() {
				fmt.Fprintf(&b, "  %s\n", line)
			}
			b.WriteString("\n")
		}
	}
	for _, text := range r.Absent {
		fmt.Fprintf(&b, "%s\n", text)
	}
	for _, j := range r.judge() {
		lines := [][]string{{"target on " + j.network, "limit", "measured", "met"}}
		for _, v := range j.verdicts {
			lines = append(lines, v.cells())
		}
		writeAligned(&b, lines)
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (v *verdict) cells() []string {
	is := digits(v.value.median)
	if v.value.low != v.value.high {
		is += fmt.Sprintf(" (%s–%s)", digits(v.value.low), digits(v.value.high))
	}
	met := "yes"
	if !v.met {
		met = "no"
	}
	return []string{v.text, v.wanted(), is, met}
}

func (r *result) leftOut() []string {
	var lines []string
	for _, row := range r.Rows {
		if row.Skipped != "" {
			lines = append(lines, fmt.Sprintf("%s is left out: %s", row.Label, row.Skipped))
		}
	}
	return lines
}

func writeAligned(b *strings.Builder, lines [][]string) {
	var widths []int
	for _, line := range lines {
		for i, text := range line {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	for _, line := range lines {
		for i, text := range line {
			if i == len(line)-1 {
				b.WriteString("  " + text)
				break
			}
			b.WriteString("  " + text + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)))
		}
		b.WriteString("\n")
	}
}
