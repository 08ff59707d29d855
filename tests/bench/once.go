package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// start starts a scenario's server.
func (b *bench) start(s *scenario, t *entry, cgroup string) (*running, error) {
	make, ok := servers[t.server]
	if !ok {
		return nil, fmt.Errorf("there is no server %q", t.server)
	}
	port, err := b.network.freePort()
	if err != nil {
		return nil, err
	}
	path := s.pathOf(t)
	e := b.env
	e.protocol = s.protocol
	cmd, err := make(&e, port, path)
	if err != nil {
		return nil, missingError{err}
	}
	cores := serverCores
	if s.cores != nil {
		cores = s.cores
	}
	return run(cmd, b.network, s.protocol, port, path, cgroup, cores...)
}

// missingError is that of a server which is not there.
type missingError struct{ error }

func (s *scenario) pathOf(t *entry) string {
	if t.path != "" {
		return t.path
	}
	return s.path
}

// onceLoad starts the server, compares its bytes the first time, and lets the clients loose on it.
func onceLoad(b *bench, s *scenario, t *entry) (sample, []moment, error) {
	r, err := b.start(s, t, "")
	if err != nil {
		return nil, nil, err
	}
	defer r.stop()
	path := s.pathOf(t)
	if err := b.check(r, t, path); err != nil {
		return nil, nil, err
	}
	// What is to be hot is in memory, whatever other scenarios or programs have done.
	whole, err := os.ReadFile(filepath.Join(b.site, path))
	if err != nil {
		return nil, nil, err
	}
	l := s.load
	l.paths, l.rampUp, l.measured = []string{path}, b.rampUp, b.measured
	if t.conns > 0 {
		l.conns = t.conns
	}
	m, o, err := measure(&b.env, r, &l)
	if err == nil && o.values["all_bytes"] < o.values["all_requests"]*float64(len(whole)) {
		return nil, nil, fmt.Errorf("the responses were shorter than the file: %.0f bytes for %.0f requests",
			o.values["all_bytes"], o.values["all_requests"])
	}
	return m, nil, err
}

// check compares a server's bytes with the file's, once for each server and file.
func (b *bench) check(r *running, t *entry, path string) error {
	key := fmt.Sprintf("%s %s %s %v", t.server, path, r.protocol.scheme(), r.protocol)
	if b.checked[key] {
		return nil
	}
	if err := checkBytes(r, path, b.site); err != nil {
		return fmt.Errorf("wrong bytes: %w", err)
	}
	b.checked[key] = true
	return nil
}

func onceStart(b *bench, s *scenario, t *entry) (sample, []moment, error) {
	r, err := b.start(s, t, "")
	if err != nil {
		return nil, nil, err
	}
	defer r.stop()
	return sample{mStart: float64(r.took.Microseconds()) / 1000, mRSS: float64(r.usage().rssKiB)}, nil, nil
}

// What wrk and h2load say about how many requests they had responses to, and how many each second.
var (
	wrkTotal    = regexp.MustCompile(`(\d+) requests in`)
	wrkRate     = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	h2loadTotal = regexp.MustCompile(`requests: (\d+) total`)
	h2loadRate  = regexp.MustCompile(`, ([\d.]+) req/s`)
)

func onceForeign(b *bench, s *scenario, t *entry) (sample, []moment, error) {
	program, err := findProgram(t.with)
	if err != nil {
		return nil, nil, missingError{err}
	}
	r, err := b.start(s, t, "")
	if err != nil {
		return nil, nil, err
	}
	defer r.stop()
	seconds := strconv.Itoa(max(int(b.measured.Seconds()), 1))
	url := fmt.Sprintf("http://%s%s", r.at.at(r.port), s.path)
	conns := strconv.Itoa(s.load.conns)
	cmd := exec.Command(program, "-t1", "-c"+conns, "-d"+seconds, url)
	total, rate := wrkTotal, wrkRate
	if t.with == "h2load" {
		cmd = exec.Command(program, "--h1", "-t1", "-c"+conns, "-D"+seconds, url)
		total, rate = h2loadTotal, h2loadRate
	}
	before, err := r.before()
	if err != nil {
		return nil, nil, err
	}
	output, wall, err := runOn(cmd, r.at.client, clientCores...)
	if err != nil {
		return nil, nil, err
	}
	after, err := r.after()
	if err != nil {
		return nil, nil, err
	}
	n, errN := number(total, output)
	perSecond, errRate := number(rate, output)
	if err := errors.Join(errN, errRate); err != nil {
		return nil, nil, err
	}
	cpu, switches := after.since(before.usage)
	return sample{
		mCPU: cpu.Seconds() * 1e6 / n, mRate: perSecond, mSwitches: float64(switches) / n,
		mBusy: cpu.Seconds() / wall.Seconds(), mBoth: after.cores.since(before.cores, bothCores).Seconds() * 1e6 / n,
	}, nil, nil
}

func number(pattern *regexp.Regexp, text string) (float64, error) {
	match := pattern.FindStringSubmatch(text)
	if match == nil {
		return 0, fmt.Errorf("no %s in: %s", pattern, lastLines(text))
	}
	return strconv.ParseFloat(match[1], 64)
}

// coldPaths are the big files of a directory, static or dynamic.
func coldPaths(directory string) []string {
	list := make([]string, coldFiles)
	for i := range list {
		list[i] = "/" + filepath.Join(directory, coldName(i))
	}
	return list
}
