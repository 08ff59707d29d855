package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// compareWorks are what two binaries of aws are compared with. The entry is the command that serves.
var compareWorks = []*scenario{
	{Name: "keep-1k", Title: "1 KiB kept", path: static1K, load: load{conns: 64}, entries: of("aws serve")},
	{Name: "close-1k", Title: "1 KiB closed", path: static1K, load: load{conns: 64, close: true}, entries: of("aws serve")},
	{Name: "keep-64k", Title: "64 KiB kept", path: static64K, load: load{conns: 64}, entries: of("aws serve")},
	{Name: "keep-2m", Title: "2 MiB kept", path: static2M, load: load{conns: 16}, entries: of("aws serve")},
	{Name: "close-2m", Title: "2 MiB closed", path: static2M, load: load{conns: 16, close: true}, entries: of("aws serve")},
	{Name: "dynamic-2m", Title: "2 MiB dynamic", path: dynamic2M, load: load{conns: 16}, entries: of("aws serve")},
	{Name: "drop-in-1k", Title: "1 KiB drop-in, closed", path: static1K, load: load{conns: 64, close: true}, entries: of("aws")},
}

// compareFigures are printed for each work.
var compareFigures = []metric{mRate, mCPU, mBoth, mP99}

// The rows of a comparison.
const (
	oldRow = iota
	newRow
)

// compare measures two binaries of aws by turns, and prints the ratios of their figures.
func (b *bench) compare(before, after string, chosen *selection) error {
	var binaries [2]string
	for i, name := range []string{before, after} {
		var err error
		if binaries[i], err = underTest(name); err != nil {
			return err
		}
	}
	release, err := b.prepare()
	if err != nil {
		return err
	}
	defer release()
	if err := buildOwn(b.repository, b.bin, ownPrograms[:1], say); err != nil {
		return err
	}
	if err := makeSite(b.site, false); err != nil {
		return err
	}
	networks, absent := openNetworks(chosen.networks, (*network).open)
	if len(networks) == 0 {
		return fmt.Errorf("no network matches -networks %q", chosen.networks)
	}
	defer func() {
		for _, n := range networks {
			n.close()
		}
	}()
	for _, text := range absent {
		say("%s", text)
	}
	var list []*result
	for _, s := range compareWorks {
		if !chosen.only.MatchString(s.Name) {
			continue
		}
		var found []*result
		if found, err = b.compareWork(s, networks, binaries); err != nil {
			break // what has been measured before the interruption is printed
		}
		list = append(list, found...)
		say("%s: %s on %s", s.Title, count(b.rounds, "round"), count(len(networks), "network"))
	}
	if list == nil {
		if err == nil {
			err = fmt.Errorf("no work matches -only %q; -compare -list lists them", chosen.only)
		}
		return err
	}
	fmt.Printf("old %s\nnew %s\n%s of %g s each; medians (smallest–largest); new/old is the median of the ratios of the rounds\n", binaries[oldRow], binaries[newRow],
		count(b.rounds, "round"), b.measured.Seconds())
	for _, n := range networks {
		err = errors.Join(err, printComparison(os.Stdout, n.String(), list))
	}
	return errors.Join(err, writeJSON(filepath.Join(b.directory, "compare.json"), list))
}

// compareWork measures a work with both binaries on every network. Which one goes first changes from
// round to round.
func (b *bench) compareWork(s *scenario, networks []*network, binaries [2]string) ([]*result, error) {
	list := make([]*result, len(networks))
	for i, n := range networks {
		list[i] = &result{Name: s.Name, Path: n.path, Congestion: n.congestion, Rows: []*row{{Label: "old", Ours: true}, {Label: "new", Ours: true}}}
	}
	for round := range b.rounds {
		for i, n := range networks {
			for j := range binaries {
				if err := b.stopped(); err != nil {
					return nil, err
				}
				which := (round + j) % len(binaries)
				on := b.on(n)
				on.aws, on.checked = binaries[which], map[string]bool{}
				on.sampleRow(s, &s.entries[0], list[i], list[i].Rows[which], round)
			}
		}
	}
	return list, nil
}

// printComparison prints the table of a network.
func printComparison(w io.Writer, network string, list []*result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", network)
	lines := [][]string{{"work", "figure", "old", "new", "new/old"}}
	var leftOut []string
	for _, s := range compareWorks {
		for _, found := range list {
			if found.Name != s.Name || found.network() != network {
				continue
			}
			lines = append(lines, comparisonLines(s.Title, found)...)
			for _, line := range found.leftOut() {
				leftOut = append(leftOut, s.Title+": "+line)
			}
		}
	}
	writeAligned(&b, lines)
	for _, line := range leftOut {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// comparisonLines are the lines of a work: a figure each.
func comparisonLines(title string, found *result) [][]string {
	var lines [][]string
	before, after := found.Rows[oldRow], found.Rows[newRow]
	if len(before.Samples) == 0 && len(after.Samples) == 0 {
		return nil
	}
	for _, m := range compareFigures {
		line := []string{title, figureNames[m], cell(before, nil, m), cell(after, nil, m), ""}
		// The two of a round are neighbours in time: what the machine does besides changes both.
		if values := after.ratios(before, m); len(values) > 0 {
			ratio := spreadOf(values)
			line[4] = fmt.Sprintf("×%.3f (%.3f–%.3f)", ratio.median, ratio.low, ratio.high)
		}
		lines = append(lines, line)
		title = ""
	}
	return lines
}
