package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/listeners"
	"aws/internal/logging"
)

// What a supervisor and a worker have between them, besides the sockets. A worker may be of another
// version than its supervisor, so none of this is to change in a way that the other can't live with.
const (
	readyFD = 3 // the worker writes: readyByte once it serves, a line of JSON, and then a byte per beat
	lifeFD  = 4 // ends when the supervisor does

	readyByte = 1
	beatByte  = '.'

	// keptEnv holds the options that the supervisor goes by, as lines of a configuration file.
	keptEnv = "AWSD_SUPERVISOR"
)

// Times of a worker's beats.
const (
	beatEvery      = 500 * time.Millisecond
	silentBeatsMax = 20 // after so many that are missing the loops are taken for stuck
)

// workerReport is what a worker reports once it serves.
type workerReport struct {
	DrainMs int64  `json:"drain_ms"` // how long it may take to end
	Version string `json:"version"`  // of its program
}

// notifySupervisor notifies the supervisor that the server serves, and from then on that its loops turn. The
// server ends when its supervisor does.
func notifySupervisor(r *command.Process) (ended func()) {
	ready := os.NewFile(readyFD, "ready")
	life := os.NewFile(lifeFD, "life")
	line, err := json.Marshal(workerReport{DrainMs: r.Cfg.Loop.DrainTimeout.Milliseconds(), Version: command.Version})
	if err == nil {
		_, err = ready.Write(append(append([]byte{readyByte}, line...), '\n'))
	}
	go func() {
		defer func() { _ = ready.Close() }()
		pulse := r.Server.Pulse()
		for ; err == nil; time.Sleep(beatEvery) { // else it is a supervisor that does not listen
			if pulse.Beat() {
				_, err = ready.Write([]byte{beatByte})
			}
		}
	}()
	go func() {
		_, _ = life.Read(make([]byte, 1)) // nobody writes: it returns when the supervisor is gone
		r.Drain("the supervisor is gone")
	}()
	return func() {}
}

// Options that a supervisor goes by as they were when it was started.
var (
	takeRestart = []string{"listen", "socket-mode", "socket-group", "loops", "defer-accept", "local-congestion", "supervise", "start-timeout"}
	// The worker has them at once.
	takeRestartForSupervisor = []string{"log-format", "log-level"}
)

// kept returns a line for each of the options that take a restart.
func (o *serveOptions) kept() map[string]string {
	lines := map[string]string{}
	wanted := append(append([]string{}, takeRestart...), takeRestartForSupervisor...)
	for _, group := range o.table() {
		for _, option := range group.Options {
			for _, name := range wanted {
				if option.Name == name {
					one := []config.Group{{Options: []config.Option{option}}}
					_, line, _ := strings.Cut(string(config.AppendTOML(nil, one, nil)), "\n") // the group's name
					lines[name] = strings.TrimSpace(line)
				}
			}
		}
	}
	return lines
}

// keptText is kept for the environment.
func (o *serveOptions) keptText() string {
	text, err := json.Marshal(o.kept())
	if err != nil { // strings can be had as JSON
		return "{}"
	}
	return string(text)
}

// warnKept says which options differ from those that the supervisor has been started with, and will not
// come into force.
func warnKept(o *serveOptions, origins config.Origins, report *logging.Reporter) {
	text, ok := os.LookupEnv(keptEnv)
	if !ok {
		return
	}
	_ = os.Unsetenv(keptEnv)
	var was map[string]string
	if err := json.Unmarshal([]byte(text), &was); err != nil {
		report.Warn(fmt.Sprintf("%s: %v", keptEnv, err))
		return
	}
	now := o.kept()
	warn := func(names []string, what string) {
		for _, name := range names {
			if line, ok := was[name]; ok && line != now[name] {
				report.Warn(fmt.Sprintf("%s takes a restart: it stays %s%s (%s)", now[name], strings.TrimPrefix(line, name+" = "), what, origins[name]),
					"option", name, "origin", origins[name])
			}
		}
	}
	warn(takeRestart, "")
	warn(takeRestartForSupervisor, " for the supervisor's own messages")
}

// worker is a process that serves, or is about to.
type worker struct {
	cmd     *exec.Cmd
	pid     int
	life    *os.File
	err     error         // how it ended; valid once its end has been reported
	began   time.Time     // when it was started, and then when it came to serve
	drainIn time.Duration // how long it may take to end
	serves  bool
	beats   atomic.Uint64
	watched atomic.Bool // it reports beats
	timers  []*time.Timer

	counted uint64 // beats at the latest look
	silent  int    // looks since a beat was seen
	tooLate bool   // it did not come to serve in time
}

// workerEvent is something that a worker does, or that is due with it.
type workerEvent struct {
	w    *worker
	what happening
	news workerReport
}

type happening int

const (
	serves happening = iota
	ended
	isSlow  // it has been starting for a while
	isLate  // it may take no longer to serve
	endsNow // it may take no longer to end
)

// programNow returns a function that finds the program of a worker each time it is called: by the name that this one was
// started by, or that the drop-in had which has become this one.
func programNow() (func() (string, error), error) {
	if aws := os.Getenv(command.StartedAsEnv); aws != "" {
		return func() (string, error) { return command.Daemon(aws) }, nil
	}
	name, err := command.StartedAs(os.Args[0]) // now, while a relative name means what it meant
	return func() (string, error) { return name, nil }, err
}

// startWorker starts a worker, whose events go to a channel.
func startWorker(find func() (string, error), s *listeners.Set, kept string, report *logging.Reporter, events chan<- workerEvent) (*worker, error) {
	// The program as it is now, by the name that this one was started by: that may be a link which leads to another
	// version, or to one that has been put in the place of the old one.
	program, err := find()
	if err != nil {
		return nil, err
	}
	readyRead, readyWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	files := []*os.File{readyWrite}
	closeAll := func(list ...*os.File) {
		for _, f := range list {
			_ = f.Close()
		}
	}
	lifeRead, lifeWrite, err := os.Pipe()
	if err != nil {
		closeAll(readyRead, readyWrite)
		return nil, err
	}
	files = append(files, lifeRead)
	sockets, err := s.Duplicate() // so that closing the files below leaves ours alone
	if err != nil {
		closeAll(append(files, readyRead, lifeWrite)...)
		return nil, err
	}
	files = append(files, sockets...)
	w := &worker{cmd: exec.Command(program, os.Args[1:]...), life: lifeWrite, began: time.Now()}
	w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = os.Stdin, os.Stdout, report.Out
	w.cmd.Env = append(os.Environ(), socketsEnv+"="+s.Encode(), keptEnv+"="+kept)
	w.cmd.ExtraFiles = files
	err = w.cmd.Start()
	closeAll(files...)
	if err != nil {
		closeAll(readyRead, lifeWrite)
		return nil, err
	}
	w.pid = w.cmd.Process.Pid
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		w.listen(readyRead, events)
	}()
	go func() {
		err := w.cmd.Wait()
		<-heard // that it served is reported before its end is
		w.err = err
		events <- workerEvent{w: w, what: ended}
	}()
	return w, nil
}

// listen hears what a worker reports, until it has no more to report.
func (w *worker) listen(ready *os.File, events chan<- workerEvent) {
	defer func() { _ = ready.Close() }()
	r := bufio.NewReader(ready)
	if b, err := r.ReadByte(); err != nil || b != readyByte {
		return
	}
	var news workerReport
	line, err := r.ReadSlice('\n')
	if err == nil && json.Unmarshal(line, &news) == nil {
		w.watched.Store(true)
	}
	events <- workerEvent{w: w, what: serves, news: news}
	for err == nil {
		if _, err = r.ReadByte(); err == nil {
			w.beats.Add(1)
		}
	}
	w.watched.Store(false)
}

// after has an event come after a while, unless the worker ends before.
func (w *worker) after(d time.Duration, what happening, events chan<- workerEvent) {
	w.timers = append(w.timers, time.AfterFunc(d, func() { events <- workerEvent{w: w, what: what} }))
}

// forget gives up what a worker that has ended leaves.
func (w *worker) forget() {
	for _, t := range w.timers {
		t.Stop()
	}
	_ = w.life.Close()
}

func (w *worker) signal(sig syscall.Signal) { _ = w.cmd.Process.Signal(sig) }

// howEnded says how a worker has ended.
func (w *worker) howEnded() string {
	var exit *exec.ExitError
	switch {
	case w.err == nil:
		return "exit status 0"
	case errors.As(w.err, &exit):
		return exit.String()
	default:
		return w.err.Error()
	}
}
