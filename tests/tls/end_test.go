package tls

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// TestShrinkingFile has a file become shorter while it is sent: that does not look like a whole response, and no
// close_notify comes.
func TestShrinkingFile(t *testing.T) {
	root := newRoot(t)
	s := serve(t, root)
	const size = 64 << 20 // more than the sockets take
	n := 0
	versions(t, func(t *testing.T, version uint16) {
		for _, directory := range []string{"", "dynamic/"} {
			for _, protocol := range []string{"1.0", "1.1"} {
				t.Run(directory+protocol, func(t *testing.T) {
					n++
					name := fmt.Sprintf("%sfile%d", directory, n)
					path := filepath.Join(root, name)
					harness.WriteFile(t, path, nil)
					if err := os.Truncate(path, size); err != nil {
						t.Fatal(err)
					}
					conn := s.handshake(t, s.client(version))
					defer func() { _ = conn.Close() }()
					fmt.Fprintf(conn, "GET /%s HTTP/%s\r\nHost: localhost\r\nConnection: close\r\n\r\n", name, protocol)
					r := bufio.NewReader(conn)
					response, err := http.ReadResponse(r, nil)
					if err != nil || response.ContentLength != size {
						t.Fatal(response, err)
					}
					if err := os.Truncate(path, 1000); err != nil {
						t.Fatal(err)
					}
					got, err := io.Copy(io.Discard, r)
					if err == nil || got == size {
						t.Errorf("%d bytes of %d came, and the end of the connection is one in order", got, size)
					} else if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) {
						t.Errorf("%d bytes, %v", got, err)
					}
				})
			}
		}
	})
}

// TestCloseNotify ends connections in order, in several ways: a close_notify comes (RFC 8446, section 6.1).
func TestCloseNotify(t *testing.T) {
	s := serve(t, newRoot(t), "--keepalive-timeout", "1s", "--read-header-timeout", "1s", "--max-body-bytes", "1KiB")
	versions(t, func(t *testing.T, version uint16) {
		for _, c := range []struct {
			name, send string
			half       bool // the client closes its direction behind the request
			want       string
		}{
			{"close", "GET /small HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", false, "200"},
			{"close, large", "GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", false, "200"},
			{"close, dynamic", "GET /dynamic/large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", false, "200"},
			{"close, several ranges", "GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nRange: bytes=1-2,100000-900000,-7\r\n\r\n", false, "206"},
			{"close, HEAD", "HEAD /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", false, "200"},
			{"HTTP/1.0", "GET /small HTTP/1.0\r\n\r\n", false, "200"},
			{"two and close", getSmall + "GET /dynamic/small HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", false, "200 200"},
			{"bad request", "GET\r\n\r\n", false, "400"},
			{"large body", "PUT /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n" + strings.Repeat("x", 5000), false, "413"},
			{"head too slow", "GET / HTTP/1.1\r\n", false, "408"},
			{"no request", "", false, ""},
			{"no next request", getSmall, false, "200"},
			{"half-closed", getSmall, true, "200"},
			{"half-closed, large", "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n", true, "200"},
			{"half-closed, dynamic", "GET /dynamic/large HTTP/1.1\r\nHost: localhost\r\n\r\n", true, "200"},
			{"half-closed at once", "", true, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				conn := s.handshake(t, s.client(version))
				defer func() { _ = conn.Close() }()
				if c.send != "" {
					if _, err := io.WriteString(conn, c.send); err != nil {
						t.Fatal(err)
					}
				}
				if c.half {
					if err := conn.CloseWrite(); err != nil {
						t.Fatal(err)
					}
				}
				got, err := io.ReadAll(conn)
				if err != nil {
					t.Errorf("the end: %v", err)
				}
				if got := statuses(t, c.send, got); got != c.want {
					t.Errorf("statuses %q, want %q", got, c.want)
				}
			})
		}
	})
}

// statuses returns the statuses of responses that are all complete.
func statuses(t *testing.T, sent string, b []byte) string {
	t.Helper()
	var list []string
	request := &http.Request{Method: strings.SplitN(sent, " ", 2)[0]}
	for r := bufio.NewReader(bytes.NewReader(b)); ; {
		if _, err := r.Peek(1); err != nil {
			return strings.Join(list, " ")
		}
		response, err := http.ReadResponse(r, request)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(response.Body); err != nil {
			t.Error(err)
		}
		list = append(list, fmt.Sprint(response.StatusCode))
	}
}

// TestCloseNotifyAtShutdown ends a server: connections without a request get a close_notify, and a response ends first.
func TestCloseNotifyAtShutdown(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, version uint16) {
		s := serve(t, newRoot(t))
		idle, busy := s.handshake(t, s.client(version)), s.handshake(t, s.client(version))
		fmt.Fprint(busy, "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
		r := bufio.NewReader(busy)
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Signal(t, syscall.SIGTERM)
		if got, err := io.ReadAll(idle); err != nil || len(got) > 0 {
			t.Errorf("the idle connection: %d bytes, %v", len(got), err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Error(err)
		}
		same(t, "body", body, contents["large"])
		if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
			t.Errorf("behind the response: %d bytes, %v", len(rest), err)
		}
		_, _ = idle.Close(), busy.Close()
		if status := s.Wait(t); status != 0 {
			t.Errorf("exit status %d", status)
		}
	})
}

// TestPlainHTTP speaks HTTP to the port of https: the response says what is wrong.
func TestPlainHTTP(t *testing.T) {
	s := serve(t, newRoot(t))
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
		conn := s.connect(t)
		fmt.Fprintf(conn, "%s / HTTP/1.1\r\nHost: localhost\r\n\r\n", method)
		response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "GET"})
		if err != nil || response.StatusCode != 400 || !response.Close {
			t.Fatalf("%s: %v, %v", method, response, err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || !strings.Contains(string(body), "https://") {
			t.Errorf("%s: %q, %v", method, body, err)
		}
	}
	// What is neither TLS nor HTTP gets an alert, and nothing else.
	conn := s.connect(t)
	fmt.Fprint(conn, "SSH-2.0-OpenSSH_9.2\r\n")
	got, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) || len(got) > 7 {
		t.Errorf("%q, %v", got, err)
	}
	if err := exchange(&wire{TCPConn: s.connect(t)}, s.client(tls.VersionTLS13)); err != nil {
		t.Error(err)
	}
}

// TestSlowClientHalfCloses has a client that reads slowly send a close_notify behind its last request: what the server has not read
// must not cause a reset, which would take away the end of the response.
func TestSlowClientHalfCloses(t *testing.T) {
	s := serve(t, newRoot(t))
	versions(t, func(t *testing.T, version uint16) {
		for _, path := range []string{"/large", "/dynamic/large"} {
			socket := s.connect(t)
			if err := socket.SetReadBuffer(64 << 10); err != nil {
				t.Fatal(err)
			}
			conn := tls.Client(socket, s.client(version))
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nRange: bytes=0-4999999\r\n\r\n", path)
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			for {
				_, err := io.CopyN(&got, conn, 32<<10)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Errorf("%s: after %d bytes: %v", path, got.Len(), err)
					break
				}
				time.Sleep(time.Millisecond)
			}
			_ = conn.Close()
		}
	})
}
