package loader

import (
	"aws/internal/docroot"
	"aws/internal/freelist"
	"aws/internal/kernel"
)

// job is a job of a loader, with what it needs when the job comes back.
type job struct {
	kernel.Job
	file   *docroot.File // of a JobRead: held while a worker thread reads it
	buffer int32         // of a JobRead
}

// jobs are a loader's jobs for the worker threads, which are used again. Job.Token is the index in all.
type jobs struct {
	all  []*job
	free freelist.List[*job]
}

// take returns a job that the worker threads do not have.
func (s *jobs) take(kind kernel.JobKind) *job {
	j, ok := s.free.Take()
	if !ok {
		j = &job{}
		j.Token = uint64(len(s.all))
		s.all = append(s.all, j)
	}
	*j = job{Job: kernel.Job{Kind: kind, Token: j.Token}}
	return j
}

func (s *jobs) give(j *job) { s.free.Give(j) }

// pending returns the number of jobs that the worker threads have.
func (s *jobs) pending() int { return len(s.all) - s.free.Len() }

// askReads hands reads to the worker threads until they take no more. Those of files that are Remote have threads of their own: if these
// take none, the other reads go on.
func (l *Loader) askReads() {
	var refused [2]bool // local, Remote
	for n := l.thread.len(); n > 0; n-- {
		i := l.thread.pop()
		t := l.pool.buffers[i].transfer
		if t.released {
			l.dropQueued(i)
			continue
		}
		kind := 0
		if t.file.Remote {
			kind = 1
		}
		if refused[kind] || !l.askRead(i) {
			refused[kind] = true
			l.thread.push(i)
		}
	}
	if refused[0] || refused[1] {
		l.threadPause.begin(l.k.Now())
	}
}

// askRead has a worker thread read what is missing of a chunk. It returns false if the worker threads take no more
// jobs.
func (l *Loader) askRead(i int32) bool {
	b := &l.pool.buffers[i]
	f := b.transfer.file
	j := l.jobs.take(kernel.JobRead)
	j.Remote, j.FD = f.Remote, f.FD
	j.Offset = b.chunk*int64(len(b.mem)) + int64(b.filled)
	j.Buf = b.mem[b.filled:b.bytes]
	if !l.k.Ask(&j.Job) {
		l.jobs.give(j)
		return false
	}
	j.file, j.buffer = f, i
	f.Hold()
	b.readFrom = b.filled
	l.noteSubmitted(i)
	l.counts.ReadsByThread++
	return true
}

// OnJob takes in a job of kind JobRead or JobPopulate that a worker thread has done.
func (l *Loader) OnJob(done *kernel.Job) {
	j := l.jobs.all[done.Token]
	if j.Kind == kernel.JobPopulate {
		l.onGrowth(j)
	} else {
		l.onRead(j.buffer, j.Result)
		l.closing = j.file.Release(l.closing[:0])
		l.events.CloseLater(l.closing)
	}
	l.jobs.give(j)
}
