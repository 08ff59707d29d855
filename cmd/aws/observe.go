package main

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
	"aws/internal/admin"
	"aws/internal/kernel"
	"aws/internal/tracefile"

	"golang.org/x/sys/unix"
)

// observeOptions say what a server tells about itself while it runs.
type observeOptions struct {
	accessLog string
	format    string
	log       string
	admin     string
	traceFile string
	traceMax  int64
	succeeds  bool // another process may serve at the same addresses for a while
}

// observer is what watches a server.
type observer struct {
	report  *reporter
	log     *accesslog.Log
	queue   *accesslog.Queue
	signals chan os.Signal
	trace   *tracefile.File
	admin   *admin.Admin
	socket  net.Listener // the admin's
	handing bool         // another process takes over when this one drains
}

// open opens what the options name, before the process gives anything up, and makes it part of cfg.
func (o *observeOptions) open(cfg *goloop.ServerConfig, give *restrictOptions, stdout io.Writer, report *reporter) (*observer, error) {
	ob := &observer{report: report, handing: o.succeeds}
	for _, step := range []func() error{
		func() error { return ob.openLog(o, give, stdout) },
		func() error { return ob.openTrace(o, cfg) },
		func() error { return ob.openAdmin(o, give) },
	} {
		if err := step(); err != nil {
			ob.close()
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

func (ob *observer) openTrace(o *observeOptions, cfg *goloop.ServerConfig) (err error) {
	if o.traceFile == "" {
		return nil
	}
	if ob.trace, err = tracefile.Open(o.traceFile, max(cfg.Loops, 1), o.traceMax, ob.report.warn); err != nil {
		return fmt.Errorf("--trace-file: %w", err)
	}
	cfg.Loop.Tracer = ob.trace
	return nil
}

// openAdmin binds the admin's address.
func (ob *observer) openAdmin(o *observeOptions, give *restrictOptions) (err error) {
	if o.admin == "" {
		return nil
	}
	addr, err := o.adminAddress()
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	if o.succeeds {
		listen.Control = shareAddress
	}
	if ob.socket, err = listen.Listen(context.Background(), "tcp", addr.String()); err != nil {
		return fmt.Errorf("--admin %s: %w", o.admin, err)
	}
	if !addr.Addr().IsLoopback() {
		ob.report.Warn(fmt.Sprintf("--admin %s is not on the loopback: whoever reaches it sees every request's target, and may take profiles", o.admin), "admin", o.admin)
	}
	options := admin.Options{Version: version, Commit: commit}
	if ob.log != nil {
		options.Log = ob.log.Stats
	}
	ob.admin = admin.New(options)
	give.readable = append(give.readable, "/proc/self") // for the metrics of the process, and profiles
	return nil
}

// adminAddress reads --admin.
func (o *observeOptions) adminAddress() (netip.AddrPort, error) {
	if o.admin == "" {
		return netip.AddrPort{}, nil
	}
	addr, err := kernel.ParseAddress(o.admin)
	if err == nil && addr.Path != "" {
		err = fmt.Errorf("%s is no IP address with a port", o.admin)
	}
	if err != nil {
		return netip.AddrPort{}, usageError{fmt.Errorf("--admin: %w", err)}
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

// target returns where the access log goes, how it looks and which flag said so. An empty target is
// no log.
func (o *observeOptions) target() (target string, format accesslog.Format, flag string, err error) {
	name := o.format
	target, flag = o.accessLog, "--access-log"
	if o.log != "" {
		if target != "" {
			return "", 0, "", usageError{errors.New("--log and --access-log: there is one access log, give one of them")}
		}
		target, name, flag = o.log, accesslog.Fields.String(), "--log"
	}
	if format, err = accesslog.ParseFormat(name); err != nil {
		return "", 0, "", usageError{fmt.Errorf("--access-log-format: %w", err)}
	}
	return target, format, flag, nil
}

func (ob *observer) openLog(o *observeOptions, give *restrictOptions, stdout io.Writer) error {
	target, format, flag, err := o.target()
	if err != nil || target == "" {
		return err
	}
	if ob.log, err = accesslog.Open(accesslog.Options{Target: target, Format: format, Stdout: stdout, Warn: ob.report.warn}); err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	if path := ob.log.Path(); path != "" {
		give.folders = append(give.folders, filepath.Dir(path)) // for the file that comes after a rotation
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
				ob.report.warn(err.Error())
			}
		}()
	}
	ob.signals = make(chan os.Signal, 1)
	// Without a log SIGUSR1 does nothing, rather than ending the process.
	signal.Notify(ob.signals, syscall.SIGUSR1)
	go func() {
		for range ob.signals {
			if ob.log != nil {
				ob.log.Reopen()
				ob.report.Debug("the access log is opened anew", "signal", "SIGUSR1")
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

// close writes what is left. No loop runs any more.
func (ob *observer) close() {
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
