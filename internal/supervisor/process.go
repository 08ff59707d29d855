package supervisor

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"

	"aws/internal/listeners"
)

// Process is a worker process, as its supervisor sees it. Ready and then Wait are called once each, by one goroutine;
// the other methods by another.
type Process interface {
	PID() int
	// Ready waits until the worker serves and returns what it reports then, or false once it can't come to serve.
	Ready() (Report, bool)
	// Heartbeats returns how many heartbeats have come, and whether the worker sends any.
	Heartbeats() (n uint64, sent bool)
	Signal(syscall.Signal)
	// Wait waits for the worker's end, gives back what was kept for it, and returns how it ended: nil for exit status 0.
	Wait() error
}

// Command starts workers as processes of a program.
type Command struct {
	// Program finds the program each time that a worker is started: its name may lead to another version by then.
	Program  func() (string, error)
	Args     []string
	Settings string    // a text that each worker gets, see Handover
	Stderr   io.Writer // of the worker; an *os.File goes to it as it is
	Shared   *os.File  // a file that all workers get, see Handover; nil: none
}

// Start starts a worker. It is an Options.Start.
func (c *Command) Start(sockets *listeners.Set) (Process, error) {
	program, err := c.Program()
	if err != nil {
		return nil, err
	}
	readyRead, readyWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	lifeRead, lifeWrite, err := os.Pipe()
	if err != nil {
		closeAll(readyRead, readyWrite)
		return nil, err
	}
	theirs := []*os.File{readyWrite, lifeRead}
	duplicates, err := sockets.Duplicate()
	theirs = append(theirs, duplicates...)
	p := &process{cmd: exec.Command(program, c.Args...), ready: readyRead, life: lifeWrite, heard: make(chan struct{})}
	if err == nil {
		p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = os.Stdin, os.Stdout, c.Stderr
		p.cmd.Env = append(os.Environ(), SocketsEnv+"="+sockets.Encode(), SettingsEnv+"="+c.Settings)
		p.cmd.ExtraFiles = theirs
		if c.Shared != nil { // behind all that workers of earlier versions expect
			p.cmd.Env = append(p.cmd.Env, SharedEnv+"="+strconv.Itoa(readyFD+len(theirs)))
			p.cmd.ExtraFiles = append(slices.Clip(theirs), c.Shared)
		}
		err = p.cmd.Start()
	}
	closeAll(theirs...)
	if err != nil {
		closeAll(readyRead, lifeWrite)
		return nil, err
	}
	return p, nil
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// process is a Process that Command has started.
type process struct {
	cmd   *exec.Cmd
	ready *os.File      // what it reports
	life  *os.File      // closed with the supervisor
	heard chan struct{} // closed when it has nothing more to report
	beats atomic.Uint64
	sends atomic.Bool // heartbeats
}

// PID implements Process.
func (p *process) PID() int { return p.cmd.Process.Pid }

// Signal implements Process. A process that has ended gets none.
func (p *process) Signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

// Heartbeats implements Process.
func (p *process) Heartbeats() (n uint64, sent bool) { return p.beats.Load(), p.sends.Load() }

// Ready implements Process.
func (p *process) Ready() (report Report, ok bool) {
	r := bufio.NewReader(p.ready)
	b, err := r.ReadByte()
	if err != nil || b != readyByte {
		p.hearNothing()
		return Report{}, false
	}
	line, err := r.ReadSlice('\n')
	if err != nil { // of a version that reports nothing else
		p.hearNothing()
		return Report{}, true
	}
	p.sends.Store(json.Unmarshal(line, &report) == nil)
	go p.count(r)
	return report, true
}

// count counts heartbeats until no more come.
func (p *process) count(r *bufio.Reader) {
	for {
		if _, err := r.ReadByte(); err != nil {
			break
		}
		p.beats.Add(1)
	}
	p.sends.Store(false)
	p.hearNothing()
}

func (p *process) hearNothing() {
	_ = p.ready.Close()
	close(p.heard)
}

// Wait implements Process.
func (p *process) Wait() error {
	err := p.cmd.Wait()
	<-p.heard
	_ = p.life.Close()
	return err
}
