package simkernel

import (
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

// room returns how much a send may add, or the error that it has instead.
func (k *Kernel) room(c *conn) (int, int64) {
	switch {
	case c.failure != 0:
		return 0, c.fail()
	case c.broken || c.down:
		return 0, -int64(syscall.EPIPE)
	case len(c.out) >= c.outMax || k.strikes(FaultSpuriousAgain):
		return 0, -int64(syscall.EAGAIN)
	case k.strikes(FaultNoBuffers):
		c.peer.excuse("no buffers for a send")
		k.rests(c)
		return 0, -int64(pick(k.rnd, syscall.ENOBUFS, syscall.ENOMEM))
	}
	return c.outMax - len(c.out), 0
}

// sent does what follows when bytes have been added to a connection's way out.
func (k *Kernel) sent(c *conn, n int, more bool) {
	if k.OnSent != nil {
		k.OnSent(c.peer, n)
	}
	if c.peer.closed { // nobody is there any more: a reset is on its way
		k.After(c.peer.latency(), c.arriveReset)
	}
	if !more && !c.corked {
		c.push()
		return
	}
	held := (c.held + n) % segmentBytes // whole segments leave
	if held < c.held+n {
		c.push()
	}
	if c.held = held; held == 0 {
		return
	}
	pushed := c.pushed
	k.After(heldMax, func() {
		if c.pushed == pushed && c.held > 0 {
			c.push()
		}
	})
}

// pushOut is setsockopt(2) with TCP_NODELAY: what is held back leaves.
func (k *Kernel) pushOut(op *kernel.Op) int64 {
	c, errno := k.socket(op)
	if errno != 0 {
		return errno
	}
	if c.held > 0 {
		c.push()
	}
	return 0
}

// checkHeld is called when the loop is about to sleep. Bytes that a socket holds back because more was to follow
// would wait for 200 ms, or for the client's acknowledgement, if what follows has to be waited for. Only
// where the socket is full they need not be pushed: room comes by itself.
func (k *Kernel) checkHeld() {
	for _, c := range k.open {
		if c.held == 0 || c.closed || c.broken || c.down || c.unwatched || c.want == WantClose {
			continue
		}
		if full := c.want == WantWrite && c.readiness()&kernel.Writable == 0; !full {
			k.violate(-1, "the loop sleeps while %d bytes for peer %d are held back, and more has to be waited for", c.held, c.peer.ID)
		}
	}
}

// send is send(2) with MSG_NOSIGNAL.
func (k *Kernel) send(op *kernel.Op) int64 {
	c, errno := k.socket(op)
	if errno != 0 {
		return errno
	}
	buf := op.Buf()
	k.checkBuffer(op.FD, "send", buf)
	room, errno := k.room(c)
	if errno != 0 {
		return errno
	}
	n := min(len(buf), room)
	if n > 1 && k.strikes(FaultShortSend) {
		n = int(k.between(1, int64(n-1)))
	}
	c.out = append(c.out, buf[:n]...)
	k.sent(c, n, op.Flags&kernel.More != 0)
	return int64(n)
}

// sendfile is sendfile(2). Pages that are not in memory are waited for, and that is a violation.
func (k *Kernel) sendfile(op *kernel.Op) int64 {
	c, errno := k.socket(op)
	if errno != 0 {
		return errno
	}
	d, bad := k.lookupKind(op.File, descFile, syscall.EINVAL, "sendfile from")
	if bad != 0 {
		return -int64(bad)
	}
	room, errno := k.room(c)
	if errno != 0 {
		return errno
	}
	f := d.file
	n := min(op.Len(), int64(room), f.Size-op.Offset)
	if n <= 0 || op.Offset < 0 {
		return 0
	}
	if n > 1 && k.strikes(FaultShortSendfile) {
		n = k.between(1, n-1)
	}
	if n = f.readable(op.Offset, n); n == 0 || f.content == nil && k.strikes(FaultReadError) {
		f.Faulted++
		return -int64(syscall.EIO)
	}
	k.stall(d, op.Offset, n)
	at := len(c.out)
	c.out = append(c.out, make([]byte, n)...)
	f.Fill(op.Offset, c.out[at:])
	k.sent(c, int(n), false)
	return n
}

// shutdown is shutdown(2) with SHUT_WR.
func (k *Kernel) shutdown(op *kernel.Op) int64 {
	c, errno := k.socket(op)
	if errno != 0 {
		return errno
	}
	if c.broken {
		return -int64(syscall.ENOTCONN)
	}
	if !c.down {
		c.down = true
		c.push()
	}
	return 0
}

// SocketMemory implements kernel.Kernel: there is much room, or little, or the kernel does not say.
func (k *Kernel) SocketMemory() (held, low int64) {
	if k.rnd.IntN(4) == 0 {
		return 0, 0
	}
	return k.between(0, simSocketsLow), simSocketsLow
}

const simSocketsLow = 64 << 20

// sendBufferMost is the most that DrawPlan gives a connection: anyone who reads slowly takes no longer for more.
const sendBufferMost = 256 << 10

// notSent is setsockopt(2) with TCP_NOTSENT_LOWAT: more may wait in the socket.
func (k *Kernel) notSent(op *kernel.Op) int64 {
	c, errno := k.socket(op)
	if errno != 0 {
		return errno
	}
	c.outMax = max(c.outMax, min(int(op.Mask), sendBufferMost))
	return 0
}

// congestion is setsockopt(2) with TCP_CONGESTION, which changes nothing that a program can see.
func (k *Kernel) congestion(op *kernel.Op) int64 {
	k.checkBuffer(op.FD, "setsockopt", op.Buf())
	c, errno := k.socket(op)
	if errno != 0 {
		return errno
	}
	return int64(c.peer.ID / 2 % 2) // it was another one
}

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
