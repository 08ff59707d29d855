package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// record is the outcome of one step.
type record struct {
	Name    string
	Seconds float64
	Passed  int
	Failed  []string
	Skipped []skip
}

// skip is one test, package or step that was not run, and why.
type skip struct {
	Name   string
	Reason string
}

// counts is the phrase that ends a step and the summary.
func counts(passed, failed, skipped int) string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", passed, failed, skipped)
}

func (r *record) save(dir string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, r.Name+".json"), text, 0o644)
}

// load reads the record of the step called name. A step without one did not come to its end, and
// that is a failure of the step, not an error.
func load(dir, name string) (*record, error) {
	text, err := os.ReadFile(filepath.Join(dir, name+".json"))
	if errors.Is(err, os.ErrNotExist) {
		return &record{Name: name, Failed: []string{"(the step did not come to its end)"}}, nil
	}
	if err != nil {
		return nil, err
	}
	r := new(record)
	return r, json.Unmarshal(text, r)
}

// summarize prints the closing summary of the steps named and reports whether anything failed. A run
// in which nothing at all passed has failed, too: it tested nothing.
func summarize(w io.Writer, dir string, names []string) (failed bool, err error) {
	var records []*record
	for _, name := range names {
		r, err := load(dir, name)
		if err != nil {
			return false, err
		}
		records = append(records, r)
	}
	passedCount, failedCount, skippedCount := printTable(w, records)
	printFailed(w, records)
	printSkipped(w, records)
	_, err = fmt.Fprintf(w, "\nlogs: %s\n%s\n", dir, counts(passedCount, failedCount, skippedCount))
	return failedCount > 0 || passedCount == 0, err
}

func printTable(w io.Writer, records []*record) (passed, failed, skipped int) {
	table := tabwriter.NewWriter(w, 0, 8, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\nstep\ttime\tpassed\tfailed\tskipped\t")
	total := 0.0
	for _, r := range records {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t\n", r.Name, duration(r.Seconds), r.Passed, len(r.Failed), len(r.Skipped))
		passed += r.Passed
		failed += len(r.Failed)
		skipped += len(r.Skipped)
		total += r.Seconds
	}
	fmt.Fprintf(table, "total\t%s\t%d\t%d\t%d\t\n", duration(total), passed, failed, skipped)
	if err := table.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "step:", err)
	}
	return passed, failed, skipped
}

func printFailed(w io.Writer, records []*record) {
	title := "\nfailed:\n"
	for _, r := range records {
		for _, name := range r.Failed {
			if name != r.Name {
				name = r.Name + ": " + name
			}
			fmt.Fprintf(w, "%s  %s\n", title, name)
			title = ""
		}
	}
}

// printSkipped prints every skipped test once with all the steps that skipped it for that reason.
func printSkipped(w io.Writer, records []*record) {
	var order []skip
	steps := make(map[skip][]string)
	for _, r := range records {
		for _, s := range r.Skipped {
			if steps[s] == nil {
				order = append(order, s)
			}
			if !slices.Contains(steps[s], r.Name) {
				steps[s] = append(steps[s], r.Name)
			}
		}
	}
	title := "\nskipped:\n"
	for _, s := range order {
		fmt.Fprintf(w, "%s  %s (%s): %s\n", title, s.Name, strings.Join(steps[s], ", "), s.Reason)
		title = ""
	}
}

func duration(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(100 * time.Millisecond).String()
}
