package tlsserver

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"

	"aws/internal/tlsconn"
	"aws/internal/tlsrecord"
)

// ClientSubject returns the subject of the verified client certificate, as RFC 2253 writes it, or "" if the client has
// none. It is for the log. The characters are the client's CA's choice: they must be escaped.
func ClientSubject(state *tls.ConnectionState) string {
	if len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return ""
	}
	return state.VerifiedChains[0][0].Subject.String()
}

// Records protects and opens the records of one connection after its handshake: those of TLS 1.3 by package tlsrecord, others by
// crypto/tls.
type Records struct {
	facts     *tlsconn.Facts // which others may keep without the keys
	sender    tlsrecord.Sender
	receiver  tlsrecord.Receiver
	legacy    *legacy // instead of both, below TLS 1.3
	updateDue bool    // the client has asked for a KeyUpdate
	alert     tlsrecord.Alert
}

// retainedBytesMax is how large a copy of a record may be whose memory an idle connection keeps.
const retainedBytesMax = 1 << 10

// legacy is a connection whose records are those of crypto/tls.
type legacy struct {
	conn  *tls.Conn
	wire  *wire
	alert []byte // that it has written in response to a record
}

// Records returns the records of a handshake that is done, and what was fed beyond it, which is their first input. The handshake must not
// be used afterwards.
func (h *Handshake) Records() (r tlsconn.Records, rest []byte, err error) {
	rest = h.wire.in[h.wire.read:]
	h.wire.in, h.wire.read, h.wire.local = nil, 0, nil
	records, err := h.newRecords()
	return records, rest, err
}

func (h *Handshake) newRecords() (*Records, error) {
	state := h.conn.ConnectionState()
	r := &Records{facts: &tlsconn.Facts{
		Version: state.Version, Suite: state.CipherSuite, Resumed: state.DidResume,
		ServerName: state.ServerName, Protocol: state.NegotiatedProtocol, Client: ClientSubject(&state),
	}}
	if state.Version != tls.VersionTLS13 {
		h.wire.out = nil
		r.legacy = &legacy{conn: h.conn, wire: &h.wire}
		return r, nil
	}
	client, server := h.secrets.Client, h.secrets.Server
	if client == nil || server == nil {
		return nil, errors.New("crypto/tls has logged no traffic secrets")
	}
	sealed, err := tlsrecord.CountSealed(state.CipherSuite, server, h.wire.out)
	if err != nil {
		return nil, err
	}
	if err := r.sender.Init(state.CipherSuite, server, sealed); err != nil {
		return nil, fmt.Errorf("keys of the server: %w", err)
	}
	if err := r.receiver.Init(state.CipherSuite, client, 0); err != nil {
		return nil, fmt.Errorf("keys of the client: %w", err)
	}
	return r, nil
}

// Facts implements tlsconn.Records.
func (r *Records) Facts() *tlsconn.Facts { return r.facts }

// CanRewind reports whether records that were not sent can be sealed again.
func (r *Records) CanRewind() bool { return r.legacy == nil }

// Sequence returns the number of the next record that is sealed. It is 0 where records can't be sealed again.
func (r *Records) Sequence() uint64 {
	if r.legacy != nil {
		return 0
	}
	return r.sender.Sequence()
}

// Seal appends records with the content. An empty content takes no record.
func (r *Records) Seal(dst, content []byte) []byte {
	if l := r.legacy; l != nil {
		return l.capture(dst, func() { _, _ = l.conn.Write(content) })
	}
	for len(content) > 0 {
		n := min(len(content), tlsrecord.ContentMax)
		dst = r.sender.Seal(dst, tlsrecord.TypeData, content[:n])
		content = content[n:]
	}
	return dst
}

// SealOwn does the same with content that is in the caller's own memory, with room for a byte behind it, which is changed in between.
func (r *Records) SealOwn(dst, content []byte) []byte {
	if r.legacy != nil {
		return r.Seal(dst, content)
	}
	for len(content) > 0 {
		n := min(len(content), tlsrecord.ContentMax)
		dst = r.sender.SealOwn(dst, tlsrecord.TypeData, content[:n])
		content = content[n:]
	}
	return dst
}

// SealInPlace makes a record of the n bytes of content that stand behind the room for its header in buf.
func (r *Records) SealInPlace(buf []byte, n int) {
	r.sender.SealInPlace(buf, tlsrecord.TypeData, n)
}

// AppendAlert appends the last record of the connection: a close_notify, or the alert that says what was wrong with a record
// that has been received.
func (r *Records) AppendAlert(dst []byte) []byte {
	if l := r.legacy; l != nil {
		if l.alert != nil {
			return append(dst, l.alert...)
		}
		return l.capture(dst, func() { _ = l.conn.CloseWrite() })
	}
	return r.sender.SealAlert(dst, r.alert)
}

// Alert returns the content of the record that AppendAlert appends. It is for TLS 1.3 only.
func (r *Records) Alert() [2]byte { return r.alert.Content() }

// Export returns what another implementation of TLS 1.3 needs to make the records that follow; see package tlsrecord.
func (r *Records) Export() (key, iv []byte, sequence uint64, err error) { return r.sender.Export() }

// KeyUpdateDue reports whether a KeyUpdate has to be sent before any other record.
func (r *Records) KeyUpdateDue() bool {
	return r.legacy == nil && (r.updateDue || r.sender.UpdateDue())
}

// SealKeyUpdate appends a KeyUpdate. The records that follow are protected with the next key.
func (r *Records) SealKeyUpdate(dst []byte) ([]byte, error) {
	r.updateDue = false
	return r.sender.SealUpdate(dst)
}

// capture appends what a function lets crypto/tls write.
func (l *legacy) capture(dst []byte, write func()) []byte {
	l.wire.out = dst
	write()
	dst, l.wire.out = l.wire.out, nil
	return dst
}

// Open opens the first record of what has been received, in place.
func (r *Records) Open(buf []byte) tlsconn.Opened {
	if r.legacy != nil {
		return r.legacy.open(buf)
	}
	o := r.receiver.Open(buf)
	opened := tlsconn.Opened{Bytes: o.Bytes}
	switch o.Result {
	case tlsrecord.Incomplete:
	case tlsrecord.Data:
		opened.Result, opened.From, opened.To = tlsconn.Data, o.From, o.To
	case tlsrecord.UpdateRequested:
		r.updateDue = true
		opened.Result = tlsconn.Control
	case tlsrecord.Nothing:
		opened.Result = tlsconn.Control
	case tlsrecord.Closed, tlsrecord.PeerAlert:
		opened.Result = tlsconn.Closed
	case tlsrecord.Broken:
		r.alert = o.Alert
		opened.Result = tlsconn.Broken
	}
	return opened
}

// isRefused reports whether crypto/tls refuses a record of TLS 1.2 for its header alone (RFC 5246, section 6.2.3).
func isRefused(buf []byte) bool {
	return len(buf) >= recordHeaderBytes && (buf[1] != 3 || buf[2] != 3 || int(buf[3])<<8+int(buf[4]) > 16384+2048)
}

// open lets crypto/tls open a record, whose content takes the place of the record's beginning.
func (l *legacy) open(buf []byte) tlsconn.Opened {
	if !tlsconn.HasRecord(buf) && !isRefused(buf) {
		return tlsconn.Opened{}
	}
	n := min(recordHeaderBytes+int(buf[3])<<8+int(buf[4]), len(buf))
	l.wire.in, l.wire.read = append(l.wire.in[:0], buf[:n]...), 0
	m, err := l.conn.Read(buf[:n])
	if cap(l.wire.in) > retainedBytesMax {
		l.wire.in = nil
	}
	l.alert, l.wire.out = append(l.alert, l.wire.out...), nil
	switch {
	case m > 0:
		return tlsconn.Opened{Result: tlsconn.Data, Bytes: n, To: m}
	case err == nil || errors.Is(err, errAgain):
		return tlsconn.Opened{Result: tlsconn.Control, Bytes: n}
	case errors.Is(err, io.EOF):
		return tlsconn.Opened{Result: tlsconn.Closed, Bytes: n}
	default:
		return tlsconn.Opened{Result: tlsconn.Broken, Bytes: n}
	}
}
