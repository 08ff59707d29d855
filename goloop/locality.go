package goloop

import (
	"net/netip"
	"time"

	"aws/internal/kernel"
)

// Between a client on the same machine (a browser, a load generator, a proxy in front) and the loop there is
// no network. So such a connection has another congestion control, and its last response may wait in the socket
// as a whole: what is acknowledged there makes room in the client's own time, and nobody needs to be woken up.

// locality says whether a connection comes from this machine.
type locality uint8

const (
	localityUnknown  locality = iota // a Unix socket; or nothing is left to be done
	localityLoopback                 // its congestion control is to become Config.LocalCongestion
	localityRemote                   // its congestion control is to be the system's
)

const (
	// LocalBodyBytes is from which size of a body on what is done for a connection from this machine is worth its
	// system calls.
	LocalBodyBytes = 256 << 10
	// remoteBodyBytes is from which size of a body on the congestion control matters for a connection from
	// elsewhere. Less leaves at once in the first window of any (RFC 6928: ten segments).
	remoteBodyBytes = 8 << 10
	// LocalUnsentBytes is how much of a last response may wait in the socket of a connection from this machine.
	LocalUnsentBytes = 2 << 20
)

// localityOf determines from a client's address where it is.
func (l *Loop) localityOf(peer netip.AddrPort) locality {
	switch {
	case !peer.IsValid() || l.cfg.LocalCongestion == "":
		return localityUnknown
	case peer.Addr().Unmap().IsLoopback():
		return localityLoopback
	case l.remoteNames == nil:
		return localityUnknown
	default:
		return localityRemote
	}
}

// setCongestion makes the names by which a socket's congestion control is exchanged.
func (l *Loop) setCongestion() error {
	local, system := l.cfg.LocalCongestion, l.cfg.SystemCongestion
	if local == "" || system == "" || local == system {
		return nil
	}
	mem, err := l.k.Map(2 * kernel.CongestionBytes)
	if err != nil {
		return err
	}
	l.loopbackNames, l.remoteNames = mem[:kernel.CongestionBytes], mem[kernel.CongestionBytes:]
	kernel.PutCongestions(l.loopbackNames, system, local)
	kernel.PutCongestions(l.remoteNames, local, system)
	return nil
}

// addCongestion adds what the locality of a connection asks for before a body of so many bytes. What is refused stays as it is,
// and all goes on as before.
func (l *Loop) addCongestion(c *conn, body int64) {
	var names []byte
	whole := false
	switch {
	case c.locality == localityLoopback && body >= LocalBodyBytes:
		names = l.loopbackNames
		whole = !c.current.keepAlive && l.roomForWhole()
	case c.locality == localityRemote && body >= remoteBodyBytes:
		names = l.remoteNames
	default:
		return
	}
	c.locality = localityUnknown
	var link kernel.OpFlag
	if names != nil {
		op := kernel.Op{Kind: kernel.OpCongestion, FD: c.fd}
		op.SetBuf(names)
		l.batch.add(owner{}, op)
		link = kernel.Link // a socket that had the system's is paced for ever, and sends by a timer what waits in it
	}
	if whole {
		c.whole = true
		l.wholes.open++
		l.batch.add(owner{}, kernel.Op{Kind: kernel.OpNotSent, Flags: link, FD: c.fd, Mask: LocalUnsentBytes})
	}
}

// wholes counts the last responses that may wait in their sockets.
type wholes struct {
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

// roomForWhole reports whether another response may wait in its socket.
func (l *Loop) roomForWhole() bool {
	w := &l.wholes
	if now := l.k.Now(); w.left == 0 && now >= w.at {
		held, low := l.k.SocketMemory()
		w.left = int(min(max(low/wholePart-held, 0)/LocalUnsentBytes-int64(w.open), wholeMost))
		w.left = max(w.left, 0)
		w.at = now + wholeLookAfter
	}
	if w.left == 0 {
		return false
	}
	w.left--
	return true
}
