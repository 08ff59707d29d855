//go:build !race && !asan && !msan && !goexperiment.cgocheck2

package goloop

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler/dropin"
	"aws/internal/handler/fileserver"
	"aws/internal/kernel"
	"aws/internal/response"
	"aws/internal/stats"

	"golang.org/x/crypto/bcrypt"
)

// oneRecord is a sink with one record, and a tracer, that allocate nothing.
type oneRecord struct {
	r    stats.Record
	out  bool
	puts int
}

func (s *oneRecord) Take(list []*stats.Record) int {
	if s.out {
		return 0
	}
	s.out = true
	list[0] = &s.r
	return 1
}

func (s *oneRecord) Put(list []*stats.Record)                            { s.out = false; s.puts += len(list) }
func (s *oneRecord) State(int, uint64, connstate.State, connstate.State) {}
func (s *oneRecord) ReadBegin(int, uint64, int, int64, int)              {}
func (s *oneRecord) ReadEnd(int, uint64, int, int64)                     {}
func (s *oneRecord) IterationBegin(int)                                  {}
func (s *oneRecord) IterationEnd(int, int)                               {}

// TestNoAllocationPerWatchedRequest is TestNoAllocationPerRequest with everything watching.
func TestNoAllocationPerWatchedRequest(t *testing.T) {
	s := newSite(t)
	l, c := newAllocLoop(t, s)
	var watch oneRecord
	l.recorder.sink, l.cfg.Tracer, l.publisher.enabled, l.clock.precise = &watch, &watch, true, true
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

// TestImpossibleNameRecorded is about a name that is longer than any file's, of a request of which there is a record.
func TestImpossibleNameRecorded(t *testing.T) {
	l, c := newAllocLoop(t, newSite(t))
	var watch oneRecord
	l.recorder.sink = &watch
	for _, path := range []string{"/static/", "/dynamic/"} {
		c.get(l, []byte("GET "+path+strings.Repeat("x", 300)+" HTTP/1.1\r\nHost: localhost\r\n\r\n"))
		if watch.r.Status != response.NotFound || watch.r.File || watch.r.Mount == nil {
			t.Errorf("%s: status %d, about a file: %v, mount %v", path, watch.r.Status, watch.r.File, watch.r.Mount)
		}
	}
	if watch.puts != 2 {
		t.Errorf("%d records", watch.puts)
	}
}

// TestNoAllocationPerUser is the same for users who show their password each time, as they do.
func TestNoAllocationPerUser(t *testing.T) {
	s := newSite(t)
	root, err := kernel.OpenRoot(s.dir, kernel.LinksBeneath)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kernel.CloseRoot(root) })
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users, err := docroot.ParsePasswords(fmt.Appendf(nil, "ali baba:%s\n", hash))
	if err != nil {
		t.Fatal(err)
	}
	handler, err := fileserver.New(fileserver.Options{
		Mounts: []*docroot.Mount{{Prefix: "/", Strip: 1, Root: root}}, Access: []*docroot.AccessRule{{Prefix: "/", Users: users}}, Types: response.NewMediaTypes(),
	})
	if err != nil {
		t.Fatal(err)
	}
	l, c := newAllocLoopOf(t, handler, ServeConfig(), dropin.CacheLimits(64))
	var watch oneRecord
	l.recorder.sink, l.clock.precise = &watch, true
	credentials := base64.StdEncoding.EncodeToString([]byte("ali baba:sesame"))
	request := []byte("GET /static/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Basic " + credentials + "\r\n\r\n")
	if n := allocsPerRequest(t, l, c, request); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if watch.r.Status != response.OK || string(watch.r.User) != "ali baba" {
		t.Errorf("status %d, user %q", watch.r.Status, watch.r.User)
	}
	request = []byte("GET /static/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	c.get(l, request)
	if watch.r.Status != response.Unauthorized || len(watch.r.User) != 0 {
		t.Errorf("without a password: status %d, user %q", watch.r.Status, watch.r.User)
	}
}
