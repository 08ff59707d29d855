package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"aws/goloop"
	"aws/internal/accesslog"
	"aws/internal/config"
	"aws/internal/kernel"
	"aws/internal/logging"
	"aws/internal/sandbox"
	"aws/internal/tracefile"

	"golang.org/x/sys/unix"
)

// ObserverOptions holds the options of logs, traces and the admin server.
type ObserverOptions struct {
	accessLog string
	format    string
	log       string
	admin     string
	traceFile string
	traceMax  int64
	Succeeds  bool // another process may serve at the same addresses for a while

	NewAdmin NewAdmin
}

// Logs reports whether there is an access log.
func (o *ObserverOptions) Logs() bool { return o.accessLog != "" || o.log != "" }

// Traces reports whether there is a trace file.
func (o *ObserverOptions) Traces() bool { return o.traceFile != "" }

// NewAdmin makes the server behind --admin. logStats returns the statistics of the access log; it is nil where
// there is none.
type NewAdmin func(logStats func() accesslog.Stats) Admin

// Admin is the server behind --admin: a value from outside, so that a program without one does not hold what it
// needs of net/http and Prometheus.
type Admin interface {
	accesslog.Consumer
	Watch(*goloop.Server)
	SetReady(bool)
	Serve(net.Listener) error
	Close()
}

// Table defines the options of the observers.
func (o *ObserverOptions) Table() []config.Option {
	return []config.Option{
		{
			Name: "access-log", Into: &o.accessLog,
			Usage:  "write one line per response to `TARGET`: a file, - for standard output, syslog or syslog:FACILITY; SIGUSR1 opens a file again",
			Advice: "Lines that cannot be written in time are dropped and counted. The server does not wait for the target.",
		},
		{
			Name: "access-log-format", Into: &o.format, Default: accesslog.Combined.String(), OneOf: accesslog.Formats(),
			Usage:  "`FORMAT` of the lines of the access log",
			Advice: "Log analyzers read common and combined. json also has the time that each phase took.",
		},
		{Name: "log", Into: &o.log, Usage: "same as --access-log `FILE` --access-log-format fields", Advice: "For tests: a line holds what the response depended on, and no time."},
		{
			Name: "admin", Into: &o.admin,
			Usage:  "serve /metrics, /healthz, /readyz, /debug/pprof/ and a live page at `ADDRESS`, such as 127.0.0.1:9100",
			Advice: "There is no authentication: use a loopback address or a management network.",
		},
		{
			Name: "trace-file", Into: &o.traceFile,
			Usage:  "write a trace of the event loops to `FILE`, for Perfetto and chrome://tracing",
			Advice: "For study: it costs some hundred bytes per request.",
		},
		{
			Name: "trace-file-bytes", Into: (*config.Size)(&o.traceMax), Default: config.Size(tracefile.DefaultBytesMax),
			Usage:  "largest size of the trace file, as `SIZE`; 0 means no limit",
			Advice: "The server reports once that the file is full, and continues without the trace. Raise it if your viewer opens larger files.",
		},
	}
}

// observer holds the logs, traces and the admin server of a server.
type observer struct {
	report  *logging.Reporter
	log     *accesslog.Log
	queue   *accesslog.Queue
	signals chan os.Signal
	trace   *tracefile.File
	admin   Admin
	socket  net.Listener // the admin's
	handing bool         // set if another process takes over when this one drains
}

// Open opens what the options name, before the process gives anything up, and makes it part of cfg.
func (o *ObserverOptions) Open(cfg *goloop.ServerConfig, give *sandbox.Options, stdout io.Writer, report *logging.Reporter) (*observer, error) {
	ob := &observer{report: report, handing: o.Succeeds}
	for _, step := range []func() error{
		func() error { return ob.openLog(o, give, stdout) },
		func() error { return ob.openTrace(o, cfg) },
		func() error { return ob.openAdmin(o, give) },
	} {
		if err := step(); err != nil {
			ob.Close()
			return nil, err
		}
	}
	var consumers []accesslog.Consumer
	if ob.log != nil {
		consumers = append(consumers, ob.log)
	}
	if ob.admin != nil {
		consumers = append(consumers, ob.admin)
		cfg.Loop.Publish = true
	}
	if len(consumers) > 0 {
		ob.queue = accesslog.NewQueue(consumers...)
		cfg.Loop.Sink = ob.queue
	}
	return ob, nil
}

func (ob *observer) openTrace(o *ObserverOptions, cfg *goloop.ServerConfig) (err error) {
	if o.traceFile == "" {
		return nil
	}
	if ob.trace, err = tracefile.Open(o.traceFile, max(cfg.Loops, 1), o.traceMax, ob.report.WarnText); err != nil {
		return FileError("--trace-file", "write", err)
	}
	cfg.Loop.Tracer = ob.trace
	return nil
}

// openAdmin binds the admin's address.
func (ob *observer) openAdmin(o *ObserverOptions, give *sandbox.Options) (err error) {
	if o.admin == "" {
		return nil
	}
	addr, err := o.AdminAddress()
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	if o.Succeeds {
		listen.Control = shareAddress
	}
	if ob.socket, err = listen.Listen(context.Background(), "tcp", addr.String()); err != nil {
		return fmt.Errorf("--admin %s: %w%s", o.admin, cause(err), kernel.ListenRemedy(err, "--admin"))
	}
	if !addr.Addr().IsLoopback() {
		ob.report.Warn(fmt.Sprintf("--admin %s is not on the loopback: anyone who reaches it sees every request's target, and may take profiles", o.admin), "admin", o.admin)
	}
	var stats func() accesslog.Stats
	if ob.log != nil {
		stats = ob.log.Stats
	}
	ob.admin = o.NewAdmin(stats)
	give.Readable = append(give.Readable, "/proc/self") // for the metrics of the process, and profiles
	return nil
}

// Check returns what would keep Open from its work, apart from addresses that are in use. It makes no file.
func (o *ObserverOptions) Check() error {
	target, _, flag, err := o.Target()
	if err == nil && target != "" {
		if err = accesslog.CheckTarget(target, kernel.MayWrite); err != nil {
			err = FileError(flag, "write", err)
		}
	}
	if o.traceFile != "" {
		if traceErr := kernel.MayWrite(o.traceFile); traceErr != nil {
			err = errors.Join(err, FileError("--trace-file", "write", traceErr))
		}
	}
	_, addressErr := o.AdminAddress()
	return errors.Join(err, addressErr)
}

// AdminAddress reads --admin.
func (o *ObserverOptions) AdminAddress() (netip.AddrPort, error) {
	if o.admin == "" {
		return netip.AddrPort{}, nil
	}
	addr, err := kernel.ParseAddress(o.admin)
	if err == nil && addr.Path != "" {
		err = fmt.Errorf("%s is not an IP address with a port; write one, such as 127.0.0.1:9100", o.admin)
	}
	if err != nil {
		return netip.AddrPort{}, UsageError(fmt.Errorf("--admin: %w", err))
	}
	return addr.TCP, nil
}

// shareAddress lets the process that takes over bind the address while this one still has it.
func shareAddress(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	})
	return errors.Join(err, failed)
}

// Target returns where the access log goes, how it looks and which flag said so. An empty target is
// no log.
func (o *ObserverOptions) Target() (target string, format accesslog.Format, flag string, err error) {
	name := o.format
	target, flag = o.accessLog, "--access-log"
	if o.log != "" {
		if target != "" {
			return "", 0, "", UsageError(errors.New("--log and --access-log: there is one access log: leave one of them out"))
		}
		target, name, flag = o.log, accesslog.Fields.String(), "--log"
	}
	if format, err = accesslog.ParseFormat(name); err != nil {
		return "", 0, "", UsageError(fmt.Errorf("--access-log-format: %w", err))
	}
	return target, format, flag, nil
}

func (ob *observer) openLog(o *ObserverOptions, give *sandbox.Options, stdout io.Writer) error {
	target, format, flag, err := o.Target()
	if err != nil || target == "" {
		return err
	}
	if ob.log, err = accesslog.Open(accesslog.Options{Target: target, Format: format, Stdout: stdout, Warn: ob.report.WarnText}); err != nil {
		return FileError(flag, "write", err)
	}
	if path := ob.log.Path(); path != "" {
		give.Directories = append(give.Directories, filepath.Dir(path)) // for the file that comes after a rotation
	}
	return nil
}

// start watches a server that is about to run.
func (ob *observer) start(server *goloop.Server) {
	if ob.admin != nil {
		ob.admin.Watch(server)
		ob.admin.SetReady(true)
		go func() {
			if err := ob.admin.Serve(ob.socket); err != nil {
				ob.report.Warn(err.Error())
			}
		}()
	}
	ob.signals = make(chan os.Signal, 1)
	// Without a log, and while the process ends, SIGUSR1 does nothing, rather than ending the process.
	DropSignals(syscall.SIGUSR1)
	signal.Notify(ob.signals, syscall.SIGUSR1)
	go func() {
		for range ob.signals {
			if ob.log != nil {
				ob.log.Reopen()
				ob.report.Debug("the access log is opened again", "signal", "SIGUSR1")
			}
		}
	}()
}

// announce says where the admin is.
func (ob *observer) announce() {
	if ob.admin != nil {
		url := "http://" + ob.socket.Addr().String() + "/"
		ob.report.Info("admin at "+url, "url", url)
	}
}

// drain is called when the server is about to take no new connections. It may be called more than
// once.
func (ob *observer) drain() {
	if ob.admin == nil {
		return
	}
	ob.admin.SetReady(false)
	if ob.handing {
		ob.admin.Close() // from now on the address is the other process's
	}
}

// Close writes what is left. No loop runs any more.
func (ob *observer) Close() {
	if ob.signals != nil {
		signal.Stop(ob.signals)
		close(ob.signals)
	}
	if ob.admin != nil {
		ob.admin.Close()
	}
	if ob.socket != nil {
		_ = ob.socket.Close() // it is closed already if it was served
	}
	if ob.queue != nil {
		ob.queue.Close()
	}
	if ob.trace != nil {
		if err := ob.trace.Close(); err != nil {
			ob.report.Warn(fmt.Sprintf("--trace-file: %v", err), "error", err.Error())
		}
	}
	if ob.log != nil {
		ob.log.Close()
	}
}
