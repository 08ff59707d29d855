package simkernel

import (
	"fmt"
	"strings"
	"syscall"

	"aws/internal/kernel"
)

// Bits of epoll_event.events that are known besides kernel.Readable and kernel.Writable.
const (
	eventHangUp     = uint32(syscall.EPOLLHUP)
	eventError      = uint32(syscall.EPOLLERR)
	eventReadHangUp = uint32(syscall.EPOLLRDHUP)
	maskKnown       = kernel.Readable | kernel.Writable | kernel.Broken | eventReadHangUp
)

// ignoredMax is how often in a row an event may be reported without anything being done about it.
const ignoredMax = 100

// watch is a descriptor's registration with epoll.
type watch struct {
	desc    *desc
	mask    uint32
	token   uint64
	ignored int // reports since the descriptor was last used
}

// polls is the epoll instance.
type polls struct {
	fd      int32
	watches []*watch // those first that have waited longest
	spare   []*watch // the memory of the list before
	events  []kernel.Event
	shown   []*watch // behind the events of the latest Wait
}

func (p *polls) add(d *desc, mask uint32, token uint64) {
	d.watch = &watch{desc: d, mask: mask, token: token}
	p.watches = append(p.watches, d.watch)
}

func (p *polls) del(d *desc) {
	for i, w := range p.watches {
		if w == d.watch {
			p.watches = append(p.watches[:i], p.watches[i+1:]...)
			break
		}
	}
	d.watch = nil
}

// epollCtl is epoll_ctl(2).
func (k *Kernel) epollCtl(op *kernel.Op) syscall.Errno {
	d, errno := k.lookup(op.FD, op.Kind.String())
	if errno != 0 {
		return errno
	}
	if op.File != k.polls.fd {
		k.violate(op.FD, "%v: %d is not the poller", op.Kind, op.File)
		return syscall.EBADF
	}
	if op.Kind != kernel.OpEpollDel {
		if op.Token >= kernel.ReservedTokens || op.Mask&^maskKnown != 0 {
			k.violate(op.FD, "%v with mask %#x and token %#x", op.Kind, op.Mask, op.Token)
		}
	}
	switch {
	case d.kind == descFile || d.kind == descRoot:
		k.violate(op.FD, "%v on %v", op.Kind, d)
		return syscall.EPERM
	case op.Kind == kernel.OpEpollAdd && d.watch != nil:
		k.violate(op.FD, "epoll add of descriptor %d (%v), which is watched", op.FD, d)
		return syscall.EEXIST
	case op.Kind != kernel.OpEpollAdd && d.watch == nil:
		k.violate(op.FD, "%v of descriptor %d (%v), which is not watched", op.Kind, op.FD, d)
		return syscall.ENOENT
	}
	switch op.Kind {
	case kernel.OpEpollAdd:
		if d.conn != nil && k.strikes(FaultEpollRefused) {
			d.conn.peer.excuse("epoll_ctl refused")
			d.conn.unwatched = true
			return pick(k.rnd, syscall.ENOMEM, syscall.ENOSPC)
		}
		k.polls.add(d, op.Mask, op.Token)
	case kernel.OpEpollMod:
		d.watch.mask, d.watch.token, d.watch.ignored = op.Mask, op.Token, 0
	default:
		k.polls.del(d)
	}
	return 0
}

// readiness is what epoll would report for a description if it were asked for everything.
func (k *Kernel) readiness(d *desc) uint32 {
	switch d.kind {
	case descConn:
		return d.conn.readiness()
	case descListener:
		if len(d.listener.waiting) > 0 {
			return kernel.Readable
		}
	case descEvent:
		if d.readable {
			return kernel.Readable
		}
	case descOther, descPoller, descRoot, descFile: // are not watched
	}
	return 0
}

// collect returns the ready descriptors. A reported descriptor goes to the end of the list, as on Linux, so that
// a full array of events starves nobody.
func (k *Kernel) collect() []kernel.Event {
	p := &k.polls
	p.events, p.shown = p.events[:0], p.shown[:0]
	kept := p.spare[:0]
	for _, w := range p.watches {
		asked := w.mask | kernel.Broken
		ready := k.readiness(w.desc) & asked
		if ready == 0 && w.desc.kind == descConn && w.mask != 0 && k.profile.Ratio[FaultSpuriousEvent] > 0 &&
			k.strikes(FaultSpuriousEvent) {
			ready = w.mask & (kernel.Readable | kernel.Writable)
			w.ignored--
			k.idle-- // the loop did not cause such an iteration
		}
		if ready == 0 || len(p.shown) == k.cfg.EventsMax {
			kept = append(kept, w)
			continue
		}
		p.shown = append(p.shown, w)
		p.events = append(p.events, event(w.token, ready))
	}
	p.spare, p.watches = p.watches, append(kept, p.shown...)
	if n := len(p.events); n > 1 && k.rnd.IntN(2) == 0 {
		k.rnd.Shuffle(n, func(i, j int) {
			p.events[i], p.events[j] = p.events[j], p.events[i]
			p.shown[i], p.shown[j] = p.shown[j], p.shown[i]
		})
	}
	for _, w := range p.shown {
		w.ignored++
	}
	return p.events
}

func event(token uint64, ready uint32) kernel.Event {
	return kernel.Event{Events: ready, Fd: int32(uint32(token)), Pad: int32(uint32(token >> 32))}
}

// ignored detects an event that is reported repeatedly and never handled.
func (k *Kernel) ignored() error {
	for _, w := range k.polls.shown {
		if w.ignored > ignoredMax {
			k.violate(w.desc.fd, "readiness %#x of descriptor %d (%v), mask %#x, was reported %d times and nothing done about it",
				k.readiness(w.desc), w.desc.fd, w.desc, w.mask, w.ignored)
			return ErrSpinning
		}
	}
	return nil
}

// touch notes that the loop has done something about a descriptor's readiness.
func (d *desc) touch() {
	if d.watch != nil {
		d.watch.ignored = 0
	}
}

func (k *Kernel) describe(events []kernel.Event) string {
	var b strings.Builder
	for i := range events {
		d := k.polls.shown[i].desc
		fmt.Fprintf(&b, "[%#x from %d (%v)]", events[i].Events, d.fd, d)
		if i == 3 {
			b.WriteString("...")
			break
		}
	}
	return b.String()
}
