package tlsconn

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"

	"aws/internal/tlsrecord"
)

// Facts are what a handshake has negotiated. They do not change, and have no secrets.
type Facts struct {
	Version    uint16 // tls.VersionTLS12 or tls.VersionTLS13
	Suite      uint16 // the cipher suite
	Resumed    bool
	ServerName string // that the client asked for; "" if it named none
	Protocol   string // by ALPN; "" if none
	Client     string // ClientSubject
}

// ClientSubject returns the subject of the verified client certificate, as RFC 2253 writes it, or "" if the client has
// none. It is for the log. The characters are the client's CA's choice: they must be escaped.
func ClientSubject(state *tls.ConnectionState) string {
	if len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return ""
	}
	return state.VerifiedChains[0][0].Subject.String()
}

// Result is what Open has found.
type Result uint8

// The results of Open.
const (
	Incomplete Result = iota // the record has not arrived in full
	Data                     // application data, which may be empty
	Control                  // a record that concerns TLS alone
	Closed                   // the client has closed its side (close_notify)
	Broken                   // the connection is over: the alert that AppendAlert appends says why
)

// Records protects and opens the records of one connection after its handshake: those of TLS 1.3 by package tlsrecord, others by
// crypto/tls.
type Records struct {
	*Facts    // which others may keep without the keys
	sender    tlsrecord.Sender
	receiver  tlsrecord.Receiver
	legacy    *legacy // instead of both, below TLS 1.3
	updateDue bool    // the client has asked for a KeyUpdate
	alert     tlsrecord.Alert
}

// Sizes in bytes.
const (
	Overhead      = tlsrecord.OverheadBytes // of a record of TLS 1.3
	OverheadMax   = 5 + 16 + 48 + 16        // of any record: header, nonce, tag or MAC, padding
	AlertBytesMax = 5 + OverheadMax         // of a record with an alert or a KeyUpdate
)

// TypeAlert is the content type of a record with an alert.
const TypeAlert = uint32(tlsrecord.TypeAlert)

// ContentMax is the most content that one record holds.
const ContentMax = tlsrecord.ContentMax

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
func (h *Handshake) Records() (r *Records, rest []byte, err error) {
	rest = h.wire.in[h.wire.read:]
	h.wire.in, h.wire.read, h.wire.local = nil, 0, nil
	h.next, h.stop = nil, nil
	r, err = h.newRecords()
	return r, rest, err
}

func (h *Handshake) newRecords() (*Records, error) {
	state := h.conn.ConnectionState()
	r := &Records{Facts: &Facts{
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

// HasRecord reports whether buf begins with a whole record.
func HasRecord(buf []byte) bool {
	return len(buf) >= recordHeaderBytes && len(buf) >= recordHeaderBytes+int(buf[3])<<8+int(buf[4])
}

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
		n := min(len(content), ContentMax)
		dst = r.sender.Seal(dst, tlsrecord.TypeData, content[:n])
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

// Opened is what Open has found: the first Bytes bytes are used, and From and To bound the application data in them.
type Opened struct {
	Result   Result
	Bytes    int
	From, To int
}

// Open opens the first record of what has been received, in place.
func (r *Records) Open(buf []byte) Opened {
	if r.legacy != nil {
		return r.legacy.open(buf)
	}
	o := r.receiver.Open(buf)
	opened := Opened{Bytes: o.Bytes}
	switch o.Result {
	case tlsrecord.Incomplete:
	case tlsrecord.Data:
		opened.Result, opened.From, opened.To = Data, o.From, o.To
	case tlsrecord.UpdateRequested:
		r.updateDue = true
		opened.Result = Control
	case tlsrecord.Nothing:
		opened.Result = Control
	case tlsrecord.Closed, tlsrecord.PeerAlert:
		opened.Result = Closed
	case tlsrecord.Broken:
		r.alert = o.Alert
		opened.Result = Broken
	}
	return opened
}

// isRefused reports whether crypto/tls refuses a record of TLS 1.2 for its header alone (RFC 5246, section 6.2.3).
func isRefused(buf []byte) bool {
	return len(buf) >= recordHeaderBytes && (buf[1] != 3 || buf[2] != 3 || int(buf[3])<<8+int(buf[4]) > 16384+2048)
}

// open lets crypto/tls open a record, whose content takes the place of the record's beginning.
func (l *legacy) open(buf []byte) Opened {
	if !HasRecord(buf) && !isRefused(buf) {
		return Opened{}
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
		return Opened{Result: Data, Bytes: n, To: m}
	case err == nil || errors.Is(err, errAgain):
		return Opened{Result: Control, Bytes: n}
	case errors.Is(err, io.EOF):
		return Opened{Result: Closed, Bytes: n}
	default:
		return Opened{Result: Broken, Bytes: n}
	}
}
