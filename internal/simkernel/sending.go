package simkernel

import (
	"syscall"

	"aws/internal/kernel"
	"aws/internal/tlsrecord"
)

// room returns how much a send may add, or the error that it has instead.
func (k *Kernel) room(c *conn) (int, int64) {
	switch {
	case c.failure != 0:
		return 0, c.fail()
	case c.broken || c.down:
		return 0, -int64(syscall.EPIPE)
	case c.unstick() > 0 && len(c.tls.stuck) > 0, len(c.out) >= c.outMax || k.strikes(FaultSpuriousAgain):
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
	if c.tls == nil {
		c.taken += int64(n)
	} else if more {
		k.violate(-1, "a send for peer %d whose record the kernel keeps open", c.peer.ID)
	}
	if k.OnSent != nil {
		k.OnSent(c.peer, n)
	}
	if c.peer.closed { // the peer has closed: a reset is in transit
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
	if c.tls != nil {
		k.addRecords(c, tlsrecord.TypeData, buf[:n])
	} else {
		c.out = append(c.out, buf[:n]...)
	}
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
	content := make([]byte, n)
	f.Fill(op.Offset, content)
	if c.tls != nil {
		k.addRecords(c, tlsrecord.TypeData, content)
	} else {
		c.out = append(c.out, content...)
	}
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
		k.checkStuck(op.FD, c)
		c.down = true
		c.push()
	}
	return 0
}

// notSent is setsockopt(2) with TCP_NOTSENT_LOWAT, which changes nothing that a program can rely on.
func (k *Kernel) notSent(op *kernel.Op) int64 {
	_, errno := k.socket(op)
	return errno
}

// cork is setsockopt(2) with TCP_CORK. What is held back leaves when it is taken away.
func (k *Kernel) cork(op *kernel.Op) int64 {
	c, errno := k.socket(op)
	if errno != 0 {
		return errno
	}
	if c.corked = op.Mask != 0; !c.corked && c.held > 0 {
		c.push()
	}
	return 0
}
