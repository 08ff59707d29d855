package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// load says what a client does.
type load struct {
	conns    int
	turns    int // requests under way at a time, on the connections one after the other; 0: one on each
	close    bool
	rampUp   time.Duration
	measured time.Duration
	slice    time.Duration   // a line of the timeline each, if not 0
	marks    []time.Duration // sum up at these moments
	requests int             // stop after so many, if not 0
	paths    []string
	streams  int  // at a time on each HTTP/2 connection, one if 0
	resume   bool // TLS sessions are resumed
	yields   bool // another client on the core measures, and goes first
}

// moment is a line of a timeline: what has happened since the one before.
type moment struct {
	At       time.Duration `json:"at"`
	Requests float64       `json:"requests"`
	Bytes    float64       `json:"bytes"`
	P50      float64       `json:"p50"`
	P99      float64       `json:"p99"`
	Max      float64       `json:"max"`
}

// outcome is what a client has seen.
type outcome struct {
	values   map[string]float64
	timeline []moment
	phases   []moment
}

// client is a client that has been started and waits, connections that take turns open.
type client struct {
	cmd    *exec.Cmd
	input  io.WriteCloser
	lines  *bufio.Scanner
	errors strings.Builder
	watch  *time.Timer
}

// patience bounds everything that a client does, beyond the time that it measures.
const patience = 90 * time.Second

// newClient starts a client on the client's core and waits until it is ready.
func newClient(e *env, port int, l *load) (*client, error) {
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	args := []string{
		"-a", e.network.address, "-c", strconv.Itoa(l.conns),
		"-w", ms(l.rampUp), "-d", ms(l.measured), "-t", ms(l.slice),
	}
	if l.turns > 0 {
		args = append(args, "-k", strconv.Itoa(l.turns), "-b", e.network.sources)
	}
	if l.close {
		args = append(args, "-x")
	}
	if len(l.marks) > 0 {
		list := make([]string, len(l.marks))
		for i, mark := range l.marks {
			list[i] = ms(mark)
		}
		args = append(args, "-m", strings.Join(list, ","))
	}
	if l.requests > 0 {
		args = append(args, "-n", strconv.Itoa(l.requests))
	}
	if len(l.paths) > 16 {
		list := filepath.Join(e.work, "paths")
		if err := os.WriteFile(list, []byte(strings.Join(l.paths, "\n")+"\n"), 0o644); err != nil {
			return nil, err
		}
		args = append(args, "-l", list, strconv.Itoa(port))
	} else {
		args = append(append(args, strconv.Itoa(port)), l.paths...)
	}
	return startClient(e, exec.Command(filepath.Join(e.bin, "load"), args...), l)
}

// startClient starts a client's command on the client's core and waits until it is ready.
func startClient(e *env, cmd *exec.Cmd, l *load) (*client, error) {
	c := &client{cmd: cmd}
	c.cmd.Stderr = &c.errors
	var err error
	if c.input, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.lines = bufio.NewScanner(output)
	if err := startOn(c.cmd, e.network.client, clientCores...); err != nil {
		return nil, err
	}
	if l.yields {
		if err := unix.SchedSetAttr(c.cmd.Process.Pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_BATCH, Nice: 10}, 0); err != nil {
			return nil, os.NewSyscallError("sched_setattr", err)
		}
	}
	c.watch = time.AfterFunc(patience+l.rampUp+l.measured, func() { _ = c.cmd.Process.Signal(syscall.SIGKILL) })
	if !c.lines.Scan() || c.lines.Text() != "ready" {
		_, err := c.result()
		return nil, errors.Join(errors.New("the client is not ready"), err)
	}
	return c, nil
}

// begin lets the client go.
func (c *client) begin() error {
	_, err := io.WriteString(c.input, "\n")
	return err
}

// read reads what the client has seen. Then its connections are still there, until it ends.
func (c *client) read() (*outcome, error) {
	o := &outcome{values: map[string]float64{}}
	for c.lines.Scan() && c.lines.Text() != "end" {
		fields := strings.Fields(c.lines.Text())
		if len(fields) == 0 {
			continue
		}
		numbers := make([]float64, 0, 6)
		for _, f := range fields[1:] {
			n, err := strconv.ParseFloat(f, 64)
			if err != nil {
				return nil, fmt.Errorf("the client says %q", c.lines.Text())
			}
			numbers = append(numbers, n)
		}
		switch {
		case len(numbers) == 6:
			m := moment{
				At:       time.Duration(numbers[0] * float64(time.Millisecond)),
				Requests: numbers[1], Bytes: numbers[2], P50: numbers[3], P99: numbers[4], Max: numbers[5],
			}
			if fields[0] == "at" {
				o.timeline = append(o.timeline, m)
			} else {
				o.phases = append(o.phases, m)
			}
		case len(numbers) == 1:
			o.values[fields[0]] = numbers[0]
		}
	}
	if bad := o.values["bad_status"]; bad > 0 {
		return nil, fmt.Errorf("%.0f responses were not 200", bad)
	}
	return o, nil
}

// end lets the client end, and waits for that.
func (c *client) end() error {
	_ = c.input.Close()
	for c.lines.Scan() { // whatever it has to say
		continue
	}
	err := c.cmd.Wait()
	c.watch.Stop()
	if err != nil {
		return fmt.Errorf("the client: %w: %s", err, lastLines(c.errors.String()))
	}
	return nil
}

// result waits for the client's end and returns what it has seen.
func (c *client) result() (*outcome, error) {
	o, err := c.read()
	if ended := c.end(); ended != nil {
		return nil, ended
	}
	return o, err
}

// measure lets a client loose on a server and returns what both have used.
func measure(e *env, r *running, l *load) (sample, *outcome, error) {
	c, err := newClient(e, r.port, l)
	if err != nil {
		return nil, nil, err
	}
	return c.measure(r)
}

// measure lets the client go. It returns what client and server have used.
func (c *client) measure(r *running) (sample, *outcome, error) {
	before, err := r.before()
	if err != nil {
		return nil, nil, errors.Join(err, c.abandon())
	}
	if err := c.begin(); err != nil {
		return nil, nil, errors.Join(err, c.abandon())
	}
	o, err := c.read()
	if err != nil {
		return nil, nil, errors.Join(err, c.end())
	}
	after, err := r.after()
	if err := errors.Join(err, c.end()); err != nil {
		return nil, nil, err
	}
	return sampleOf(o, before, after), o, nil
}

// sampleOf puts a client's and a server's figures together. Processor time is divided by all requests,
// those before the measured time included, because it is counted from there on.
func sampleOf(o *outcome, before, after reading) sample {
	v := o.values
	wall := after.at.Sub(before.at).Seconds()
	cpu, switches := after.since(before.usage)
	coreShare := func(cores []int) float64 {
		return after.cores.since(before.cores, cores).Seconds() / wall / float64(len(cores))
	}
	s := sample{
		mRate: v["requests"] / v["seconds"], mBytes: v["bytes"] / v["seconds"],
		mP50: v["p50"], mP99: v["p99"], mP999: v["p999"], mErrors: v["errors"],
		mRSS: float64(after.rssKiB), mBusy: cpu.Seconds() / wall, mClient: v["cpu"] / wall,
		mServerCore: coreShare(serverCores), mClientCore: coreShare(clientCores),
	}
	if n := v["all_requests"]; n > 0 {
		s[mCPU] = cpu.Seconds() * 1e6 / n
		s[mBoth] = after.cores.since(before.cores, bothCores).Seconds() * 1e6 / n
		s[mSwitches] = float64(switches) / n
	}
	if b := v["all_bytes"]; b > 0 {
		s[mCPUPerMiB] = cpu.Seconds() * 1e6 / (b / (1 << 20))
	}
	return s
}

// abandon ends a client that nobody waits for.
func (c *client) abandon() error {
	err := c.cmd.Process.Kill()
	_, _ = c.result()
	return err
}
