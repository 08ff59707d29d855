package main

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"aws/internal/command"
	"aws/internal/listeners"
	"aws/internal/logging"
	"aws/internal/supervisor"
	"aws/internal/systemd"
)

// startTimeoutDefault is how long a worker may take until it serves.
const startTimeoutDefault = 30 * time.Second

// supervise keeps a worker running until the process is asked to end, or the first worker fails. The sockets are the
// supervisor's from then on.
func supervise(o *serveOptions, sockets *listeners.Set, report *logging.Reporter) error {
	program, err := workerProgram()
	if err != nil {
		return err
	}
	worker := supervisor.Command{Program: program, Args: os.Args[1:], Settings: o.keptText(), Stderr: report.Out}
	err = supervisor.New(&supervisor.Options{
		Start: worker.Start, Listeners: sockets,
		StartTimeout: o.startTimeout, StartTimeoutFlag: "--start-timeout", Version: command.Version,
		Notify: systemd.Notify, WatchdogPeriod: systemd.WatchdogPeriod(),
		Report: report, StartUp: o.start,
	}).Run(requests())
	var failed *supervisor.StartError
	if errors.As(err, &failed) && failed.ExitStatus == command.ExitUsage {
		return command.ConfigError(failed)
	}
	return err
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
