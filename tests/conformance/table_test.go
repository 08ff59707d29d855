package conformance

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aws/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// after is what has become of the connection when the responses have been read.
type after bool

const (
	kept   after = false // the next request is answered properly
	closed after = true  // it is closed, and the last response has said so
)

// exchange is a case of a table: what a client sends over one connection, and what must come back.
type exchange struct {
	rule string // the name of the test: the RFC's section and what it asks for
	send string
	want string // the statuses in order; HEAD before the status of a response to HEAD
	then after

	// fields are those of the last response: a value, "" for one that must not be there, or a value between
	// asterisks for a part of it.
	fields map[string]string
	body   string // of the last response, or "" for any
	empty  bool   // the last response has no body
	see    func(t *testing.T, a *response)

	open string // what is known to be wrong with the server: the case waits for it, unless AWS_OPEN is set
}

// table runs the cases by http, and by TLS 1.3 if the server speaks https, and prints how many there were.
func table(t *testing.T, s *harness.Server, group string, cases []exchange) {
	t.Helper()
	side, https := secured.Load(s)
	for i := range cases {
		e := &cases[i]
		t.Run(e.rule, func(t *testing.T) {
			waitFor(t, e.open)
			e.run(dial(t, s.Address), e.send)
		})
		if https {
			t.Run(e.rule+", by https", func(t *testing.T) {
				waitFor(t, e.open)
				e.run(side.(secureSide).dial(t), byHTTPS(e.send))
			})
		}
	}
	alive(t, s)
	fmt.Printf("conformance: %d cases: %s, by https, too: %v\n", len(cases), group, https)
}

// absoluteTarget matches the scheme of a request target, which has to be that of the connection.
var absoluteTarget = regexp.MustCompile(`(?mi)^([a-z]+ )(https?)://`)

// byHTTPS returns requests for a connection with TLS: a scheme in a target is right if it was, and otherwise wrong.
func byHTTPS(send string) string {
	return absoluteTarget.ReplaceAllStringFunc(send, func(s string) string {
		part := absoluteTarget.FindStringSubmatch(s)
		scheme := "https"
		if strings.EqualFold(part[2], scheme) {
			scheme = "http"
		}
		return part[1] + scheme + "://"
	})
}

func (e *exchange) run(c *client, send string) {
	c.send(send)
	e.judge(c)
}

// waitFor skips a test that shows what is known to be wrong with the server.
func waitFor(t *testing.T, open string) {
	t.Helper()
	if open != "" && os.Getenv("AWS_OPEN") == "" {
		t.Skip("open: " + open)
	}
}

// judge reads what comes back on a connection.
func (e *exchange) judge(c *client) {
	t := c.tb
	t.Helper()
	method := "GET"
	var last *response
	for word := range strings.FieldsSeq(e.want) {
		if word == "HEAD" {
			method = word
			continue
		}
		last = c.response(method)
		if fmt.Sprint(last.status) != word {
			t.Fatalf("wanted %s of %s, got %v", word, e.want, last)
		}
		method = "GET"
	}
	if last != nil {
		e.judgeLast(t, last)
		if last.closes() != bool(e.then) {
			t.Errorf("RFC 9112 section 9.6: Connection: %s", last.get("Connection"))
		}
	}
	if e.then == closed {
		c.expectEnd()
		return
	}
	c.send(get("/ten"))
	if a := c.response("GET"); a.status != 200 || a.body != "0123456789" {
		t.Errorf("the next request on the connection got %v", a)
	}
}

func (e *exchange) judgeLast(t testing.TB, a *response) {
	t.Helper()
	for name, want := range e.fields {
		values := a.all(name)
		got := strings.Join(values, ", ")
		switch part, ok := strings.CutPrefix(want, "*"); {
		case want == "" && values != nil:
			t.Errorf("%s: %s should not be there", name, got)
		case ok && !strings.Contains(got, strings.TrimSuffix(part, "*")):
			t.Errorf("%s: %s does not have %s", name, got, want)
		case !ok && want != "" && !slices.Contains(values, want):
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if e.body != "" && a.body != e.body || e.empty && a.body != "" {
		t.Errorf("body %.200q, want %.200q", a.body, e.body)
	}
	if t, ok := t.(*testing.T); ok && e.see != nil {
		e.see(t, a)
	}
	if t.Failed() {
		t.Logf("the last response: %v", a)
	}
}
