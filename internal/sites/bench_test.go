package sites

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// benchSites makes sites of twenty routes, a tenth of them with a wildcard.
func benchSites(count int) []Site {
	var list []Site
	for i := range count {
		host := fmt.Sprintf("host-%d.example.org", i)
		if i%10 == 9 {
			host = fmt.Sprintf("*.wild-%d.example.net", i)
		}
		s := Site{Hosts: hosts(host), Properties: www, From: at(i)}
		for k := range 15 {
			path := fmt.Sprintf("/directory-%d/", k)
			if k%3 == 2 {
				path = fmt.Sprintf("/directory-%d/below/", k-1)
			}
			s.Routes = append(s.Routes, Route{Path: path, Properties: marked("max-age=1", k), From: at(k)})
		}
		for k, match := range []string{"*.css", "*.js", "*.[0-9a-f]*.woff2", "/directory-3/*.html", "*.svg"} {
			s.Routes = append(s.Routes, Route{Match: match, Properties: marked("max-age=2", k), From: at(k)})
		}
		list = append(list, s)
	}
	return list
}

// benchRequests are requests of different hosts.
func benchRequests(count int) (authorities, paths [][]byte) {
	for i := range 512 {
		n := i * 7919 % count
		host := fmt.Sprintf("host-%d.example.org", n)
		if n%10 == 9 {
			host = fmt.Sprintf("www.wild-%d.example.net:8080", n)
		}
		authorities = append(authorities, []byte(host))
		paths = append(paths, fmt.Appendf(nil, "/directory-%d/below/page-%d.%s", i%20, i, [...]string{"html", "css", "png"}[i%3]))
	}
	return authorities, paths
}

// BenchmarkChoice reports the time of a request in the best batch, which other processes have not slowed down.
func BenchmarkChoice(b *testing.B) {
	for _, count := range []int{1, 1000} {
		b.Run(fmt.Sprintf("sites=%d", count), func(b *testing.B) {
			table := newTable(b, benchSites(count)...)
			authorities, paths := benchRequests(count)
			b.ReportAllocs()
			// A batch has 512 requests for different hosts, so that it is over before the scheduler runs something else.
			best := time.Hour
			for b.Loop() {
				began := time.Now()
				for i := range authorities {
					s := table.Site(authorities[i])
					if r, _ := s.Redirect(paths[i]); r != nil || s.Route(paths[i]) == nil {
						b.Fatal("a redirect, or no route")
					}
				}
				best = min(best, time.Since(began))
			}
			b.ReportMetric(float64(best.Nanoseconds())/float64(len(authorities)), "best-ns/request")
		})
	}
}

func TestChoiceDoesNotAllocate(t *testing.T) {
	table := newTable(t, benchSites(100)...)
	authorities, paths := benchRequests(100)
	i := 0
	if n := testing.AllocsPerRun(1000, func() {
		s := table.Site(authorities[i%512])
		s.Redirect(paths[i%512])
		s.Route(paths[i%512])
		i++
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestMemory holds what doc.go says about the memory of a site.
func TestMemory(t *testing.T) {
	list := benchSites(1000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table := newTable(t, list...)
	runtime.GC()
	runtime.ReadMemStats(&after)
	bytes := int64(after.HeapAlloc-before.HeapAlloc) / int64(len(table.Sites()))
	t.Logf("%d bytes per site, %d routes each", bytes, len(table.Routes())/len(table.Sites()))
	if bytes > 40<<10 {
		t.Errorf("%d bytes per site", bytes)
	}
	runtime.KeepAlive(list)
}
