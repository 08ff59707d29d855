package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// event is one line of `go test -json`; see `go doc cmd/test2json`.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// Outcomes of a test or a package, as test2json spells them.
const (
	actionPass = "pass"
	actionFail = "fail"
	actionSkip = "skip"
)

// collector turns the events of `go test -json` into a record and into lines for people.
type collector struct {
	packages map[string]*testedPackage
	builds   map[string]*strings.Builder // compiler output by import path
	say      func(format string, args ...any)
	overtime bool // the go command says that it failed, because of a fuzz target that has only run out of time
}

// testedPackage is a package whose tests are under way.
type testedPackage struct {
	tests  map[string]*ranTest
	order  []string
	output strings.Builder // what the package printed outside of any test
}

type ranTest struct {
	outcome string // empty until the test has ended
	output  strings.Builder
}

func newCollector(say func(string, ...any)) *collector {
	return &collector{
		packages: make(map[string]*testedPackage),
		builds:   make(map[string]*strings.Builder),
		say:      say,
	}
}

// parse reads one line of output. A line that is not an event is the business of the caller.
func parse(line []byte) (e event, ok bool) {
	if len(line) == 0 || line[0] != '{' {
		return e, false
	}
	err := json.Unmarshal(line, &e)
	return e, err == nil && e.Action != ""
}

// add takes one event. The end of a package is what adds to the record.
func (c *collector) add(e event, r *record) {
	if e.ImportPath != "" {
		c.build(e.ImportPath).WriteString(e.Output)
		return
	}
	p := c.packages[e.Package]
	if p == nil {
		p = &testedPackage{tests: make(map[string]*ranTest)}
		c.packages[e.Package] = p
	}
	if e.Test == "" {
		c.addPackage(p, e, r)
		return
	}
	t := p.tests[e.Test]
	if t == nil {
		t = new(ranTest)
		p.tests[e.Test] = t
		p.order = append(p.order, e.Test)
	}
	switch e.Action {
	case "output":
		t.output.WriteString(e.Output)
	case actionPass, actionFail, actionSkip:
		t.outcome = e.Action
	}
}

func (c *collector) build(path string) *strings.Builder {
	if c.builds[path] == nil {
		c.builds[path] = new(strings.Builder)
	}
	return c.builds[path]
}

func (c *collector) addPackage(p *testedPackage, e event, r *record) {
	switch e.Action {
	case "output":
		p.output.WriteString(e.Output)
	case actionPass, actionFail, actionSkip:
		c.endPackage(p, e, r)
		delete(c.packages, e.Package)
	}
}

// endPackage counts the tests of a package and prints its line, and the output of what failed.
func (c *collector) endPackage(p *testedPackage, e event, r *record) {
	if e.Action == actionSkip && len(p.tests) == 0 {
		return // no test files
	}
	if e.Action == actionFail && p.onlyOvertime() {
		e.Action = actionPass
		c.overtime = true
	}
	passed, skippedBefore, failedBefore := 0, len(r.Skipped), len(r.Failed)
	var failures []string
	for _, name := range p.order {
		t := p.tests[name]
		if !p.counted(name) {
			continue
		}
		full := e.Package + " " + name
		switch t.outcome {
		case actionPass:
			passed++
		case actionSkip:
			r.Skipped = append(r.Skipped, skip{Name: full, Reason: skipReason(t.output.String())})
		default:
			r.Failed = append(r.Failed, full)
			failures = append(failures, name)
		}
	}
	r.Passed += passed
	if e.Action == actionFail && len(r.Failed) == failedBefore {
		r.Failed = append(r.Failed, e.Package+" (the package as a whole)")
	}
	word := map[string]string{actionPass: "ok  ", actionFail: "FAIL", actionSkip: "skip"}[e.Action]
	c.say("%s  %s  %s  %s\n", word, e.Package, duration(e.Elapsed),
		counts(passed, len(r.Failed)-failedBefore, len(r.Skipped)-skippedBefore))
	if e.Action == actionFail {
		c.explain(p, e, failures)
	}
}

// onlyOvertime reports whether all that failed is a fuzz target that has run out of its time, which is how a fuzz
// target ends. Go before 1.27 now and then takes that for an error (golang.org/issue/75804). A target that has
// found something says so in its output. The outcomes become passes.
func (p *testedPackage) onlyOvertime() bool {
	var ranOut []*ranTest
	for name, t := range p.tests {
		switch {
		case t.outcome == actionPass || t.outcome == actionSkip:
		case strings.HasPrefix(name, "Fuzz") && t.outcome == actionFail && outOfTime.MatchString(t.output.String()):
			ranOut = append(ranOut, t)
		default:
			return false
		}
	}
	for _, t := range ranOut {
		t.outcome = actionPass
	}
	return len(ranOut) > 0
}

// outOfTime matches what such a target prints: progress, and its deadline as the only reason.
var outOfTime = regexp.MustCompile(
	`\A(=== RUN .*\n|fuzz: elapsed: .*\n)*--- FAIL: Fuzz\w* \(.*\)\n +context deadline exceeded\n\z`)

// counted reports whether the test called name stands for itself in the counts: a test that is only
// the sum of its subtests does not, and neither do the seeds of a fuzz target.
func (p *testedPackage) counted(name string) bool {
	if strings.HasPrefix(name, "Fuzz") {
		return !strings.Contains(name, "/")
	}
	hasChild := false
	for other, t := range p.tests {
		if !strings.HasPrefix(other, name+"/") {
			continue
		}
		hasChild = true
		if t.outcome == actionFail {
			return false
		}
	}
	return !hasChild || p.tests[name].outcome != actionPass
}

// explain prints what is needed to understand why a package failed.
func (c *collector) explain(p *testedPackage, e event, failures []string) {
	if e.FailedBuild != "" {
		c.block(c.build(e.FailedBuild).String())
	}
	for _, name := range failures {
		parent, _, _ := strings.Cut(name, "/")
		if parent != name {
			c.block(p.tests[parent].output.String())
		}
		c.block(p.tests[name].output.String())
	}
	if len(failures) == 0 {
		c.block(p.output.String())
	}
}

// blockLinesMax bounds what one failed test prints; the log has all of it.
const blockLinesMax = 80

func (c *collector) block(text string) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if dropped := len(lines) - blockLinesMax; dropped > 0 {
		head, tail := lines[:blockLinesMax/2], lines[len(lines)-blockLinesMax/2:]
		note := fmt.Sprintf("... %d lines more in the log ...", dropped)
		lines = append(append(append([]string{}, head...), note), tail...)
	}
	for _, line := range lines {
		c.say("      %s\n", line)
	}
}

// logPrefix is what testing.T puts before a message.
var logPrefix = regexp.MustCompile(`^\s+[\w.-]+\.go:\d+: `)

// skipReason finds the message of t.Skip in what the test printed: its last message.
func skipReason(output string) string {
	reason := "no reason given"
	for line := range strings.SplitSeq(output, "\n") {
		if at := logPrefix.FindString(line); at != "" {
			reason = strings.TrimSpace(line[len(at):])
		}
	}
	return reason
}
