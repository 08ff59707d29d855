package conformance

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws/tests/harness"
)

// TestInternalError lets every file fail to open with an error of the disk's.
func TestInternalError(t *testing.T) {
	strace := harness.Tool(t, "strace")
	o := harness.Options{Wrap: []string{strace, "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=openat2", "-e", "inject=openat2:error=EIO"}}
	s := harness.StartServe(t, o, newSite(t))
	for _, target := range []string{"/ten", "/dynamic/ten", "/directory/"} {
		t.Run("RFC 9110 15.6.1 "+target, func(t *testing.T) {
			c := dial(t, s.Address)
			for range 3 {
				c.send(get(target))
				if a := c.response("GET"); a.status != 500 || a.closes() || a.body != "500 Internal Server Error\n" {
					t.Skipf("no error was injected, or another one: %v", a) // strace may not be allowed to
				}
			}
		})
	}
}

// TestAbortedBodies: clients that leave at any point of a transfer cost nothing.
func TestAbortedBodies(t *testing.T) {
	s := serve(t)
	alive(t, s)
	base := s.Descriptors(t)["socket"]
	random := rand.New(rand.NewPCG(1, 2))
	const count = 400
	for i := range count {
		c := dial(t, s.Address)
		target := []string{"/big", "/dynamic/big"}[i%2]
		text := get(target)
		switch i / 2 % 4 {
		case 1:
			text = get(target, "Range: bytes=0-99,200-1200000,-5")
		case 2:
			text = strings.Repeat(text, 20)
		case 3:
			text = text[:random.IntN(len(text))]
		}
		c.send(text)
		if n := random.IntN(200_000); i/2%4 != 3 && i%3 != 0 {
			if _, err := c.r.Discard(n); err != nil {
				t.Fatal(err)
			}
		}
		if tcp, ok := c.Conn.(*net.TCPConn); ok && i%5 == 0 {
			_ = tcp.SetLinger(0) // leaves by a reset
		}
		_ = c.Close()
	}
	alive(t, s)
	harness.Eventually(t, patience, "the connections are gone", func() error {
		if n := s.Descriptors(t)["socket"]; n > base {
			return harness.Errorf("%d sockets, %d at first", n, base)
		}
		return nil
	})
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
	fmt.Printf("conformance: %d clients left in the middle of a transfer\n", count)
}

// TestListing: what a directory's listing is as a response. How it looks is proved where it is made.
func TestListing(t *testing.T) {
	site := newSite(t)
	for _, name := range []string{"list/<b>&\"'", "list/a b", "list/a+b%", "list/.hidden", "list/sub/deep", "list/ümlaut", "list/javascript:alert(1)"} {
		harness.WriteFile(t, filepath.Join(site, name), []byte("x"))
	}
	s := harness.StartServe(t, harness.Options{}, site, "--list")
	html := map[string]string{"Content-Type": "text/html; charset=utf-8", "Vary": "Accept", "Cache-Control": "no-cache", "Content-Security-Policy": "*default-src 'none'*"}
	asJSON := func(t *testing.T, a *response) {
		var page struct {
			Path    string
			Entries []struct {
				Name, Type string
				Size       *int64
			}
		}
		if err := json.Unmarshal([]byte(a.body), &page); err != nil || page.Path != "/list/" || len(page.Entries) != 6 {
			t.Errorf("%v: %s", err, a.body)
		}
		for _, e := range page.Entries {
			if _, err := os.Stat(filepath.Join(site, "list", e.Name)); err != nil || (e.Type == "directory") != (e.Name == "sub") {
				t.Errorf("%+v, %v", e, err)
			}
		}
	}
	before := func(first, second string) func(t *testing.T, a *response) {
		return func(t *testing.T, a *response) {
			if i, j := strings.Index(a.body, first), strings.Index(a.body, second); i < 0 || j < i {
				t.Errorf("%s at %d, %s at %d", first, i, second, j)
			}
		}
	}
	table(t, s, "listings", []exchange{
		{rule: "--list a directory without index", send: get("/list/"), want: "200", fields: html, see: func(t *testing.T, a *response) {
			for _, part := range []string{"<b>&\"", "<b>&", `".hidden`, ">.hidden", "href=\"javascript:", secret} {
				if strings.Contains(a.body, part) {
					t.Errorf("it has %s", part)
				}
			}
			for _, part := range []string{`href="a%20b"`, `href="sub/"`, `href="../"`, "%C3%BCmlaut", "&lt;b&gt;&amp;"} {
				if !strings.Contains(a.body, part) {
					t.Errorf("it has no %s", part)
				}
			}
		}},
		{rule: "--list a directory with index", send: get("/directory/"), want: "200", body: "<p>the directory's index</p>\n"},
		{rule: "--list no slash", send: get("/list"), want: "301", fields: map[string]string{"Location": "list/"}},
		{rule: "--list an empty name below it", send: get("/list/absent/"), want: "404"},
		{rule: "--list a hidden directory", send: get("/.directory/"), want: "404"},
		{rule: "--list a dynamic directory", send: get("/dynamic/"), want: "200", fields: html},
		{rule: "RFC 9110 9.3.2 HEAD", send: request("HEAD", "/list/"), want: "HEAD 200", fields: html},
		{rule: "RFC 9110 12.5.1 JSON", send: get("/list/", "Accept: application/json"), want: "200", fields: map[string]string{"Content-Type": "application/json", "Vary": "Accept"}, see: asJSON},
		{rule: "RFC 9110 12.5.1 JSON by weight", send: get("/list/", "Accept: text/html;q=0.5, application/json"), want: "200", see: asJSON},
		{rule: "RFC 9110 12.5.1 what browsers say", send: get("/list/", "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), want: "200", fields: html},
		{rule: "RFC 9110 12.5.1 anything", send: get("/list/", "Accept: */*"), want: "200", fields: html},
		{rule: "RFC 9110 12.5.1 HTML by weight", send: get("/list/", "Accept: application/json;q=0.1, text/html"), want: "200", fields: html},
		{rule: "--list by name, descending", send: get("/list/?sort=name&order=desc"), want: "200", see: before("%C3%BCmlaut", `href="a%20b"`)},
		{rule: "--list by name", send: get("/list/?sort=name&order=asc"), want: "200", see: before(`href="a%20b"`, "%C3%BCmlaut")},
		{rule: "--list with another query", send: get("/list/?<script>&sort=evil"), want: "200", fields: html, see: func(t *testing.T, a *response) {
			if strings.Count(a.body, "<script") != 1 || strings.Contains(a.body, "evil") { // the page has one of its own
				t.Error("it has the query")
			}
		}},
		{rule: "RFC 9110 13.1.2 a condition", send: get("/list/", "If-None-Match: *"), want: "304"},
		{rule: "RFC 9110 14.2 a range", send: get("/list/", "Range: bytes=0-8"), want: "206", body: "<!DOCTYPE"},
		{rule: "RFC 9110 15.5.6 POST", send: request("POST", "/list/"), want: "405"},
		{rule: "RFC 9112 9.3.2 in a pipeline", send: get("/list/") + getTen + get("/list/", "Accept: application/json") + getTen, want: "200 200 200 200", body: ten},
	})
	table(t, serve(t), "no listings", []exchange{
		{rule: "no --list", send: get("/bare/"), want: "404"},
		{rule: "no --list for a dynamic directory", send: get("/dynamic/"), want: "404"},
	})
}
