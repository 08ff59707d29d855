package fileserver

import (
	"slices"
	"strings"
	"testing"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
)

// TestListings has a listing that is made, one that can't be, and what it does not show.
func TestListings(t *testing.T) {
	s := newSite(t, func(o *Options) {
		o.List = true
		o.Access = []*docroot.AccessRule{{Prefix: "/list/private/", Users: users(t)}}
	})
	html := s.Do(t, get("/list/"))
	if html.Status != 200 || html.To == 0 || !html.Decided {
		t.Fatalf("%d with %d bytes", html.Status, html.To)
	}
	checkFields(t, html.Header, map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache", "Vary": "Accept",
		"Content-Security-Policy": contentSecurityPolicy,
	})
	json := s.Do(t, get("/list/?sort=size", "Accept: application/json"))
	checkFields(t, json.Header, map[string]string{"Content-Type": "application/json"})
	if slices.Equal(s.Keys[:1], s.Keys[1:]) || !strings.HasPrefix(s.Keys[0], "list/\x00") {
		t.Errorf("keys %q", s.Keys)
	}
	if e := s.Do(t, get("/dir/")); e.File != "dir/index.txt" {
		t.Errorf("an index goes before a listing, but %q is sent", e.File)
	}
	s.Outcome = handler.OutcomeRefused
	if e := s.Do(t, get("/list/")); e.Status != 503 {
		t.Errorf("too many listings: %d", e.Status)
	}
}

// TestListingsThatCantBe has directories that can't be read.
func TestListingsThatCantBe(t *testing.T) {
	for class, status := range map[kernel.Class]int{kernel.Absent: 404, kernel.Denied: 403, kernel.Exhausted: 503, kernel.Fault: 500, kernel.Done: 200} {
		s := newSite(t, func(o *Options) { o.List = true })
		s.Made = []kernel.Class{class}
		if e := s.Do(t, get("/list/")); int(e.Status) != status {
			t.Errorf("%v: %d, want %d", class, e.Status, status)
		}
	}
	s := newSite(t, func(o *Options) { o.List, o.SPA = true, "/page.html" })
	s.Made = []kernel.Class{kernel.Absent}
	if e := s.Do(t, get("/none/")); e.Status != 200 || e.File != "page.html" {
		t.Errorf("a directory that is not there, with a fallback: %d, %q", e.Status, e.File)
	}
}

// TestListingPrecondition has a condition on a listing that is not met: the file is released before the head is complete.
func TestListingPrecondition(t *testing.T) {
	s := newSite(t, func(o *Options) { o.List = true })
	if e := s.Do(t, get("/list/", "If-Match: \"x\"")); e.Status != 412 || e.Header.Get("Vary") != "Accept" {
		t.Errorf("%d %v", e.Status, e.Header)
	}
}
