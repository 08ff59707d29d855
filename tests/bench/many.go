package main

import (
	"fmt"
	"syscall"
	"time"
)

// Connections of which few are active at a time.
const (
	activeShare = 100 // one connection in so many has a request under way
	activeLeast = 64  // but as many as in the scenarios where all are active
	// fewConns is what a server is configured for to see what it needs without idle connections, and spareConns what it may have
	// beyond those that take turns.
	fewConns   = 1024
	spareConns = 2000
	// calm is how long the connections are idle before the memory is read.
	calm = time.Second
)

// active returns how many of the connections have a request under way at a time.
func active(conns int) int { return min(conns, max(conns/activeShare, activeLeast)) }

// onceMany measures how connections are made that are kept, what they cost while they are idle, and requests by turns on all of them.
func onceMany(b *bench, s *scenario, t *entry) (sample, []moment, error) {
	if err := enoughDescriptors(t.conns); err != nil {
		return nil, nil, missingError{err}
	}
	var few int64
	if t.conns > fewConns {
		r, err := b.startFor(s, t, fewConns)
		if err != nil {
			return nil, nil, err
		}
		few = r.usage().rssKiB
		r.stop()
	}
	r, err := b.startFor(s, t, t.conns+spareConns)
	if err != nil {
		return nil, nil, err
	}
	defer r.stop()
	if err := b.check(r, t, s.path); err != nil {
		return nil, nil, err
	}
	fresh, opening := r.usage(), r.output.Len()
	c, err := newClient(&b.env, r.port, &load{
		conns: t.conns, turns: active(t.conns), paths: []string{s.path}, rampUp: b.rampUp, measured: b.measured,
	})
	if err != nil {
		return nil, nil, err
	}
	cpu, _ := r.usage().since(fresh)
	time.Sleep(calm)
	idle, measuring := r.usage().rssKiB, r.output.Len()
	m, o, err := c.measure(r)
	if err != nil {
		return nil, nil, err
	}
	if n := o.values["connects"]; n > 0 {
		return nil, nil, fmt.Errorf("%.0f kept connections were closed", n)
	}
	conns := float64(t.conns)
	m[mAccepts], m[mAcceptCPU] = conns/o.values["opening"], cpu.Seconds()*1e6/conns
	if few > 0 {
		m[mConnBytes] = float64(idle-fresh.rssKiB) * 1024 / conns
		m[mConnWhole] = float64(idle-few) * 1024 / conns
	}
	if t.ours() {
		text := r.output.String()
		before, during := collectionsIn(text[opening:measuring]), collectionsIn(text[measuring:])
		m[mGCsOpening], m[mGCs], m[mGCPause] = float64(before.count), float64(during.count), max(before.longest, during.longest)
	}
	return m, nil, nil
}

// startFor starts a server that is configured for a number of connections, and lets it serve the first requests.
func (b *bench) startFor(s *scenario, t *entry, conns int) (*running, error) {
	configured := *b
	configured.connsMax, configured.traceGC = conns, true
	r, err := configured.start(s, t, "")
	if err != nil {
		return nil, err
	}
	if _, _, err := measure(&b.env, r, &load{conns: activeLeast, measured: 200 * time.Millisecond, paths: []string{s.path}}); err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

// enoughDescriptors returns an error where a process can't have descriptors for so many connections. aws keeps a quarter of them for files.
func enoughDescriptors(conns int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if need := uint64(conns+spareConns) * 4 / 3; limit.Cur < need {
		return fmt.Errorf("%d connections need a limit of %d descriptors (ulimit -n), which is %d", conns, need, limit.Cur)
	}
	return nil
}
