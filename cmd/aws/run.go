package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"aws/goloop"
	"aws/internal/kernel"
)

// serverRun is what goes with a server besides its configuration.
type serverRun struct {
	give    *restrictOptions
	watch   *observer
	verbose bool
	report  *reporter
	start   *startUp
	worker  bool
	// serves is called once the server serves. The function that it returns is called when the server
	// has ended.
	serves func(r *running) (ended func())
	idle   []os.Signal // signals that change nothing, which is said
}

// running is a server that runs in this process.
type running struct {
	*serverRun
	server  *goloop.Server
	cfg     *goloop.ServerConfig
	files   []kernel.SocketFile // of the Unix sockets that this process has bound
	remove  sync.Once
	once    sync.Once
	began   time.Time     // of the drain; valid once draining is closed
	drains  chan struct{} // closed when the drain begins
	ended   chan struct{} // closed when Run has returned
	telling sync.WaitGroup
}

// runServer serves until the process is told to end, and prints the counters if they are wanted.
func runServer(cfg *goloop.ServerConfig, o *serverRun) error {
	cfg.Warn = o.report.warn
	cfg.Doing = func(what string) { o.start.doing(o.report, "%s", what) }
	for _, a := range cfg.Listen {
		if a.Path != "" && cfg.Sockets == nil {
			o.give.sockets = append(o.give.sockets, filepath.Dir(a.Path))
		}
	}
	server, err := goloop.NewServer(cfg)
	if err != nil {
		return err
	}
	r := &running{serverRun: o, server: server, cfg: cfg, drains: make(chan struct{}), ended: make(chan struct{})}
	if cfg.Sockets == nil {
		r.files = socketFiles(server.Addrs(), o.report)
	}
	defer r.removeFiles()
	o.start.doing(o.report, "giving up what is not needed")
	if err := restrict(o.give, o.report); err != nil {
		return errors.Join(err, server.Discard())
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, append([]os.Signal{syscall.SIGTERM, syscall.SIGINT}, o.idle...)...)
	if o.worker {
		signal.Ignore(syscall.SIGINT, syscall.SIGHUP) // of a terminal, which the supervisor gets, too
	}
	go func() {
		for sig := range signals {
			if sig == syscall.SIGTERM || sig == syscall.SIGINT {
				r.drain("")
				continue
			}
			what := "needs --supervise"
			if o.worker {
				what = fmt.Sprintf("is for the supervisor, process %d", os.Getppid())
			}
			o.report.Warn(fmt.Sprintf("%s%v %s: nothing is changed", r.name(), sig, what), "signal", sig.String())
		}
	}()
	o.watch.start(server)
	ended := o.serves(r)
	o.watch.announce()
	o.start.done()
	err = server.Run()
	close(r.ended)
	signal.Stop(signals)
	close(signals)
	r.telling.Wait()
	ended()
	if o.verbose {
		counts := server.Counts()
		fmt.Fprint(o.report.lines("counters"), counts.String())
	}
	return err
}

// socketFiles returns the files of Unix sockets that have just been bound.
func socketFiles(addrs []kernel.Address, report *reporter) []kernel.SocketFile {
	var files []kernel.SocketFile
	for _, a := range addrs {
		if a.Path == "" {
			continue
		}
		f, err := kernel.SocketFileOf(a.Path)
		if err != nil {
			report.warn(err.Error())
			continue
		}
		files = append(files, f)
	}
	return files
}

// removeSocketFiles removes the files of sockets at which nobody listens any more.
func removeSocketFiles(files []kernel.SocketFile, report *reporter) {
	for _, f := range files {
		if err := f.Remove(); err != nil {
			report.Warn(fmt.Sprintf("the socket's file stays, until the next server replaces it: %v", err), "path", f.Path())
		}
	}
}

// removeFiles removes the files of the sockets, once, and while they are still open if that is possible:
// until then no other file can have their numbers.
func (r *running) removeFiles() {
	r.remove.Do(func() { removeSocketFiles(r.files, r.report) })
}

// drain ends the server, and tells what it waits for meanwhile. It may be called by any goroutine, and
// more than once. The reason, if there is one, is told.
func (r *running) drain(reason string) {
	r.once.Do(func() {
		if reason != "" {
			r.report.Warn(r.name() + reason)
		}
		r.began = time.Now()
		close(r.drains)
		r.watch.drain()
		r.removeFiles()
		r.telling.Go(r.tell)
		r.server.Shutdown()
	})
}

// name begins the messages of a process that is not the only one.
func (r *running) name() string {
	if r.worker {
		return workerName()
	}
	return ""
}

func workerName() string { return fmt.Sprintf("worker %d: ", os.Getpid()) }

// Times of what is told of a drain.
const (
	drainTellFirst = 10 * time.Millisecond
	drainTellEvery = time.Second
)

// tell says what a drain waits for: at once, every second in which it changes, and how it ended.
func (r *running) tell() {
	end := r.began.Add(r.cfg.Loop.DrainTimeout)
	var told string
	for pause := drainTellFirst; ; {
		select {
		case <-r.ended:
			r.tellEnd()
			return
		case <-time.After(pause):
		}
		left, ok := r.server.Left()
		if !ok {
			continue // a loop is busy
		}
		pause = drainTellEvery
		if left == (goloop.Left{}) {
			continue // it is over
		}
		if text := describeLeft(left); text != told {
			told = text
			until := ", until " + end.Format(time.TimeOnly) + " at the latest"
			if time.Now().After(end) {
				until = ", which nothing can hurry" // what is left is the disk's
			}
			r.report.Info(r.name()+"draining: "+text+until, "connections", left.Conns, "sending", left.Sending,
				"disk", left.Disk, "idle", left.Idle, "reads", left.Reads, "until", end.Format(time.RFC3339))
		}
	}
}

// tellEnd says how a drain has ended.
func (r *running) tellEnd() {
	took := time.Since(r.began)
	if n := r.server.CutOff(); n > 0 {
		r.report.Warn(fmt.Sprintf("%s%s cut off after %s", r.name(), count(int(n), "connection"), seconds(took)),
			"cut_off", n, "seconds", took.Seconds())
		return
	}
	r.report.Info(r.name()+"drained after "+seconds(took), "seconds", took.Seconds())
}

// describeLeft says what a drain waits for: "12 connections (3 sending, 1 reading from disk, 8 idle)".
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

// seconds returns a duration as people say it: 2.1 s.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
