package simkernel

import (
	"net/netip"
	"syscall"
	"time"

	"aws/internal/kernel"
)

// The sizes of sockets that nobody gave another size.
const (
	sendBufferDefault    = 64 << 10
	receiveBufferDefault = 64 << 10
	backlogDefault       = 128
)

// segmentBytes is what a send with More holds back at the most, and heldMax for how long, tcp(7).
const (
	segmentBytes = 1460
	heldMax      = 200 * time.Millisecond
)

// Listener is a listening socket.
type Listener struct {
	desc    *desc
	fd      int32
	backlog int
	Cork    bool // TCP_CORK, which accepted sockets inherit
	waiting []*conn
	closed  bool
	starve  starving
}

// Listen opens a listening socket for a test to hand to the loop. A backlog of 0 stands for 128.
func (k *Kernel) Listen(backlog int) *Listener {
	if backlog == 0 {
		backlog = backlogDefault
	}
	l := &Listener{backlog: backlog}
	l.desc = &desc{kind: descListener, listener: l}
	l.fd = k.install(l.desc)
	return l
}

// FD returns the listener's descriptor.
func (l *Listener) FD() int32 { return l.fd }

func (l *Listener) closeByServer(k *Kernel) {
	l.closed = true
	for _, c := range l.waiting {
		c.peer.excuse("never accepted")
		c.closeByServer(k, true)
	}
	l.waiting = nil
}

// conn is a connection's half that the server's kernel keeps.
type conn struct {
	peer      *Peer
	in        []byte // received, not yet taken by the loop
	inEnd     bool   // the peer has sent all that it will, after in
	out       []byte // given to send, not yet read by the peer
	outMax    int
	taken     int64 // bytes that were ever added to out
	tls       *kernelTLS
	held      int           // bytes at the end of out that wait for more (MSG_MORE, TCP_CORK)
	corked    bool          // every send is one with MSG_MORE
	unwatched bool          // epoll was asked to watch it and has refused, which the loop learns when it has slept
	pushed    int           // counts what ends a wait for more
	failure   syscall.Errno // what the next call returns; then it is forgotten
	broken    bool          // a reset came or went: nothing moves any more
	down      bool          // the server will send no more
	closed    bool          // the server has closed it

	want      Want
	starve    starving
	restUntil time.Duration // the loop may leave it alone till then
}

// Defer implements kernel.Kernel: a connection is never held back here, which the loop can't determine.
func (k *Kernel) Defer(fd int32, _ bool) {
	_, _ = k.lookupKind(fd, descListener, syscall.ENOTSOCK, "setsockopt")
}

// Unsent implements kernel.Kernel: what the peer has not read. A real peer acknowledges a little
// earlier.
func (k *Kernel) Unsent(fd int32) int64 {
	d, errno := k.lookupKind(fd, descConn, syscall.ENOTSOCK, "ioctl")
	if errno != 0 {
		return 0
	}
	return int64(len(d.conn.out))
}

// Local implements kernel.Kernel.
func (k *Kernel) Local(fd int32) netip.AddrPort {
	if _, errno := k.lookupKind(fd, descConn, syscall.ENOTSOCK, "getsockname"); errno != 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 80}), 443)
}

// readiness is tcp_poll's response.
func (c *conn) readiness() uint32 {
	var m uint32
	if len(c.in) > 0 || c.inEnd || c.broken {
		m |= kernel.Readable
	}
	if c.inEnd || c.broken {
		m |= eventReadHangUp
	}
	if c.broken || c.down || 3*len(c.out) <= 2*c.outMax {
		m |= kernel.Writable
	}
	if c.broken || c.inEnd && c.down {
		m |= eventHangUp
	}
	if c.failure != 0 {
		m |= eventError
	}
	return m
}

// arriveReset is a reset from the peer's side: what was sent is lost, what was received stays.
func (c *conn) arriveReset() {
	if c.broken {
		return
	}
	c.failure = syscall.ECONNRESET
	if c.inEnd {
		c.failure = syscall.EPIPE // tcp_reset says so in the state CLOSE_WAIT
	}
	c.broken = true
	c.out, c.held = nil, 0
}

// sendReset is a reset from the server's side: the peer gets a part of what was under way.
func (c *conn) sendReset(k *Kernel) {
	c.broken = true
	c.out, c.held = c.out[:k.between(0, int64(len(c.out)))], 0
	c.peer.wake()
}

// closeByServer is close(2): an orderly end, unless bytes are left unread or abort asks for a reset.
func (c *conn) closeByServer(k *Kernel, abort bool) {
	c.closed = true
	if c.broken {
		return
	}
	unread := len(c.in) > 0 || len(c.peer.backlog) > 0
	if unread && !abort {
		c.peer.Unread = true
	}
	if !abort {
		k.checkStuck(-1, c)
	}
	if abort || unread {
		c.peer.Aborted = abort
		c.sendReset(k)
		return
	}
	c.down = true
	c.push()
}

// push ends a wait for more.
func (c *conn) push() {
	c.held = 0
	c.pushed++
	c.peer.wake()
}

// accept is accept4(2). Linux finds a number before it looks for a connection, so EMFILE comes
// even when nobody is waiting.
func (k *Kernel) accept(op *kernel.Op) int64 {
	d, errno := k.lookupKind(op.FD, descListener, syscall.EINVAL, "accept4")
	if errno != 0 {
		return -int64(errno)
	}
	d.touch()
	l := d.listener
	l.starve.acted = true
	if k.full() {
		return -int64(syscall.EMFILE)
	}
	if len(l.waiting) == 0 || k.strikes(FaultSpuriousAgain) {
		return -int64(syscall.EAGAIN)
	}
	if k.strikes(FaultAcceptRefused) {
		return -int64(pick(k.rnd, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM))
	}
	c := l.waiting[0]
	l.waiting = l.waiting[1:]
	if k.strikes(FaultAcceptAborted) {
		c.peer.excuse("accept aborted")
		c.closeByServer(k, true)
		return -int64(syscall.ECONNABORTED)
	}
	c.peer.AcceptedAt = k.clock.now
	fd := k.install(&desc{kind: descConn, owned: true, conn: c})
	k.accepted = append(k.accepted, c)
	k.open = append(k.open, c)
	k.tracef("peer %d is descriptor %d", c.peer.ID, fd)
	if buf := op.Buf(); len(buf) >= kernel.PeerBytes {
		kernel.PutPeerAddress(buf, c.peer.address())
	}
	return int64(fd)
}

// socket returns the connection that an operation is about and lets the network break it.
func (k *Kernel) socket(op *kernel.Op) (*conn, int64) {
	d, errno := k.lookupKind(op.FD, descConn, syscall.ENOTSOCK, op.Kind.String())
	if errno != 0 {
		return nil, -int64(errno)
	}
	d.touch()
	c := d.conn
	c.served()
	if !c.broken && k.strikes(FaultReset) {
		c.peer.excuse("reset by the network")
		c.arriveReset()
		c.peer.end(EndRST)
	}
	return c, 0
}

// fail returns the error that waits on a connection, once.
func (c *conn) fail() int64 {
	errno := c.failure
	c.failure = 0
	return -int64(errno)
}

// recv is recv(2). What had arrived before a reset is still handed out.
func (k *Kernel) recv(op *kernel.Op) int64 {
	c, errno := k.socket(op)
	if errno != 0 {
		return errno
	}
	buf := op.Buf()
	k.checkBuffer(op.FD, "recv", buf)
	switch {
	case len(c.in) == 0 && c.failure != 0:
		return c.fail()
	case len(c.in) == 0 && (c.broken || c.inEnd):
		return 0
	case len(c.in) == 0 || k.strikes(FaultSpuriousAgain):
		return -int64(syscall.EAGAIN)
	}
	n := min(len(buf), len(c.in))
	if n > 1 && k.strikes(FaultShortRecv) {
		n = int(k.between(1, int64(n-1)))
	}
	copy(buf, c.in[:n])
	c.in = c.in[n:]
	c.peer.flush()
	return int64(n)
}

// SocketMemory implements kernel.Kernel: there is much room, or little, or the kernel does not say.
func (k *Kernel) SocketMemory() (held, low int64) {
	if k.rnd.IntN(4) == 0 {
		return 0, 0
	}
	return k.between(0, simSocketsLow), simSocketsLow
}

const simSocketsLow = 64 << 20

// checkBuffer looks whether memory that a call is given may be given to it.
func (k *Kernel) checkBuffer(fd int32, what string, buf []byte) {
	if len(buf) == 0 {
		return
	}
	if _, ok := k.mapOffset(buf); !ok {
		k.violate(fd, "%s with a buffer of %d bytes that is not from Map", what, len(buf))
	}
	if user := k.bufferUser(buf); user != "" {
		k.violate(fd, "%s with a buffer that %s is filling", what, user)
	}
}
