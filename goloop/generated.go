package goloop

import (
	"aws/internal/connstate"
	"aws/internal/handler"
	"aws/internal/kernel"
)

// piecesMax is how many pieces of a generatedBody are made and not sent in full, the one that is being made included.
const piecesMax = 2

// generatedBody is content that is made by worker threads while it is sent, in pieces. Its length is not known. One job at a time makes
// the next piece, if there is a buffer for it, so a client that takes nothing holds no worker thread.
type generatedBody struct {
	x       *exchange
	source  handler.Generator
	chunked bool
	pieces  [piecesMax]piece
	count   int  // of pieces
	job     *job // that makes the next piece; it has the source
	ended   bool // the last of pieces has the end of the content
}

// piece is content in a buffer, framed.
type piece struct {
	buffer []byte
	unsent []byte // of buffer
}

func (b *generatedBody) ready() bool { return b.count > 0 }

// remaining counts what is not made as one byte.
func (b *generatedBody) remaining() int64 {
	var sum int64
	for i := range b.count {
		sum += int64(len(b.pieces[i].unsent))
	}
	if !b.ended {
		sum++
	}
	return sum
}

// addSends adds sends of the pieces, in order.
func (b *generatedBody) addSends(l *Loop, x *exchange, most int64, link kernel.OpFlag) (int64, kernel.OpFlag) {
	if b.count == 0 {
		if link == 0 {
			l.setState(x.conn, connstate.StateReadingAsync)
		}
		return 0, link
	}
	var sum int64
	for i := range b.count {
		message := b.pieces[i].unsent
		message = message[:min(int64(len(message)), most-sum)]
		if len(message) == 0 {
			break
		}
		sum += int64(len(message))
		l.sendMessage(x, roleBuffer, message, int64(len(message)), link, i+1 < b.count || b.ended && l.endsWithBatch(x))
		link = kernel.Link
	}
	return sum, link
}

// content returns the next bytes.
func (b *generatedBody) content() []byte { return b.pieces[0].unsent }

func (b *generatedBody) advance(n int64) {
	p := &b.pieces[0]
	if p.unsent = p.unsent[n:]; len(p.unsent) > 0 {
		return
	}
	l := b.x.loop
	l.pieces.give(p.buffer)
	copy(b.pieces[:], b.pieces[1:b.count])
	b.count--
	b.pieces[b.count] = piece{}
	b.askPiece()
}

// release gives up what is made. A job that runs keeps the source, and its buffer, until it returns.
func (b *generatedBody) release() bool {
	if b.source == nil {
		return false
	}
	l := b.x.loop
	for i := range b.count {
		l.pieces.give(b.pieces[i].buffer)
	}
	if b.ended && b.count == 0 {
		l.counts.ArchivesCompleted++
	} else {
		l.counts.ArchivesAborted++
	}
	if b.job != nil {
		b.job.dropped.Store(true)
	} else {
		l.closer.generators = append(l.closer.generators, overGenerator{b.source, b.x.remote})
	}
	*b = generatedBody{}
	return false
}

// setGenerator makes the content of a response that is made while it is sent the body.
func (x *exchange) setGenerator(r *handler.Response) {
	x.loop.counts.Archives++
	x.generated = generatedBody{x: x, source: r.Generator, chunked: r.Chunked && !x.conn.isStream()}
	x.body, r.Generator = &x.generated, nil
}

// askPiece lets a worker thread make the next piece, if there is room for it.
func (b *generatedBody) askPiece() {
	if b.job != nil || b.ended || b.count == piecesMax {
		return
	}
	c, l := b.x.conn, b.x.loop
	buffer := l.pieces.take()
	if buffer == nil {
		l.retry(c)
		return
	}
	j := l.jobs.take(kernel.JobGenerate, c)
	j.Remote, j.Buf, j.generator = b.x.remote, buffer, b.source
	j.makes(l.k, b.chunked)
	if !l.k.Ask(&j.Job) {
		l.pieces.give(buffer)
		j.Buf, j.generator = nil, nil
		l.giveJob(j)
		l.retry(c)
		return
	}
	b.job = j
}

// makes sets the function of a job that makes a piece. It sets Result to the bytes of Buf, framed, and Offset to where they begin.
func (j *job) makes(directories kernel.Directories, chunked bool) {
	source, buffer := j.generator, j.Buf
	j.Func = func() {
		j.Result, j.contentEnded, j.Class = 0, false, kernel.Done
		if j.dropped.Load() {
			return
		}
		n, ended, class := source.Next(directories, buffer[chunkHeadBytes:chunkHeadBytes+pieceBytesMax])
		j.contentEnded, j.Class = ended, class
		j.Offset, j.Result = chunkHeadBytes, int64(n)
		if chunked && n > 0 {
			j.Offset, j.Result = 0, int64(frameChunk(buffer, n, ended))
		}
	}
}

// frameChunk makes a chunk of the n bytes behind its head, and adds the last chunk if they are the end. It returns the length.
func frameChunk(buffer []byte, n int, ended bool) int {
	const digits = "0123456789abcdef"
	for i := range 8 {
		buffer[7-i] = digits[n>>(4*i)&15]
	}
	buffer[8], buffer[9] = '\r', '\n'
	framed := append(buffer[:chunkHeadBytes+n], "\r\n"...)
	if ended {
		framed = append(framed, "0\r\n\r\n"...)
	}
	return len(framed)
}

// onPiece goes on with a body for which a worker thread has made a piece.
func (l *Loop) onPiece(c *conn, j *job, alive bool) {
	buffer, source := j.Buf, j.generator
	j.Buf, j.generator = nil, nil
	if !alive || c.current == nil || c.current.generated.job != j {
		l.pieces.give(buffer)
		l.closer.generators = append(l.closer.generators, overGenerator{source, j.Remote})
		return
	}
	b := &c.current.generated
	b.job = nil
	if j.Class != kernel.Done || j.Result == 0 {
		l.pieces.give(buffer)
		switch j.Class {
		case kernel.Done: // much has been read
			c.deadline.restart = true
			l.touch(c)
			b.askPiece()
		case kernel.Exhausted:
			l.closer.files = l.cache.Reclaim(reclaimMax, l.closer.files)
			l.retry(c)
		default:
			l.counts.DiskFaults++
			l.abort(c, kernel.OpReset)
		}
		return
	}
	b.pieces[b.count] = piece{buffer: buffer, unsent: buffer[j.Offset : j.Offset+j.Result]}
	b.count++
	b.ended = j.contentEnded
	b.askPiece()
	if c.state() == connstate.StateReadingAsync {
		l.stepReadingAsync(c.current)
	}
}

// askGeneratorCloses lets worker threads close the generators that are over, as a close may wait.
func (l *Loop) askGeneratorCloses() {
	for n := len(l.closer.generators); n > 0; n-- {
		j := l.jobs.take(kernel.JobGenerate, nil)
		source, k := l.closer.generators[n-1], l.k
		j.Remote = source.remote
		j.Func = func() { source.Close(k) }
		if !l.k.Ask(&j.Job) {
			l.giveJob(j)
			return
		}
		l.closer.generators = l.closer.generators[:n-1]
		l.counts.Archives--
	}
}
