package goloop

import (
	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/loader"
)

// transferEvents is what a loop does about what happens to the transfers of its loader.
type transferEvents Loop

// loader returns the limits of the loop's loader.
func (cfg *Config) loader(timed bool) loader.Config {
	return loader.Config{
		BufferBytes: cfg.BufferBytes, WindowBytes: cfg.WindowBytes, PoolBytes: cfg.PoolBytes,
		ReadsPerTransferMax: cfg.ReadsPerConnMax, ReadsShared: cfg.ReadsShared, SubmitsMax: cfg.SubmitsMax,
		StallTimeout: cfg.StallTimeout, Timed: timed, Traced: cfg.Tracer != nil,
	}
}

// connOf returns the connection that a transfer is for. It is there until the transfer's last read has returned.
func (e *transferEvents) connOf(t *loader.Transfer) *conn {
	return e.conns.at(int32(t.Owner & connsLimit))
}

// Loaded implements loader.Events.
func (e *transferEvents) Loaded(t *loader.Transfer) {
	l, c := (*Loop)(e), e.connOf(t)
	c.deadline.restart = true
	l.touch(c)
	if c.state() == connstate.StateReadingAsync && t.Ready() {
		l.stepReadingAsync(c.current)
	}
}

// stepReadingAsync is the step of CONN_READING_ASYNC: the next bytes of the body are loaded.
func (l *Loop) stepReadingAsync(x *exchange) {
	assert(x.state == connstate.StateReadingAsync, "bytes are loaded outside of CONN_READING_ASYNC")
	l.setState(x.conn, connstate.StateSending)
	l.toSend(x.conn)
}

// Failed implements loader.Events.
func (e *transferEvents) Failed(t *loader.Transfer, truncated bool) {
	l, c := (*Loop)(e), e.connOf(t)
	if truncated {
		l.forgetFile(c.current)
	}
	l.abort(c, kernel.OpReset)
}

// Returned implements loader.Events.
func (e *transferEvents) Returned(t *loader.Transfer) {
	l, c := (*Loop)(e), e.connOf(t)
	c.readsInFlight = false
	if c.state() == connstate.StateClosing {
		l.stepClosing(c)
	}
}

// stepClosing is the step of CONN_CLOSING: the kernel has no buffer of the connection any more.
func (l *Loop) stepClosing(c *conn) {
	assert(c.state() == connstate.StateClosing, "a connection is over outside of CONN_CLOSING")
	l.setState(c, connstate.StateFree)
	l.freeSlot(c)
}

// Blocked implements loader.Events.
func (e *transferEvents) Blocked(t *loader.Transfer) bool {
	c := e.connOf(t)
	return c.state() == connstate.StateSending && (c.writeBlocked || c.isStream() && c.isHeldBack())
}

// CloseLater implements loader.Events.
func (e *transferEvents) CloseLater(list []docroot.Descriptor) {
	e.closer.files = append(e.closer.files, list...)
}

// ReadSubmitted implements loader.Events.
func (e *transferEvents) ReadSubmitted(t *loader.Transfer, buffer int, offset int64, bytes int) {
	e.cfg.Tracer.ReadBegin(e.id, e.connOf(t).serial, buffer, offset, bytes)
}

// ReadReturned implements loader.Events.
func (e *transferEvents) ReadReturned(t *loader.Transfer, buffer int, result int64) {
	e.cfg.Tracer.ReadEnd(e.id, e.connOf(t).serial, buffer, result)
}

// reap takes in the reads that have completed.
func (l *Loop) reap() {
	reported := l.reaps
	l.reaps = false
	l.loader.Reap(reported)
}
