package goloop

import (
	"net/netip"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
)

// A password check takes a processor for as long as its hash is meant to take, perhaps a tenth of a second, and any client
// may cause one. So checks have a thread of their own, of lower priority than the loops. Its queue is
// bounded, in all and for each client's address, so that a flood from one address does not keep the others out.

const (
	checksMax           = 64 // that wait, or are being done
	checksPerAddressMax = 4
)

// checkQueue counts the checks of a loop.
type checkQueue struct {
	byAddress map[netip.Addr]int
	byKey     map[string]struct{} // the checks that are pending: each is done once
}

// admits reports whether another check of an address may be asked for. The invalid address, that of a Unix socket's
// client, may fill the queue: behind it may be a proxy with many clients.
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

// Check implements handler.Files.
func (x *exchange) Check(m *docroot.Mount, key []byte, build handler.Build) (*docroot.File, handler.Outcome) {
	l, c := x.loop, x.conn
	if file := x.recallMade(m, key); file != nil {
		return file, handler.OutcomeDone
	}
	if x.isPipelined() {
		return nil, handler.OutcomePending
	}
	if _, asked := l.checks.byKey[string(key)]; asked {
		l.retry(c) // for another connection
		return nil, handler.OutcomePending
	}
	asker := addressGroup(c.peer.Addr())
	if !l.checks.admits(asker) {
		l.counts.ChecksRefused++
		return nil, handler.OutcomeRefused
	}
	if j := x.askMake(kernel.JobCompute, m, key, build); j != nil {
		j.asker = asker
		l.checks.enter(asker, key)
	}
	return nil, handler.OutcomePending
}
