package goloop

import "aws/internal/kernel"

// socketMemory decides how much of a response may wait in its socket.
//
// A socket takes as much as the kernel lets it (tcp(7), tcp_wmem), up to megabytes: then the loop need not wake up for each piece, and where
// the kernel paces, each packet is a full one. But slow clients that hold so much use up the memory that all sockets of the machine share
// (tcp_mem). So while that is scarce, a connection gets a limit before it sends more of a body. As long as it is not, no
// connection costs a call.
type socketMemory struct {
	scarce bool
	left   int64 // bytes that may be sent before the loop looks again
}

const (
	// LargeBodyBytes is from which size of a body on its packets are worth the calls that make them full.
	LargeBodyBytes = 256 << 10
	// limitedBodyBytes is from which size of a body on a connection gets the limit: what less of it waits in a socket is not worth a call.
	limitedBodyBytes = 16 << 10
	// ScarceUnsentBytes is how much may wait unsent in a socket while the memory is scarce (tcp(7), TCP_NOTSENT_LOWAT).
	ScarceUnsentBytes = kernel.UnsentBytes
	// lookAfterBytes is how much a loop sends between two looks: no more can come on top of what the first one has found.
	lookAfterBytes = 8 << 20
	// scarcePart: the memory is scarce from this part on of what the kernel lets all sockets hold without restraint.
	scarcePart = 4
)

// isScarce looks at the memory of all sockets, if enough has been sent since the latest look.
func (m *socketMemory) isScarce(k kernel.Kernel) bool {
	if m.left <= 0 {
		held, low := k.SocketMemory()
		most := low / scarcePart
		if m.scarce {
			most /= 2 // else it changed with each look
		}
		m.scarce = held >= most // also where the kernel does not say
		m.left = lookAfterBytes
	}
	return m.scarce
}

// addLimits adds what a connection needs before it sends more of a body, of which so many bytes are left. What is refused stays as it is.
func (l *Loop) addLimits(c *conn, body int64) {
	if body < limitedBodyBytes || !c.plainTCP {
		return
	}
	if scarce := l.socketMemory.isScarce(l.k); scarce != c.unsentLimited {
		c.unsentLimited = scarce
		op := kernel.Op{Kind: kernel.OpNotSent, FD: c.fd}
		if scarce {
			op.Mask = ScarceUnsentBytes
		}
		l.batch.add(owner{}, op)
	}
	if body >= LargeBodyBytes && !c.corked && !l.cfg.Corked {
		c.corked = true
		l.batch.add(owner{}, kernel.Op{Kind: kernel.OpCork, FD: c.fd, Mask: 1})
	}
}
