package http2

import "encoding/binary"

// priority is what RFC 9218, section 4, says of a response.
type priority struct {
	urgency     uint8 // 0 is the most urgent
	incremental bool
}

// urgencies is the number of urgencies.
const urgencies = 8

var priorityDefault = priority{urgency: 3}

// parsePriority reads the value of a Priority field: a dictionary of RFC 8941, of which all but u and i is ignored.
func parsePriority(b []byte) priority {
	p := priorityDefault
	for len(b) > 0 {
		member := b
		b = nil
		for i, ch := range member {
			if ch == ',' {
				member, b = member[:i], member[i+1:]
				break
			}
		}
		for len(member) > 0 && (member[0] == ' ' || member[0] == '\t') {
			member = member[1:]
		}
		for i, ch := range member { // parameters and what else follows
			if ch == ';' || ch == ' ' || ch == '\t' {
				member = member[:i]
				break
			}
		}
		switch {
		case len(member) == 3 && member[0] == 'u' && member[1] == '=' && member[2] >= '0' && member[2] < '0'+urgencies:
			p.urgency = member[2] - '0'
		case string(member) == "i", string(member) == "i=?1":
			p.incremental = true
		case string(member) == "i=?0":
			p.incremental = false
		}
	}
	return p
}

// readyLists is the streams that have something to send and that their windows let send, by urgency. In each, those that are not
// incremental stand before the others.
type readyLists struct {
	whole       [urgencies]streamList // in the order of their numbers
	incremental [urgencies]streamList // in the order of their turns
	some        uint8                 // a bit for each urgency that has some
	unstarted   int                   // those whose HEADERS are to be made
}

type streamList struct{ first, last *Stream }

// Ready says that a stream has frames to send: its header section, or content.
func (c *Conn) Ready(s *Stream) {
	s.ready = true
	c.relink(s)
}

// Unready says that a stream has none now.
func (c *Conn) Unready(s *Stream) {
	s.ready = false
	c.unlink(s)
}

// relink puts a stream into its list if it can send, now that something has changed.
func (c *Conn) relink(s *Stream) {
	//mutation:head-awaits-window
	if s.ready && !s.linked && (!s.responding || s.window > 0) {
		c.link(s)
	}
}

func (c *Conn) link(s *Stream) {
	r, u := &c.ready, s.priority.urgency
	list := &r.whole[u]
	before := list.last // the stream that it comes behind
	if s.priority.incremental {
		list = &r.incremental[u]
		before = list.last
	} else {
		for before != nil && before.ID > s.ID {
			before = before.prev
		}
	}
	s.prev = before
	if before != nil {
		s.next = before.next
		before.next = s
	} else {
		s.next = list.first
		list.first = s
	}
	if s.next != nil {
		s.next.prev = s
	} else {
		list.last = s
	}
	s.linked = true
	r.some |= 1 << u
	if !s.responding {
		r.unstarted++
	}
}

func (c *Conn) unlink(s *Stream) {
	if !s.linked {
		return
	}
	r, u := &c.ready, s.priority.urgency
	list := &r.whole[u]
	if s.priority.incremental {
		list = &r.incremental[u]
	}
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		list.first = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	} else {
		list.last = s.prev
	}
	s.prev, s.next, s.linked = nil, nil, false
	if r.whole[u].first == nil && r.incremental[u].first == nil {
		r.some &^= 1 << u
	}
	if !s.responding {
		r.unstarted--
	}
}

// Next returns the ready stream that is to send the next frame, or nil if flow control lets none send: the most urgent, of those
// the ones that are not incremental in the order of their numbers, then the others by turns (RFC 9218, section 10). A stream whose HEADERS have not been made
// needs no window for them.
func (c *Conn) Next() *Stream {
	r := &c.ready
	if r.some == 0 || c.window <= 0 && r.unstarted == 0 {
		return nil
	}
	for u := range r.whole {
		if r.some&(1<<u) == 0 {
			continue
		}
		for _, list := range [...]*streamList{&r.whole[u], &r.incremental[u]} {
			for s := list.first; s != nil; {
				next := s.next
				switch {
				case !s.responding:
					return s
				case s.window <= 0:
					c.unlink(s) // a WINDOW_UPDATE brings it back
				case c.window > 0:
					return s
				}
				s = next
			}
		}
	}
	return nil
}

// sharingMax is how many streams Sharing counts.
const sharingMax = 8

// Sharing returns how many ready streams a stream takes turns with (RFC 9218, section 4.2), itself included, up to sharingMax. It is 1 for one
// that is not incremental.
func (c *Conn) Sharing(s *Stream) int {
	if !s.priority.incremental {
		return 1
	}
	n := 0
	for other := c.ready.incremental[s.priority.urgency].first; other != nil && n < sharingMax; other = other.next {
		n++
	}
	return max(n, 1)
}

// reprioritize gives a stream another priority.
func (c *Conn) reprioritize(s *Stream, p priority) {
	linked := s.linked
	c.unlink(s)
	s.priority = p
	if linked {
		c.link(s)
	}
}

// onPriority takes in PRIORITY (RFC 9113, section 6.3), which is ignored.
func (c *Conn) onPriority(h *frameHead, payload []byte, handler Handler) {
	c.countControl()
	var code ErrorCode
	switch {
	case h.stream == 0:
		c.Fail(ProtocolError)
		return
	case len(payload) != priorityBytes:
		code = FrameSizeError
	case binary.BigEndian.Uint32(payload)&streamMax == h.stream:
		code = ProtocolError // it depends on itself (RFC 7540, section 5.3.1)
	default:
		return
	}
	if s := c.find(h.stream); s != nil {
		c.streamError(s, code, handler)
	} else {
		c.Fail(code)
	}
}

// onPriorityUpdate takes in PRIORITY_UPDATE (RFC 9218, section 7.1).
func (c *Conn) onPriorityUpdate(h *frameHead, payload []byte) {
	c.countControl()
	if len(payload) < 4 {
		c.Fail(FrameSizeError)
		return
	}
	id := binary.BigEndian.Uint32(payload) & streamMax
	if h.stream != 0 || id == 0 {
		c.Fail(ProtocolError)
		return
	}
	switch s := c.find(id); {
	case s != nil:
		c.reprioritize(s, parsePriority(payload[4:]))
	case id%2 == 0: // it has not been pushed
		c.Fail(ProtocolError)
	case id > c.latest && c.shutdown != shutdownFinal:
		c.keepEarly(id, parsePriority(payload[4:]))
	}
}

// earlyPriority is that of a stream that has not begun: the frames of a client may be in either order.
type earlyPriority struct {
	id       uint32
	priority priority
}

// earlyKept is for how many of them a connection keeps memory.
const earlyKept = 8

// keepEarly keeps the priority of a stream that has not begun. There may be no more of these than streams could begin, once the client knows that.
func (c *Conn) keepEarly(id uint32, p priority) {
	for i := range c.early {
		if e := &c.early[i]; e.id == id {
			e.priority = p
			return
		}
	}
	switch {
	case len(c.early)+len(c.streams) < c.limits.StreamsMax:
		c.early = append(c.early, earlyPriority{id, p})
	case c.acked:
		c.Fail(ProtocolError)
	}
}

// takeEarly returns the priority that was kept for a stream that begins, or its own. Streams with smaller numbers can not begin any more.
func (c *Conn) takeEarly(id uint32, own priority) priority {
	kept := c.early[:0]
	for _, e := range c.early {
		switch {
		case e.id == id:
			own = e.priority
		case e.id > id:
			kept = append(kept, e)
		}
	}
	if c.early = kept; len(kept) == 0 && cap(kept) > earlyKept {
		c.early = nil
	}
	return own
}
