package main

import (
	"strings"
	"testing"
)

func TestPrintComparison(t *testing.T) {
	list := []*result{
		{Name: "keep-2m", Path: pathVeth, Congestion: "bbr", Rows: []*row{rowOf("old", true, mCPU, 2, 4, 4), rowOf("new", true, mCPU, 1, 3, 8)}},
		{Name: "keep-1k", Path: pathVeth, Congestion: "bbr", Rows: []*row{rowOf("old", true, mCPU, 1), {Label: "new", Skipped: "it fails"}}},
		{Name: "keep-1k", Path: pathLoopback, Congestion: "bbr", Rows: []*row{rowOf("old", true, mCPU, 77), rowOf("new", true, mCPU, 77)}},
	}
	var b strings.Builder
	if err := printComparison(&b, "veth, bbr", list); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{"4 (2–4)", "3 (1–8)", "×0.750 (0.500–2.000)", "1 KiB kept: new is left out: it fails"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "77") {
		t.Errorf("another network's figures are in\n%s", text)
	}
}

func TestWorksHaveServers(t *testing.T) {
	for _, s := range compareWorks {
		if len(s.entries) != 1 || servers[s.entries[0].server] == nil {
			t.Errorf("%s: the entries are %v", s.Name, s.entries)
		}
	}
}
