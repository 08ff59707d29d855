package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// niceness is what everything that is measured runs at, where the user may say so: what else the
// machine does then takes less from it.
const niceness = -15

// startOn starts a command in a network namespace that may run on the given cores only, ahead of
// others. The child has the affinity and the namespace of the thread that starts it. It gets a session of its own: where the scheduler groups
// processes by session (sched(7), autogroup), the niceness of the session is what counts.
func startOn(cmd *exec.Cmd, inside *namespace, cores ...int) error {
	return inside.do(func() error { return startPinned(cmd, cores) })
}

func startPinned(cmd *exec.Cmd, cores []int) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, pinned unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return os.NewSyscallError("sched_getaffinity", err)
	}
	for _, core := range cores {
		pinned.Set(core)
	}
	if err := unix.SchedSetaffinity(0, &pinned); err != nil {
		return os.NewSyscallError("sched_setaffinity", err)
	}
	err := cmd.Start()
	if err == nil {
		pid := cmd.Process.Pid
		_ = unix.Setpriority(unix.PRIO_PGRP, pid, niceness)
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte(strconv.Itoa(niceness)), 0o644)
	}
	return errors.Join(err, os.NewSyscallError("sched_setaffinity", unix.SchedSetaffinity(0, &before)))
}

// output is what a program has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// Len returns how many bytes have been written.
func (o *output) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Len()
}

// String returns all of it.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// running is a server that has been started.
type running struct {
	cmd      *exec.Cmd
	output   *output
	ended    chan struct{}
	at       *network
	protocol protocol
	port     int
	took     time.Duration // from exec to the first response
}

const (
	startPatience = 10 * time.Second
	stopPatience  = 5 * time.Second
)

// run starts a server and waits until it responds to a request for path. The cgroup, if there is one,
// holds it from its first instruction on.
func run(cmd *exec.Cmd, at *network, over protocol, port int, path, cgroup string, cores ...int) (*running, error) {
	if cgroup != "" {
		script := `echo $$ >"$0/cgroup.procs" && exec "$@"`
		inside := exec.Command("/bin/sh", append([]string{"-c", script, cgroup}, cmd.Args...)...)
		inside.Dir, inside.Env = cmd.Dir, cmd.Env
		cmd = inside
	}
	r := &running{cmd: cmd, output: &output{}, ended: make(chan struct{}), at: at, protocol: over, port: port}
	cmd.Stdout, cmd.Stderr = r.output, r.output
	begin := time.Now()
	if err := startOn(cmd, at.server, cores...); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait()
		close(r.ended)
	}()
	for {
		if at.responds(over, port, path) {
			r.took = time.Since(begin)
			return r, nil
		}
		select {
		case <-r.ended:
			return nil, fmt.Errorf("%s ended before it served: %s", cmd.Path, lastLines(r.output.String()))
		case <-time.After(500 * time.Microsecond):
		}
		if time.Since(begin) > startPatience {
			r.stop()
			return nil, fmt.Errorf("%s does not serve within %v: %s", cmd.Path, startPatience, lastLines(r.output.String()))
		}
	}
}

func lastLines(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(len(lines)-3, 0):], " | ")
}

// stop ends the server and those that it has started, each by its own number.
func (r *running) stop() {
	pids := r.pids()
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.ended:
	case <-time.After(stopPatience):
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		<-r.ended
	}
	// A worker is not our child: it is over when its number is.
	for _, pid := range pids[1:] {
		for end := time.Now().Add(stopPatience); ; time.Sleep(time.Millisecond) {
			if !alive(pid) {
				break
			}
			if time.Now().After(end) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// pids returns the server's processes, the first one first.
func (r *running) pids() []int {
	list := []int{r.cmd.Process.Pid}
	parents := map[int]int{}
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range names {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 {
			parents[pid], _ = strconv.Atoi(fields[1])
		}
	}
	for i := 0; i < len(list); i++ {
		for pid, parent := range parents {
			if parent == list[i] {
				list = append(list, pid)
			}
		}
	}
	return list
}

// usage is what the threads of a server have used since each of them began.
type usage struct {
	cpu      map[int]time.Duration // by thread
	switches map[int]int64
	rssKiB   int64
}

// usage reads /proc/PID/task/TID/schedstat, which counts nanoseconds, and status.
func (r *running) usage() usage {
	u := usage{cpu: map[int]time.Duration{}, switches: map[int]int64{}}
	for _, pid := range r.pids() {
		u.rssKiB += statusField(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*", pid))
		for _, task := range tasks {
			tid, _ := strconv.Atoi(filepath.Base(task))
			if text, err := os.ReadFile(task + "/schedstat"); err == nil {
				if fields := strings.Fields(string(text)); len(fields) > 0 {
					ns, _ := strconv.ParseInt(fields[0], 10, 64)
					u.cpu[tid] = time.Duration(ns)
				}
			}
			status := task + "/status"
			u.switches[tid] = statusField(status, "voluntary_ctxt_switches:") +
				statusField(status, "nonvoluntary_ctxt_switches:")
		}
	}
	return u
}

func statusField(file, name string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				n, _ := strconv.ParseInt(fields[0], 10, 64)
				return n
			}
		}
	}
	return 0
}

// since returns what has been used between two readings.
func (u usage) since(before usage) (cpu time.Duration, switches int64) {
	for tid, d := range u.cpu {
		cpu += d - before.cpu[tid]
	}
	for tid, n := range u.switches {
		switches += n - before.switches[tid]
	}
	return cpu, switches
}
