package main

import "slices"

// metric names a figure of a sample.
type metric string

// The figures. Times are in microseconds unless the name says otherwise.
const (
	mCPU        metric = "cpu"         // server's processor time per request
	mBoth       metric = "both"        // busy time of both cores per request, whatever used it
	mCPUPerMiB  metric = "cpu-mib"     // server's processor time per MiB of body
	mRate       metric = "rate"        // requests per second
	mBytes      metric = "bytes"       // bytes per second
	mP50        metric = "p50"         // latency
	mP99        metric = "p99"         //
	mP999       metric = "p999"        //
	mRSS        metric = "rss"         // KiB
	mSwitches   metric = "switches"    // context switches of the server per request
	mBusy       metric = "busy"        // share of its core that the server used
	mClient     metric = "client"      // share of its core that the client used
	mServerCore metric = "server-core" // share of the time that the server's core was busy
	mClientCore metric = "client-core" // share of the time that the client's core was busy
	mErrors     metric = "errors"      // requests that failed
	mStart      metric = "start"       // milliseconds from exec to the first response
	mKept       metric = "kept"        // share of the requests per second that was kept under disturbance
	mTail       metric = "tail"        // 99th percentile under disturbance, as a multiple of the one before
	mCold       metric = "cold-bytes"  // bytes per second that the disturbance got
	mPage       metric = "page"        // milliseconds from connect to the last byte of a page
	mConnBytes  metric = "conn-bytes"  // resident bytes for each idle connection
	mConnWhole  metric = "conn-whole"  // the same with what is allocated at the start
	mAccepts    metric = "accepts"     // connections that were made in a second
	mAcceptCPU  metric = "accept-cpu"  // server's processor time for each of them
	mGCsOpening metric = "gcs-opening" // collections of garbage while connections were made
	mGCs        metric = "gcs"         // in the measured time
	mGCPause    metric = "gc-pause"    // longest pause of one
)

// sample is what one run has shown.
type sample map[metric]float64

// spread is the middle of some values, and their range.
type spread struct{ median, low, high float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{median: (sorted[(n-1)/2] + sorted[n/2]) / 2, low: sorted[0], high: sorted[n-1]}
}

// row is a server's line of a scenario.
type row struct {
	Label   string   `json:"label"`
	Ours    bool     `json:"ours"`
	Skipped string   `json:"skipped,omitempty"` // why there are no samples
	Samples []sample `json:"samples,omitempty"`
}

// of returns the spread of a figure over the rounds, and whether there is one.
func (r *row) of(m metric) (spread, bool) {
	var values []float64
	for _, s := range r.Samples {
		if v, ok := s[m]; ok {
			values = append(values, v)
		}
	}
	return spreadOf(values), len(values) > 0
}

// ratios returns how a figure of r compares with other's, round by round.
func (r *row) ratios(other *row, m metric) []float64 {
	var values []float64
	for i := range min(len(r.Samples), len(other.Samples)) {
		a, okA := r.Samples[i][m]
		b, okB := other.Samples[i][m]
		if okA && okB && b != 0 {
			values = append(values, a/b)
		}
	}
	return values
}

// ratio returns the ratio of the medians, with the range of those of the rounds.
func (r *row) ratio(other *row, m metric) (spread, bool) {
	s := spreadOf(r.ratios(other, m))
	mine, okA := r.of(m)
	theirs, okB := other.of(m)
	if !okA || !okB || theirs.median == 0 {
		return spread{}, false
	}
	s.median = mine.median / theirs.median // the ratio of the medians, between those of the rounds
	s.low, s.high = min(s.low, s.median), max(s.high, s.median)
	return s, true
}
