package goloop

import (
	"net/netip"

	"aws/internal/handler"

	"aws/internal/freelist"
	"aws/internal/kernel"
	"aws/internal/rate"
	"aws/internal/tlsconn"
)

// TLS is where the configuration of handshakes comes from. Its methods are called by all of the loops.
type TLS interface {
	// Handshakes returns where the handshakes of one loop come from.
	Handshakes() tlsconn.Handshakes
	// SiteOf returns the name of the site that a handshake was for, by the server name of the client and the address that it has
	// connected to; ok is false if there is none.
	SiteOf(serverName string, local netip.AddrPort) (name string, ok bool)
}

// tlsConn is the TLS of a connection: its handshake, and then its records. The states and exchanges above it have plaintext only:
// received records are opened before stepReading, and what is sent is sealed behind sendMessage and fileBody.addSends. The content
// of a record counts as sent when the socket has taken all of the record.
type tlsConn struct {
	handshake *handshake      // until it is over; else nil
	records   tlsconn.Records // from then on
	described handler.TLS

	in    recordInput
	out   recordOutput
	read  fileRead
	chunk int64 // how much of a file is sealed at once: more for a client that takes it

	kernel kernelTLS
}

// tlsParts is what a loop needs for its connections that speak TLS.
type tlsParts struct {
	config   TLS // nil if there are none
	begin    tlsconn.Handshakes
	messages arena
	reads    arena
	free     freelist.List[*tlsConn]
	latest   []byte // the records of the latest operation that sends some, with the room behind them
	sealed   int64  // bytes, in this iteration
	shakes   handshakes

	unsupported [tlsconn.SuiteCount]bool // suites, by tlsconn.SlotOfSuite, for which there is no TLS in the kernel
}

// established reports whether the handshake is over.
func (t *tlsConn) established() bool { return t.records != nil }

// facts returns what the handshake has negotiated, or nil if there was none. t may be nil.
func (t *tlsConn) facts() *tlsconn.Facts {
	if t == nil || t.records == nil {
		return nil
	}
	return t.records.Facts()
}

// recordInput is what has been received of records, and what has been opened of them and is not used yet.
type recordInput struct {
	buf                []byte // outside of Go's heap; nil if there is nothing
	plainFrom, plainTo int    // what is opened
	from, to           int    // what follows: records
}

// isEmpty reports whether nothing is held.
func (in *recordInput) isEmpty() bool { return in.plainFrom == in.plainTo && in.from == in.to }

// hasRecord reports whether something is opened, or can be.
func (in *recordInput) hasRecord() bool {
	return in.plainFrom < in.plainTo || tlsconn.HasRecord(in.buf[in.from:in.to])
}

// recordOutput is sealed records that the socket has not taken. They are sent before anything else. The connection's states count
// their content as not sent.
type recordOutput struct {
	buf     []byte // outside of Go's heap; nil if there is nothing
	unsent  []byte // its end
	role    role   // of the operation that the records were made for
	plain   int64  // bytes in them
	content uint32 // of those, how many are reserved content: the last ones
	limit   *rate.Limit
	ends    bool // the last one is a close_notify
}

func (out *recordOutput) isEmpty() bool { return len(out.unsent) == 0 }

// fileRead is a part of a file that lies between the heads and tails of records, for the send phase that follows.
type fileRead struct {
	body *fileBody // that it is the next part of
	buf  []byte
	n    int64 // bytes of the file
}

const (
	// recordBytesMax is the largest record (RFC 8446, section 5.2; RFC 5246, section 6.2.3).
	recordBytesMax = 5 + 16384 + 2048
	// sealBytesMax is how much content one batch seals for a connection at the most.
	sealBytesMax = 4 * kernel.RecordContent
	// sealBytesMin is how much it seals for one whose socket takes little.
	sealBytesMin = kernel.RecordContent
	// firstRecordBytes is how much of a file the first record of a connection has. With what the handshake and the head take, it fits the ten
	// packets that TCP sends before the first acknowledgement (RFC 6928): the client can open it a round trip earlier than a full one.
	firstRecordBytes = 8 << 10
	// arenaRoom is what the messages of a connection take at the most: those of a head with content in memory, or
	// loaded buffers, or frames, and the end. Heads and frames that are longer than usual take more (conn.sealRoom).
	arenaRoom  = max(sealBytesMax+headBufferBytes, framesRoom) + 16*tlsconn.OverheadMax
	arenaBytes = 512 << 10
	readsBytes = 512 << 10
	// sealedHeadMax is the largest head that is sealed, or is that of a stream. It is larger than what a client can have repeated in one by default.
	sealedHeadMax = 256 << 10
	// sealBytesPerIteration is how much one iteration seals before what has arrived meanwhile is received.
	sealBytesPerIteration = 1 << 20
)

// sealRoom returns how much memory the records of what a connection sends next take at the most.
func (c *conn) sealRoom() int {
	switch {
	case c.http2 != nil:
		return arenaRoomFor(len(c.http2.plan.buf) - framesRoom)
	case c.current != nil:
		return arenaRoomFor(c.current.headLeft - headBufferBytes)
	default:
		return arenaRoom
	}
}

// arenaRoomFor returns arenaRoom for a message that is so many bytes longer than usual.
func arenaRoomFor(longer int) int {
	if longer <= 0 {
		return arenaRoom
	}
	return arenaRoom + longer + (longer/kernel.RecordContent+1)*tlsconn.OverheadMax
}

// arena is memory, outside of Go's heap, in which the records of a batch are made.
type arena struct {
	mem  []byte
	used int
}

// newArena returns an arena of so many bytes.
func newArena(k mapper, bytes int) (arena, error) {
	mem, err := k.Map(bytes)
	return arena{mem: mem}, err
}

// room reports whether n more bytes fit.
func (a *arena) room(n int) bool { return len(a.mem)-a.used >= n }

// reset makes the arena empty. The batch whose records were in it has run.
func (a *arena) reset() { a.used = 0 }

// erase makes the arena empty and overwrites what was in it.
func (a *arena) erase() {
	clear(a.mem[:a.used])
	a.used = 0
}

// rest returns what is left of it, with no length.
func (a *arena) rest() []byte { return a.mem[a.used:a.used:len(a.mem)] }

// keep takes the first n bytes of rest.
func (a *arena) keep(n int) {
	a.used += n
	assert(a.used <= len(a.mem), "more is put into an arena than it has room for")
}
