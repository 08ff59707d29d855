package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/kernel"
	"aws/internal/listeners"
	"aws/internal/logging"
	"aws/internal/sandbox"
	"aws/internal/serveconfig"
	"aws/internal/supervisor"
	"aws/internal/systemd"
)

// supervise keeps a worker running until the process is asked to end, or the first worker fails. Without sockets from
// systemd it binds the addresses for the workers.
func (s *fileServer) supervise(addrs []kernel.Address, sockets *listeners.Set) error {
	o := s.options
	if _, err := o.Effects(s.origins); err != nil { // the worker warns
		return err
	}
	if _, err := kernel.RaiseDescriptors(); err != nil {
		return err
	}
	if sockets == nil {
		var err error
		if sockets, err = listeners.Bind(addrs, s.binding(o.ListenLine()), s.report); err != nil {
			return err
		}
	}
	if o.Give.User == "" {
		sandbox.WarnRoot(s.report.WarnText) // here, and not once for each worker
	}
	program, err := workerProgram()
	if err != nil {
		return err
	}
	if err := s.holdSecrets(o); err != nil {
		return err
	}
	shared := sharedFile()
	if shared != nil {
		defer func() { _ = shared.Close() }()
	}
	start := func(sockets *listeners.Set) (supervisor.Process, error) {
		worker := supervisor.Command{
			Program: program, Args: os.Args[1:], Settings: o.Kept(sockets.Setting()), Stderr: s.report.Out, Shared: shared,
		}
		return worker.Start(sockets)
	}
	err = supervisor.New(&supervisor.Options{
		Start: start, Listeners: sockets, Reread: s.reread,
		StartTimeout: o.Listening.StartTimeout, StartTimeoutFlag: "--start-timeout", Version: command.Version,
		Notify: systemd.Notify, WatchdogPeriod: systemd.WatchdogPeriod(),
		Report: s.report, StartUp: s.start,
	}).Run(requests())
	var failed *supervisor.StartError
	if errors.As(err, &failed) && failed.ExitStatus == command.ExitUsage {
		return command.ConfigError(failed)
	}
	return err
}

// holdSecrets keeps other processes of the user from what the supervisor holds, if workers have certificates: the file with the keys
// of session tickets, among others. The worker warns of core dumps that are wanted all the same.
func (s *fileServer) holdSecrets(o *serveconfig.Options) error {
	report := logging.New(io.Discard)
	if o.TLS(report.Logger) == nil {
		return nil
	}
	return s.options.Give.HoldSecrets(report)
}

// sharedFile returns a file in memory by which workers share the keys of session tickets, or nil if there can't be one.
func sharedFile() *os.File {
	opened, class := new(kernel.Linux).MemoryFile(nil)
	if class != kernel.Done {
		return nil
	}
	return os.NewFile(uintptr(opened.FD), "shared")
}

// binding returns how addresses are bound. What is not the addresses stays as it was at the start. setting is the line of the
// option.
func (s *fileServer) binding(setting string) *listeners.Options {
	o := s.options.Listening.Sockets(s.doing)
	o.Setting = setting
	return o
}

// reread reads the configuration again, and returns what finds the sockets for it. A configuration that this program can't
// read is left to the worker, which reports what is wrong with it, or is of a version that can read it.
func (s *fileServer) reread() supervisor.Rebind {
	o, origins, err := s.line.options(s.args, logging.New(io.Discard)) // the worker reports
	var addrs []kernel.Address
	if err == nil {
		addrs, err = o.Addresses()
	}
	if err != nil {
		return func(*listeners.Set) (*listeners.Change, error) { return nil, nil }
	}
	return func(sockets *listeners.Set) (*listeners.Change, error) {
		if err := s.holdSecrets(o); err != nil {
			return nil, err
		}
		return s.rebind(sockets, addrs, o, origins)
	}
}

// rebind returns the sockets for a configuration with these addresses; nil if they are those that there are, or if systemd
// has passed them.
func (s *fileServer) rebind(sockets *listeners.Set, addrs []kernel.Address, o *serveconfig.Options, origins config.Origins) (*listeners.Change, error) {
	if sockets.Activated() {
		if line := o.ListenLine(); line != s.options.ListenLine() {
			s.report.Warn(fmt.Sprintf("%s is not used: systemd passes the sockets; change the socket unit, and restart it with the service (%s)", strings.ReplaceAll(line, "\n", ", "), origins["listen"]))
		}
		return nil, nil
	}
	if len(addrs) == 0 {
		return nil, located(serveconfig.ErrNoAddress, origins)
	}
	change, err := sockets.Change(addrs, s.binding(o.ListenLine()), s.report)
	return change, located(err, origins)
}

// requests returns what the signals of a supervisor ask for.
func requests() supervisor.Requests {
	ends, reloads, reopens := make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(reloads, syscall.SIGHUP, syscall.SIGUSR2)
	signal.Notify(reopens, syscall.SIGUSR1)
	// A signal that comes while the process ends must not end it otherwise.
	command.DropSignals(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	return supervisor.Requests{End: ends, Reload: reloads, Reopen: reopens}
}

// workerProgram returns a function that finds the program of a worker each time it is called: by the name that this one was
// started by, or that the drop-in had which has become this one. That may be a link which leads to another version by then,
// or to one that has been put in the place of the old one.
func workerProgram() (func() (string, error), error) {
	if aws := os.Getenv(command.StartedAsEnv); aws != "" {
		return func() (string, error) { return command.Daemon(aws) }, nil
	}
	name, err := command.StartedAs(os.Args[0]) // now, while a relative name means what it meant
	return func() (string, error) { return name, nil }, err
}
