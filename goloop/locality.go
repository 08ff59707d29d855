package goloop

import "aws/internal/kernel"

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

// addCongestion adds what the locality of a connection asks for before a body of so many bytes. What is refused stays as it is,
// and all goes on as before.
func (l *Loop) addCongestion(c *conn, body int64) {
	var names []byte
	whole := false
	switch {
	case c.locality == localityLoopback && body >= LocalBodyBytes:
		names = l.localities.loopbackNames
		whole = !c.current.keepAlive && l.localities.socketWaits.take(l.k)
	case c.locality == localityRemote && body >= remoteBodyBytes:
		names = l.localities.remoteNames
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
		c.waitsInSocket = true
		l.batch.add(owner{}, kernel.Op{Kind: kernel.OpNotSent, Flags: link, FD: c.fd, Mask: LocalUnsentBytes})
	}
}
