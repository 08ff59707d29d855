package goloop

import (
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/rate"
	"aws/internal/request"
	"aws/internal/stats"
)

// exchange is one request with its response. A connection has a current one from the first byte of a request until
// its response is over, and a queue of those whose requests were pipelined. Exchanges are used again.
type exchange struct {
	loop  *Loop
	conn  *conn
	state connstate.State // of the current one
	next  *exchange       // behind it in the pipeline

	awaitsJob bool            // a worker thread has been asked, and the exchange waits for that
	job       *job            // what it has been asked to make, until that is there or nobody waits for it any more
	found     []*docroot.File // what worker threads have found for the request, until it is decided
	remote    bool            // it has to do with files on another machine's filesystem, or another process's
	formWaits int8            // how often the exchange has waited for a form of its file
	refusals  int8            // how often there was no descriptor for the request since it was last given one, and one more

	headBuf  []byte // the buffer that writeBuf lies in
	writeBuf []byte // what sendMessage sends next: the rest of the head, and of the content that is in memory
	headLeft int    // bytes at the front of writeBuf that are the head; what follows them is content
	shared   []byte // content in memory that others have, too, and that follows writeBuf; of streams only

	file      *docroot.File // that the response is about, with a reference; or nil
	body      body          // the content behind writeBuf
	sendfd    fileBody      // body, if it is sent by sendfile
	loads     loadedBody    // body, if it is loaded into buffers
	generated generatedBody // body, if it is made while it is sent
	parts     parts         // what follows body
	limit     *rate.Limit   // of the rate of the content, beside that of the server; nil: none

	keepAlive   bool         // the connection is kept for another request
	lingers     bool         // the client may be sending on when the response is over
	discarding  bool         // the request's body has not been received in full
	requestBody request.Body // valid while discarding is set

	responding bool          // a response has been decided and is not over
	sent       int64         // bytes of it that the client took
	record     *stats.Record // of the exchange, to be completed; nil: there is none
	clock      clock
}

// clock is how the time of an exchange is measured.
type clock struct {
	began time.Duration // the request's first byte
	since time.Duration // when the current state began
	spent [connstate.PhaseCount]time.Duration
	taken time.Duration // how much of it was spent on sending when the client last took bytes
	cold  bool          // a disk was waited for
}

// leave counts the time in a state that the exchange leaves.
func (k *clock) leave(from connstate.State, now time.Duration) {
	p := from.Phase()
	k.spent[p] += now - k.since
	k.since = now
	k.cold = k.cold || p == connstate.PhaseDisk
}

// newExchange returns an exchange of a connection, of which nothing is known yet.
func (l *Loop) newExchange(c *conn) *exchange {
	x, ok := l.exchanges.Take()
	if !ok {
		x = &exchange{loop: l}
	}
	x.conn, x.state, x.body = c, connstate.StateInit, noBody{}
	return x
}

// begin begins the connection's current exchange: the first byte of its request has arrived.
func (l *Loop) begin(c *conn) {
	assert(c.current == nil && c.ownState == connstate.StateInit, "an exchange begins within another one")
	c.current = l.newExchange(c)
	l.setState(c, connstate.StateReading)
}

// dropCurrent ends the connection's current exchange, if there is one. The connection stays in its state.
func (l *Loop) dropCurrent(c *conn) {
	x := c.current
	if x == nil {
		return
	}
	if x.responding {
		l.account(x, false)
	}
	c.ownState, c.current = x.state, nil
	l.dropExchange(x)
}

// dropExchange gives back all that an exchange holds, and the exchange.
func (l *Loop) dropExchange(x *exchange) {
	if x.body.release() {
		x.conn.readsInFlight = true
	}
	x.dropJob()
	x.dropFound()
	l.dropHead(x)
	l.dropFile(&x.file)
	*x = exchange{loop: l, found: x.found, parts: x.parts.reset(), requestBody: x.requestBody}
	l.exchanges.Give(x)
}

// compose takes over what a response holds: its head with the content in memory, its file and its parts. It returns false when
// there is no memory, or the head is larger than sealedHeadMax where that matters.
func (l *Loop) compose(x *exchange, r *handler.Response) bool {
	x.responding = true
	shared := r.Shared
	if x.conn.isStream() {
		x.shared, shared = shared, nil
	}
	if x.headBuf == nil && (r.HeadLen() <= sealedHeadMax || !x.conn.isStream() && !x.conn.isEncrypted()) {
		x.headBuf = l.takeHead(x.conn, len(r.Head)+len(shared))
	}
	if r.Generator != nil {
		x.setGenerator(r)
	}
	if x.headBuf == nil {
		l.dropFile(&r.File)
		return false
	}
	n := copy(x.headBuf, r.Head)
	n += copy(x.headBuf[n:], shared)
	x.writeBuf, x.headLeft = x.headBuf[:n], r.HeadLen()
	x.file, r.File = r.File, nil
	if x.generated.source == nil {
		x.setRange(r.From, r.To)
	}
	x.parts.set(r)
	x.keepAlive, x.limit = r.KeepAlive, r.Limit
	return true
}

// setRange makes the bytes [from, to) of the file the body, to be sent by sendfile until startBody decides.
func (x *exchange) setRange(from, to int64) {
	x.body = noBody{}
	if from < to {
		x.sendfd = fileBody{file: x.file, off: from, end: to, residentEnd: residentEnd(x.file, to)}
		x.body = &x.sendfd
	}
}

// residentEnd returns up to where a file is known to be in memory: one that was made for a response is.
func residentEnd(f *docroot.File, end int64) int64 {
	if f.Made {
		return end
	}
	return 0
}

// startBody begins to load or to make the body of the current exchange, if it is one that is loaded or made.
func (l *Loop) startBody(x *exchange) {
	if x.generated.source != nil {
		x.generated.askPiece()
		return
	}
	if x.body.remaining() > 0 && x.file.Loads() && !x.conn.isStream() { // else loadStream does
		l.startLoading(x)
	}
}

// startLoading lets the rest of the body be loaded into buffers.
func (l *Loop) startLoading(x *exchange) {
	f := &x.sendfd
	x.loads.transfer = l.loader.Start(x.file, f.off, f.end, x.conn.token())
	x.body = &x.loads
}

// dropHead gives the head's buffer back.
func (l *Loop) dropHead(x *exchange) {
	if x.headBuf == nil {
		return
	}
	l.giveHead(x.conn, x.headBuf)
	x.headBuf, x.writeBuf, x.headLeft = nil, nil, 0
}

// inMemory returns how many bytes of the content stand behind the head in writeBuf.
func (x *exchange) inMemory() int64 { return int64(len(x.writeBuf) - x.headLeft) }

// finish is called when the last byte of a range has been taken: the next part follows, or the exchange is over. A connection that
// is not kept is ended by the operation that follows in its batch.
func (l *Loop) finish(x *exchange) {
	c := x.conn
	if x.parts.more() {
		l.sendNextPart(x)
		return
	}
	l.account(x, true)
	if !x.keepAlive {
		return
	}
	if x.discarding {
		x.body.release()
		x.body = noBody{}
		l.dropFile(&x.file)
		l.setState(c, connstate.StateDiscarding)
		return
	}
	l.awaitRequest(c)
}

// awaitRequest ends the current exchange of a connection that is kept, and goes on with the next one if that has been prepared.
func (l *Loop) awaitRequest(c *conn) {
	l.setState(c, connstate.StateInit)
	l.dropCurrent(c)
	if !c.pipeline.isEmpty() {
		l.promote(c)
		return
	}
	if c.readBuf != nil {
		l.toParse(c)
	}
}

// abortTruncated ends a connection whose file has become shorter than its head has promised. What is
// missing is never made up.
func (l *Loop) abortTruncated(x *exchange) {
	l.counts.Truncated++
	l.forgetFile(x)
	//mutation:truncation-as-end
	l.abort(x.conn, kernel.OpReset)
}

// forgetFile takes an exchange's file out of the cache, so that the next request gets it as it is now.
func (l *Loop) forgetFile(x *exchange) {
	if x.file != nil && !x.file.Made {
		l.closer.files = l.cache.Drop(x.file, l.closer.files)
	}
}
