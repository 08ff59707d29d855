package goloop

import (
	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
)

// Make implements handler.Files.
func (f *finder) Make(m *docroot.Mount, key []byte, build handler.Build) (*docroot.File, handler.Outcome) {
	if f.cache.Full() {
		return nil, handler.OutcomeRefused
	}
	if file := f.recallMade(m, key); file != nil {
		return file, handler.OutcomeDone
	}
	if f.peek {
		return nil, handler.OutcomePending
	}
	j := f.newJob(kernel.JobFunc, f.c)
	j.mount = m
	j.key = append(j.key, key...)
	j.does(f.k, build)
	if !f.k.Ask(&j.Job) {
		f.freeJob(j)
		f.retry(f.c)
		return nil, handler.OutcomePending
	}
	f.c.asked, f.c.job = true, j
	return nil, handler.OutcomePending
}

// recallMade returns what was made under a key, with a reference, or nil.
func (f *finder) recallMade(m *docroot.Mount, key []byte) *docroot.File {
	l := f.Loop
	if file := f.c.holds(m, key); file != nil {
		return file
	}
	file, fresh := l.cache.Get(m, key, l.k.Now())
	if fresh == docroot.Fresh {
		return file
	}
	if fresh == docroot.Stale {
		l.closing = l.cache.Drop(file, l.closing)
		l.dropFile(&file)
	}
	return nil
}

// does says what the job is to do, unless nobody waits for it any more when its turn comes.
func (j *job) does(directories kernel.Directories, build handler.Build) {
	j.Func = func() {
		if j.dropped.Load() {
			j.File, j.Class = kernel.Opened{FD: -1}, kernel.Canceled
			return
		}
		j.File, j.Class = build(directories)
	}
}

// dropJob says that a connection does not wait any more for what it has asked for.
func (l *Loop) dropJob(c *conn) {
	if c.job != nil {
		c.job.dropped.Store(true)
		c.job = nil
	}
	c.asked = false
}

// onMade goes on with a request for which a worker thread has made a file, or checked a password.
func (l *Loop) onMade(c *conn, j *job, alive bool) {
	if alive && c.job == j {
		c.job = nil
	}
	if j.Kind == kernel.JobCompute {
		l.checks.leave(j.asker, j.key)
	} else {
		l.counts.OpensByThread++
	}
	if j.Class == kernel.Canceled {
		l.counts.JobsDropped++
		return
	}
	waits := alive && c.state() == connstate.StateOpening && c.asked
	if j.Class == kernel.Exhausted {
		l.goOn(c, waits, true)
		return
	}
	file := l.remember(j.mount, j.key, j.Class, &j.File, true)
	if waits {
		l.hold(c, file)
	} else {
		l.dropFile(&file)
	}
	l.goOn(c, waits, false)
}
