package sim

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"aws/internal/simkernel"
)

// session is a peer that asks for several files on one connection.
type session struct {
	peer   *simkernel.Peer
	manner simkernel.Manner
	asks   []ask
	tls    *tlsClient   // nil if it speaks no TLS
	http2  *http2Client // nil if it speaks HTTP/1
	inTurn bool         // each request is sent when the response before has come
	sent   int          // of asks, if inTurn
}

// drawSession draws a session. The last request closes the connection.
func (w *world) drawSession(i int, spread int64) *session {
	rnd := rand.New(rand.NewPCG(w.seed, 1000+uint64(i)))
	c := &session{manner: simkernel.DrawManner(rnd)}
	if c.manner == simkernel.MannerPipelined || c.manner == simkernel.MannerGarbage {
		c.manner = simkernel.MannerWhole
	}
	isHTTP2 := w.http2 && rnd.IntN(5) > 0
	n := 1 + rnd.IntN(pick(rnd, 1, 3, 8))
	if isHTTP2 && rnd.IntN(12) == 0 {
		n = 24 + rnd.IntN(24) // more than load at once
	}
	var all strings.Builder
	for last := n - 1; last >= 0; last-- {
		a := w.drawAsk(rnd, last == 0 && !isHTTP2)
		all.WriteString(a.text)
		c.asks = append(c.asks, a)
	}
	c.inTurn = c.manner == simkernel.MannerWhole && rnd.IntN(2) == 0
	request := all.String()
	if c.inTurn {
		request = c.asks[0].text
		c.sent = 1
	}
	first := []byte(request)
	if isHTTP2 {
		c.inTurn = true // of its frames
		if c.manner == simkernel.MannerHalfClose || w.tls == nil && (c.manner == simkernel.MannerDribble || c.manner == simkernel.MannerPausing) {
			c.manner = simkernel.MannerWhole // what it sends in return must not come between the pieces
		}
		c.http2, first = newHTTP2Client(rand.New(rand.NewPCG(w.seed, 3000+uint64(i))), c)
		c.http2.silent = w.tls == nil && c.manner == simkernel.MannerStall // which has sent a part of a frame
		request = string(first)
	}
	if w.tls != nil {
		if c.manner == simkernel.MannerHalfClose {
			c.manner = simkernel.MannerWhole // it could not end its handshake
		}
		c.tls = w.tls.newClient(rand.New(rand.NewPCG(w.seed, 2000+uint64(i))), c, request)
		first = c.tls.takeOutput()
	}
	plan := simkernel.DrawPlan(rnd, c.manner, first)
	if w.tls != nil && c.manner == simkernel.MannerPausing {
		plan.Triggers[0].At += handshakeBytesMax // a client that pauses within its handshake may be ended to make room for others
	}
	plan.Start = time.Duration(rnd.Int64N(spread))
	plan.Patience = patience
	c.peer = w.k.AddPeer(w.listener, plan)
	switch {
	case c.tls != nil:
		c.peer.OnData = c.tls.onData
	case c.inTurn:
		c.peer.OnData = func(p *simkernel.Peer) { c.goOn(p.Send) }
	}
	return c
}

// received returns what has come of the responses.
func (c *session) received() []byte {
	if c.tls != nil {
		return c.tls.plain
	}
	return c.peer.Received
}

// goOn sends the next request when the response before is complete.
func (c *session) goOn(send func([]byte)) {
	rest := c.received()
	if c.http2 != nil {
		c.http2.goOn(rest, send)
		return
	}
	for i := range c.asks[:c.sent] {
		a, n, err := parseReply(rest, &c.asks[i])
		if err != nil || a == nil || int64(len(a.body)) < a.length {
			return
		}
		rest = rest[n:]
	}
	if c.sent < len(c.asks) {
		c.sent++
		send([]byte(c.asks[c.sent-1].text))
	}
}

// checkSession checks every response of a session, and that none is missing.
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
	if c.tls != nil {
		if p.End == simkernel.EndFIN {
			c.tls.end()
		}
		if err := c.tls.err; err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("its TLS fails: %w", err)
		}
	}
	for i := range c.asks {
		for _, name := range c.asks[i].names() {
			owed = owed && !w.damaged(name)
		}
	}
	if c.http2 != nil {
		return w.checkHTTP2(c, owed)
	}
	rest := c.received()
	for i := range c.asks {
		q := &c.asks[i]
		r, n, err := parseReply(rest, q)
		switch {
		case err != nil:
			return fmt.Errorf("response %d, to %q: %w", i, q.text, err)
		case r == nil && owed:
			return fmt.Errorf("response %d, to %q, is missing", i, q.text)
		case r == nil, (r.status == 408 || r.status == 503) && !owed:
			return nil // too late, or too much; the last response in any case
		}
		if err := w.checkReply(c, q, r); err != nil {
			return fmt.Errorf("response %d, to %q: %w", i, q.text, err)
		}
		for _, kind := range r.kinds(q) {
			w.responses[kind]++
		}
		if got := int64(len(r.body)); got < r.length {
			switch {
			case owed:
				return fmt.Errorf("response %d, to %q, is owed %d bytes and has got %d", i, q.text, r.length, got)
			case p.End == simkernel.EndFIN:
				return fmt.Errorf("response %d, to %q: %d of %d bytes, and an end in order", i, q.text, got, r.length)
			}
			return nil
		}
		rest = rest[n:]
	}
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%d bytes follow the last response", len(rest))
	case owed && p.End != simkernel.EndFIN:
		return fmt.Errorf("a complete session ends with %v", p.End)
	case owed && c.tls != nil && !errors.Is(c.tls.err, io.EOF) && !c.asks[len(c.asks)-1].hasBody():
		return errors.New("a complete session ends without a close_notify")
	}
	return nil
}
