package main

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// newTLSClient starts the client in Go on the client's core and waits until it is ready.
func newTLSClient(e *env, r *running, mode, path string, bytes int64, l *load, flags ...string) (*client, error) {
	args := []string{
		mode, "-address", r.at.at(r.port), "-path", path, "-bytes", strconv.FormatInt(bytes, 10), "-conns", strconv.Itoa(l.conns),
		"-ramp-up", l.rampUp.String(), "-measured", l.measured.String(),
	}
	return startClient(e, exec.Command(filepath.Join(e.bin, "tlsclient"), append(args, flags...)...), l)
}

// onceHandshakes measures a connection for each request, with full or resumed handshakes.
func onceHandshakes(b *bench, s *scenario, t *entry) (sample, []moment, error) {
	r, size, err := b.startChecked(s, t)
	if err != nil {
		return nil, nil, err
	}
	defer r.stop()
	l := s.load
	l.rampUp, l.measured = b.rampUp, b.measured
	c, err := newTLSClient(&b.env, r, "handshakes", s.pathOf(t), size, &l, "-resume="+strconv.FormatBool(l.resume))
	if err != nil {
		return nil, nil, err
	}
	m, _, err := c.measure(r)
	return m, nil, err
}

const (
	idleTLSConns = 1000
	// usedConns are opened and closed before the idle ones, so that what a server keeps for all of them is there.
	usedConns = 200
	// idleSettling is how long the connections are idle before the memory is read.
	idleSettling = 6 * time.Second
)

// onceIdleTLS measures the memory of idle connections over TLS.
func onceIdleTLS(b *bench, s *scenario, t *entry) (sample, []moment, error) {
	r, size, err := b.startChecked(s, t)
	if err != nil {
		return nil, nil, err
	}
	defer r.stop()
	// resident opens connections and returns the server's memory while they are open.
	resident := func(conns int) (int64, error) {
		c, err := newTLSClient(&b.env, r, "idle", s.pathOf(t), size, &load{conns: conns}, "-http2="+strconv.FormatBool(s.protocol.http2()))
		if err != nil {
			return 0, err
		}
		time.Sleep(idleSettling)
		kib := r.usage().rssKiB
		if err := c.begin(); err != nil {
			return 0, err
		}
		_, err = c.result()
		return kib, err
	}
	if _, err := resident(usedConns); err != nil {
		return nil, nil, err
	}
	time.Sleep(settling) // the server closes them, too
	before := r.usage().rssKiB
	after, err := resident(idleTLSConns)
	if err != nil {
		return nil, nil, err
	}
	return sample{mConnBytes: float64(after-before) * 1024 / idleTLSConns, mRSS: float64(after)}, nil, nil
}

// pageDelay is that of the line in each direction.
const pageDelay = 25 * time.Millisecond

// oncePage measures how long a page takes on one connection over a line with a delay.
func oncePage(b *bench, s *scenario, t *entry) (sample, []moment, error) {
	r, size, err := b.startChecked(s, t)
	if err != nil {
		return nil, nil, err
	}
	defer r.stop()
	l := s.load
	l.measured = b.measured
	c, err := newTLSClient(&b.env, r, "page", "/static/"+pagePattern, size, &l,
		"-files", strconv.Itoa(pageFiles), "-streams", strconv.Itoa(l.streams), "-delay", pageDelay.String())
	if err != nil {
		return nil, nil, err
	}
	if err := c.begin(); err != nil {
		return nil, nil, err
	}
	o, err := c.result()
	if err != nil {
		return nil, nil, err
	}
	return sample{mPage: o.values["page_ms"], mRSS: float64(r.usage().rssKiB)}, nil, nil
}
