package simkernel

import (
	"testing"
	"time"

	"aws/internal/kernel"
)

// iterate is a Wait that does not wait.
func (w *world) iterate() {
	w.t.Helper()
	if _, err := w.Wait(nil, 0); err != nil {
		w.t.Fatal(err)
	}
}

func TestWhoIsServedInTimeDoesNotStarve(t *testing.T) {
	w := newWorld(t, nil)
	_, fd := w.connect(whole("hello"))
	w.Wants(1, WantRead)
	w.sleep(time.Millisecond)
	for range 5 {
		w.iterate()
		w.want(w.do(w.withBuf(w.op(kernel.OpRecv, fd), w.mem[:1])), 1)
	}
	w.Wants(1, WantNothing)
	w.iterate()
	w.iterate()
	w.iterate()
	w.Wants(1, WantClose)
	w.iterate()
	w.iterate() // closing may take one more
	w.want(w.do(w.op(kernel.OpClose, fd)), 0)
	w.iterate()
	w.finish()
}

func TestWhoIsLeftAloneStarves(t *testing.T) {
	for _, c := range []struct {
		want   Want
		reason string
	}{
		{WantRead, "wants to read"}, {WantWrite, "wants to write"}, {WantClose, "wants to be closed"},
	} {
		w := newWorld(t, nil)
		_, fd := w.connect(whole("hello"))
		w.Wants(1, c.want)
		w.sleep(time.Millisecond)
		w.iterate()
		w.iterate()
		if c.want == WantClose {
			w.iterate() // one is allowed
		}
		w.expected = []string{c.reason}
		w.do(w.op(kernel.OpReset, fd))
		w.finish()
	}
}

// TestWhoHasRecordsLeftMayRest closes a connection whose socket has no room for the alert of its TLS. Nothing reports when it has room, so
// the loop asks now and then.
func TestWhoHasRecordsLeftMayRest(t *testing.T) {
	w := newWorld(t, nil)
	p, fd := w.connect(whole("hello"))
	p.conn.tls, p.conn.outMax = &kernelTLS{}, 0
	alert := w.sendOp(fd, "xy")
	alert.Kind = kernel.OpSendRecord
	w.Wants(1, WantClose)
	w.iterate()
	w.want(w.do(alert), eagain)
	for range 5 {
		w.iterate()
	}
	w.sleep(tlsRest)
	for range 3 {
		w.iterate()
	}
	w.expected = []string{"wants to be closed"} // now that it has not been asked for too long
	w.do(w.op(kernel.OpReset, fd))
	w.finish()
}

func TestListenersStarve(t *testing.T) {
	for _, room := range []bool{true, false} {
		w := newWorld(t, nil)
		w.want(w.do(w.add(w.listener.FD(), kernel.Readable, 1)), 0)
		w.AddPeer(w.listener, whole("hello"))
		w.Room(room)
		w.sleep(time.Millisecond)
		w.iterate()
		w.iterate()
		if room {
			w.expected = []string{"wait to be accepted"}
		}
		w.finish()
	}
}
