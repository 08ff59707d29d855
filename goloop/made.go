package goloop

import (
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
)

// Make implements handler.Files.
func (x *exchange) Make(m *docroot.Mount, key []byte, build handler.Build) (*docroot.File, handler.Outcome) {
	if x.loop.cache.Full() {
		return nil, handler.OutcomeRefused
	}
	if file := x.recallMade(m, key); file != nil {
		return file, handler.OutcomeDone
	}
	if x.isPipelined() {
		return nil, handler.OutcomePending
	}
	cache := x.loop.cache
	x.askMake(kernel.JobFunc, m, key, func(directories kernel.Directories) (kernel.Opened, kernel.Class) {
		if cache.Full() { // those that were asked for before it have filled it
			return kernel.Opened{FD: -1}, kernel.Exhausted
		}
		opened, class := build(directories)
		if class == kernel.Done { // it counts from now on, whenever the loop takes it
			cache.Reserve(opened.Size)
		}
		return opened, class
	})
	return nil, handler.OutcomePending
}

// askMake lets a worker thread make what is kept under a key. It returns the job, or nil if the request has to be retried because the
// worker threads took none.
func (x *exchange) askMake(kind kernel.JobKind, m *docroot.Mount, key []byte, build handler.Build) *job {
	l := x.loop
	j := l.jobs.take(kind, x.conn)
	j.mount = m
	j.key = append(j.key, key...)
	j.Remote = x.remote // what only computes has no other threads
	j.does(l.k, build)
	if !l.k.Ask(&j.Job) {
		l.giveJob(j)
		l.retry(x.conn)
		return nil
	}
	x.awaitsJob, x.job = true, j
	return j
}

// recallMade returns what was made under a key, with a reference, or nil.
func (x *exchange) recallMade(m *docroot.Mount, key []byte) *docroot.File {
	l := x.loop
	if file := x.holds(m, key); file != nil {
		return file
	}
	file, fresh := l.cache.Get(m, key, l.k.Now())
	if fresh == docroot.Fresh {
		return file
	}
	if fresh == docroot.Stale {
		l.closer.files = l.cache.Drop(file, l.closer.files)
		l.dropFile(&file)
	}
	return nil
}

// does sets the function of the job. A job that was dropped before it starts does nothing.
func (j *job) does(directories kernel.Directories, build handler.Build) {
	j.Func = func() {
		if j.dropped.Load() {
			j.File, j.Class = kernel.Opened{FD: -1}, kernel.Canceled
			return
		}
		j.File, j.Class = build(directories)
	}
}

// dropJob marks the exchange's job as dropped: its result is not needed.
func (x *exchange) dropJob() {
	if x.job != nil {
		x.job.dropped.Store(true)
		x.job = nil
	}
	x.awaitsJob = false
}

// onMade goes on with a request for which a worker thread has made a file, or checked a password.
func (l *Loop) onMade(c *conn, j *job, alive bool) {
	if j.Kind == kernel.JobCompute {
		l.checks.leave(j.asker, j.key)
	} else {
		l.counts.OpensByThread++
	}
	x := j.waiter(c, alive)
	if x != nil && x.job == j {
		x.job = nil
	}
	if j.Class == kernel.Canceled {
		l.counts.JobsDropped++
		return
	}
	if j.Class == kernel.Exhausted {
		l.onJob(x, true)
		return
	}
	file := l.remember(j.mount, j.key, j.Class, &j.File, true)
	if j.Kind == kernel.JobFunc && j.Class == kernel.Done {
		l.cache.Reserve(-j.File.Size)
	}
	if x != nil {
		x.hold(file)
	} else {
		l.dropFile(&file)
	}
	l.onJob(x, false)
}

// awaitsMade reports whether the connection's request waits for what a worker thread makes, or its response for the
// next piece of its body.
func (c *conn) awaitsMade() bool {
	return c.current != nil && (c.current.job != nil || c.current.generated.job != nil)
}
