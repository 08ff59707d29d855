package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"aws/goloop"
	"aws/internal/listeners"
	"aws/internal/logging"
	"aws/internal/sandbox"
)

// ProcessOptions holds what a process needs besides the server's configuration.
type ProcessOptions struct {
	Give    *sandbox.Options
	Watch   *observer
	Verbose bool
	Report  *logging.Reporter
	Start   *logging.StartUp
	Worker  bool
	// Serves is called once the server serves. The function that it returns is called when the server
	// has ended.
	Serves func(r *Process) (ended func())
	Idle   []os.Signal // signals that change nothing, which is reported
	Reload func()      // is called for each SIGHUP, on a goroutine of its own; nil: SIGHUP is not handled, or among Idle
}

// Process is a server that runs in this process.
type Process struct {
	*ProcessOptions
	Server    *goloop.Server
	Cfg       *goloop.ServerConfig
	files     listeners.Files // of the Unix sockets that this process has bound
	remove    sync.Once
	once      sync.Once
	began     time.Time     // of the drain; valid once draining is closed
	Drains    chan struct{} // closed when the drain begins
	ended     chan struct{} // closed when Run has returned
	reporting sync.WaitGroup
}

// Run serves until the process is asked to end, and prints the counters if they are wanted.
func Run(cfg *goloop.ServerConfig, o *ProcessOptions) error {
	cfg.Warn, cfg.Inform = o.Report.WarnText, o.Report.InfoText
	cfg.Doing = func(what string) { o.Start.Doing(o.Report, "%s", what) }
	for _, a := range cfg.Listen {
		if a.Path != "" && cfg.Sockets == nil {
			o.Give.Sockets = append(o.Give.Sockets, filepath.Dir(a.Path))
		}
	}
	server, err := goloop.NewServer(cfg)
	if err != nil {
		return err
	}
	r := &Process{ProcessOptions: o, Server: server, Cfg: cfg, Drains: make(chan struct{}), ended: make(chan struct{})}
	if cfg.Sockets == nil {
		r.files = listeners.FilesOf(server.Addrs(), o.Report)
	}
	defer r.removeFiles()
	o.Start.Doing(o.Report, "giving up what is not needed")
	if err := sandbox.Apply(o.Give, o.Report); err != nil {
		return errors.Join(err, server.Discard())
	}
	endSignals := r.handleSignals()
	go r.followRoots()
	o.Watch.start(server)
	ended := o.Serves(r)
	o.Watch.announce()
	o.Start.Done()
	err = server.Run()
	close(r.ended)
	endSignals()
	r.reporting.Wait()
	ended()
	if o.Verbose {
		counts := server.Counts()
		fmt.Fprint(o.Report.Lines("counters"), counts.String())
	}
	return err
}

// removeFiles removes the files of the sockets, once, and while they are still open if that is possible:
// until then no other file can have their numbers.
func (r *Process) removeFiles() {
	r.remove.Do(func() { r.files.Remove(r.Report) })
}

// Drain ends the server, and reports what it waits for meanwhile. It may be called by any goroutine, and
// more than once. The reason, if there is one, is reported.
func (r *Process) Drain(reason string) {
	r.once.Do(func() {
		if reason != "" {
			r.Report.Warn(r.name() + reason)
		}
		r.began = time.Now()
		close(r.Drains)
		r.Watch.drain()
		r.removeFiles()
		r.reporting.Go(r.reportDrain)
		r.Server.Shutdown()
	})
}

// name begins the messages of a process that is not the only one.
func (r *Process) name() string {
	if r.Worker {
		return WorkerName()
	}
	return ""
}

// WorkerName begins the messages of a worker process.
func WorkerName() string { return fmt.Sprintf("worker %d: ", os.Getpid()) }

// Times of what is reported of a drain.
const (
	drainReportFirst = 10 * time.Millisecond
	drainReportEvery = time.Second
)

// reportDrain reports what a drain waits for: at once, every second in which it changes, and its result.
func (r *Process) reportDrain() {
	end := r.began.Add(r.Cfg.Loop.DrainTimeout)
	var reported string
	for pause := drainReportFirst; ; {
		select {
		case <-r.ended:
			r.reportEnd()
			return
		case <-time.After(pause):
		}
		left, ok := r.Server.Left()
		if !ok {
			continue // a loop is busy
		}
		pause = drainReportEvery
		if left == (goloop.Left{}) {
			continue // Run has returned
		}
		if text := describeLeft(left); text != reported {
			reported = text
			until := ", until " + end.Format(time.TimeOnly) + " at the latest"
			if time.Now().After(end) {
				until = ", which nothing can hurry" // what is left is the disk's
			}
			r.Report.Info(r.name()+"draining: "+text+until, "connections", left.Conns, "sending", left.Sending,
				"disk", left.Disk, "idle", left.Idle, "reads", left.Reads, "until", end.Format(time.RFC3339))
		}
	}
}

// reportEnd reports the result of a drain.
func (r *Process) reportEnd() {
	took := time.Since(r.began)
	if n := r.Server.CutOff(); n > 0 {
		r.Report.Warn(fmt.Sprintf("%s%s cut off after %s", r.name(), count(int(n), "connection"), Seconds(took)),
			"cut_off", n, "seconds", took.Seconds())
		return
	}
	r.Report.Info(r.name()+"drained after "+Seconds(took), "seconds", took.Seconds())
}

// describeLeft describes what a drain waits for: "12 connections (3 sending, 1 reading from disk, 8 idle)".
func describeLeft(n goloop.Left) string {
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{
		{n.Sending, "sending"},
		{n.Disk, "reading from disk"},
		{n.Heads, "in mid-request"},
		{n.Idle, "idle"},
		{n.Conns - n.Sending - n.Disk - n.Heads - n.Idle, "closing"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	text := count(n.Conns, "connection")
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	if n.Disk == 0 && n.Reads > 0 {
		text += " and " + count(n.Reads, "read") + " of a disk"
	}
	return text
}

// count returns "1 thing" or "2 things".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Seconds formats a duration in seconds: 2.1 s.
func Seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
