package http2

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aws/tests/harness"
)

// ask is a request.
type ask struct {
	method, target, host string
	fields               http.Header
	body                 string
}

func pick[T any](rnd *rand.Rand, from ...T) T { return from[rnd.IntN(len(from))] }

// drawAsk draws a request.
func drawAsk(rnd *rand.Rand) ask {
	names := append(slices.Sorted(maps.Keys(contents)), "", "dir", "dir/", "dir/sub/", "none", "dir/none", ".hidden", "private/", "dynamic/none", "style.css", "dir/%61.txt", "x/../small", "%2e%2e/x", "dir%2Fb")
	a := ask{method: "GET", target: "/" + pick(rnd, names...), host: "localhost", fields: http.Header{}}
	switch rnd.IntN(10) {
	case 0, 1:
		a.method = "HEAD"
	case 2:
		a.method = pick(rnd, "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "BREW")
	}
	if rnd.IntN(8) == 0 {
		a.target += pick(rnd, "?a=b", "?sort=size", "?archive=zip", "?archive=tar.gz", "?")
	}
	field := func(name string, values ...string) {
		if rnd.IntN(5) == 0 {
			a.fields.Set(name, pick(rnd, values...))
		}
	}
	field("Range", "bytes=0-0", "bytes=-5", "bytes=5-", "bytes=1-2,50-90,-1", "bytes=99999999-", "lines=1", "bytes=5-1")
	field("Accept-Encoding", "gzip", "br, gzip", "identity;q=0", "*", "gzip;q=0")
	field("Accept", "application/json", "text/plain", "text/html")
	field("If-None-Match", "*", `"x"`, `W/"x", "y"`)
	field("If-Modified-Since", "Fri, 04 Mar 2022 05:06:07 GMT", "Fri, 04 Mar 2044 05:06:07 GMT", "yesterday")
	field("If-Match", "*", `"x"`)
	field("If-Range", `"x"`, "Fri, 04 Mar 2022 05:06:07 GMT")
	field("Origin", "https://a.example", "https://b.example")
	field("Access-Control-Request-Method", "GET", "PUT")
	field("Authorization", "Basic dTpw", "Basic dTpx", "Bearer x")
	field("User-Agent", "", "a", strings.Repeat("long", 200))
	field("X-Repeated", "a")
	if rnd.IntN(12) == 0 {
		a.host = pick(rnd, "other.example", "LOCALHOST", "localhost:1234", "a..b")
	}
	if a.method != "GET" && a.method != "HEAD" && rnd.IntN(2) == 0 {
		a.body = strings.Repeat("content ", rnd.IntN(2000))
	}
	return a
}

// random matches what two responses to the same request may have of their own.
var random = regexp.MustCompile(`boundary=[0-9a-f]+|--[0-9a-f]{32}|asked at [^<]*|20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d`)

// send returns what a request leads to: the status, the fields and the content.
func (a *ask) send(c *http.Client, base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return err.Error()
	}
	u.Opaque = a.target
	r := &http.Request{Method: a.method, URL: u, Host: a.host, Header: a.fields.Clone()}
	if a.body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(a.body)), int64(len(a.body))
	}
	response, err := c.Do(r)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Sprintf("%d, %d bytes, %v", response.StatusCode, len(body), err)
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Transfer-Encoding", "Date"} {
		response.Header.Del(name)
	}
	var lines []string
	for name, values := range response.Header {
		lines = append(lines, fmt.Sprintf("%s: %q", name, values))
	}
	slices.Sort(lines)
	length := response.ContentLength
	if strings.Contains(a.target, "archive=") { // which may take another form within a second
		body, length = body[:min(len(body), 2)], 0
	}
	return random.ReplaceAllString(fmt.Sprintf("%d, %d bytes\n%s\n%s", response.StatusCode, length, strings.Join(lines, "\n"), harness.Sum(normal(body))+head(normal(body))), "*")
}

// normal removes what two responses may have of their own.
func normal(body []byte) []byte {
	if len(body) > 100_000 {
		return body
	}
	return random.ReplaceAll(body, []byte("*"))
}

// head returns the beginning of a text.
func head(body []byte) string {
	if bytes.ContainsFunc(body, func(r rune) bool { return r > 0x7e }) {
		return ""
	}
	return fmt.Sprintf(" %.300q", body)
}

// TestSameAsHTTP1 sends the same random requests by HTTP/1.1 and by HTTP/2: status, fields and content are the same.
func TestSameAsHTTP1(t *testing.T) {
	root := newRoot(t)
	password := filepath.Join(t.TempDir(), "users")
	harness.WriteFile(t, password, []byte(users))
	s := serve(t, root, "--list", "--archive", "zip", "--archive", "tar.gz", "--auth", "/private/="+password, "--cors", "--error-page", "404="+filepath.Join(root, "404.html"))
	both(t, func(t *testing.T, secure bool) {
		two, base := client(t, s, secure)
		one := &http.Client{Timeout: patience, CheckRedirect: two.CheckRedirect, Transport: &http.Transport{
			DisableCompression: true, TLSClientConfig: s.Client.Clone(), TLSNextProto: nil, Protocols: new(http.Protocols),
		}}
		one.Transport.(*http.Transport).Protocols.SetHTTP1(true)
		known := ask{method: "GET", target: "/private/secret", host: "localhost", fields: http.Header{"Authorization": {"Basic dTpw"}}}
		for _, c := range []*http.Client{one, two} {
			if got := known.send(c, base); !strings.HasPrefix(got, "200, 7 bytes") {
				t.Errorf("with the password: %s", got)
			}
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		statuses := map[string]int{}
		for i := range 600 {
			a := drawAsk(rnd)
			first, second := a.send(one, base), a.send(two, base)
			path, _, _ := strings.Cut(a.target, "?")
			// A listing has a Last-Modified from the second after the one in which it was made, and is made again now and then.
			for try := 0; try < 3 && first != second && strings.HasSuffix(path, "/"); try++ {
				first, second = a.send(one, base), a.send(two, base)
			}
			if first != second {
				t.Errorf("request %d, %+v\nby HTTP/1.1: %s\nby HTTP/2: %s", i, a, first, second)
			}
			statuses[first[:3]]++
		}
		t.Log(statuses)
		for _, status := range []string{"200", "206", "304", "401", "404", "405", "412", "416"} {
			if statuses[status] == 0 {
				t.Errorf("no response has the status %s", status)
			}
		}
	})
}
