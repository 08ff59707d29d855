package goloop

import (
	"net/netip"
	"time"

	"aws/internal/kernel"
)

// localities is what a loop does for connections according to where they come from.
type localities struct {
	differ                     bool   // those from this machine have a congestion control of their own
	loopbackNames, remoteNames []byte // by which a socket's is exchanged; nil where all connections have the same
	socketWaits                socketWaits
}

func newLocalities(k kernel.Kernel, cfg *Config) (localities, error) {
	local, system := cfg.LocalCongestion, cfg.SystemCongestion
	a := localities{differ: local != ""}
	if local == "" || system == "" || local == system {
		return a, nil
	}
	mem, err := k.Map(2 * kernel.CongestionBytes)
	if err != nil {
		return a, err
	}
	a.loopbackNames, a.remoteNames = mem[:kernel.CongestionBytes], mem[kernel.CongestionBytes:]
	kernel.PutCongestions(a.loopbackNames, system, local)
	kernel.PutCongestions(a.remoteNames, local, system)
	return a, nil
}

// of determines from a client's address where it is.
func (a *localities) of(peer netip.AddrPort) locality {
	switch {
	case !peer.IsValid() || !a.differ:
		return localityUnknown
	case peer.Addr().Unmap().IsLoopback():
		return localityLoopback
	case a.remoteNames == nil:
		return localityUnknown
	default:
		return localityRemote
	}
}

// socketWaits counts the last responses that may wait in their sockets.
type socketWaits struct {
	left int           // to be allowed
	open int           // of connections that are still sending: what they have not used yet they may use any time
	at   time.Duration // when what is used may be looked at again
}

// Responses may wait in their sockets as long as all of the machine's hold less than a part of what the kernel lets them
// hold without restraint. The loop looks when it has spent what it found at its latest look.
const (
	wholePart      = 4
	wholeMost      = 64 // for each look
	wholeLookAfter = 10 * time.Millisecond
)

// take counts another response that may wait in its socket, or returns false if it may not. It is given back when the response
// has gone.
func (w *socketWaits) take(k kernel.Kernel) bool {
	if now := k.Now(); w.left == 0 && now >= w.at {
		held, low := k.SocketMemory()
		w.left = int(min(max(low/wholePart-held, 0)/LocalUnsentBytes-int64(w.open), wholeMost))
		w.left = max(w.left, 0)
		w.at = now + wholeLookAfter
	}
	if w.left == 0 {
		return false
	}
	w.left--
	w.open++
	return true
}

func (w *socketWaits) give() { w.open-- }
