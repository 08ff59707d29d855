package conformance

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// patience is how long an exchange may take at all, on a slow and busy machine.
const patience = 2 * time.Minute

// client is a connection to the server under test.
type client struct {
	net.Conn
	tb testing.TB
	r  *bufio.Reader
}

func dial(tb testing.TB, address string) *client {
	tb.Helper()
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, address, patience)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(patience))
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return &client{Conn: conn, tb: tb, r: bufio.NewReaderSize(conn, 64<<10)}
}

// dial makes a connection of TLS 1.3, whose end in order is a close_notify. Sessions are resumed.
func (s secureSide) dial(tb testing.TB) *client {
	tb.Helper()
	c := dial(tb, s.address)
	secure := tls.Client(harness.WatchEnd(c.Conn), s.client)
	if err := secure.Handshake(); err != nil {
		tb.Fatal(err)
	}
	return &client{Conn: secure, tb: tb, r: bufio.NewReaderSize(secure, 64<<10)}
}

// send ignores errors: a server may refuse a request and hang up before it has read all of it.
func (c *client) send(text string) { _, _ = io.WriteString(c.Conn, text) }

// halfClose ends the client's direction.
func (c *client) halfClose() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// response reads one response to a request with the method and fails the test if it is malformed.
func (c *client) response(method string) *response {
	c.tb.Helper()
	a, err := readResponse(c.r, method)
	if err != nil {
		c.tb.Fatalf("response: %v", err)
	}
	return a
}

// expectEnd fails the test unless the server has ended the connection and sent nothing more. It may do
// so by a reset where it has not read everything that was sent.
func (c *client) expectEnd() {
	c.tb.Helper()
	b, err := c.r.ReadByte()
	switch {
	case err == nil:
		rest, _ := c.r.Peek(c.r.Buffered())
		c.tb.Fatalf("more came: %.300q", string(b)+string(rest))
	case !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET):
		c.tb.Fatalf("the connection is still open: %v", err)
	}
}

// response is a response that has been taken apart.
type response struct {
	status int
	reason string
	fields []field
	body   string
}

type field struct{ name, value string }

func (a *response) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s\n", a.status, a.reason)
	for _, f := range a.fields {
		fmt.Fprintf(&b, "    %s: %s\n", f.name, f.value)
	}
	fmt.Fprintf(&b, "    %d bytes of body %.100q", len(a.body), a.body)
	return b.String()
}

// all returns the values of a field.
func (a *response) all(name string) (values []string) {
	for _, f := range a.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, f.value)
		}
	}
	return values
}

// get returns the value of a field, "" without one.
func (a *response) get(name string) string { return strings.Join(a.all(name), ", ") }

// closes reports whether the response says that it is the connection's last.
func (a *response) closes() bool { return strings.EqualFold(a.get("Connection"), "close") }

var (
	statusLine = regexp.MustCompile(`^HTTP/1\.1 ([1-5]\d\d) ([A-Za-z -]+)\r\n$`)
	fieldLine  = regexp.MustCompile("^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\\x21-\\x7e\\x80-\\xff](?:[\\t\\x20-\\x7e\\x80-\\xff]*[\\x21-\\x7e\\x80-\\xff])?)\r\n$")
	rangeField = regexp.MustCompile(`^bytes (\d+)-(\d+)/(\d+)$`)
	starField  = regexp.MustCompile(`^bytes \*/(\d+)$`)
	strongTag  = regexp.MustCompile(`^"[\x21\x23-\x7e]+"$`)
)

// mayRepeat are the fields that may come in several lines (RFC 9110 section 5.3).
var mayRepeat = map[string]bool{"X-Twice": true}

// readResponse reads a response and refuses all that the RFCs do.
func readResponse(r *bufio.Reader, method string) (*response, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("status line %q: %w", line, err)
	}
	match := statusLine.FindStringSubmatch(line)
	if match == nil {
		return nil, fmt.Errorf("status line %.200q", line)
	}
	a := &response{reason: match[2]}
	a.status, _ = strconv.Atoi(match[1])
	for {
		if line, err = r.ReadString('\n'); err != nil {
			return a, fmt.Errorf("field line %q: %w", line, err)
		}
		if line == "\r\n" {
			break
		}
		match := fieldLine.FindStringSubmatch(line)
		if match == nil {
			return a, fmt.Errorf("field line %.200q", line)
		}
		if a.all(match[1]) != nil && !mayRepeat[match[1]] {
			return a, fmt.Errorf("%s comes twice", match[1])
		}
		a.fields = append(a.fields, field{match[1], match[2]})
	}
	if err := a.checkHead(method); err != nil {
		return a, fmt.Errorf("%w in\n%v", err, a)
	}
	if a.hasBody(method) {
		length, _ := strconv.ParseInt(a.get("Content-Length"), 10, 64)
		body := make([]byte, length)
		n, err := io.ReadFull(r, body)
		a.body = string(body[:n])
		if err != nil {
			return a, fmt.Errorf("body of %d bytes, %d came: %w", length, n, err)
		}
	}
	return a, nil
}

// hasBody reports whether bytes follow the head (RFC 9112 section 6.3).
func (a *response) hasBody(method string) bool {
	return method != http.MethodHead && a.status/100 != 1 && a.status != 204 && a.status != 304
}

// checkHead holds a response's head against what is true of all of them.
func (a *response) checkHead(method string) error {
	if date, err := http.ParseTime(a.get("Date")); err != nil || date.Format(http.TimeFormat) != a.get("Date") {
		return fmt.Errorf("RFC 9110 section 6.6.1: Date %q", a.get("Date"))
	} else if age := time.Since(date); age > patience || age < -patience {
		return fmt.Errorf("RFC 9110 section 6.6.1: Date %q is not now", a.get("Date"))
	}
	if a.all("Transfer-Encoding") != nil {
		return errors.New("RFC 9112 section 6.1: nothing is sent chunked")
	}
	if _, err := strconv.ParseUint(a.get("Content-Length"), 10, 63); err != nil && a.hasBody(method) {
		return fmt.Errorf("RFC 9110 section 8.6: Content-Length %q", a.get("Content-Length"))
	}
	if a.status == 204 && a.all("Content-Length") != nil {
		return errors.New("RFC 9110 section 8.6: Content-Length in a 204")
	}
	if a.get("X-Content-Type-Options") != "nosniff" {
		return errors.New("no nosniff")
	}
	if tag := a.get("ETag"); tag != "" && !strongTag.MatchString(tag) {
		return fmt.Errorf("RFC 9110 section 8.8.3: ETag %q", tag)
	}
	if modified := a.get("Last-Modified"); modified != "" {
		if at, err := http.ParseTime(modified); err != nil || at.Format(http.TimeFormat) != modified {
			return fmt.Errorf("RFC 9110 section 8.8.2: Last-Modified %q", modified)
		}
	}
	return a.checkStatus(method)
}

// checkStatus looks for what a status asks for.
func (a *response) checkStatus(method string) error {
	switch a.status {
	case 200:
		if a.hasBody(method) && a.get("Content-Type") == "" && a.get("Content-Length") != "0" {
			return errors.New("RFC 9110 section 8.3: no Content-Type")
		}
	case 206:
		multipart := strings.HasPrefix(a.get("Content-Type"), "multipart/byteranges; boundary=")
		match := rangeField.FindStringSubmatch(a.get("Content-Range"))
		if multipart == (match != nil) {
			return errors.New("RFC 9110 section 15.3.7: either Content-Range or multipart/byteranges")
		}
		if match == nil {
			break
		}
		first, _ := strconv.ParseInt(match[1], 10, 64)
		last, _ := strconv.ParseInt(match[2], 10, 64)
		size, _ := strconv.ParseInt(match[3], 10, 64)
		if last < first || last >= size || a.get("Content-Length") != strconv.FormatInt(last-first+1, 10) {
			return fmt.Errorf("RFC 9110 section 14.4: Content-Range %v, Content-Length %s", match, a.get("Content-Length"))
		}
	case 301:
		if a.get("Location") == "" {
			return errors.New("RFC 9110 section 15.4.2: no Location")
		}
	case 304:
		for _, name := range []string{"Content-Type", "Content-Range", "Content-Encoding"} {
			if a.all(name) != nil {
				return fmt.Errorf("RFC 9110 section 15.4.5: %s in a 304", name)
			}
		}
	case 405:
		if a.get("Allow") == "" {
			return errors.New("RFC 9110 section 15.5.6: no Allow")
		}
	case 416:
		if !starField.MatchString(a.get("Content-Range")) {
			return errors.New("RFC 9110 section 15.5.17: no Content-Range")
		}
	case 503:
		if a.get("Retry-After") == "" {
			return errors.New("RFC 9110 section 15.6.4: no Retry-After")
		}
	}
	if a.status != 206 && a.status != 416 && a.all("Content-Range") != nil {
		return errors.New("RFC 9110 section 14.4: Content-Range")
	}
	return nil
}

// request composes a request of HTTP/1.1 from lines without their ends.
func request(method, target string, fields ...string) string {
	return method + " " + target + " HTTP/1.1\r\nHost: x\r\n" + lines(fields...) + "\r\n"
}

func get(target string, fields ...string) string { return request("GET", target, fields...) }

func lines(fields ...string) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	return b.String()
}

// fetch makes one exchange on a connection of its own.
func fetch(tb testing.TB, address, method, target string, fields ...string) *response {
	tb.Helper()
	c := dial(tb, address)
	defer func() { _ = c.Close() }()
	c.send(request(method, target, fields...))
	return c.response(method)
}

// alive fails the test unless the server still serves.
func alive(tb testing.TB, s *harness.Server) {
	tb.Helper()
	if a := fetch(tb, s.Address, "GET", "/ten"); a.status != 200 || a.body != "0123456789" {
		tb.Fatalf("the server does not serve: %v", a)
	}
}
