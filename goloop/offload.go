package goloop

import (
	"net/netip"
	"sync/atomic"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/tlsconn"
)

// job is work for a worker thread, with what the loop needs when it completes. Jobs are reused;
// Job.Token is the index in jobs.all.
type job struct {
	kernel.Job
	slot         int32
	gen          uint32
	mount        *docroot.Mount    // of what a JobFunc or a JobCompute makes,
	key          []byte            // and what that is cached under
	file         *docroot.File     // held while a worker thread works on it
	generator    handler.Generator // that makes Buf in a JobGenerate
	contentEnded bool              // Buf has the end of its content
	asker        netip.Addr        // the client that a JobCompute or a JobHandshake is for, as its queue counts it

	handshake tlsconn.Handshake // of a JobHandshake
	status    tlsconn.Status    // of it, after the step
	stops     bool              // it is only stopped

	mounts []*docroot.Mount // of the Names of a JobLookUp

	dropped atomic.Bool // nobody waits for the outcome any more
}

// giveJob gives a job back that the worker threads do not have.
func (l *Loop) giveJob(j *job) {
	file := l.jobs.give(j)
	l.dropFile(&file)
}

// jobsPending returns the number of jobs that worker threads have, those of the loader included.
func (l *Loop) jobsPending() int { return l.jobs.pending() + l.loader.JobsPending() }

// askPrefetch lets a worker thread bring the next chunk of an exchange's file into memory.
func (l *Loop) askPrefetch(x *exchange) {
	c, b := x.conn, &x.sendfd
	j := l.jobs.take(kernel.JobPrefetch, c)
	j.file = x.file
	j.file.Hold()
	j.FD, j.Offset, j.Len = x.file.FD, b.off, chunkBytes(b.off, b.end)
	if !l.k.Ask(&j.Job) {
		l.giveJob(j)
		l.retry(c)
		return
	}
	x.awaitsJob = true
}

// askCloses lets workers close the descriptors whose close may wait.
func (l *Loop) askCloses() {
	for n := len(l.closer.slow); n > 0; n-- {
		j := l.jobs.take(kernel.JobClose, nil)
		j.FD, j.Remote = l.closer.slow[n-1].FD, l.closer.slow[n-1].Remote
		if !l.k.Ask(&j.Job) {
			l.giveJob(j)
			return
		}
		l.closer.slow = l.closer.slow[:n-1]
	}
}

// collect processes the jobs that the worker threads have completed.
func (l *Loop) collect() {
	for l.jobs.woken || l.jobsPending() > 0 {
		l.jobs.woken = false
		//mutation:finished-jobs-one-by-one
		n := l.k.FinishedJobs(l.jobs.finished)
		for _, finished := range l.jobs.finished[:n] {
			if finished.Kind == kernel.JobRead || finished.Kind == kernel.JobPopulate {
				l.loader.OnJob(finished)
				continue
			}
			j := l.jobs.all[finished.Token]
			var c *conn
			alive := false
			if j.slot >= 0 {
				c = l.conns.at(j.slot)
				//mutation:job-of-earlier-tenant
				alive = c.gen == j.gen && c.state() != connstate.StateFree
			}
			switch j.Kind {
			case kernel.JobLookUp:
				l.onLookedUp(c, j, alive)
			case kernel.JobFunc, kernel.JobCompute:
				l.onMade(c, j, alive)
			case kernel.JobHandshake:
				l.onHandshake(c, j, alive)
			case kernel.JobGenerate:
				if j.generator != nil {
					l.onPiece(c, j, alive)
				}
			case kernel.JobPrefetch:
				l.onPrefetched(c, j, alive)
			case kernel.JobClose, kernel.JobCompress, kernel.JobRead, kernel.JobPopulate: // nothing follows, or it is the loader's
			}
			l.giveJob(j)
		}
		if n < len(l.jobs.finished) {
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
