package tlsserver

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"aws/internal/tlsconn"
	"aws/internal/tlsrecord"
)

// Handshake is the server's side of one TLS handshake (RFC 8446, section 4; RFC 5246, section 7), by crypto/tls, in steps. It does no
// input or output: the caller feeds it what the client has sent, lets it go on, and sends its output.
//
// A handshake runs on a coroutine. All calls of Step and Stop for the handshakes on the same Coroutines must come from one goroutine
// if that is locked to its thread, and must not come at the same time.
type Handshake struct {
	conn       *tls.Conn
	wire       wire
	secrets    tlsrecord.Secrets
	coroutines *Coroutines
	on         *coroutine // nil before the first step, and when it is over
	stopped    bool
	err        error
}

// Handshakes returns handshakes that will run on these coroutines. configure is that of New.
func (s *Coroutines) Handshakes(configure func(keyLog io.Writer) *tls.Config) tlsconn.Handshakes {
	return func(local netip.AddrPort) tlsconn.Handshake { return s.New(local, configure) }
}

// New returns a handshake that will run on one of the coroutines. configure returns its configuration, which has to log the secrets of TLS 1.3 to keyLog. local is the
// address that the client has connected to; the zero value if that is not known.
func (s *Coroutines) New(local netip.AddrPort, configure func(keyLog io.Writer) *tls.Config) *Handshake {
	h := &Handshake{coroutines: s}
	if local.IsValid() {
		h.wire.local = net.TCPAddrFromAddrPort(local)
	}
	h.conn = tls.Server(&h.wire, configure(&h.secrets))
	return h
}

// Feed adds bytes that the client has sent. They are copied.
func (h *Handshake) Feed(b []byte) { h.wire.in = append(h.wire.in, b...) }

// TakeOutput returns what is to be sent to the client, once.
func (h *Handshake) TakeOutput() []byte {
	out := h.wire.out[h.wire.taken:]
	h.wire.taken = len(h.wire.out)
	return out
}

// Step lets the handshake go on until it needs more input or is over. It computes signatures and shared secrets, which takes up to some
// milliseconds.
func (h *Handshake) Step() tlsconn.Status {
	if h.on == nil {
		h.on = h.coroutines.take(h)
	}
	if !h.goOn() {
		return tlsconn.WantRead
	}
	if h.err != nil {
		return tlsconn.Failed
	}
	return tlsconn.Done
}

// goOn resumes the coroutine, and reports whether the handshake is over.
func (h *Handshake) goOn() bool {
	over, _ := h.on.next()
	if over {
		h.coroutines.give(h.on)
		h.on = nil
	}
	return over
}

// Stop ends a handshake that is not over.
func (h *Handshake) Stop() {
	if h.on != nil {
		h.stopped = true
		h.goOn()
	}
}

// Err returns why the handshake has failed.
func (h *Handshake) Err() error { return h.err }

// Failure returns the same as a label.
func (h *Handshake) Failure() tlsconn.Failure { return Classify(h.err) }

// PlainHTTP reports whether the handshake has failed because the client speaks plain HTTP.
func (h *Handshake) PlainHTTP() bool {
	var e tls.RecordHeaderError
	if !errors.As(h.err, &e) || e.Conn == nil {
		return false
	}
	switch string(e.RecordHeader[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH", "TRACE", "CONNE":
		return true
	}
	return false
}

// wire is the connection that crypto/tls reads from and writes to.
type wire struct {
	in    []byte
	read  int // bytes of in that have been read
	left  int // bytes of the record that is being read
	out   []byte
	taken int // bytes of out that TakeOutput has returned
	await func() bool
	local net.Addr
}

// recordHeaderBytes is the length of a record's header (RFC 8446, section 5.1).
const recordHeaderBytes = 5

// Read returns bytes of one record, so that crypto/tls holds none of the records that follow.
func (w *wire) Read(b []byte) (int, error) {
	for len(w.in)-w.read == 0 || w.left == 0 && len(w.in)-w.read < recordHeaderBytes {
		if w.await == nil {
			return 0, errAgain
		}
		if !w.await() {
			return 0, net.ErrClosed
		}
	}
	unread := w.in[w.read:]
	if w.left == 0 {
		w.left = recordHeaderBytes + int(unread[3])<<8 + int(unread[4])
	}
	n := copy(b[:min(len(b), w.left)], unread)
	w.left -= n
	if w.read += n; w.read == len(w.in) {
		w.in, w.read = w.in[:0], 0
	}
	return n, nil
}

// Write adds to the output.
func (w *wire) Write(b []byte) (int, error) {
	w.out = append(w.out, b...)
	return len(b), nil
}

// again is the error of a read that has to wait. crypto/tls takes it for one that is not final.
type again struct{}

func (again) Error() string   { return "no bytes" }
func (again) Timeout() bool   { return true }
func (again) Temporary() bool { return true }

var errAgain net.Error = again{}

func (w *wire) Close() error                     { return nil }
func (w *wire) LocalAddr() net.Addr              { return w.local }
func (w *wire) RemoteAddr() net.Addr             { return nil }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
