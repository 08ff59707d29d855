package tlsconn

import "net/netip"

// Handshakes returns a handshake with a client that has connected to a local address; the zero value if that is not known. Step and
// Stop of all the handshakes that it returns are called on one thread.
type Handshakes func(local netip.AddrPort) Handshake

// Status is what a step of a handshake has come to.
type Status uint8

// The statuses of a handshake.
const (
	WantRead Status = iota // it needs more of what the client sends
	Done                   // it is complete: Records
	Failed                 // Err says why; the output holds the alert
)

// Handshake is the server's side of one handshake (RFC 8446, section 4; RFC 5246, section 7), in steps. It does no input or output: the
// caller feeds it what the client has sent, lets it go on, and sends its output.
type Handshake interface {
	// Feed adds bytes that the client has sent. They are copied.
	Feed(b []byte)
	// Step lets the handshake go on until it needs more input or is over, which takes up to some milliseconds.
	Step() Status
	// TakeOutput returns what is to be sent to the client, once.
	TakeOutput() []byte
	// Stop ends a handshake that is not over.
	Stop()
	// Err returns why the handshake has failed, and Failure the same as a label.
	Err() error
	Failure() Failure
	// PlainHTTP reports whether it has failed because the client speaks plain HTTP.
	PlainHTTP() bool
	// Records returns the records of a handshake that is done, and what was fed beyond it, which is their first input. The
	// handshake must not be used afterwards.
	Records() (r Records, rest []byte, err error)
}

// Records protects and opens the records of one connection after its handshake.
type Records interface {
	// Facts returns what the handshake has negotiated.
	Facts() *Facts
	// Open opens the first record of what has been received, in place.
	Open(buf []byte) Opened
	// Seal appends records with the content. An empty content takes no record.
	Seal(dst, content []byte) []byte
	// SealOwn does the same without copying the content, which is in the caller's own memory with room for a byte behind it. That byte
	// is changed in between. dst must not overlap with it.
	SealOwn(dst, content []byte) []byte
	// SealInPlace makes a record of the n bytes of content that stand behind the room for its header in buf. It is for records
	// that CanRewind.
	SealInPlace(buf []byte, n int)
	// AppendAlert appends the last record of the connection: a close_notify, or the alert that says what was wrong with a record
	// that has been received. Alert returns its content, for records that CanRewind.
	AppendAlert(dst []byte) []byte
	Alert() [2]byte
	// KeyUpdateDue reports whether a KeyUpdate has to be sent before any other record, and SealKeyUpdate appends one.
	KeyUpdateDue() bool
	SealKeyUpdate(dst []byte) ([]byte, error)
	// CanRewind reports whether records that were not sent can be sealed again, as those of TLS 1.3 can.
	CanRewind() bool
	// Sequence returns the number of the next record that is sealed. It is 0 where records can't be sealed again.
	Sequence() uint64
	// Cut takes back the records that a socket has not begun to take, of those that were sealed from number first on: plain bytes
	// in length bytes of records, the last one a close_notify if ends is set. Of the records, sent bytes were taken. Those that are
	// taken back have to be sealed again, in the same order and with the same content.
	Cut(first uint64, plain, length, sent int, ends bool) Cut
	// Export returns what another implementation of TLS 1.3 needs to make the records that follow.
	Export() (key, iv []byte, sequence uint64, err error)
}

// Facts are what a handshake has negotiated. They do not change, and have no secrets.
type Facts struct {
	Version    uint16 // 0x0303 is TLS 1.2, 0x0304 is TLS 1.3
	Suite      uint16 // the cipher suite
	Resumed    bool
	ServerName string // that the client asked for; "" if it named none
	Protocol   string // by ALPN; "" if none
	Client     string // subject of the verified client certificate, as RFC 2253 writes it; "" if the client has none
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

// Opened is what Open has found: the first Bytes bytes are used, and From and To bound the application data in them.
type Opened struct {
	Result   Result
	Bytes    int
	From, To int
}

// Sizes in bytes.
const (
	Overhead      = 5 + 1 + 16       // of a record of TLS 1.3: header, content type, tag
	OverheadMax   = 5 + 16 + 48 + 16 // of any record: header, nonce, tag or MAC, padding
	AlertBytesMax = 5 + OverheadMax  // of a record with an alert or a KeyUpdate
)

// TypeAlert is the content type of a record with an alert.
const TypeAlert uint32 = 21

// ContentMax is the most content that one record holds.
const ContentMax = 1 << 14

// headerBytes is the length of a record's header (RFC 8446, section 5.1).
const headerBytes = 5

// HasRecord reports whether buf begins with a whole record.
func HasRecord(buf []byte) bool {
	return len(buf) >= headerBytes && len(buf) >= headerBytes+int(buf[3])<<8+int(buf[4])
}
