package http2

import "time"

// Conn is the server's side of one connection. Its methods are for one goroutine.
type Conn struct {
	shared  *Shared
	limits  *Limits
	decoder decoder
	table   peerTable

	// What has been received in part.
	begun   bool   // the preface has been received
	set     bool   // and the SETTINGS behind it
	acked   bool   // the client has acknowledged ours
	skip    int    // bytes of a payload that are discarded
	ends    bool   // the skipped payload is the end of content, of
	ending  uint32 // this stream
	partial []byte // a frame of which a part has arrived
	small   [smallBytes]byte
	block   headerBlock

	// Streams.
	streams  []*Stream // that are not closed, by number
	latest   uint32    // the largest number of a stream that the client has begun
	held     int       // requests whose content is waited for
	draining int       // streams whose response has been sent, and that the client has not ended
	resets   resetIDs
	ready    readyLists
	early    []earlyPriority

	// Flow control.
	window     int32 // of the connection, for what is sent
	peerWindow int32 // of a stream, at first (SETTINGS_INITIAL_WINDOW_SIZE)
	allowed    int32 // of what the client may send

	// What is to be sent besides responses.
	control     []byte
	controlDebt int           // frames that bring nothing, as Limits.ControlFramesMax counts them
	resetDebt   int           // as Limits.ResetsMax counts them
	forgiven    time.Duration // up to when time has reduced both
	steps       uint64
	shutdown    shutdownStep
	peerEnds    bool // the client has sent GOAWAY
	failed      bool // the last GOAWAY has been made
}

// smallBytes is the size of the frames for which a Conn has room of its own: the preface is the largest of them.
const smallBytes = len(preface)

// preface is what a client sends first (RFC 9113, section 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// shutdownStep is how far the end has been announced.
type shutdownStep uint8

const (
	shutdownNone shutdownStep = iota
	shutdownAnnounced
	shutdownFinal
)

// Handler is what a Conn calls from within Receive. Its methods may call those of the Conn but Receive and Release.
type Handler interface {
	// Request says that the header section of a request is complete. head is it in the form of HTTP/1.1: a request line with
	// the target, Host for :authority, the other fields in their order, an empty line. Content whose length is not known is announced by
	// Transfer-Encoding. A head that is larger than Limits.HeadBytesMax ends behind that, without an empty line. It is valid until the
	// call returns.
	Request(s *Stream, head []byte)
	// Closed says that a stream for which Request was called is over before its response: the client has reset it, or a fault of
	// the client's has.
	Closed(s *Stream)
}

// NewConn returns a connection whose client has sent nothing. The server's SETTINGS are to be sent.
func NewConn(shared *Shared, limits *Limits) *Conn {
	c := &Conn{shared: shared, limits: limits, window: windowDefault, peerWindow: windowDefault, allowed: windowDefault}
	c.partial = c.small[:0]
	c.appendSettings()
	return c
}

// Idle reports whether there is no stream, nothing has been received in part, and nothing is awaited of the client.
func (c *Conn) Idle() bool {
	return len(c.streams) == 0 && !c.AwaitsClient() && c.skip == 0 && c.shutdown == shutdownNone && !c.failed
}

// AwaitsClient reports whether the client has begun something that it has to go on with (a frame, a header section, content that a request waits
// for), or has not acknowledged the SETTINGS, or the announcement of the end.
func (c *Conn) AwaitsClient() bool {
	return c.hasPart() || !c.acked || c.held > 0 || c.draining > 0 || c.shutdown == shutdownAnnounced
}

// hasPart reports whether a frame or a header block is incomplete. Content that belongs to a stream is the stream's.
func (c *Conn) hasPart() bool {
	return len(c.partial) > 0 || c.block.open || c.skip > 0 && len(c.streams) == 0
}

// Steps counts what AwaitsClient waits for and has come.
func (c *Conn) Steps() uint64 { return c.steps }

// Expire ends what the client has not gone on with in time: the connection, or the streams whose content has not come. It returns false if
// the connection is to be ended, as Receive does.
func (c *Conn) Expire() bool {
	switch {
	case !c.acked:
		c.Fail(SettingsTimeout)
	case c.hasPart(), c.shutdown == shutdownAnnounced:
		c.Fail(NoError)
	default:
		for i := len(c.streams) - 1; i >= 0; i-- {
			if s := c.streams[i]; s.draining {
				c.Reset(s, NoError)
			} else if s.head != nil {
				c.Reset(s, Cancel)
			}
		}
	}
	return !c.failed
}

// Streams returns how many streams there are.
func (c *Conn) Streams() int { return len(c.streams) }

// Each calls f for all streams for which Handler.Request was called.
func (c *Conn) Each(f func(s *Stream)) {
	for _, s := range c.streams {
		if s.known {
			f(s)
		}
	}
}

// Release gives the memory of the connection back to Shared. The connection is over.
func (c *Conn) Release() {
	for len(c.streams) > 0 {
		c.drop(c.streams[len(c.streams)-1])
	}
	c.dropPartial()
	c.decoder, c.block, c.control, c.early = decoder{}, headerBlock{}, nil, nil
}

// Reset gives a stream up by RST_STREAM. Handler.Closed is not called.
func (c *Conn) Reset(s *Stream, code ErrorCode) {
	c.appendReset(s.ID, code)
	s.advance(sendReset)
	c.drop(s)
}

// Shutdown announces the end (RFC 9113, section 6.8): a GOAWAY that excludes no stream, with a PING behind it. When that is acknowledged, the final
// GOAWAY follows, and streams that begin later are ignored. It may be called more than once.
func (c *Conn) Shutdown() {
	if c.shutdown == shutdownNone && !c.failed {
		c.shutdown = shutdownAnnounced
		c.appendGoAway(streamMax, NoError)
		c.appendPing(false, shutdownPing)
	}
}

// Ended reports whether either side has announced the end and no stream is left: the connection may be closed when the control frames have been sent.
func (c *Conn) Ended() bool {
	return c.failed || len(c.streams) == 0 && (c.shutdown == shutdownFinal || c.peerEnds)
}

// Fail ends the connection by GOAWAY.
func (c *Conn) Fail(code ErrorCode) {
	if c.failed {
		return
	}
	c.failed = true
	c.appendGoAway(c.latest, code)
}

// exceed ends the connection because a limit is exceeded.
func (c *Conn) exceed(l Limit) {
	if !c.failed && c.shared.Exceeded != nil {
		c.shared.Exceeded(l)
	}
	c.Fail(EnhanceYourCalm)
}

// streamError resets a stream for a fault of the client's.
func (c *Conn) streamError(s *Stream, code ErrorCode, h Handler) {
	known := s.known
	if known {
		h.Closed(s)
	}
	c.Reset(s, code)
	c.countReset()
}

// countReset counts a reset that the client has caused.
func (c *Conn) countReset() {
	if c.resetDebt++; c.resetDebt > c.limits.ResetsMax {
		c.exceed(LimitResets)
	}
}

// countControl counts a frame that brings nothing.
func (c *Conn) countControl() {
	if c.controlDebt++; c.controlDebt > c.limits.ControlFramesMax {
		c.exceed(LimitControlFrames)
	}
}

// forgive reduces what is counted by the time that has passed, in whole seconds: a connection may live for days.
func (c *Conn) forgive(now time.Duration) {
	if seconds := int((now - c.forgiven) / time.Second); seconds > 0 {
		c.forgiven += time.Duration(seconds) * time.Second
		c.controlDebt = max(c.controlDebt-seconds*c.limits.ControlFramesPerSecond, 0)
		c.resetDebt = max(c.resetDebt-seconds*c.limits.ResetsPerSecond, 0)
	}
}

// windowUpdateBytes is how much content a client may at least take before it opens the windows again, of the stream and of the connection: some do for
// each read of theirs.
const windowUpdateBytes = 4 << 10

// repay counts requests, or parts of content that were sent.
func (c *Conn) repay(n int) { c.controlDebt = max(c.controlDebt-2*n, 0) }
