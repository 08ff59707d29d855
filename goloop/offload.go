package goloop

import (
	"net/netip"
	"sync/atomic"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
)

// job is a request to a worker thread, with what the loop needs when the response comes. Jobs are used
// again; Job.Token is the index in Loop.jobs.
type job struct {
	kernel.Job
	slot  int32
	gen   uint32
	mount *docroot.Mount
	file  *docroot.File // held while a worker thread works on it
	asker netip.Addr    // the client that a JobCompute is for, as checkQueue counts it

	dropped atomic.Bool // nobody waits for the outcome any more
}

// pendingJobs returns the number of jobs that worker threads have.
func (l *Loop) pendingJobs() int { return len(l.jobs) - l.freeJobs.Len() + l.loader.JobsPending() }

// newJob returns a job for a connection, or for none.
func (l *Loop) newJob(kind kernel.JobKind, c *conn) *job {
	j, ok := l.freeJobs.Take()
	if !ok {
		j = &job{}
		j.Token = uint64(len(l.jobs))
		l.jobs = append(l.jobs, j)
	}
	token, name := j.Token, j.Name[:0]
	*j = job{slot: -1}
	if c != nil {
		j.slot, j.gen = c.slot, c.gen
	}
	j.Kind, j.Token, j.Name = kind, token, name
	return j
}

func (l *Loop) freeJob(j *job) {
	l.dropFile(&j.file)
	j.mount = nil
	l.freeJobs.Give(j)
}

// askOpen lets a worker thread open a name.
func (l *Loop) askOpen(c *conn, m *docroot.Mount, name []byte) {
	j := l.newJob(kernel.JobOpen, c)
	j.mount, j.Root = m, m.Root
	j.Name = append(j.Name, name...)
	if !l.k.Ask(&j.Job) {
		l.freeJob(j)
		l.retry(c)
		return
	}
	c.asked = true
}

// askMake lets a worker thread make a file.
func (l *Loop) askMake(c *conn, m *docroot.Mount, key []byte, build handler.Build) {
	j := l.newJob(kernel.JobFunc, c)
	j.mount = m
	j.Name = append(j.Name, key...)
	j.does(build)
	if !l.k.Ask(&j.Job) {
		l.freeJob(j)
		l.retry(c)
		return
	}
	c.asked, c.job = true, j
}

// does says what the job is to do, unless nobody waits for it any more when its turn comes.
func (j *job) does(build handler.Build) {
	j.Func = func() {
		if j.dropped.Load() {
			j.File, j.Class = kernel.Opened{FD: -1}, kernel.Canceled
			return
		}
		j.File, j.Class = build()
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

// askPrefetch lets a worker thread bring the next chunk of an exchange's file into memory.
func (l *Loop) askPrefetch(x *exchange) {
	c, b := x.conn, &x.sendfd
	j := l.newJob(kernel.JobPrefetch, c)
	j.file = x.file
	j.file.Hold()
	j.FD, j.Offset, j.Len = x.file.FD, b.off, chunkBytes(b.off, b.end)
	if !l.k.Ask(&j.Job) {
		l.freeJob(j)
		l.retry(c)
		return
	}
	c.asked = true
}

// closeSlowly lets workers close the descriptors whose close may wait.
func (l *Loop) closeSlowly() {
	for n := len(l.slowly); n > 0; n-- {
		j := l.newJob(kernel.JobClose, nil)
		j.FD = l.slowly[n-1]
		if !l.k.Ask(&j.Job) {
			l.freeJob(j)
			return
		}
		l.slowly = l.slowly[:n-1]
	}
}

// collect takes in what the worker threads have done.
func (l *Loop) collect() {
	for l.woken || l.pendingJobs() > 0 {
		l.woken = false
		n := l.k.FinishedJobs(l.finished)
		for _, finished := range l.finished[:n] {
			if finished.Kind == kernel.JobRead || finished.Kind == kernel.JobPopulate {
				l.loader.OnJob(finished)
				continue
			}
			j := l.jobs[finished.Token]
			var c *conn
			alive := false
			if j.slot >= 0 {
				c = l.conns.bySlot[j.slot]
				alive = c.gen == j.gen && c.state() != connstate.StateFree
			}
			switch j.Kind {
			case kernel.JobOpen, kernel.JobFunc, kernel.JobCompute:
				l.onOpened(c, j, alive)
			case kernel.JobPrefetch:
				l.onPrefetched(c, j, alive)
			case kernel.JobClose, kernel.JobRead, kernel.JobPopulate: // nothing follows, or it is the loader's
			}
			l.freeJob(j)
		}
		if n < len(l.finished) {
			return
		}
	}
}

// onOpened goes on with a request whose name a worker thread has looked up.
func (l *Loop) onOpened(c *conn, j *job, alive bool) {
	if alive && c.job == j {
		c.job = nil
	}
	if j.Kind == kernel.JobCompute {
		l.checks.leave(j.asker, j.Name)
	} else {
		l.counts.OpensByThread++
	}
	if j.Class == kernel.Canceled {
		l.counts.JobsDropped++
		return
	}
	if j.Class == kernel.Exhausted {
		if alive {
			c.asked = false
			l.openRefused(c)
		} else {
			l.closing = l.cache.Reclaim(reclaimMax, l.closing)
		}
		return
	}
	file := l.remember(j.mount, j.Name, j.Class, &j.File, j.Kind != kernel.JobOpen)
	if !alive || c.state() != connstate.StateOpening || !c.asked {
		l.dropFile(&file)
		return
	}
	c.asked = false
	l.hold(c, file)
	l.respond(c, c.part.buf[:c.part.n], &c.part.req)
}

// onPrefetched goes on with a static file whose next chunk is in memory now.
func (l *Loop) onPrefetched(c *conn, j *job, alive bool) {
	if j.Class == kernel.Done && j.Result == j.Len {
		l.counts.ChunksPrefetched++
		j.file.SetResident(j.Offset, j.Len, l.k.Now())
	}
	if !alive || c.state() != connstate.StatePrefetching {
		return
	}
	c.asked = false
	l.stepPrefetching(c.current, j)
}

// stepPrefetching is the step of CONN_PREFETCHING: a worker thread has brought the file's next chunk into memory, or has failed to.
func (l *Loop) stepPrefetching(x *exchange, j *job) {
	assert(x.state == connstate.StatePrefetching, "a chunk is prefetched outside of CONN_PREFETCHING")
	switch {
	case j.Class != kernel.Done:
		l.counts.DiskFaults++
		l.abort(x.conn, kernel.OpReset)
	case j.Result == 0:
		l.abortTruncated(x)
	default:
		x.sendfd.residentEnd, x.sendfd.residentAt = j.Offset+j.Result, l.k.Now()
		l.setState(x.conn, connstate.StateSending)
		l.toSend(x.conn)
	}
}
