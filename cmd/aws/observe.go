package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"aws/goloop"
	"aws/internal/accesslog"
)

// observeOptions say what a server tells about itself while it runs.
type observeOptions struct {
	accessLog string
	format    string
	log       string
}

// observer is what watches a server.
type observer struct {
	warn    func(string)
	log     *accesslog.Log
	queue   *accesslog.Queue
	signals chan os.Signal
}

// open opens what the options name, before the process gives anything up, and makes it part of cfg.
func (o *observeOptions) open(cfg *goloop.ServerConfig, give *restrictOptions, stdout, stderr io.Writer) (*observer, error) {
	ob := &observer{warn: func(message string) { fmt.Fprintf(stderr, "aws: warning: %s\n", message) }}
	if err := ob.openLog(o, give, stdout); err != nil {
		return nil, err
	}
	if ob.log != nil {
		ob.queue = accesslog.NewQueue(ob.log)
		cfg.Loop.Sink = ob.queue
	}
	return ob, nil
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
	if ob.log, err = accesslog.Open(accesslog.Options{Target: target, Format: format, Stdout: stdout, Warn: ob.warn}); err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	if path := ob.log.Path(); path != "" {
		give.folders = append(give.folders, filepath.Dir(path)) // for the file that comes after a rotation
	}
	return nil
}

// start watches a server that is about to run.
func (ob *observer) start() {
	ob.signals = make(chan os.Signal, 1)
	// Without a log SIGUSR1 does nothing, rather than ending the process.
	signal.Notify(ob.signals, syscall.SIGUSR1)
	go func() {
		for range ob.signals {
			if ob.log != nil {
				ob.log.Reopen()
			}
		}
	}()
}

// close writes what is left. No loop runs any more.
func (ob *observer) close() {
	if ob.signals != nil {
		signal.Stop(ob.signals)
		close(ob.signals)
	}
	if ob.queue != nil {
		ob.queue.Close()
	}
	if ob.log != nil {
		ob.log.Close()
	}
}
