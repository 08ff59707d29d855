//go:build !race && !asan && !msan && !goexperiment.cgocheck2

package goloop

import "testing"

// oneRecord is a sink with one record, and a tracer, that allocate nothing.
type oneRecord struct {
	r    Record
	out  bool
	puts int
}

func (s *oneRecord) Take() *Record {
	if s.out {
		return nil
	}
	s.out = true
	return &s.r
}

func (s *oneRecord) Put(*Record)                            { s.out = false; s.puts++ }
func (s *oneRecord) State(int, uint64, State, State)        {}
func (s *oneRecord) ReadBegin(int, uint64, int, int64, int) {}
func (s *oneRecord) ReadEnd(int, uint64, int, int64)        {}
func (s *oneRecord) TurnBegin(int)                          {}
func (s *oneRecord) TurnEnd(int, int)                       {}

// TestNoAllocationPerWatchedRequest is TestNoAllocationPerRequest with everything watching.
func TestNoAllocationPerWatchedRequest(t *testing.T) {
	s := newSite(t)
	l, c := newAllocLoop(t, s)
	var watch oneRecord
	l.cfg.Sink, l.cfg.Tracer, l.cfg.Publish, l.timed = &watch, &watch, true, true
	for _, path := range []string{"/static/k", "/dynamic/m"} {
		request := []byte("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\nReferer: here\r\n\r\n")
		if n := allocsPerRequest(t, l, c, request); n != 0 {
			t.Errorf("%s: %v allocations", path, n)
		}
	}
	if watch.puts == 0 || l.counts.RecordsDropped != 0 {
		t.Errorf("%d records, %d dropped", watch.puts, l.counts.RecordsDropped)
	}
}
