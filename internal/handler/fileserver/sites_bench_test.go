package fileserver_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/handler/fileserver"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"
	"aws/internal/serveconfig"
)

// oneFile implements handler.Files for a handler that finds the same file for every name, without allocation.
type oneFile struct {
	file   *docroot.File
	moment handler.Moment
}

func (o *oneFile) LookUp(l *handler.Lookup) bool {
	l.Class, l.File = kernel.Done, o.file
	return true
}

func (o *oneFile) Make(*docroot.Mount, []byte, handler.Build) (*docroot.File, handler.Outcome) {
	return nil, handler.OutcomeRefused
}

func (o *oneFile) Compressed(*docroot.File, response.Coding) (*docroot.File, handler.Outcome) {
	return nil, handler.OutcomeRefused
}

func (o *oneFile) Check(*docroot.Mount, []byte, handler.Build) (*docroot.File, handler.Outcome) {
	return nil, handler.OutcomeRefused
}
func (o *oneFile) Small(*docroot.File) []byte { return nil }
func (o *oneFile) Release(*docroot.File)      {}
func (o *oneFile) Moment() handler.Moment     { return o.moment }
func (o *oneFile) Client() netip.Addr         { return netip.Addr{} }
func (o *oneFile) TLS() *handler.TLS          { return nil }
func (o *oneFile) Random() uint64             { return 1 }

// manySites returns a handler with sites of twenty routes each, five of them with a pattern.
func manySites(t testing.TB, count int) handler.Handler {
	t.Helper()
	var toml strings.Builder
	for i := range count {
		fmt.Fprintf(&toml, "[[site]]\nhosts = [\"host-%d.example.org\"]\nroot = \"/srv/%d\"\nlimit-rate-total = \"1GiB\"\n", i, i)
		for k := range 15 {
			fmt.Fprintf(&toml, "[[site.route]]\npath = \"/directory-%d/\"\ncache-control = \"max-age=%d\"\nlimit-rate = \"%dMiB\"\n", k, k, k)
		}
		for _, match := range []string{"*.css", "*.js", "*.woff2", "*.[0-9a-f]*.png", "*.svg"} {
			fmt.Fprintf(&toml, "[[site.route]]\nmatch = %q\ncache-control = \"max-age=1\"\n", match)
		}
	}
	read, err := serveconfig.ReadSites("site.toml", []byte(toml.String()))
	if err != nil {
		t.Fatal(err)
	}
	table, _, err := read.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return fileserver.NewSites(&fileserver.SiteOptions{Table: table, Roots: map[fileserver.RootKey]kernel.Root{}})
}

// siteRequests are parsed requests for different hosts and paths, and their heads.
func siteRequests(t testing.TB, count int) (requests []request.Request, heads [][]byte) {
	t.Helper()
	requests = make([]request.Request, 512)
	for i := range requests {
		host := fmt.Sprintf("host-%d.example.org", i*7919%count)
		head := fmt.Appendf(nil, "GET /directory-%d/page-%d.%s HTTP/1.1\r\nHost: %s\r\n\r\n", i%20, i, [...]string{"html", "css", "png"}[i%3], host)
		requests[i].Reset(nil)
		if requests[i].Parse(head) != request.Complete {
			t.Fatalf("%q", head)
		}
		heads = append(heads, head)
	}
	return requests, heads
}

func newOneFile(h handler.Handler) *oneFile {
	m := h.Mounts()[0]
	f := docroot.NewFile(m, "f.html", kernel.Done, &kernel.Opened{Info: kernel.Info{Size: 10, MtimeNs: 1e18}, FD: 3})
	h.Prepare(f)
	return &oneFile{file: f, moment: handler.Moment{Date: []byte("Sun, 15 Jun 2025 15:06:40 GMT"), Unix: 1_750_000_000, Monotonic: time.Hour}}
}

// TestNoAllocationForSites decides about requests of a thousand hosts without allocation.
func TestNoAllocationForSites(t *testing.T) {
	h := manySites(t, 1000)
	requests, heads := siteRequests(t, 1000)
	files, responder := newOneFile(h), h.NewResponder()
	var r handler.Response
	if n := testing.AllocsPerRun(10, func() {
		for i := range requests {
			r.Reset()
			if !responder.Respond(&r, &requests[i], heads[i], files) || r.Status != 200 {
				t.Fatal(r.Status)
			}
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkSites reports the time of a decision in the best batch, which other processes have not slowed down. That for a
// thousand sites is at most 150 ns more than that for one.
func BenchmarkSites(b *testing.B) {
	for _, count := range []int{1, 1000} {
		b.Run(fmt.Sprintf("sites=%d", count), func(b *testing.B) {
			h := manySites(b, count)
			requests, heads := siteRequests(b, count)
			files, responder := newOneFile(h), h.NewResponder()
			var r handler.Response
			best := time.Hour
			b.ReportAllocs()
			for b.Loop() {
				began := time.Now()
				for i := range requests {
					r.Reset()
					responder.Respond(&r, &requests[i], heads[i], files)
				}
				best = min(best, time.Since(began))
			}
			b.ReportMetric(float64(best.Nanoseconds())/float64(len(requests)), "best-ns/request")
		})
	}
}
