package goloop

import (
	"time"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
)

// lookupNamesMax bounds the names of one job, siblings included. A request with more alternatives needs several jobs.
const lookupNamesMax = 32

// LookUp implements handler.Files. It takes from the cache, and opens without waiting, what it can. From the first name on that
// only a worker thread can determine, nothing more is opened here: that name and all others that are not known
// become one job.
func (x *exchange) LookUp(q *handler.Lookup) bool {
	q.Class, q.File, q.Siblings = kernel.Absent, nil, q.Siblings[:0]
	var j *job
	for i := range q.Len() {
		a := q.At(i)
		file, class := x.find(a.Mount, a.Name, j == nil)
		switch {
		case class == kernel.Exhausted:
			x.retryRefused()
			return false
		case class == kernel.Again && x.isPipelined():
			return false
		case class == kernel.Again:
			if j == nil {
				j = x.loop.jobs.take(kernel.JobLookUp, x.conn)
			}
			if !j.addWithSiblings(q, &a) {
				return x.askLookUp(j)
			}
		case !a.IsThere(file.Class):
			x.Release(file)
		case file.Class != kernel.Done:
			if j != nil { // what comes before it decides
				x.Release(file)
				return x.askLookUp(j)
			}
			q.Class = file.Class
			x.Release(file)
			return true
		default:
			return x.findSiblings(q, &a, file, j)
		}
	}
	return j == nil || x.askLookUp(j)
}

// findSiblings completes a look-up of which a file is known, or, if j is not nil, is known unless a name of j is there.
func (x *exchange) findSiblings(q *handler.Lookup, a *handler.Alternative, file *docroot.File, j *job) bool {
	if q.SiblingsIfUnknown && file.FormsKnown(x.loop.k.Now()) {
		if j != nil {
			x.Release(file)
			return x.askLookUp(j)
		}
		q.Class, q.File = kernel.Done, file
		return true
	}
	added := false // the file is a name of j
	for _, suffix := range q.Suffixes {
		name := q.SiblingName(a.Name, suffix)
		sibling, class := x.find(a.Mount, name, j == nil)
		if class == kernel.Done {
			if sibling.Class != kernel.Done {
				x.Release(sibling)
				sibling = nil
			}
			q.Siblings = append(q.Siblings, sibling)
			continue
		}
		if class == kernel.Exhausted || x.isPipelined() {
			x.Release(file)
			q.ReleaseSiblings(x)
			if class == kernel.Exhausted {
				x.retryRefused()
			}
			return false
		}
		if j == nil {
			j = x.loop.jobs.take(kernel.JobLookUp, x.conn)
		}
		if !added {
			if !j.room(1 + len(q.Suffixes)) {
				break
			}
			j.addName(a.Mount, nil, kernel.LookupName{Known: true})
			added = true
		}
		j.addName(a.Mount, name, kernel.LookupName{Sibling: true})
	}
	if j != nil {
		x.Release(file)
		q.ReleaseSiblings(x)
		return x.askLookUp(j)
	}
	q.Class, q.File = kernel.Done, file
	return true
}

// find returns what a name stands for, with a reference, if the class is Done. Again means that a worker thread has to
// determine it, or, unless mayOpen, that it is not known yet. Exhausted means that there are no descriptors.
func (x *exchange) find(m *docroot.Mount, name []byte, mayOpen bool) (*docroot.File, kernel.Class) {
	if file := x.recall(m, name); file != nil {
		x.remote = x.remote || file.Remote
		return file, kernel.Done
	}
	if !mayOpen {
		return nil, kernel.Again
	}
	l := x.loop
	class := l.k.Open(m.Root, name, &l.opened)
	if class == kernel.Again || class == kernel.Exhausted {
		x.remote = x.remote || class == kernel.Again && l.opened.Remote
		return nil, class
	}
	l.counts.OpensCached++
	file := l.remember(m, name, class, &l.opened, false)
	if x.refusals > 0 {
		file.Hold()
		x.hold(file)
	}
	return file, kernel.Done
}

// recall returns what is known of a name, with a reference, or nil. What is out of date leaves the cache.
func (x *exchange) recall(m *docroot.Mount, name []byte) *docroot.File {
	l := x.loop
	now := l.k.Now()
	if file := x.holds(m, name); file != nil {
		return file
	}
	if file := docroot.Impossible(m, name); file != nil {
		return file
	}
	file, fresh := l.cache.Get(m, name, now)
	switch {
	case fresh == docroot.Missing:
		return nil
	case fresh == docroot.Fresh && l.hasItsSize(file, now):
		l.counts.CacheHits++
		return file
	case fresh == docroot.Stale && file.Class == kernel.Done && file.Remote && x.isPipelined():
		l.dropFile(&file)
		return nil
	case fresh == docroot.Stale && file.Class == kernel.Done && !file.Remote:
		l.counts.OpensCached++
		//mutation:stale-file
		if l.k.Stat(m.Root, name, &l.looked) == kernel.Done && l.looked.Same(&file.Info) {
			l.cache.Validated(file, now)
			return file
		}
	}
	l.closer.files = l.cache.Drop(file, l.closer.files)
	l.dropFile(&file)
	return nil
}

// retryRefused retries the request in a moment, as no descriptor was left for it.
func (x *exchange) retryRefused() {
	if !x.isPipelined() {
		x.openRefused()
	}
}

// hasItsSize reports whether a file whose name is trusted still has the size that its header section says: one that was
// written in place since then must not be promised in its old length. The kernel is asked once per iteration, and not where
// that could wait. Content that is kept in memory goes with its header section.
func (l *Loop) hasItsSize(file *docroot.File, now time.Duration) bool {
	if file.Class != kernel.Done || file.Made || file.Remote || file.Small.Load() != nil || file.Sized(now) {
		return true
	}
	return l.k.Size(file.FD) == file.Size
}

// remember puts what a name stands for into the cache.
func (l *Loop) remember(m *docroot.Mount, name []byte, class kernel.Class, opened *kernel.Opened, made bool) *docroot.File {
	file := docroot.NewFile(m, string(name), class, opened)
	file.Made = made
	if class == kernel.Done {
		l.handler.Prepare(file)
	}
	l.closer.files = l.cache.Add(file, l.k.Now(), l.closer.files)
	return file
}

// room reports whether so many names may be added to a look-up.
func (j *job) room(names int) bool { return len(j.Names)+names <= lookupNamesMax }

// addWithSiblings adds a name whose class is not known, and those of its siblings, which are looked up if it is a
// file. It returns false if the job has no room for them.
func (j *job) addWithSiblings(q *handler.Lookup, a *handler.Alternative) bool {
	if !j.room(1 + len(q.Suffixes)) {
		return false
	}
	j.addName(a.Mount, a.Name, kernel.LookupName{DirectoryCounts: a.DirectoryCounts})
	for _, suffix := range q.Suffixes {
		j.addName(a.Mount, q.SiblingName(a.Name, suffix), kernel.LookupName{Sibling: true})
	}
	return true
}

// addName adds a name to a look-up, in the memory of an earlier one. A name that no file can have is left out.
func (j *job) addName(m *docroot.Mount, name []byte, n kernel.LookupName) {
	if file := docroot.Impossible(m, name); file != nil {
		file.Release(nil) // it has no descriptor
		return
	}
	if len(j.Names) < cap(j.Names) {
		n.Name = j.Names[:len(j.Names)+1][len(j.Names)].Name[:0]
	}
	n.Root, n.Name = m.Root, append(n.Name, name...)
	j.Names, j.mounts = append(j.Names, n), append(j.mounts, m)
}

// lookupNameBytesKept is how large a name may be whose memory is kept for the next job.
const lookupNameBytesKept = 512

// clearNames makes the memory of a look-up ready to be used again.
func (j *job) clearNames() {
	for i := range j.Names {
		name := j.Names[i].Name[:0]
		if cap(name) > lookupNameBytesKept {
			name = nil
		}
		j.Names[i] = kernel.LookupName{Name: name}
	}
	clear(j.mounts)
	j.Names, j.mounts = j.Names[:0], j.mounts[:0]
}

// askLookUp lets a worker thread look names up. It always returns false: they are not known yet.
func (x *exchange) askLookUp(j *job) bool {
	j.Remote = x.remote
	if !x.loop.k.Ask(&j.Job) {
		x.loop.giveJob(j)
		x.loop.retry(x.conn)
		return false
	}
	x.awaitsJob = true
	return false
}

// waiter returns the exchange that waits for a job, or nil when that is gone or does not wait any more.
func (j *job) waiter(c *conn, alive bool) *exchange {
	if !alive || c.state() != connstate.StateOpening || !c.current.awaitsJob {
		return nil
	}
	return c.current
}

// onLookedUp goes on with a request whose names a worker thread has looked up. Where the job ended for want of a descriptor,
// the request is retried with what was found before.
func (l *Loop) onLookedUp(c *conn, j *job, alive bool) {
	x := j.waiter(c, alive)
	if x != nil {
		x.remote = x.remote || j.Remote
	}
	exhausted := false
	for i := range j.Names {
		n := &j.Names[i]
		if n.Class == kernel.Canceled {
			continue
		}
		l.counts.OpensByThread++
		if n.Class == kernel.Exhausted {
			exhausted = true
			continue
		}
		if n.Class != kernel.Done {
			n.File.Remote = j.Remote
		}
		file := l.remember(j.mounts[i], n.Name, n.Class, &n.File, false)
		if x != nil {
			x.hold(file)
		} else {
			l.dropFile(&file)
		}
	}
	l.onJob(x, exhausted)
}

// onJob goes on after a job for which an exchange waits, or x is nil.
func (l *Loop) onJob(x *exchange, exhausted bool) {
	switch {
	case x == nil && exhausted:
		l.closer.files = l.cache.Reclaim(reclaimMax, l.closer.files)
	case x == nil:
	case exhausted:
		x.awaitsJob = false
		x.openRefused()
	default:
		x.awaitsJob = false
		l.stepOpening(x)
	}
}

// stepOpening is the step of CONN_OPENING: more is known of what the request asks for, and its response is decided again.
func (l *Loop) stepOpening(x *exchange) {
	assert(x.state == connstate.StateOpening && !x.awaitsJob, "a request is decided again outside of CONN_OPENING")
	b := x.conn.readBuf
	l.respond(x.conn, b.bytes(), &b.req)
}
