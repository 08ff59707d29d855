package goloop

import (
	"aws/internal/docroot"
	"aws/internal/freelist"
	"aws/internal/kernel"
)

// jobs are a loop's jobs for the worker threads, which are used again. Job.Token is the index in all. The loader has its own.
type jobs struct {
	all      []*job
	free     freelist.List[*job]
	finished []*kernel.Job // memory for Kernel.FinishedJobs
	woken    bool          // that has to be called: a worker thread has finished, or Wake was called
}

// take returns a job for a connection, or for none.
func (s *jobs) take(kind kernel.JobKind, c *conn) *job {
	j, ok := s.free.Take()
	if !ok {
		j = &job{}
		j.Token = uint64(len(s.all))
		s.all = append(s.all, j)
	}
	token, key, names, mounts := j.Token, j.key[:0], j.Names[:0], j.mounts[:0]
	*j = job{slot: -1, key: key, mounts: mounts}
	if c != nil {
		j.slot, j.gen = c.slot, c.gen
	}
	j.Kind, j.Token, j.Names = kind, token, names
	return j
}

// give gives a job back that the worker threads do not have, and returns the file that it held, or nil.
func (s *jobs) give(j *job) *docroot.File {
	file := j.file
	j.file, j.mount, j.handshake, j.Func = nil, nil, nil, nil
	j.clearNames()
	s.free.Give(j)
	return file
}

// pending returns the number of jobs that worker threads have.
func (s *jobs) pending() int { return len(s.all) - s.free.Len() }
