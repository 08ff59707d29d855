package http2

// state is that of a stream (RFC 9113, section 5.1). The reserved states do not occur: the server pushes nothing.
type state uint8

const (
	stateIdle state = iota
	stateOpen
	stateHalfClosedRemote // the client has sent all
	stateHalfClosedLocal  // the response has been sent, and the client is still sending
	stateClosed
	stateCount
)

// event is what changes the state of a stream.
type event uint8

const (
	receiveHeaders    event = iota // HEADERS without END_STREAM
	receiveHeadersEnd              // HEADERS with it
	receiveEnd                     // END_STREAM behind content or trailers
	receiveReset
	sendEnd
	sendReset
	eventCount
)

// transitions is the diagram of RFC 9113, section 5.1, as far as a server that pushes nothing needs it. A zero is a fault of the client.
var transitions = [stateCount][eventCount]state{
	stateIdle:             {receiveHeaders: stateOpen, receiveHeadersEnd: stateHalfClosedRemote},
	stateOpen:             {receiveEnd: stateHalfClosedRemote, receiveReset: stateClosed, sendEnd: stateHalfClosedLocal, sendReset: stateClosed},
	stateHalfClosedLocal:  {receiveEnd: stateClosed, receiveReset: stateClosed, sendReset: stateClosed},
	stateHalfClosedRemote: {receiveReset: stateClosed, sendEnd: stateClosed, sendReset: stateClosed},
}

// Stream is a request and its response. It belongs to its Conn until Handler.Closed is called for it, or its last frame has been made; after
// that it must not be used.
type Stream struct {
	ID   uint32
	Slot int32 // the caller's

	state      state
	known      bool // Handler.Request has been called
	responding bool // the HEADERS have been made
	ready      bool // there is something to send
	linked     bool // it is in a list of the scheduler
	draining   bool // the response has been sent, and content is still to come
	priority   priority
	window     int32 // for what is sent
	allowed    int32 // what the client may send
	declared   int64 // Content-Length; -1 if there is none
	received   int64 // content
	head       []byte
	prev, next *Stream
}

// Urgency returns how urgent the response is, from 0, the most, to 7 (RFC 9218, section 4.1).
func (s *Stream) Urgency() int { return int(s.priority.urgency) }

// advance changes the state. It returns false, and changes nothing, if the diagram has no such transition.
func (s *Stream) advance(e event) bool {
	to := transitions[s.state][e]
	if to == stateIdle {
		return false
	}
	s.state = to
	return true
}

// receives reports whether the client may send content.
func (s *Stream) receives() bool { return s.state == stateOpen || s.state == stateHalfClosedLocal }

// find returns a stream that is not closed, or nil.
func (c *Conn) find(id uint32) *Stream {
	i, ok := c.position(id)
	if !ok {
		return nil
	}
	return c.streams[i]
}

// position returns where a stream stands in the list, or would stand.
func (c *Conn) position(id uint32) (int, bool) {
	low, high := 0, len(c.streams)
	for low < high {
		middle := (low + high) / 2
		if c.streams[middle].ID < id {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, low < len(c.streams) && c.streams[low].ID == id
}

// newStream begins a stream whose number is larger than all before.
func (c *Conn) newStream(id uint32) *Stream {
	s, ok := c.shared.streams.Take()
	if !ok {
		s = &Stream{}
	}
	*s = Stream{ID: id, window: c.peerWindow, allowed: windowDefault, declared: -1, priority: priorityDefault}
	if c.streams == nil {
		c.streams = c.shared.takeList()
	}
	c.streams = append(c.streams, s)
	return s
}

// drop gives a stream back that is closed.
func (c *Conn) drop(s *Stream) {
	c.unlink(s)
	if s.head != nil {
		c.held--
	}
	if s.draining {
		c.draining--
	}
	i, _ := c.position(s.ID)
	last := len(c.streams) - 1
	copy(c.streams[i:], c.streams[i+1:])
	c.streams[last] = nil
	if c.streams = c.streams[:last]; last == 0 {
		c.shared.giveList(c.streams)
		c.streams = nil
	}
	*s = Stream{}
	c.shared.streams.Give(s)
}

// resetsKept is how many numbers of streams that the server has reset are remembered, so that frames that were under way are ignored.
const resetsKept = 64

// resetIDs is the numbers of the streams that were reset latest.
type resetIDs struct {
	ring   []uint32
	next   int
	oldest uint32 // numbers below it may have been forgotten
}

func (r *resetIDs) add(id uint32) {
	if len(r.ring) < resetsKept {
		r.ring = append(r.ring, id)
		return
	}
	r.oldest = max(r.oldest, r.ring[r.next]+1)
	r.ring[r.next] = id
	r.next = (r.next + 1) % resetsKept
}

func (r *resetIDs) has(id uint32) bool {
	if id < r.oldest {
		return true
	}
	for _, other := range r.ring {
		if other == id {
			return true
		}
	}
	return false
}
