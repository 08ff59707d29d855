package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"aws/goloop"
	"aws/internal/accesslog"

	"github.com/spf13/pflag"
)

// observeOptions say what a server tells about itself while it runs.
type observeOptions struct {
	accessLog string
	format    string
	log       string
}

// flags adds the options to a command's.
func (o *observeOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.accessLog, "access-log", "", "write a line per answer to `TARGET`: a file, - for the standard output, syslog or syslog:FACILITY; SIGUSR1 opens a file anew")
	f.StringVar(&o.format, "access-log-format", accesslog.Combined.String(), "how the lines look: `FORMAT` is "+strings.Join(accesslog.Formats(), ", "))
	f.StringVar(&o.log, "log", "", "short for --access-log `FILE` --access-log-format fields")
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

func (ob *observer) openLog(o *observeOptions, give *restrictOptions, stdout io.Writer) error {
	target, name, flag := o.accessLog, o.format, "--access-log"
	if o.log != "" {
		if target != "" {
			return usageError{errors.New("--log and --access-log: there is one access log, give one of them")}
		}
		target, name, flag = o.log, accesslog.Fields.String(), "--log"
	}
	format, err := accesslog.ParseFormat(name)
	if err != nil {
		return usageError{fmt.Errorf("--access-log-format: %w", err)}
	}
	if target == "" {
		return nil
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
