package main

import (
	"maps"
	"testing"
	"time"
)

const statText = `cpu  317462 86 138202 124316 3021 5 6731 14883 7 9
cpu0 100 20 30 5000 600 7 8 900 50 0
cpu1 1 2 3 4 5 6 7
intr 12345 0 0
ctxt 99
`

func TestParseCoreTimes(t *testing.T) {
	got, err := parseCoreTimes(statText)
	want := coreTimes{0: 1650 * time.Millisecond, 1: 190 * time.Millisecond}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("the times are %v, %v, not %v", got, err, want)
	}
	for _, text := range []string{"", "cpu 1 2 3\n", "cpu0 1 2 3\n", "cpu0 1 2 x 4 5 6 7\n", "cpux 1 2 3 4 5 6 7\n"} {
		if got, err := parseCoreTimes(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestCoreTimesSince(t *testing.T) {
	before := coreTimes{0: time.Second, 1: 2 * time.Second}
	after := coreTimes{0: 3 * time.Second, 1: 7 * time.Second}
	if got := after.since(before, []int{0, 1}); got != 7*time.Second {
		t.Errorf("both cores were busy for %v", got)
	}
	if got := after.since(before, []int{1}); got != 5*time.Second {
		t.Errorf("core 1 was busy for %v", got)
	}
}

// The processor times are divided by all requests, the rate's by the measured ones.
func TestSampleOf(t *testing.T) {
	o := &outcome{values: map[string]float64{
		"requests": 800, "seconds": 2, "bytes": 4000, "all_requests": 1000, "all_bytes": 2 << 20, "cpu": 0.5, "p99": 7,
	}}
	begin := time.Now()
	before := reading{
		usage: usage{cpu: map[int]time.Duration{1: time.Second}, switches: map[int]int64{1: 10}},
		cores: coreTimes{0: time.Second, 1: time.Second}, at: begin,
	}
	after := reading{
		usage: usage{cpu: map[int]time.Duration{1: 2 * time.Second, 2: time.Second}, switches: map[int]int64{1: 20, 2: 5}, rssKiB: 3},
		cores: coreTimes{0: 3 * time.Second, 1: 2 * time.Second}, at: begin.Add(4 * time.Second),
	}
	got := sampleOf(o, before, after)
	want := sample{
		mRate: 400, mBytes: 2000, mP99: 7, mRSS: 3, mCPU: 2000, mBoth: 3000, mSwitches: 0.015, mCPUPerMiB: 1e6,
		mBusy: 0.5, mClient: 0.125, mServerCore: 0.5, mClientCore: 0.25, mP50: 0, mP999: 0, mErrors: 0,
	}
	if !maps.Equal(got, want) {
		t.Errorf("the sample is %v, not %v", got, want)
	}
}
