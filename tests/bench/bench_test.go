package main

import (
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func rowOf(label string, ours bool, m metric, values ...float64) *row {
	r := &row{Label: label, Ours: ours}
	for _, v := range values {
		r.Samples = append(r.Samples, sample{m: v})
	}
	return r
}

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{4, 1, 3}, spread{3, 1, 4}},
		{[]float64{4, 1, 3, 2}, spread{2.5, 1, 4}},
	} {
		if got := spreadOf(test.values); got != test.want {
			t.Errorf("spreadOf(%v) is %v, not %v", test.values, got, test.want)
		}
	}
}

func TestRatioIsThatOfTheMedians(t *testing.T) {
	ours, theirs := rowOf("a", true, mCPU, 1, 2, 9), rowOf("b", false, mCPU, 4, 4, 3)
	got, ok := ours.ratio(theirs, mCPU)
	if want := (spread{0.5, 0.25, 3}); !ok || got != want {
		t.Errorf("the ratio is %v, %t, not %v", got, ok, want)
	}
	if _, ok := ours.ratio(theirs, mRate); ok {
		t.Error("there is a ratio of a figure that nobody has")
	}
}

func TestJudge(t *testing.T) {
	r := &report{Scenarios: []*result{{Name: "close-1k", Path: pathVeth, Congestion: "bbr", Rows: []*row{
		rowOf("aws", true, mCPU, 10), rowOf("nginx", false, mCPU, 10), rowOf("C loop", false, mCPU, 9),
	}}}}
	got := r.judge()
	if len(got) != 1 || got[0].network != "veth, bbr" || len(got[0].verdicts) != 2 || !got[0].verdicts[0].met || got[0].verdicts[1].met {
		t.Errorf("the verdicts are %+v", got)
	}
}

// Every target speaks of a scenario and of servers in it that exist.
func TestTargetsExist(t *testing.T) {
	for _, target := range slices.Concat(targets, remoteTargets) {
		found := false
		for _, s := range scenarios {
			if s.Name != target.scenario {
				continue
			}
			labels := map[string]bool{"": true, bestPeer: true}
			for i := range s.entries {
				labels[s.entries[i].name()] = true
			}
			found = labels[target.ours] && labels[target.theirs]
			for _, name := range s.quick {
				if !labels[name] {
					t.Errorf("%s: quick mode asks for %q, which is not there", s.Name, name)
				}
			}
		}
		if !found {
			t.Errorf("no scenario for the target %q", target.text)
		}
	}
	for _, s := range scenarios {
		for _, entry := range s.entries {
			if _, ok := servers[entry.server]; !ok && entry.server != "fio" {
				t.Errorf("%s: there is no server %q", s.Name, entry.server)
			}
		}
	}
}

func TestPlotsAreWellFormed(t *testing.T) {
	s := &scenario{Name: "x", Title: "a & b", show: usual}
	r := &result{Name: "x", Rows: []*row{rowOf("<ours>", true, mCPU, 1, 2), {Label: "away", Skipped: "because"}}}
	r.Rows[0].Samples[0][mRate] = 7
	plots := plotsOf(s, r)
	r.Timelines = map[string][]moment{"<ours>": {{At: time.Second, Requests: 3, P99: 4}, {At: 2 * time.Second}}}
	plots = append(plots, plotsOf(s, r)...)
	if len(plots) != 4 {
		t.Errorf("there are %d plots", len(plots))
	}
	for _, p := range plots {
		decoder := xml.NewDecoder(strings.NewReader(p.svg))
		for {
			if _, err := decoder.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v\n%s", p.name, err, p.svg)
			}
		}
	}
}

func TestLimitsNameTheCores(t *testing.T) {
	rowWith := func(label string, server, client float64) *row {
		return &row{Label: label, Samples: []sample{{mServerCore: server, mClientCore: client}}}
	}
	got := limits(&result{Rows: []*row{rowWith("a", 1, 1), rowWith("b", 1, 0.5), rowWith("c", 0.5, 1), rowWith("d", 0.5, 0.5)}})
	for _, want := range []string{"Both cores were fully used, for: a.", "server's time per request, for: c.", "limits the rate, for: b.", "for the disk, for: d."} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in %q", want, got)
		}
	}
}
