package main

import (
	"fmt"
	"os"

	"aws/internal/kernel"
	"aws/internal/listeners"
	"aws/internal/logging"

	"github.com/coreos/go-systemd/v22/activation"
)

// socketsEnv names what a worker has inherited, from descriptor socketsFD on.
const (
	socketsEnv = "AWSD_SOCKETS"
	socketsFD  = 5
)

// bind listens at the addresses, with one socket per loop and TCP address.
func bind(addrs []kernel.Address, o *serveOptions, report *logging.Reporter) (*listeners.Set, error) {
	return listeners.Bind(addrs, &listeners.Options{
		Loops: o.loops, Defer: o.deferAccept, Congestion: o.localCongestion(), Flag: "--listen",
		Binding: func(a kernel.Address) { o.start.Doing(report, "listening at %s", a) },
	}, report)
}

// activated returns the sockets that systemd has passed, or nil if there are none.
func activated(loops int) (*listeners.Set, error) {
	return listeners.Activated(activation.Files(true), loops)
}

// inherited returns the sockets that a supervisor has passed, or nil if there is none.
func inherited() (*listeners.Set, error) {
	text, ok := os.LookupEnv(socketsEnv)
	if !ok {
		return nil, nil
	}
	_ = os.Unsetenv(socketsEnv)
	s, err := listeners.Inherit(text, socketsFD)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", socketsEnv, err)
	}
	return s, nil
}
