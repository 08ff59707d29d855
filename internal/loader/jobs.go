package loader

import (
	"aws/internal/freelist"
	"aws/internal/kernel"
)

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
