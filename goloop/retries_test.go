package goloop

import (
	"slices"
	"testing"
	"time"
)

func TestRetries(t *testing.T) {
	var r retries
	const now = time.Hour
	if r.take(now) != nil || r.dueAt() != never {
		t.Error("something is asked for again, and nothing was refused")
	}
	r.add(waitingConn{slot: 1}, now)
	r.add(waitingConn{slot: 2}, now+5*time.Millisecond)
	if at := r.dueAt(); at != now+retryAfter {
		t.Errorf("due at %v, want a moment after the first", at-now)
	}
	if got := r.take(now + retryAfter - 1); got != nil {
		t.Errorf("%v ask again too early", got)
	}
	taken := r.take(now + retryAfter)
	for _, c := range taken {
		r.add(waitingConn{slot: c.slot + 10}, now+retryAfter) // refused again
	}
	if !slices.Equal(taken, []waitingConn{{slot: 1}, {slot: 2}}) {
		t.Errorf("%v ask again, want both", taken)
	}
	if got := r.take(now + retryAfter); got != nil || r.dueAt() != now+2*retryAfter {
		t.Errorf("%v ask again at once; due at %v", got, r.dueAt()-now)
	}
	if got := r.take(now + time.Second); !slices.Equal(got, []waitingConn{{slot: 11}, {slot: 12}}) || r.dueAt() != never {
		t.Errorf("%v ask again", got)
	}
}

// TestRetriesAreOfOneTenant lets a connection be over before it asks again: the next one in its slot goes on waiting.
func TestRetriesAreOfOneTenant(t *testing.T) {
	l, port := newHTTP2Loop(t, serveOptions(t, newSite(t)))
	cl := dialHTTP2(t, port, 0)
	cl.request(1, "/k")
	cl.flush(t)
	for l.counts.Requests == 0 {
		if _, err := l.Iterate(); err != nil {
			t.Fatal(err)
		}
	}
	c := l.conns.at(0)
	c.http2.frames.Shutdown() // so that it has something to send
	for _, gen := range []uint32{c.gen - 1, c.gen} {
		c.sendPaused = true
		l.retries.add(waitingConn{c.slot, gen}, 0)
		l.retries.at = 0
		l.resume()
		if c.sendPaused != (gen != c.gen) {
			t.Errorf("generation %d of %d has asked again: the connection waits: %v", gen, c.gen, c.sendPaused)
		}
	}
}
