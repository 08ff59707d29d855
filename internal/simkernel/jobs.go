package simkernel

import (
	"syscall"

	"aws/internal/kernel"
)

// pending is a job from Ask to Responses.
type pending struct {
	job   *kernel.Job
	names string // of a look-up, as they were when it was asked for
	desc  *desc  // behind job.FD
	done  bool

	starve starving
}

// jobs is the worker threads.
type jobs struct {
	event   *desc
	pending []*pending // asked, in that order; those that are done wait for Responses in finished
	ready   []*pending // finished, in that order
}

// Ask implements kernel.Kernel.
func (k *Kernel) Ask(job *kernel.Job) bool {
	if !k.usable("Ask") {
		return false
	}
	waiting := len(k.jobs.pending) - len(k.jobs.ready)
	if waiting >= k.cfg.JobsMax || waiting > 0 && k.strikes(FaultAskRefused) {
		k.tracef("ask for job %d: too many", job.Kind)
		return false
	}
	p := &pending{job: job, names: namesOf(job)}
	for _, other := range k.jobs.pending {
		if other.job == job {
			k.violate(job.FD, "a job that the worker threads have not given back is asked for again")
		}
	}
	switch job.Kind {
	case kernel.JobPrefetch, kernel.JobRead, kernel.JobClose:
		d, errno := k.lookupKind(job.FD, descFile, syscall.EINVAL, "job")
		if errno == 0 && job.Kind == kernel.JobClose {
			k.jobs.checkUnused(k, d)
			d.handed = true
		}
		p.desc = d
	case kernel.JobLookUp, kernel.JobFunc, kernel.JobCompute, kernel.JobCompress, kernel.JobPopulate, kernel.JobHandshake, kernel.JobGenerate:
	}
	if job.Kind == kernel.JobRead {
		k.checkBuffer(job.FD, "a worker thread's job", job.Buf)
		for i := range job.Buf {
			job.Buf[i] = poison
		}
	}
	k.jobs.pending = append(k.jobs.pending, p)
	k.progress++
	k.After(k.duration(k.profile.JobTime, FaultJobLate), func() { k.finish(p) })
	k.mark(markJob, int64(job.Kind), int64(job.FD))
	k.tracef("ask for job %d: fd %d, names %q, token %#x", job.Kind, job.FD, p.names, job.Token)
	return true
}

// namesOf returns the names of a look-up, each with a NUL behind it.
func namesOf(job *kernel.Job) string {
	all := ""
	for i := range job.Names {
		all += string(job.Names[i].Name) + "\x00"
	}
	return all
}

// finish does a job and makes its outcome known.
func (k *Kernel) finish(p *pending) {
	if p.done {
		return
	}
	p.done = true
	k.doJob(p)
	k.jobs.ready = append(k.jobs.ready, p)
	k.jobs.event.readable = true
	k.mark(markJob, int64(p.job.Class), p.job.Result)
	k.tracef("job %d with token %#x is done: %v, %s", p.job.Kind, p.job.Token, p.job.Class, result(p.job.Result))
}

func (k *Kernel) doJob(p *pending) {
	job := p.job
	if is := namesOf(job); is != p.names {
		k.violate(-1, "the names of a job became %q while it was with the worker threads; they were %q", is, p.names)
	}
	switch job.Kind {
	case kernel.JobLookUp:
		job.LookUp(k.openWaiting)
	case kernel.JobPrefetch:
		job.Result, job.Class = k.prefetch(p)
	case kernel.JobRead:
		job.Result = -int64(syscall.EBADF)
		if p.desc != nil {
			job.Result = k.readFile(p.desc, job.Buf, job.Offset, int64(len(job.Buf)), false)
			k.fetch(p.desc.file, job.Offset, job.Result)
		}
		job.Class = kernel.Classify(job.Result)
	case kernel.JobClose:
		if p.desc != nil {
			k.record(job.FD, "close by a worker thread", p.desc.serial, 0)
			k.remove(p.desc)
		}
		job.Class = kernel.Done
	case kernel.JobFunc, kernel.JobCompute, kernel.JobCompress, kernel.JobHandshake, kernel.JobGenerate:
		job.Func()
	case kernel.JobPopulate:
		job.Class = kernel.Done
		if k.strikes(FaultOpenExhausted) {
			job.Class = kernel.Exhausted
		}
	}
}

// openWaiting opens a name for a worker thread.
func (k *Kernel) openWaiting(root kernel.Root, name []byte, file *kernel.Opened) kernel.Class {
	t := k.tree(root)
	if t == nil {
		return kernel.Fault
	}
	e := t.names[string(name)]
	var class kernel.Class
	if e != nil && len(e.fails) > 0 {
		class, e.fails = e.fails[0], e.fails[1:]
	} else {
		class = k.openEntry(e, e == nil && t.isDirectory(string(name)), file)
	}
	if e != nil {
		e.cold = false
	}
	k.mark(markOpen, int64(class), int64(file.FD))
	k.tracef("a worker thread opens %q: %v", name, class)
	return class
}

// prefetch reads a part of a file so that it is in memory.
func (k *Kernel) prefetch(p *pending) (int64, kernel.Class) {
	if p.desc == nil {
		return -int64(syscall.EBADF), kernel.Fault
	}
	f, job := p.desc.file, p.job
	n := max(0, min(job.Len, f.Size-job.Offset))
	there := f.readable(job.Offset, n)
	k.fetch(f, job.Offset, there)
	if there < n || n > 0 && k.strikes(FaultReadError) {
		f.Faulted++
		return -int64(syscall.EIO), kernel.Fault
	}
	return n, kernel.Done
}

// FinishedJobs implements kernel.Kernel.
func (k *Kernel) FinishedJobs(list []*kernel.Job) int {
	if !k.usable("Responses") {
		return 0
	}
	k.jobs.event.touch()
	n := min(len(list), len(k.jobs.ready))
	for i, p := range k.jobs.ready[:n] {
		list[i] = p.job
		for at, other := range k.jobs.pending {
			if other == p {
				k.jobs.pending = append(k.jobs.pending[:at], k.jobs.pending[at+1:]...)
				break
			}
		}
	}
	k.jobs.ready = append(k.jobs.ready[:0], k.jobs.ready[n:]...)
	if len(k.jobs.ready) == 0 {
		k.jobs.event.readable = false
	}
	if n > 0 {
		k.progress++
		k.tracef("%d responses", n)
	}
	k.mark(markJob, int64(n), 0)
	return n
}

// Wake implements kernel.Kernel. A test calls it from the loop's goroutine or from a happening.
func (k *Kernel) Wake() {
	k.jobs.event.readable = true
	k.tracef("wake")
}

// Jobs returns how many jobs are with the worker threads or have not been fetched.
func (k *Kernel) Jobs() int { return len(k.jobs.pending) }

// checkUnused notes that a descriptor is closed which a worker thread is working with.
func (j *jobs) checkUnused(k *Kernel, d *desc) {
	for _, p := range j.pending {
		if p.desc == d && !p.done && p.job.Kind != kernel.JobClose {
			k.violate(d.fd, "descriptor %d (%v) is closed while a worker thread works with it", d.fd, d)
		}
	}
}

// close lets the worker threads finish their jobs, and closes the opened files that no loop has
// fetched, as the real kernel does.
func (j *jobs) close(k *Kernel) {
	for _, p := range j.pending {
		k.finish(p)
	}
	for _, p := range j.ready {
		for _, fd := range p.job.AppendOpened(nil) {
			k.remove(k.table[fd])
		}
	}
	j.pending, j.ready = nil, nil
}
