package goloop

import (
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/loader"
)

// body is where the content of a response comes from, beyond what is in memory behind its head: none, a file by sendfile, a
// file that is loaded into buffers, or what worker threads make while it is sent (generated.go). Content in memory (small files, error pages, the texts between the parts of a response in
// several parts) is in exchange.writeBuf, so that it leaves with the head in one send; parts bring another range when a body is over.
//
// Whichever it is, and whether the exchange is the current one or a pipelined one, its bytes are sent by an operation of
// senderOf, for which they are reserved before, and are counted by countSent: what is to be done for each byte is done there.
type body interface {
	// remaining returns how many bytes have not been sent.
	remaining() int64
	// ready reports whether bytes can be sent without waiting, as far as that is known.
	ready() bool
	// addSends adds operations to the batch that send up to most of the next bytes, behind those that link links them to. It
	// returns how many bytes they send, and the link for what follows. With none, and nothing before them, the connection
	// waits for them in another state.
	addSends(l *Loop, x *exchange, most int64, link kernel.OpFlag) (int64, kernel.OpFlag)
	// advance takes note that the next n bytes have been sent.
	advance(n int64)
	// release gives back what the body holds besides the exchange's file. It reports whether the kernel still has memory of it.
	release() (inFlight bool)
}

// noBody is the body of a response without one.
type noBody struct{}

func (noBody) remaining() int64 { return 0 }
func (noBody) ready() bool      { return true }
func (noBody) advance(int64)    {}
func (noBody) release() bool    { return false }
func (noBody) addSends(_ *Loop, _ *exchange, _ int64, link kernel.OpFlag) (int64, kernel.OpFlag) {
	return 0, link
}

// fileBody is a range of a file that is sent by sendfile.
type fileBody struct {
	file        *docroot.File // the exchange's
	off, end    int64
	residentEnd int64         // the file's bytes before it are in memory
	residentAt  time.Duration // since then, if they were brought there for this exchange; else 0
}

// prefetchedFor is how long what was brought into memory for an exchange is taken to be there still.
const prefetchedFor = 250 * time.Millisecond

func (b *fileBody) remaining() int64 { return b.end - b.off }
func (b *fileBody) ready() bool      { return true }
func (b *fileBody) advance(n int64)  { b.off += n }
func (b *fileBody) release() bool    { return false }

// resident returns up to where the file is known to be in memory.
func (b *fileBody) resident(now time.Duration) int64 {
	//mutation:prefetched-for-ever
	if b.residentAt != 0 && now-b.residentAt > prefetchedFor {
		return 0
	}
	return b.residentEnd
}

// followsPrefetch reports whether the next chunk follows one that was brought into memory for this exchange, and is not known to be there.
// A worker thread then brings it, too, without a check or a read of the loop: where the kernel reads ahead, these have the loop ask the disk for
// the next pages.
func (b *fileBody) followsPrefetch(now time.Duration) bool {
	return b.residentAt != 0 && b.resident(now) <= b.off && !b.file.Resident(b.off, now)
}

// chunkBytes returns how many of a file's bytes from off on are asked about, and sent, at once: never across
// the border of the chunks by which residency is remembered.
func chunkBytes(off, end int64) int64 {
	border := (off/docroot.ResidentChunkBytes + 1) * docroot.ResidentChunkBytes
	return min(end, border) - off
}

// addSends adds a sendfile of the next chunk, if that is in memory: sendfile(2) would wait for a disk
// and hold up everybody.
func (b *fileBody) addSends(l *Loop, x *exchange, most int64, link kernel.OpFlag) (int64, kernel.OpFlag) {
	c, fd := x.conn, b.file.FD
	if c.seals() {
		return l.addSealedFile(x, b, most, link)
	}
	now := l.k.Now()
	n := chunkBytes(b.off, b.end)
	//mutation:residency-not-checked
	if resident := b.resident(now); resident > b.off {
		n = min(n, resident-b.off) // not all where the file has become shorter
	} else if !b.file.Resident(b.off, now) {
		if b.file.ProbingOff.Load() || b.followsPrefetch(now) {
			if link == 0 {
				l.prefetch(x) // the head has been sent
			}
			return 0, link // else that is sent first
		}
		probe := kernel.Op{Kind: kernel.OpResident, Flags: link, FD: c.fd, File: fd, Offset: b.off}
		probe.SetLen(n)
		l.batch.add(ownerOf(roleResident, c), probe)
		link = kernel.Link
	}
	op := kernel.Op{Kind: kernel.OpSendfile, Flags: link, FD: c.fd, File: fd, Offset: b.off}
	n = min(n, most)
	op.SetLen(n)
	l.batch.add(senderOf(roleFile, x, n), op)
	return n, kernel.Link
}

// loadedBody is a range of a file that is loaded into buffers and sent from them.
type loadedBody struct{ transfer *loader.Transfer }

func (b *loadedBody) remaining() int64 { return b.transfer.Remaining() }
func (b *loadedBody) ready() bool      { return b.transfer.Ready() }
func (b *loadedBody) advance(n int64)  { b.transfer.Advance(n) }

// content returns the next bytes.
func (b *loadedBody) content() []byte { return b.transfer.Chunk(0) }

func (b *loadedBody) release() bool {
	t := b.transfer
	b.transfer = nil
	return t.Release()
}

// addSends adds sends of the loaded buffers, in order.
func (b *loadedBody) addSends(l *Loop, x *exchange, most int64, link kernel.OpFlag) (int64, kernel.OpFlag) {
	if !b.transfer.Ready() {
		if link == 0 {
			l.awaitLoad(x)
		}
		return 0, link
	}
	var sum int64
	for n := range sendBuffersMax {
		message := b.transfer.Chunk(n)
		message = message[:min(int64(len(message)), most-sum)]
		if len(message) == 0 {
			break
		}
		sum += int64(len(message))
		l.sendMessage(x, roleBuffer, message, int64(len(message)), link, sum < b.remaining() || l.endsWithBatch(x))
		link = kernel.Link
		if x.conn.sealsOnce() {
			break
		}
	}
	return sum, link
}

// awaitBody lets an exchange wait until its next bytes are loaded or made.
func (l *Loop) awaitBody(x *exchange) {
	if x.generated.source != nil {
		l.setState(x.conn, connstate.StateReadingAsync)
		return
	}
	l.awaitLoad(x)
}

// awaitLoad lets an exchange wait until its next bytes are loaded.
func (l *Loop) awaitLoad(x *exchange) {
	l.setState(x.conn, connstate.StateReadingAsync)
	x.loads.transfer.Await()
}

// senderOf returns the owner of an operation that sends bytes of an exchange's response, of which the last
// ones, content of them, are its content.
func senderOf(r role, x *exchange, content int64) owner {
	o := ownerOf(r, x.conn)
	o.sends, o.content, o.limit = true, uint32(content), x.limit
	return o
}

// countSent counts what an operation has sent, in the order of the batch and before its connection learns of it.
// It is called for those that were not run, too, and for those of connections that are over: their
// descriptor's slot may have another connection, which has nothing to do with it.
func (l *Loop) countSent(c *conn, alive bool, o owner, op *kernel.Op) {
	n := max(op.Result, 0)
	content := max(n-(op.Len()-int64(o.content)), 0) // the head's bytes come first
	if unsent := int64(o.content) - content; unsent > 0 {
		if alive {
			l.rates.refund(c.bucket, o.limit, unsent)
		} else {
			l.rates.refundTotal(o.limit, unsent)
		}
	}
	l.counts.BytesSent += uint64(n)
	l.socketMemory.left -= n
	if !alive || n == 0 {
		return
	}
	if o.records == recordsNone {
		l.noteDelivery(c, n, op.Flags)
	}
	if c.sendsByKernel() {
		c.tls.kernel.records += recordsOf(n)
	}
	if x := c.current; x != nil {
		x.sent += n
	}
}

// noteDelivery takes note that a socket has taken n bytes.
func (l *Loop) noteDelivery(c *conn, n int64, flags kernel.OpFlag) {
	c.delivery.sent += n
	c.sentLatest = int32(n)
	c.pushPending = l.cfg.Corked || c.corked || flags&kernel.More != 0
	if x := c.current; x != nil {
		x.clock.taken = x.clock.spent[connstate.PhaseSend] + l.k.Now() - x.clock.since
	}
}
