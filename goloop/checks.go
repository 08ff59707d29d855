package goloop

import (
	"net/netip"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
)

// A password check takes a processor for as long as its hash was made to take, a tenth of a second perhaps, and anybody
// may ask for one. So checks have a thread of their own, which gives way to the loops; the queue in front of it is
// bounded, and of each client's address no more than a few stand in it, so that a flood from one keeps no one else out.

const (
	checksMax           = 64 // that wait, or are being done
	checksPerAddressMax = 4
)

// checkQueue counts the checks of a loop.
type checkQueue struct {
	byAddress map[netip.Addr]int
	byKey     map[string]struct{} // what is being found out, so that it is found out once
}

// admits reports whether another check of an address may be asked for. Addresses that are none, such as a Unix socket's,
// are counted as one client's, but may fill the queue: a proxy may speak for many.
func (q *checkQueue) admits(a netip.Addr) bool {
	return len(q.byKey) < checksMax && (!a.IsValid() || q.byAddress[a] < checksPerAddressMax)
}

func (q *checkQueue) enter(a netip.Addr, key []byte) {
	if q.byKey == nil {
		q.byAddress, q.byKey = map[netip.Addr]int{}, map[string]struct{}{}
	}
	q.byAddress[a]++
	q.byKey[string(key)] = struct{}{}
}

func (q *checkQueue) leave(a netip.Addr, key []byte) {
	if q.byAddress[a]--; q.byAddress[a] == 0 {
		delete(q.byAddress, a)
	}
	delete(q.byKey, string(key))
}

// Check implements Finder.
func (f *finder) Check(m *docroot.Mount, key []byte, build handler.Build) (*docroot.File, handler.CheckOutcome) {
	l, c := f.Loop, f.c
	file, known := f.known(m, key)
	switch {
	case known:
		return file, handler.CheckDone
	case f.peek:
		return nil, handler.CheckPending
	}
	if _, asked := l.checks.byKey[string(key)]; asked {
		l.retry(c) // for another connection
		return nil, handler.CheckPending
	}
	asker := neighbourhood(c.peer.Addr())
	if !l.checks.admits(asker) {
		l.counts.ChecksRefused++
		return nil, handler.CheckRefused
	}
	j := l.newJob(kernel.JobCompute, c)
	j.mount, j.asker = m, asker
	j.Name = append(j.Name, key...)
	j.does(build)
	if !l.k.Ask(&j.Job) {
		l.freeJob(j)
		l.retry(c)
		return nil, handler.CheckPending
	}
	l.checks.enter(asker, key)
	c.asked, c.job = true, j
	return nil, handler.CheckPending
}
