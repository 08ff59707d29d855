package goloop

import (
	"slices"
	"testing"
	"time"

	"aws/internal/kernel"
)

// doorman is a kernel that notes what it is asked about listeners.
type doorman struct {
	kernel.Kernel
	ops    []kernel.Op
	result int64
	defers []bool
	waits  int
}

func (k *doorman) Poller() int32 { return 4 }

func (k *doorman) Map(n int) ([]byte, error) { return make([]byte, n), nil }

func (k *doorman) Do(ops []kernel.Op) {
	for i := range ops {
		ops[i].Result = k.result
	}
	k.ops = append(k.ops, ops...)
}

func (k *doorman) Defer(_ int32, on bool) { k.defers = append(k.defers, on) }

func (k *doorman) Wait([]kernel.Op, time.Duration) ([]kernel.Event, error) {
	k.waits++
	return nil, nil
}

// did returns the kind of the latest operation and what it asks epoll to report, and how many operations there were. It
// forgets them.
func (k *doorman) did() (kind netKind, mask uint32, count int) {
	if count = len(k.ops); count > 0 {
		kind, mask = k.ops[count-1].Kind, k.ops[count-1].Mask
	}
	k.ops = nil
	return kind, mask, count
}

func acceptorOf(t *testing.T, k kernel.Kernel, cfg Config, fds ...int32) (*acceptor, []kernel.Op) {
	t.Helper()
	ops := make([]kernel.Op, 8)
	a, err := newAcceptor(k, ops, &cfg, fds)
	if err != nil {
		t.Fatal(err)
	}
	return &a, ops
}

// TestListenerDoublesItsAccepts: the number of accepts that are tried at once follows those that succeed.
func TestListenerDoublesItsAccepts(t *testing.T) {
	li := listener{accepts: 1}
	for _, want := range []int{2, 4, 8, 16, 32, 64, 64} {
		for range li.accepts {
			li.succeeded()
		}
		if li.accepts != want {
			t.Fatalf("%d accepts, want %d", li.accepts, want)
		}
	}
	for range 5 {
		li.succeeded()
	}
	li.failed()
	if li.accepts != 5 {
		t.Errorf("%d accepts after 5 that succeeded, want as many", li.accepts)
	}
	li.failed()
	if li.accepts != 1 {
		t.Errorf("%d accepts after none has succeeded", li.accepts)
	}
}

// TestAcceptorTakesTheReady has listeners with connections and without, and one that is closed.
func TestAcceptorTakesTheReady(t *testing.T) {
	k := &doorman{}
	a, _ := acceptorOf(t, k, Config{}, 10, 11, 12)
	if kind, mask, n := k.did(); kind != kernel.OpEpollAdd || mask != kernel.Readable || n != 3 {
		t.Errorf("%d operations, the latest of kind %v for %x", n, kind, mask)
	}
	ready := func() (list []int) {
		for i, li := a.takeReady(0); li != nil; i, li = a.takeReady(i + 1) {
			list = append(list, i)
		}
		return list
	}
	a.onEvent(tokenListeners)
	a.onEvent(tokenListeners + 2)
	a.onEvent(tokenListeners + 3)
	if got := ready(); !slices.Equal(got, []int{0, 2}) {
		t.Errorf("%v, want the first and the last", got)
	}
	if got := ready(); got != nil {
		t.Errorf("%v are ready once more", got)
	}
	op := a.accept(2, 1)
	if op.FD != 12 || op.Token != 2 || op.Len() != kernel.PeerBytes || &op.Buf()[0] != &a.peers[kernel.PeerBytes] {
		t.Errorf("%+v", op)
	}
	a.onEvent(tokenListeners + 1)
	a.pause(0)
	if got := ready(); got != nil || a.listeners[1].ready {
		t.Errorf("%v are ready while accepting is paused", got)
	}
}

// TestAcceptorPauses is about what epoll reports, and when accepting goes on.
func TestAcceptorPauses(t *testing.T) {
	k := &doorman{}
	a, ops := acceptorOf(t, k, Config{}, 10)
	const now = time.Hour
	full := connRoom{shedAt: never}
	if at := a.dueAt(now, connRoom{left: true, shedAt: never}); at != never {
		t.Errorf("due at %v although nothing is to be done", at)
	}
	_, _, _ = k.did()
	if !a.pause(now+acceptPause) || a.pause(now) {
		t.Error("accepting has paused twice, or not at all")
	}
	a.update(k, ops, now, true)
	if kind, mask, n := k.did(); !a.paused || kind != kernel.OpEpollMod || mask != 0 || n != 1 {
		t.Errorf("paused: %v, %d operations, of kind %v for %x", a.paused, n, kind, mask)
	}
	for _, test := range []struct {
		room connRoom
		want time.Duration
	}{
		{connRoom{left: true, shedAt: now}, now + acceptPause},
		{connRoom{shedAt: now + 5}, now + 5},
		{full, never},
		{connRoom{elsewhere: true, shedAt: never}, now + 20 + acceptPause},
		{connRoom{elsewhere: true, shedAt: now + 30}, now + 30},
	} {
		if at := a.dueAt(now+20, test.room); at != test.want {
			t.Errorf("%+v: due at %v, want %v", test.room, at, test.want)
		}
	}
	a.update(k, ops, now+acceptPause, false)
	a.update(k, ops, now+acceptPause-1, true)
	if _, _, n := k.did(); !a.paused || n > 0 {
		t.Errorf("%d operations without room, or too early; paused: %v", n, a.paused)
	}
	k.result = -1
	a.update(k, ops, now+acceptPause, true)
	if _, _, n := k.did(); a.paused || n != 1 || a.watched {
		t.Errorf("paused: %v, %d operations, watched: %v", a.paused, n, a.watched)
	}
	k.result = 0
	a.update(k, ops, now+acceptPause, true)
	if kind, mask, n := k.did(); kind != kernel.OpEpollMod || mask != kernel.Readable || n != 1 || !a.watched {
		t.Errorf("after epoll has refused once: %d operations, of kind %v for %x", n, kind, mask)
	}
}

// TestAcceptorDefersAndCoalesces lets many connections come, and then none: one rate decides about both.
func TestAcceptorDefersAndCoalesces(t *testing.T) {
	k := &doorman{}
	a, _ := acceptorOf(t, k, Config{DeferAbove: 1000, CoalesceAbove: 2000}, 10, 11)
	now, accepted := time.Second, uint64(0)
	pass := func(d time.Duration, perSecond float64) {
		now += d
		accepted += uint64(perSecond * d.Seconds())
		a.follow(k, now, accepted)
	}
	a.follow(k, now, accepted)
	pass(acceptRateEvery, 1500)
	if !slices.Equal(k.defers, []bool{true, true}) || a.coalescing.left > 0 {
		t.Errorf("1500 a second: deferred %v, in a trial: %v", k.defers, a.coalescing.left > 0)
	}
	if at := a.dueAt(now, connRoom{}); at != now+acceptRateEvery {
		t.Errorf("due at %v, want to look whether the load is over", at)
	}
	pass(acceptRateEvery, 3000)
	if a.coalescing.left == 0 || len(k.defers) != 2 {
		t.Errorf("3000 a second: deferred %v, in a trial: %v", k.defers, a.coalescing.left > 0)
	}
	for range 100 {
		pass(10*time.Millisecond, 3000)
	}
	if !a.coalescing.on {
		t.Error("as many come with rests, and it does not rest")
	}
	pass(2*time.Second, 0)
	if !slices.Equal(k.defers, []bool{true, true, false, false}) || a.coalescing.on {
		t.Errorf("none come: deferred %v, rests: %v", k.defers, a.coalescing.on)
	}
	if at := a.dueAt(now, connRoom{}); at != never {
		t.Errorf("due at %v: an idle loop wakes up for nothing", at)
	}
}

// TestAcceptorCloses: a loop that drains has no listeners, does not rest, and has nothing to adapt.
func TestAcceptorCloses(t *testing.T) {
	k := &doorman{}
	a, ops := acceptorOf(t, k, Config{DeferAbove: 1000}, 10, 11)
	a.deferral.on, a.coalescing.on = true, true
	_, _, _ = k.did()
	if closed := a.close(k, ops); len(closed) != 2 || closed[1].fd != 11 {
		t.Errorf("%+v", closed)
	}
	if kind, _, n := k.did(); kind != kernel.OpEpollDel || n != 2 {
		t.Errorf("%d operations, of kind %v", n, kind)
	}
	a.onEvent(tokenListeners)
	a.follow(k, time.Hour, 0)
	if _, rested, err := a.wait(k, nil, time.Second, 1); rested || err != nil || k.waits != 1 {
		t.Errorf("rested: %v, %v, %d waits", rested, err, k.waits)
	}
	if at := a.dueAt(time.Hour, connRoom{}); len(k.defers) > 0 || at != never {
		t.Errorf("deferred %v, due at %v", k.defers, at)
	}
}

func TestAcceptorNotWatched(t *testing.T) {
	if _, err := newAcceptor(&doorman{result: -1}, make([]kernel.Op, 1), &Config{}, []int32{10}); err == nil {
		t.Error("no error although epoll does not report connections")
	}
}
