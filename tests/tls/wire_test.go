package tls

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// The alerts that the tests expect (RFC 8446, section 6), as crypto/tls calls them.
const (
	alertUnexpectedMessage = "tls: unexpected message"
	alertBadRecordMAC      = "tls: bad record MAC"
	alertProtocolVersion   = "tls: protocol version not supported"
	alertRecordOverflow    = "tls: record overflow"
)

// alertOf returns the alert of the server that a connection has ended with, or "".
func alertOf(err error) string {
	var remote *net.OpError
	if errors.As(err, &remote) && remote.Op == "remote error" {
		return remote.Err.Error()
	}
	return ""
}

// wire is a client's connection whose bytes a test changes on their way to the server.
type wire struct {
	*net.TCPConn
	sent   int                     // bytes that the client has written
	change func(b []byte) [][]byte // what is sent instead, in pieces; nil for b
}

func (w *wire) Write(b []byte) (int, error) {
	pieces := [][]byte{b}
	if w.change != nil {
		pieces = w.change(b)
	}
	w.sent += len(b)
	for i, piece := range pieces {
		if i > 0 {
			time.Sleep(200 * time.Microsecond) // so that the server receives them one by one, most of the time
		}
		if _, err := w.TCPConn.Write(piece); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// records splits what a client writes into records.
func records(b []byte) (list [][]byte) {
	for len(b) >= 5 {
		n := min(len(b), 5+int(b[3])<<8+int(b[4]))
		list = append(list, b[:n])
		b = b[n:]
	}
	return list
}

const getSmall = "GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n"

// take reads a response, which must be that for the small file.
func take(r *bufio.Reader) error {
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != 200 || !bytes.Equal(body, contents["small"])) {
		err = fmt.Errorf("%s with %d bytes", response.Status, len(body))
	}
	return err
}

// exchange completes a handshake and one request on a wire.
func exchange(w *wire, cfg *tls.Config) error {
	conn := tls.Client(w, cfg)
	if _, err := io.WriteString(conn, getSmall); err != nil {
		return err
	}
	return take(bufio.NewReader(conn))
}

// stream returns how many bytes a client sends until its request is complete, with the lengths of its writes.
func stream(t *testing.T, s *server, cfg *tls.Config) (total int) {
	t.Helper()
	w := &wire{TCPConn: s.connect(t)}
	if err := exchange(w, cfg); err != nil {
		t.Fatal(err)
	}
	return w.sent
}

// step returns the distance of the offsets that are tested.
func step(sample int) int {
	if os.Getenv("AWS_TLS_SPLITS") == "all" {
		return 1
	}
	return sample
}

// TestSplit cuts the handshake and the request in two, at every byte or a sample of them, and into single bytes.
func TestSplit(t *testing.T) {
	s := serve(t, newRoot(t))
	versions(t, func(t *testing.T, version uint16) {
		cfg := s.client(version)
		total := stream(t, s, cfg)
		runs := 0
		for at := 1; at < total; at += step(11) {
			w := &wire{TCPConn: s.connect(t)}
			w.change = func(b []byte) [][]byte {
				if n := at - w.sent; n > 0 && n < len(b) {
					return [][]byte{b[:n], b[n:]}
				}
				return [][]byte{b}
			}
			if err := exchange(w, cfg); err != nil {
				t.Errorf("cut at byte %d: %v", at, err)
			}
			_ = w.Close()
			runs++
		}
		w := &wire{TCPConn: s.connect(t)}
		w.change = func(b []byte) (single [][]byte) {
			for i := range b {
				single = append(single, b[i:i+1])
			}
			return single
		}
		if err := exchange(w, cfg); err != nil {
			t.Errorf("in single bytes: %v", err)
		}
		t.Logf("%d bytes, cut at %d places", total, runs)
	})
}

// TestCutClient ends a client's stream at every byte or a sample of them: nothing is served, and the server ends the connection.
func TestCutClient(t *testing.T) {
	s := serve(t, newRoot(t))
	versions(t, func(t *testing.T, version uint16) {
		cfg := s.client(version)
		total := stream(t, s, cfg)
		runs := 0
		for at := 0; at < total; at += step(13) {
			w := &wire{TCPConn: s.connect(t)}
			w.change = func(b []byte) [][]byte {
				n := at - w.sent
				if n >= len(b) {
					return [][]byte{b}
				}
				if n >= 0 {
					_, _ = w.TCPConn.Write(b[:n])
					_ = w.CloseWrite()
				}
				return nil
			}
			err := exchange(w, cfg)
			if err == nil {
				t.Errorf("cut at byte %d of %d: it was served", at, total)
			}
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Errorf("cut at byte %d of %d: %v", at, total, err)
			}
			_ = w.Close()
			runs++
		}
		if err := exchange(&wire{TCPConn: s.connect(t)}, cfg); err != nil {
			t.Error(err)
		}
		t.Logf("cut at %d places of %d", runs, total)
	})
}

// TestChangedHandshake changes a bit of what a client sends in its handshake: no request is served.
func TestChangedHandshake(t *testing.T) {
	s := serve(t, newRoot(t))
	versions(t, func(t *testing.T, version uint16) {
		cfg := s.client(version)
		w := &wire{TCPConn: s.connect(t)}
		headers := map[int]bool{} // offsets of the version in the headers of records, which is not protected
		w.change = func(b []byte) [][]byte {
			at := w.sent
			for _, r := range records(b) {
				headers[at+1], headers[at+2] = true, true
				at += len(r)
			}
			return [][]byte{b}
		}
		conn := tls.Client(w, cfg)
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		total := w.sent
		for at := 0; at < total; at += step(7) {
			w := &wire{TCPConn: s.connect(t)}
			_ = w.SetDeadline(time.Now().Add(patience))
			w.change = func(b []byte) [][]byte {
				n := at - w.sent
				if n < 0 || n >= len(b) {
					return [][]byte{b}
				}
				b = bytes.Clone(b)
				b[n] ^= 1 << (at % 8)
				_, _ = w.TCPConn.Write(b)
				_ = w.CloseWrite() // it may have become the beginning of a longer record
				return nil
			}
			if err := exchange(w, cfg); err == nil && !headers[at] {
				t.Errorf("byte %d of %d: it was served", at, total)
			}
			_ = w.Close()
		}
	})
}

// tampered sends two requests, each in a record, after the records were changed. It returns how many responses have come, and
// the error that ended the connection.
func tampered(t *testing.T, s *server, cfg *tls.Config, change func(first, second []byte) []byte) (responses int, err error) {
	t.Helper()
	w := &wire{TCPConn: s.connect(t)}
	defer func() { _ = w.Close() }()
	conn := tls.Client(w, cfg)
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	var pair [][]byte
	w.change = func(b []byte) [][]byte {
		pair = append(pair, bytes.Clone(b))
		return nil
	}
	for range 2 {
		if _, err := io.WriteString(conn, getSmall); err != nil {
			t.Fatal(err)
		}
	}
	w.change = nil
	if _, err := w.TCPConn.Write(change(pair[0], pair[1])); err != nil {
		t.Fatal(err)
	}
	if err := w.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for {
		if err := take(r); err != nil {
			return responses, err
		}
		responses++
	}
}

func join(list ...[]byte) []byte { return bytes.Join(list, nil) }

// TestTamperedRecords repeats, exchanges, drops, cuts and changes records with requests: the alert is the right one, and nothing is
// served from what is not authentic.
func TestTamperedRecords(t *testing.T) {
	s := serve(t, newRoot(t))
	versions(t, func(t *testing.T, version uint16) {
		cfg := s.client(version)
		for _, c := range []struct {
			name   string
			change func(a, b []byte) []byte
			served int
			alert  string // none where bytes are missing
		}{
			{"replay", func(a, _ []byte) []byte { return join(a, a) }, 1, alertBadRecordMAC},
			{"exchanged", func(a, b []byte) []byte { return join(b, a) }, 0, alertBadRecordMAC},
			{"dropped", func(_, b []byte) []byte { return b }, 0, alertBadRecordMAC},
			{"cut", func(a, _ []byte) []byte { return a[:len(a)-1] }, 0, ""},
			{"second cut", func(a, b []byte) []byte { return join(a, b[:len(b)-3]) }, 1, ""},
			{"plaintext", func(_, _ []byte) []byte { return []byte(getSmall) }, 0, alertUnexpectedMessage},
			{"too long", func(a, _ []byte) []byte { return append([]byte{a[0], a[1], a[2], 0xff, 0xff}, a[5:]...) }, 0, alertRecordOverflow},
			{"empty", func(a, _ []byte) []byte { return []byte{a[0], a[1], a[2], 0, 0} }, 0, alertBadRecordMAC},
			{"shorter", func(a, _ []byte) []byte { return join(a[:3], []byte{0, byte(len(a) - 6)}, a[5:len(a)-1]) }, 0, alertBadRecordMAC},
		} {
			t.Run(c.name, func(t *testing.T) {
				served, err := tampered(t, s, cfg, c.change)
				if served != c.served {
					t.Errorf("%d requests were served, want %d", served, c.served)
				}
				if version == tls.VersionTLS12 && c.name == "plaintext" {
					c.alert = alertProtocolVersion // crypto/tls looks at the version first
				}
				if got := alertOf(err); got != c.alert {
					t.Errorf("the end is %v, want the alert %q", err, c.alert)
				}
			})
		}
		t.Run("bits", func(t *testing.T) {
			for at := range 5 + len(getSmall) + 25 {
				length := 0
				served, err := tampered(t, s, cfg, func(a, _ []byte) []byte {
					length = len(a)
					a = bytes.Clone(a)
					a[min(at, len(a)-1)] ^= 1 << (at % 8)
					return a
				})
				if served != 0 {
					t.Errorf("byte %d: it was served", at)
				}
				if at >= 5 && at < length && alertOf(err) != alertBadRecordMAC {
					t.Errorf("byte %d: the end is %v", at, err)
				}
			}
		})
	})
}

// recorder is a client's connection that keeps what it receives.
type recorder struct {
	*net.TCPConn
	received []byte
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.TCPConn.Read(b)
	r.received = append(r.received, b[:n]...)
	return n, err
}

// TestFirstRecord looks at the records of a large file: the first one is small, so that a client far away can open it before the first
// acknowledgement has returned, and those that follow are full.
func TestFirstRecord(t *testing.T) {
	s := serve(t, newRoot(t))
	r := &recorder{TCPConn: s.connect(t)}
	conn := tls.Client(r, s.client(tls.VersionTLS13))
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	const full = 5 + 16384 + 1 + 16
	first, others := 0, 0
	for _, record := range records(r.received) {
		switch {
		case first == 0 && len(record) > 4096:
			first = len(record)
		case len(record) == full:
			others++
		}
	}
	if first > full/2+100 || others == 0 {
		t.Errorf("the first record of the file has %d bytes, and %d are full", first, others)
	}
}
