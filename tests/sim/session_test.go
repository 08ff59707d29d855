package sim

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"aws/internal/simkernel"
)

// session is a peer that asks for several files on one connection.
type session struct {
	peer   *simkernel.Peer
	manner simkernel.Manner
	asks   []ask
	inTurn bool // each request is sent when the answer before has come
	sent   int  // of asks, if inTurn
}

// ask is one request of a session.
type ask struct {
	name string
	head bool
	from int64 // of a range; -1: no range
	to   int64 // its last byte
	text string
}

// drawSession draws a session. The last request closes the connection.
func (w *world) drawSession(i int, spread int64) *session {
	rnd := rand.New(rand.NewPCG(w.seed, 1000+uint64(i)))
	c := &session{manner: simkernel.DrawManner(rnd)}
	if c.manner == simkernel.MannerPipelined || c.manner == simkernel.MannerGarbage {
		c.manner = simkernel.MannerWhole
	}
	n := 1 + rnd.IntN(pick(rnd, 1, 3, 8))
	var all strings.Builder
	for last := n - 1; last >= 0; last-- {
		a := w.drawAsk(rnd, last == 0)
		all.WriteString(a.text)
		c.asks = append(c.asks, a)
	}
	c.inTurn = c.manner == simkernel.MannerWhole && rnd.IntN(2) == 0
	request := all.String()
	if c.inTurn {
		request = c.asks[0].text
		c.sent = 1
	}
	plan := simkernel.DrawPlan(rnd, c.manner, []byte(request))
	plan.Start = time.Duration(rnd.Int64N(spread))
	plan.Patience = patience
	c.peer = w.k.AddPeer(w.listener, plan)
	if c.inTurn {
		c.peer.OnData = c.goOn
	}
	return c
}

func (w *world) drawAsk(rnd *rand.Rand, last bool) ask {
	a := ask{name: pick(rnd, w.site...).name, from: -1}
	if rnd.IntN(10) == 0 {
		a.name = "static/absent"
	}
	method, extra := "GET", ""
	if rnd.IntN(8) == 0 {
		method, a.head = "HEAD", true
	} else if rnd.IntN(4) == 0 {
		a.from = rnd.Int64N(20000)
		a.to = a.from + rnd.Int64N(20000)
		extra = fmt.Sprintf("Range: bytes=%d-%d\r\n", a.from, a.to)
	}
	if last {
		extra += "Connection: close\r\n"
	}
	a.text = method + " /" + a.name + " HTTP/1.1\r\nHost: example.org\r\n" + extra + "\r\n"
	return a
}

// goOn sends the next request when the answer before is complete.
func (c *session) goOn(p *simkernel.Peer) {
	rest := p.Received
	for i := range c.asks[:c.sent] {
		a, n, err := parseReply(rest, &c.asks[i])
		if err != nil || a == nil || int64(len(a.body)) < a.length {
			return
		}
		rest = rest[n:]
	}
	if c.sent < len(c.asks) {
		c.sent++
		p.Send([]byte(c.asks[c.sent-1].text))
	}
}

// reply is one answer of a session.
type reply struct {
	status int
	length int64 // of the body that follows
	whole  int64 // Content-Length, or the file's length of a range
	body   []byte
	from   int64
}

// parseReply takes the first answer off what was received and returns its length, as far as it has
// come. Without a complete header it is nil.
func parseReply(b []byte, q *ask) (*reply, int, error) {
	const start = "HTTP/1.1 "
	if n := min(len(b), len(start)); string(b[:n]) != start[:n] {
		return nil, 0, fmt.Errorf("it begins with %.40q", b)
	}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, 0, nil
	}
	r := &reply{length: -1}
	lines := strings.Split(string(b[:end]), "\r\n")
	if _, err := fmt.Sscanf(lines[0], "HTTP/1.1 %d", &r.status); err != nil {
		return nil, 0, fmt.Errorf("status line %q", lines[0])
	}
	var last int64
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			return nil, 0, fmt.Errorf("header line %q", line)
		}
		var err error
		switch strings.ToLower(name) {
		case "content-length":
			r.length, err = strconv.ParseInt(value, 10, 64)
		case "content-range":
			if r.status == 206 {
				_, err = fmt.Sscanf(value, "bytes %d-%d/%d", &r.from, &last, &r.whole)
			}
		}
		if err != nil {
			return nil, 0, fmt.Errorf("header line %q", line)
		}
	}
	if r.length < 0 {
		return nil, 0, fmt.Errorf("no length in %q", lines)
	}
	switch {
	case r.status != 206:
		r.whole = r.length
	case last-r.from+1 != r.length || r.from != q.from || last > q.to:
		return nil, 0, fmt.Errorf("range %d-%d of %d with %d bytes", r.from, last, r.whole, r.length)
	}
	if q.head {
		r.length = 0
	}
	n := end + 4 + int(min(r.length, int64(len(b)-end-4)))
	r.body = b[end+4 : n]
	return r, n, nil
}

// checkSession checks every answer of a session, and that none is missing.
func (w *world) checkSession(c *session) error {
	p := c.peer
	if p.End == simkernel.EndNone {
		return errors.New("its connection was left open")
	}
	for _, why := range p.Excuses {
		if why == simkernel.OutOfPatience {
			return errors.New("nothing has ended its connection")
		}
	}
	owed := w.owes(p, c.manner)
	for i := range c.asks {
		owed = owed && !w.damaged(c.asks[i].name)
	}
	rest := p.Received
	for i := range c.asks {
		q := &c.asks[i]
		r, n, err := parseReply(rest, q)
		switch {
		case err != nil:
			return fmt.Errorf("answer %d, to %q: %w", i, q.text, err)
		case r == nil && owed:
			return fmt.Errorf("answer %d, to %q, is missing", i, q.text)
		case r == nil, (r.status == 408 || r.status == 503) && !owed:
			return nil // too late, or too much; the last answer in any case
		}
		if err := w.checkReply(c, q, r); err != nil {
			return fmt.Errorf("answer %d, to %q: %w", i, q.text, err)
		}
		if got := int64(len(r.body)); got < r.length {
			switch {
			case owed:
				return fmt.Errorf("answer %d, to %q, is owed %d bytes and has got %d", i, q.text, r.length, got)
			case p.End == simkernel.EndFIN:
				return fmt.Errorf("answer %d, to %q: %d of %d bytes, and an end in order", i, q.text, got, r.length)
			}
			return nil
		}
		rest = rest[n:]
	}
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%d bytes follow the last answer", len(rest))
	case owed && p.End != simkernel.EndFIN:
		return fmt.Errorf("a complete session ends with %v", p.End)
	}
	return nil
}

// checkReply checks an answer against what its name has stood for.
func (w *world) checkReply(c *session, q *ask, r *reply) error {
	past := w.tree.Past(q.name)
	asked := c.peer.ConnectedAt - maxAge - slack
	absent := len(past) == 0
	for i, v := range past {
		switch {
		case i+1 < len(past) && past[i+1].From < asked || v.From > c.peer.EndedAt:
			continue
		case v.File == nil:
			absent = true
			continue
		}
		for j, x := range v.File.Sizes {
			if j+1 < len(v.File.Sizes) && v.File.Sizes[j+1].From < asked {
				continue
			}
			if w.fits(v.File, x.Size, q, r) {
				return nil
			}
		}
	}
	if r.status == 404 && absent {
		return nil
	}
	return fmt.Errorf("status %d with %d of %d bytes is no version of the file", r.status, len(r.body), r.whole)
}

// fits reports whether an answer is right for a file of a size.
func (w *world) fits(f *simkernel.File, size int64, q *ask, r *reply) bool {
	switch {
	case r.status == 416:
		return q.from >= size
	case r.status == 206 && (q.from < 0 || r.whole != size || r.length != min(q.to+1, size)-q.from):
		return false
	case r.status == 200 && (q.from >= 0 && size > 0 || r.whole != size): // no range fits an empty file
		return false
	case r.status != 200 && r.status != 206:
		return false
	}
	want := make([]byte, len(r.body))
	f.Fill(r.from, want)
	return bytes.Equal(r.body, want)
}
