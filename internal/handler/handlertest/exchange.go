package handlertest

import (
	"bufio"
	"bytes"
	"fmt"
	"net/textproto"
	"strconv"
	"strings"
	"testing"

	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"
)

// Exchange is a request and the response to it.
type Exchange struct {
	handler.Response
	Decided bool                 // false: it has to be waited for
	Header  textproto.MIMEHeader // of the response
	Memory  string               // the part of the body that is in memory, ahead of the file's bytes
	File    string               // the name of the file whose bytes are sent; "": none
	Dir     string               // the directory of the root of that file
}

// Do has the handler decide about a request, refused by the parser or not, and checks what holds for every response: its head
// can be parsed, Content-Length is the length of the body, a file is one that is there, and all other references
// are released. Each newline of text stands for CR LF.
func (s *Site) Do(t testing.TB, text string) *Exchange {
	t.Helper()
	head := []byte(strings.ReplaceAll(text, "\n", "\r\n"))
	var req request.Request
	req.Reset(s.handler.Limits())
	e := &Exchange{Decided: true}
	e.Reset()
	switch req.Parse(head) {
	case request.Complete:
		e.Decided = s.responder.Respond(&e.Response, &req, head, s.Files())
	case request.Incomplete:
		t.Fatalf("%q is incomplete", text)
	default:
		s.responder.Refuse(&e.Response, &req, s.Files())
	}
	s.Verify(t, e, req.Method)
	return e
}

// Responder returns the handler's responder, for what Do does not do.
func (s *Site) Responder() handler.Responder { return s.responder }

// Verify checks what holds for every response, and completes the exchange.
func (s *Site) Verify(t testing.TB, e *Exchange, method request.Method) {
	t.Helper()
	r := &e.Response
	if !e.Decided {
		if len(s.refs) > 0 || r.File != nil {
			t.Errorf("a request that has to wait holds %d files", len(s.refs))
		}
		return
	}
	s.checkFile(t, e)
	statusLine, fields, _ := strings.Cut(string(r.Head), "\r\n")
	if want := fmt.Sprintf("HTTP/1.1 %d %s", r.Status, r.Status.Reason()); statusLine != want {
		t.Errorf("status line %q, want %q", statusLine, want)
	}
	var err error
	if e.Header, err = textproto.NewReader(bufio.NewReader(strings.NewReader(fields))).ReadMIMEHeader(); err != nil {
		t.Fatalf("%q: %v", r.Head, err)
	}
	checkFields(t, e)
	n := r.HeadLen()
	if n < 4 || string(r.Head[n-4:n]) != "\r\n\r\n" || bytes.Contains(r.Head[:n-4], []byte("\r\n\r\n")) {
		t.Fatalf("the head of %q is not its first %d bytes", r.Head, n)
	}
	e.Memory = string(r.Head[n:]) + string(r.Shared)
	length := int64(len(e.Memory)) + r.To - r.From + int64(len(r.PartText))
	for _, p := range r.Parts {
		length += p.To - p.From
	}
	bodiless := method == request.MethodHead || r.Status == 204 || r.Status == 304
	switch {
	case r.Generator != nil && (length > 0 || e.Header.Get("Content-Length") != "" || r.Chunked != (e.Header.Get("Transfer-Encoding") == "chunked") || !r.Chunked && r.KeepAlive):
		t.Errorf("generated content, with %d bytes besides it and %q", length, r.Head)
	case r.Generator != nil:
		r.Generator.Close(directories{})
	case bodiless && length > 0:
		t.Errorf("a response that has no body has one of %d bytes", length)
	case bodiless && e.Header.Get("Transfer-Encoding") != "":
	case !bodiless && e.Header.Get("Content-Length") != strconv.FormatInt(length, 10):
		t.Errorf("Content-Length is %q, and the body has %d bytes", e.Header.Get("Content-Length"), length)
	case (r.Status == 204 || r.Status == 304) && e.Header.Get("Content-Length") != "":
		t.Errorf("status %d with Content-Length", r.Status)
	}
	if keeps := !strings.EqualFold(e.Header.Get("Connection"), "close"); keeps != r.KeepAlive {
		t.Errorf("Connection: %q, and KeepAlive is %v", e.Header.Get("Connection"), r.KeepAlive)
	}
}

// once are the fields that a response has at most once, and of which a configuration has no say in more than one.
var once = []string{
	"Date", "Server", "Content-Length", "Content-Type", "Content-Encoding", "Content-Range", "Etag", "Last-Modified", "Accept-Ranges", "Connection",
	"Location", "Allow", "Transfer-Encoding", "Content-Disposition", "Retry-After", "Www-Authenticate", "Cache-Control", "Vary", "X-Content-Type-Options", "Access-Control-Allow-Origin",
	"Access-Control-Allow-Methods", "Access-Control-Allow-Credentials", "Access-Control-Max-Age",
}

// never are the fields that no response has: the body is framed by Content-Length alone, and connections are not upgraded.
var never = []string{"Keep-Alive", "Trailer", "Te", "Upgrade", "Proxy-Connection"}

// required are the fields that responses with these statuses have (RFC 9110 section 15).
var required = map[response.Status][]string{
	response.MovedPermanently: {"Location"}, response.Unauthorized: {"Www-Authenticate"}, response.MethodNotAllowed: {"Allow"},
	response.RangeNotSatisfiable: {"Content-Range"}, response.NotModified: {"Etag"}, response.PartialContent: {"Content-Type", "Etag"},
}

// checkFields checks which fields are there, and how often.
func checkFields(t testing.TB, e *Exchange) {
	t.Helper()
	for _, name := range once {
		if values := e.Header[name]; len(values) > 1 {
			t.Errorf("%s is there %d times: %q", name, len(values), values)
		}
	}
	for _, name := range never {
		if e.Header[name] != nil {
			t.Errorf("%s: %q", name, e.Header[name])
		}
	}
	if e.Header["Transfer-Encoding"] != nil && e.Header["Content-Disposition"] == nil {
		t.Errorf("Transfer-Encoding: %q of what is not an archive", e.Header["Transfer-Encoding"])
	}
	for _, name := range append(required[e.Status], "Date") {
		if len(e.Header[name]) != 1 {
			t.Errorf("status %d with %s: %q", e.Status, name, e.Header[name])
		}
	}
	isPart := e.Status == response.PartialContent && !strings.HasPrefix(e.Header.Get("Content-Type"), "multipart/byteranges")
	if _, has := e.Header["Content-Range"]; has != (isPart || e.Status == response.RangeNotSatisfiable) {
		t.Errorf("status %d and Content-Type %s with Content-Range: %q", e.Status, e.Header.Get("Content-Type"), e.Header.Get("Content-Range"))
	}
	seen := map[string]bool{}
	for name := range strings.SplitSeq(strings.ToLower(e.Header.Get("Vary")), ", ") {
		if seen[name] {
			t.Errorf("Vary has %s twice: %s", name, e.Header.Get("Vary"))
		}
		seen[name] = true
	}
}

// checkFile checks the file of a response, and releases it.
func (s *Site) checkFile(t testing.TB, e *Exchange) {
	t.Helper()
	r := &e.Response
	if r.From > r.To || r.File == nil && (r.From != r.To || len(r.Parts) > 0) {
		t.Errorf("the body is [%d, %d) and %d parts of %v", r.From, r.To, len(r.Parts), r.File)
	}
	if f := r.File; f != nil {
		e.File, e.Dir = f.Name, f.Mount.Dir
		if f.Class != kernel.Done {
			t.Errorf("the response is about %q, which is %v", f.Name, f.Class)
		}
		if r.From < 0 || r.To > f.Size {
			t.Errorf("bytes [%d, %d) of a file of %d", r.From, r.To, f.Size)
		}
		s.Files().Release(f)
		r.File = nil
	}
	for f, n := range s.refs {
		t.Errorf("%d references of %q, %v, are not released", n, f.Name, f.Class)
	}
	clear(s.refs)
}
