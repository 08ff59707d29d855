package goloop

import (
	"net/netip"
	"sync/atomic"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/kernel"
)

// job is a request to a worker thread, with what the loop needs when the response comes. Jobs are used
// again; Job.Token is the index in Loop.jobs.
type job struct {
	kernel.Job
	slot  int32
	gen   uint32
	mount *docroot.Mount // of what a JobFunc or a JobCompute makes,
	key   []byte         // and what that is cached under
	file  *docroot.File  // held while a worker thread works on it
	asker netip.Addr     // the client that a JobCompute is for, as checkQueue counts it

	mounts []*docroot.Mount // of the Names of a JobLookUp

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
	token, key, names, mounts := j.Token, j.key[:0], j.Names[:0], j.mounts[:0]
	*j = job{slot: -1, key: key, mounts: mounts}
	if c != nil {
		j.slot, j.gen = c.slot, c.gen
	}
	j.Kind, j.Token, j.Names = kind, token, names
	return j
}

func (l *Loop) freeJob(j *job) {
	l.dropFile(&j.file)
	j.mount = nil
	j.clearNames()
	l.freeJobs.Give(j)
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
	x.awaitsJob = true
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
		//mutation:finished-jobs-one-by-one
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
				//mutation:job-of-earlier-tenant
				alive = c.gen == j.gen && c.state() != connstate.StateFree
			}
			switch j.Kind {
			case kernel.JobLookUp:
				l.onLookedUp(c, j, alive)
			case kernel.JobFunc, kernel.JobCompute:
				l.onMade(c, j, alive)
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

// onPrefetched goes on with a static file whose next chunk is in memory now.
func (l *Loop) onPrefetched(c *conn, j *job, alive bool) {
	if j.Class == kernel.Done && j.Result == j.Len {
		l.counts.ChunksPrefetched++
		j.file.SetResident(j.Offset, j.Len, l.k.Now())
	}
	if !alive || c.state() != connstate.StatePrefetching {
		return
	}
	c.current.awaitsJob = false
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
