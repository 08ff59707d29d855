package simkernel

import (
	"syscall"
	"time"

	"aws/internal/kernel"
	"aws/internal/tlsrecord"
)

// kernelTLS is the sending side of TLS in the kernel.
type kernelTLS struct {
	sender tlsrecord.Sender
	keys   int64  // size of the keys
	stuck  []byte // records, reported as sent, that TCP has no room for
}

// tlsRest is how long the loop may leave a socket alone that is to be closed and has records that TCP has not taken: nothing reports when it
// has.
const tlsRest = 400 * time.Millisecond

// tlsSend is setsockopt(2) with TCP_ULP and TLS_TX.
func (k *Kernel) tlsSend(op *kernel.Op) int64 {
	k.checkBuffer(op.FD, "setsockopt", op.Buf())
	c, errno := k.socket(op)
	switch {
	case errno != 0:
		return errno
	case !k.cfg.KernelTLS:
		return -int64(syscall.ENOENT)
	case c.broken || c.inEnd || c.down:
		return -int64(syscall.ENOTCONN)
	case c.tls != nil:
		return -int64(syscall.EEXIST)
	}
	suite, key, iv, sequence, ok := kernel.ParseTLSKeys(op.Buf())
	if !ok {
		return -int64(syscall.EINVAL)
	}
	tls := &kernelTLS{keys: op.Len()}
	if tls.sender.InitKeys(suite, key, iv, sequence) != nil {
		return -int64(syscall.EINVAL)
	}
	c.tls = tls
	return c.taken
}

// sendRecord is sendmsg(2) with TLS_SET_RECORD_TYPE.
func (k *Kernel) sendRecord(op *kernel.Op) int64 {
	c, errno := k.socket(op)
	if errno != 0 {
		return errno
	}
	k.checkBuffer(op.FD, "sendmsg", op.Buf())
	if c.tls == nil {
		return -int64(syscall.EINVAL)
	}
	if _, errno := k.room(c); errno != 0 {
		c.restUntil = max(c.restUntil, k.clock.now+tlsRest)
		return errno
	}
	k.addRecords(c, tlsrecord.ContentType(op.Mask), op.Buf())
	return op.Len()
}

// tlsSent looks whether TCP has taken all records.
func (k *Kernel) tlsSent(op *kernel.Op) int64 {
	c, errno := k.socket(op)
	if errno != 0 {
		return errno
	}
	if c.tls == nil || op.Len() != c.tls.keys {
		return -int64(syscall.EINVAL)
	}
	if want := op.Offset + int64(c.tls.sender.Sequence()-op.Token)*tlsrecord.OverheadBytes; !c.broken && want != c.taken+int64(len(c.tls.stuck)) {
		k.violate(op.FD, "the loop takes the end of what it has sent for byte %d, not %d", want, c.taken+int64(len(c.tls.stuck)))
	}
	if !c.broken && len(c.tls.stuck) > 0 {
		c.restUntil = max(c.restUntil, k.clock.now+tlsRest)
		return -int64(syscall.EAGAIN)
	}
	return 0
}

// addRecords makes records, which TCP takes as far as there is room.
func (k *Kernel) addRecords(c *conn, is tlsrecord.ContentType, content []byte) {
	for len(content) > 0 {
		n := min(len(content), tlsrecord.ContentMax)
		c.tls.stuck = c.tls.sender.Seal(c.tls.stuck, is, content[:n])
		content = content[n:]
	}
	c.unstick()
}

// unstick lets TCP take records that there is room for, and returns how many bytes it has taken.
func (c *conn) unstick() int {
	if c.tls == nil || c.broken {
		return 0
	}
	n := min(len(c.tls.stuck), max(c.outMax-len(c.out), 0))
	if n == 0 {
		return 0
	}
	c.out = append(c.out, c.tls.stuck[:n]...)
	c.tls.stuck = c.tls.stuck[n:]
	c.taken += int64(n)
	c.push()
	return n
}

// checkStuck is called when the loop ends a connection in order.
func (k *Kernel) checkStuck(fd int32, c *conn) {
	if c.tls != nil && len(c.tls.stuck) > 0 && !c.broken && !c.peer.closed {
		k.violate(fd, "%d bytes of records for peer %d are lost: TCP has not taken them", len(c.tls.stuck), c.peer.ID)
	}
}
