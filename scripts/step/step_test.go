package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// collect feeds the lines of one `go test -json` to a collector.
func collect(t *testing.T, lines string) (*record, string) {
	t.Helper()
	var printed strings.Builder
	c := newCollector(func(format string, args ...any) { fmt.Fprintf(&printed, format, args...) })
	r := new(record)
	for line := range strings.Lines(lines) {
		e, ok := parse([]byte(strings.TrimSpace(line)))
		if !ok {
			t.Fatalf("not an event: %s", line)
		}
		c.add(e, r)
	}
	return r, printed.String()
}

func TestCollector(t *testing.T) {
	tests := []struct {
		name, lines string
		want        record
		printed     string
	}{
		{
			name: "a sum of subtests does not count for itself",
			lines: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/x"}
{"Action":"run","Package":"p","Test":"TestA/y"}
{"Action":"pass","Package":"p","Test":"TestA/x"}
{"Action":"pass","Package":"p","Test":"TestA/y"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`,
			want:    record{Passed: 2},
			printed: "ok    p  0s  2 passed, 0 failed, 0 skipped",
		},
		{
			name: "a fuzz target counts once whatever its seeds",
			lines: `{"Action":"run","Package":"p","Test":"FuzzA"}
{"Action":"run","Package":"p","Test":"FuzzA/seed#0"}
{"Action":"pass","Package":"p","Test":"FuzzA/seed#0"}
{"Action":"pass","Package":"p","Test":"FuzzA"}
{"Action":"pass","Package":"p"}`,
			want: record{Passed: 1},
		},
		{
			name: "a fuzz target that has only run out of time has passed",
			lines: `{"Action":"run","Package":"p","Test":"FuzzA"}
{"Action":"output","Package":"p","Test":"FuzzA","Output":"=== RUN   FuzzA\n"}
{"Action":"output","Package":"p","Test":"FuzzA","Output":"fuzz: elapsed: 5s, execs: 250420 (49876/sec), new interesting: 0 (total: 100)\n"}
{"Action":"output","Package":"p","Test":"FuzzA","Output":"--- FAIL: FuzzA (5.06s)\n"}
{"Action":"output","Package":"p","Test":"FuzzA","Output":"    context deadline exceeded\n"}
{"Action":"fail","Package":"p","Test":"FuzzA"}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"fail","Package":"p"}`,
			want:    record{Passed: 1},
			printed: "ok    p  0s  1 passed, 0 failed, 0 skipped",
		},
		{
			name: "a fuzz target that has found something has not",
			lines: `{"Action":"run","Package":"p","Test":"FuzzA"}
{"Action":"output","Package":"p","Test":"FuzzA","Output":"--- FAIL: FuzzA (5.06s)\n"}
{"Action":"output","Package":"p","Test":"FuzzA","Output":"    --- FAIL: FuzzA (0.00s)\n        a_test.go:9: context deadline exceeded\n"}
{"Action":"output","Package":"p","Test":"FuzzA","Output":"    Failing input written to testdata/fuzz/FuzzA/1\n"}
{"Action":"fail","Package":"p","Test":"FuzzA"}
{"Action":"fail","Package":"p"}`,
			want:    record{Failed: []string{"p FuzzA"}},
			printed: "Failing input written",
		},
		{
			name: "the failed subtest is named, not its parent",
			lines: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA/x","Output":"    a_test.go:9: got 1\n"}
{"Action":"fail","Package":"p","Test":"TestA/x"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			want:    record{Failed: []string{"p TestA/x"}},
			printed: "a_test.go:9: got 1",
		},
		{
			name: "a parent that fails by itself is named",
			lines: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/x"}
{"Action":"pass","Package":"p","Test":"TestA/x"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:9: leaked\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			want:    record{Passed: 1, Failed: []string{"p TestA"}},
			printed: "leaked",
		},
		{
			name: "a test that never ended has failed",
			lines: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"panic: out of cheese\n"}
{"Action":"fail","Package":"p"}`,
			want:    record{Failed: []string{"p TestA"}},
			printed: "out of cheese",
		},
		{
			name: "a skipped test is named with its last message",
			lines: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:9: looked for lsof\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:12: needs lsof (apt-get install lsof)\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`,
			want: record{Skipped: []skip{{"p TestA", "needs lsof (apt-get install lsof)"}}},
		},
		{
			name: "a package that does not build has failed, and says why",
			lines: `{"ImportPath":"p [p.test]","Action":"build-output","Output":"./a.go:3:1: syntax error\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
			want:    record{Failed: []string{"p (the package as a whole)"}},
			printed: "./a.go:3:1: syntax error",
		},
		{
			name: "a package without tests is not worth a line",
			lines: `{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"?   \tp\t[no test files]\n"}
{"Action":"skip","Package":"p"}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, printed := collect(t, test.lines)
			if got.Passed != test.want.Passed || !slices.Equal(got.Failed, test.want.Failed) ||
				!slices.Equal(got.Skipped, test.want.Skipped) {
				t.Errorf("got %+v, want %+v", *got, test.want)
			}
			if !strings.Contains(printed, test.printed) {
				t.Errorf("printed %q, which lacks %q", printed, test.printed)
			}
		})
	}
}

func TestBlockKeepsBothEnds(t *testing.T) {
	var printed strings.Builder
	c := newCollector(func(format string, args ...any) { fmt.Fprintf(&printed, format, args...) })
	c.block("first\n" + strings.Repeat("middle\n", 3*blockLinesMax) + "last\n")
	text := printed.String()
	if strings.Count(text, "\n") != blockLinesMax+1 || !strings.Contains(text, "first") || !strings.Contains(text, "last") {
		t.Errorf("printed %d lines:\n%s", strings.Count(text, "\n"), text)
	}
}

func TestSummary(t *testing.T) {
	dir := t.TempDir()
	root := skip{"p TestRoot", "needs root"}
	for _, r := range []record{
		{Name: "unit", Passed: 3, Skipped: []skip{root}},
		{Name: "race", Passed: 2, Skipped: []skip{root, {"p TestSlow", "too slow under the race detector"}}},
	} {
		if err := r.save(dir); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name   string
		steps  []string
		failed bool
		want   []string
	}{
		{
			"everything passed",
			[]string{"unit", "race"},
			false,
			[]string{
				"  p TestRoot (unit, race): needs root\n",
				"  p TestSlow (race): too slow under the race detector\n",
				"\n5 passed, 0 failed, 3 skipped\n",
			},
		},
		{
			"a step without a record",
			[]string{"unit", "cut-short"},
			true,
			[]string{"  cut-short: (the step did not come to its end)\n", "\n3 passed, 1 failed, 1 skipped\n"},
		},
		{"no step at all", nil, true, []string{"\n0 passed, 0 failed, 0 skipped\n"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			failed, err := summarize(&b, dir, test.steps)
			if err != nil {
				t.Fatal(err)
			}
			if failed != test.failed {
				t.Errorf("failed = %v, want %v", failed, test.failed)
			}
			for _, want := range test.want {
				if !strings.Contains(b.String(), want) {
					t.Errorf("the summary lacks %q:\n%s", want, b.String())
				}
			}
		})
	}
}

func TestFuzzTargetPattern(t *testing.T) {
	source := "func FuzzHead(f *testing.F) {\n}\n\nfunc TestFuzz(t *testing.T) {}\n// func FuzzNot(f *testing.F)\n"
	matches := fuzzTarget.FindAllStringSubmatch(source, -1)
	if len(matches) != 1 || matches[0][1] != "FuzzHead" {
		t.Errorf("found %q", matches)
	}
}

func TestCompilePattern(t *testing.T) {
	for pattern, want := range map[string][]string{
		"":                         {"goloop", "tests/sim", "tests/harness"},
		"^tests/":                  {"tests/sim", "tests/harness"},
		"!^tests/":                 {"goloop"},
		"^tests/ !^tests/sim(/|$)": {"tests/harness"},
	} {
		matches, err := compilePattern(pattern)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, path := range []string{"goloop", "tests/sim", "tests/harness"} {
			if matches(path) {
				got = append(got, path)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q matches %q, want %q", pattern, got, want)
		}
	}
	if _, err := compilePattern("("); err == nil {
		t.Error("( was taken for a regular expression")
	}
}
