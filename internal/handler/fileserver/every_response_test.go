package fileserver_test

import (
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"aws/internal/connstate"
	"aws/internal/handler/handlertest"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/serveconfig"
)

// everySite has each kind of response. HEADERS and CORS are what a test puts in.
const everySite = `
[[site]]
default = true
hosts = ["a"]
root = "/a"
cache-control = "max-age=5"
HEADERS
CORS
[[site.route]]
path = "/list/"
list = true
[[site.route]]
path = "/private/"
auth = "/users"
[[site.route]]
path = "/denied/"
deny = ["all"]
[[site.route]]
path = "/pages/"
error-pages = { 404 = "not found", 403 = "forbidden" }
[[site.route]]
path = "/pages/denied/"
deny = ["all"]
[[site.route]]
path = "/respond/"
respond = { status = 200, body = "text" }
[[site.route]]
path = "/empty/"
respond = 204
[[site.route]]
path = "/gone/"
respond = 410
[[site.route]]
path = "/busy/"
respond = 503
[[site.redirect]]
from = "/old/*"
to = "/new/*"
[[site.redirect]]
from = "/moved"
to = "/new/"
status = 302
`

// everyRequest has a request for each kind of response: the method, the target, and fields.
var everyRequest = [][]string{
	{"GET", "/f"},
	{"GET", "/f", "Accept-Encoding: gzip"},
	{"GET", "/d/"},
	{"GET", "/large.iso"},
	{"GET", "/empty-file"},
	{"GET", "/f", "If-None-Match: *"},
	{"GET", "/f", "If-Match: \"x\""},
	{"GET", "/f", "If-Match: \"x\"", "Accept-Encoding: gzip"},
	{"GET", "/f", "If-Modified-Since: Sun, 15 Jun 2025 15:06:40 GMT"},
	{"GET", "/f", "If-Unmodified-Since: Sun, 15 Jun 2014 15:06:40 GMT"},
	{"GET", "/f", "Range: bytes=1-3"},
	{"GET", "/f", "Range: bytes=1-3,5-6"},
	{"GET", "/f", "Range: bytes=50-"},
	{"GET", "/f", "Range: lines=1"},
	{"GET", "/f", "Range: bytes=1-3", "If-Range: \"x\""},
	{"GET", "/f", "Range: bytes=0-1,4-5", "Accept-Encoding: gzip"},
	{"GET", "/d"},
	{"GET", "/old/x?q"},
	{"GET", "/moved"},
	{"GET", "/respond/"},
	{"GET", "/respond/", "Range: bytes=0-1"},
	{"GET", "/empty/"},
	{"GET", "/gone/"},
	{"GET", "/busy/"},
	{"GET", "/none"},
	{"GET", "/.hidden"},
	{"GET", "/pages/none"},
	{"GET", "/pages/denied/x"},
	{"GET", "/denied/x"},
	{"GET", "/private/f"},
	{"GET", "/private/f", password},
	{"GET", "/private/f", "Authorization: Basic eDp5"},
	{"GET", "/unreadable"},
	{"GET", "/fault"},
	{"GET", "/list/"},
	{"GET", "/list/", "Accept: application/json"},
	{"GET", "/list/", "Accept: text/plain"},
	{"GET", "/list/", "If-None-Match: *"},
	{"GET", "/list/", "If-Match: \"x\""},
	{"GET", "/list/", "Range: bytes=0-5"},
	{"GET", "/list/", "Range: bytes=0-5,7-8"},
	{"GET", "/list/", "Range: bytes=99999-"},
	{"OPTIONS", "/f"},
	{"OPTIONS", "/none"},
	{"OPTIONS", "/private/f"},
	{"OPTIONS", "/old/x"},
	{"OPTIONS", "/respond/"},
	{"OPTIONS", "*"},
	{"OPTIONS", "/denied/x"},
	{"OPTIONS", "/f", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: Range"},
	{"OPTIONS", "/d"},
	{"OPTIONS", "/list/"},
	{"POST", "/f", "Content-Length: 0"},
	{"PUT", "/list/", "Content-Length: 3"},
	{"POST", "/f", "Content-Length: 99999999999"},
	{"POST", "/f", "Transfer-Encoding: chunked"},
	{"DELETE", "/f"},
	{"BREW", "/f"},
	{"GET", "/../x"},
	{"GET", "/%zz"},
	{"GET", "/f", "Expect: tea"},
	{"GET", "/f", "Connection: close"},
	{"GET", "https://a/f"},
	{"GET", "/f", "X Y: z"},
	{"GET", "/f", "Host: b"},
	{"GET", "/f g"},
	{"GET", "/f", "Content-Length: 2"},
	{"GET", "/f", "Origin: https://evil.example", "Origin: null"},
}

// change is what a configuration does to a field. The lines are those of every response, unless the server adds to them.
type change struct {
	key, name string
	values    []string
}

func (c *change) toml() string {
	switch c.key {
	case "remove":
		return fmt.Sprintf("headers.remove = [%q]", c.name)
	case "set":
		return fmt.Sprintf("headers.set = { %q = %q }", c.name, c.values[0])
	default:
		return fmt.Sprintf("headers.add = { %q = %s }", c.name, list(c.values))
	}
}

// everyChange has each kind of change for fields that the server sends, for some that it does not, and for those of the message.
func everyChange() (changes []change) {
	for _, name := range []string{
		"Server", "X-Content-Type-Options", "Vary", "Content-Security-Policy", "Access-Control-Expose-Headers", "Access-Control-Allow-Headers", "X-A", "Link",
		"Set-Cookie", "X-Frame-Options", "Content-Disposition", "Expires", "Content-Language",
		// Those of the message and of the connection, and those that only the response can know.
		"Content-Length", "transfer-encoding", "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade", "Content-Type", "Content-Encoding",
		"Content-Range", "Date", "ETag", "Last-Modified", "Accept-Ranges", "Allow", "Retry-After", "Age", "Location", "WWW-Authenticate", "Cache-Control",
		"Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Credentials", "Access-Control-Max-Age",
	} {
		changes = append(changes, change{"set", name, []string{"v"}}, change{"add", name, []string{"v", "w"}}, change{"remove", name, nil})
	}
	return changes
}

// refusedChanges are the changes of the fields in the second half of everyChange, which a configuration can't have.
const refusedChanges = 3 * 26

// TestEveryResponse has each kind of response with each change of a field, and without CORS, with all origins and with some. What
// holds for every response is checked by handlertest; beside it, the fields of the configuration are there as it has them, and HEAD
// gets what GET gets.
func TestEveryResponse(t *testing.T) {
	refused, statuses := 0, map[int]bool{}
	for i, c := range append(everyChange(), change{"remove", "X-None", nil}) {
		for _, cors := range []string{"", "cors = true", `cors = { origins = ["https://app.example"], credentials = true, max-age = "1h" }`} {
			text := strings.NewReplacer("HEADERS", c.toml(), "CORS", cors).Replace(everySite)
			read, err := serveconfig.ReadSites("site.toml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := read.Compile(); err != nil {
				if refused++; !strings.Contains(err.Error(), c.name) {
					t.Errorf("%s: %v", c.toml(), err)
				}
				break
			}
			if testing.Short() && i%4 != 0 {
				continue
			}
			s := everyFile(t, text)
			for _, origin := range []string{"", "Origin: https://app.example", "Origin: https://evil.example"} {
				for _, r := range everyRequest {
					e := s.request(t, r[0], r[1], origin, r[2:])
					statuses[int(e.Status)] = true
					c.verify(t, e.Header, strings.Join(r, " "))
					if r[0] == "GET" && !strings.Contains(strings.Join(r, " "), "Range: ") {
						sameHead(t, e, s.request(t, "HEAD", r[1], origin, r[2:]), strings.Join(r, " "))
					}
				}
			}
			s.withoutRequest(t, &c)
			if t.Failed() {
				t.Fatalf("%s, %s", c.toml(), cors)
			}
		}
	}
	if refused < refusedChanges {
		t.Errorf("%d changes are refused", refused)
	}
	for _, status := range []int{200, 204, 206, 301, 302, 304, 308, 400, 401, 403, 404, 405, 410, 412, 413, 416, 417, 421, 500, 501, 503} {
		if !statuses[status] {
			t.Errorf("no response with the status %d: %v", status, slices.Sorted(maps.Keys(statuses)))
		}
	}
}

// everyFile returns the server of a configuration with the files that everyRequest is about.
func everyFile(t *testing.T, text string) *sitesTest {
	t.Helper()
	s := newSites(t, text)
	s.add(t, "a/ static", "f", "f.gz", "d/index.html", "private/f", "large.iso", "list/x")
	m := s.mounts["a/ static"]
	s.AddFile(m, "empty-file", 0, time.Hour)
	s.AddClass(m, "d", kernel.Directory)
	s.AddClass(m, "unreadable", kernel.Denied)
	s.AddClass(m, "fault", kernel.Fault)
	return s
}

func (s *sitesTest) request(t *testing.T, method, target, origin string, fields []string) *handlertest.Exchange {
	t.Helper()
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: a"}, fields...)
	if origin != "" {
		lines = append(lines, origin)
	}
	return s.Do(t, strings.Join(lines, "\n")+"\n\n")
}

// withoutRequest has the responses that are not to a request.
func (s *sitesTest) withoutRequest(t *testing.T, c *change) {
	t.Helper()
	for _, respond := range []func(e *handlertest.Exchange){
		func(e *handlertest.Exchange) { s.Responder().Busy(&e.Response, s.Files()) },
		func(e *handlertest.Exchange) {
			var r request.Request
			s.Responder().Expire(&e.Response, connstate.StateReading, &r, s.Files())
		},
	} {
		e := &handlertest.Exchange{Decided: true}
		e.Reset()
		respond(e)
		s.Verify(t, e, request.MethodGet)
		c.verify(t, e.Header, "no request")
	}
}

// verify checks that the fields of the configuration are there as it has them.
func (c *change) verify(t *testing.T, header textproto.MIMEHeader, what string) {
	t.Helper()
	got := header.Values(c.name)
	switch c.name {
	case "Vary":
		if !strings.HasPrefix(strings.Join(got, " + "), strings.Join(c.values, ", ")) {
			t.Errorf("%s: Vary: %q", what, got)
		}
	default:
		if !slices.Equal(got, c.values) {
			t.Errorf("%s: %s: %q, want %q", what, c.name, got, c.values)
		}
	}
}

// sameHead checks that HEAD gets the header section that GET gets.
func sameHead(t *testing.T, get, head *handlertest.Exchange, what string) {
	t.Helper()
	a, b := string(get.Head[:get.HeadLen()]), string(head.Head[:head.HeadLen()])
	if a != b {
		t.Errorf("%s: GET gets\n%sand HEAD\n%s", what, a, b)
	}
}
