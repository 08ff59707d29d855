package goloop

import (
	"time"

	"aws/internal/kernel"
)

const (
	acceptsMax  = 64                     // that one batch tries for a listener
	acceptPause = 100 * time.Millisecond // when descriptors are used up
	shedAfter   = time.Second            // a connection without a request may keep others out for so long when there is no room

	tokenListeners = kernel.ReservedTokens - 1024 // the token of the first listener; the others follow upwards
)

// listener is a socket that connections are accepted from.
type listener struct {
	fd        int32
	tls       bool // its connections speak TLS
	ready     bool
	accepts   int // how many accepts the next batch tries
	successes int // of those that the latest batches tried
}

// succeeded notes that a connection has been accepted. The number of accepts that are tried at once doubles while all succeed.
func (li *listener) succeeded() {
	li.successes++
	if li.successes == li.accepts {
		li.accepts = min(2*li.accepts, acceptsMax)
		li.successes = 0
	}
}

// failed notes that there was no connection to be accepted.
func (li *listener) failed() {
	li.accepts = max(li.successes, 1)
	li.successes = 0
}

// acceptor is a loop's listeners, and whether and how connections are accepted from them.
type acceptor struct {
	listeners []listener    // none once the loop drains
	peers     []byte        // where accepts write the clients' addresses
	watched   bool          // epoll reports new connections
	paused    bool          // new connections stay in the backlog
	resumeAt  time.Duration // and no accepting before this time

	rate       acceptRate
	deferral   deferral
	coalescing coalescing
}

// newAcceptor returns an acceptor of listeners, of whose connections epoll reports. ops is room for an operation per
// listener.
func newAcceptor(k kernel.Kernel, ops []kernel.Op, cfg *Config, fds []int32) (acceptor, error) {
	a := acceptor{deferral: deferral{above: cfg.DeferAbove}, coalescing: coalescing{above: cfg.CoalesceAbove}}
	for i, fd := range fds {
		a.listeners = append(a.listeners, listener{fd: fd, accepts: 1, tls: i < len(cfg.Secure) && cfg.Secure[i]})
	}
	var err error
	if a.peers, err = k.Map(batchConnsMax * kernel.PeerBytes); err != nil {
		return a, err
	}
	if err := a.watch(k, ops, kernel.OpEpollAdd, kernel.Readable); err != nil {
		return a, err
	}
	a.watched = true
	return a, nil
}

// watch sets whether epoll reports new connections.
func (a *acceptor) watch(k kernel.Kernel, ops []kernel.Op, kind netKind, mask uint32) error {
	ops = ops[:len(a.listeners)]
	for i, li := range a.listeners {
		ops[i] = kernel.Op{Kind: kind, FD: li.fd, File: k.Poller(), Mask: mask, Token: tokenListeners + uint64(i)}
	}
	k.Do(ops)
	for i := range ops {
		if ops[i].Result < 0 {
			return kernel.NamedError("epoll_ctl", ops[i].Result)
		}
	}
	return nil
}

// onEvent notes that a listener has connections. A token of a listener that is closed is passed over.
func (a *acceptor) onEvent(token uint64) {
	//mutation:event-of-closed-listener
	if i := token - tokenListeners; i < uint64(len(a.listeners)) {
		a.listeners[i].ready = true
	}
}

// takeReady returns the next ready listener from index i on, and its index, or nil
// when there is none. While accepting is paused, events are forgotten: epoll reports them again.
func (a *acceptor) takeReady(i int) (int, *listener) {
	for ; i < len(a.listeners); i++ {
		li := &a.listeners[i]
		if !li.ready {
			continue
		}
		li.ready = false
		if !a.paused {
			return i, li
		}
	}
	return i, nil
}

// accept returns the operation that accepts a connection from a listener. The client's address is written to a place of the
// batch's own, of which there are batchConnsMax.
func (a *acceptor) accept(listener, place int) kernel.Op {
	op := kernel.Op{Kind: kernel.OpAccept, FD: a.listeners[listener].fd, Token: uint64(listener)}
	op.SetBuf(a.peers[place*kernel.PeerBytes : (place+1)*kernel.PeerBytes])
	return op
}

// pause leaves new connections in the backlog until a time, and then until a slot is free. It returns whether they were
// accepted before. update changes the epoll registration.
func (a *acceptor) pause(until time.Duration) bool {
	was := a.paused
	a.paused = true
	a.resumeAt = max(a.resumeAt, until) // one batch may run out of slots and of descriptors
	return !was
}

// update resumes accepting when it is time and there is room for another connection, and lets epoll know whether connections
// are accepted.
func (a *acceptor) update(k kernel.Kernel, ops []kernel.Op, now time.Duration, room bool) {
	if a.paused && now >= a.resumeAt && room {
		//mutation:accept-not-resumed
		a.paused = false
	}
	if a.watched != a.paused {
		return
	}
	mask := kernel.Readable
	if a.paused {
		mask = 0
	}
	if a.watch(k, ops, kernel.OpEpollMod, mask) == nil { // else it is tried again in the next iteration
		a.watched = !a.paused
	}
}

// follow adapts deferral and accept coalescing to the rate of connections. accepted is how
// many have been accepted.
func (a *acceptor) follow(k kernel.Kernel, now time.Duration, accepted uint64) {
	if a.rate.measure(now, accepted) && len(a.listeners) > 0 && a.deferral.follow(a.rate.perSecond) {
		for _, li := range a.listeners {
			k.Defer(li.fd, a.deferral.on)
		}
	}
	a.coalescing.follow(a.rate.perSecond, now, accepted)
}

// wait makes changes of interest and waits for events. It returns whether it has let connections gather. A loop that drains
// does not.
func (a *acceptor) wait(k kernel.Kernel, changes []kernel.Op, timeout time.Duration, accepted uint64) ([]kernel.Event, bool, error) {
	if len(a.listeners) == 0 {
		events, err := k.Wait(changes, timeout)
		return events, false, err
	}
	return a.coalescing.wait(k, changes, timeout, accepted)
}

// connRoom says whether there is room for another connection, or when there may be.
type connRoom struct {
	left      bool          // there is
	elsewhere bool          // there may be any time, as other loops have connections, too
	shedAt    time.Duration // when a connection without a request may be ended to make room; never if there is none
}

// dueAt returns when there is something to do: accepting is resumed, or the rate is to be looked at, as the kernel holds
// connections back and the load may be over.
func (a *acceptor) dueAt(now time.Duration, room connRoom) time.Duration {
	at := never
	if a.deferral.on && len(a.listeners) > 0 {
		at = a.rate.dueAt()
	}
	if !a.paused {
		return at
	}
	if room.elsewhere {
		at = min(at, now+acceptPause)
	}
	if room.left {
		return min(at, a.resumeAt)
	}
	return min(at, room.shedAt)
}

// close forgets the listeners, and returns their descriptors to be closed. Another process may have the sockets open, too.
// Epoll would then go on reporting their connections (epoll(7)), so they are taken out of it. Should that fail, the events
// are passed over.
func (a *acceptor) close(k kernel.Kernel, ops []kernel.Op) []listener {
	_ = a.watch(k, ops, kernel.OpEpollDel, 0)
	closed := a.listeners
	a.listeners = nil
	return closed
}
