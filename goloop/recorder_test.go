package goloop

import (
	"slices"
	"testing"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/request"
	"aws/internal/response"
	"aws/internal/stats"
	"aws/internal/tlsconn"
)

// shelf is a sink that has a number of records.
type shelf struct {
	free  []*stats.Record
	takes int
	puts  [][]*stats.Record
}

func newShelf(n int) *shelf {
	s := &shelf{}
	for range n {
		s.free = append(s.free, &stats.Record{})
	}
	return s
}

func (s *shelf) Take(list []*stats.Record) int {
	s.takes++
	n := copy(list, s.free)
	s.free = s.free[n:]
	return n
}

func (s *shelf) Put(list []*stats.Record) { s.puts = append(s.puts, slices.Clone(list)) }

// TestRecorder takes more records than a sink has, and gives them back.
func TestRecorder(t *testing.T) {
	const records = recordsMax + 10
	s := newShelf(records)
	r := newRecorder(s)
	var taken []*stats.Record
	for i := range records {
		record := r.take()
		if record == nil || slices.Contains(taken, record) {
			t.Fatalf("record %d: %p", i, record)
		}
		taken = append(taken, record)
	}
	if s.takes != 2 {
		t.Errorf("the sink was asked %d times for %d records, want twice", s.takes, records)
	}
	if record := r.take(); record != nil {
		t.Error("there is one too many")
	}
	for i, record := range taken {
		r.put(record)
		if early := len(s.puts) > 0; early != (i >= recordsMax-1) {
			t.Fatalf("after record %d the sink has got any: %v", i, early)
		}
	}
	r.flush()
	r.flush()
	if len(s.puts) != 2 || !slices.Equal(slices.Concat(s.puts...), taken) {
		t.Errorf("the sink got %d lists, want 2 with the records in their order", len(s.puts))
	}
	s.free = []*stats.Record{taken[0]}
	if record := r.take(); record != taken[0] {
		t.Error("a record that the sink has again is not taken")
	}
}

func TestRecorderWithoutSink(t *testing.T) {
	r := newRecorder(nil)
	r.flush()
	if r.wanted() {
		t.Error("somebody wants records")
	}
}

// TestDescribe fills a record twice: nothing of the first response is left.
func TestDescribe(t *testing.T) {
	head := []byte("GET /k HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\nRange: bytes=0-1\r\n\r\n")
	var req request.Request
	req.Reset(&request.Limits{})
	if verdict := req.Parse(head); verdict != request.Complete {
		t.Fatal(verdict)
	}
	var r stats.Record
	mount := &docroot.Mount{Kind: docroot.Dynamic}
	a := handler.Response{Status: response.OK, Mount: mount, File: &docroot.File{Mount: mount}, User: []byte("ali")}
	facts := &tlsconn.Facts{ServerName: "example.org"}
	describe(&r, &a, &req, head, facts)
	if r.Status != response.OK || !r.File || r.Kind != docroot.Dynamic || string(r.User) != "ali" || string(r.Method) != "GET" ||
		string(r.Target) != "/k" || string(r.Agent) != "test" || string(r.Range) != "bytes=0-1" || len(r.Referer) > 0 || r.Minor != 1 ||
		r.TLS != facts {
		t.Errorf("%+v", r)
	}
	r.Complete, r.Sent, r.Total = true, 1, 1
	describe(&r, &handler.Response{Status: response.NotFound}, nil, nil, nil)
	if r.Status != response.NotFound || r.Mount != nil || r.TLS != nil || r.File || r.Complete || r.Sent+int64(r.Total) > 0 || r.Minor != 0 ||
		len(r.User)+len(r.Method)+len(r.Target)+len(r.Agent)+len(r.Range) > 0 {
		t.Errorf("of a request that is not known: %+v", r)
	}
}
