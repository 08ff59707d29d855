package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"aws/internal/command"
	"aws/internal/kernel"
	"aws/internal/logging"

	"github.com/coreos/go-systemd/v22/activation"
)

// socketsEnv names what a worker has inherited: addresses, one per socket, loop by loop, from descriptor
// socketsFD on.
const (
	socketsEnv = "AWSD_SOCKETS"
	socketsFD  = 5
)

// sockets are listening sockets by loop and address.
type sockets struct {
	addrs []kernel.Address
	byFD  [][]int32           // for each loop, in the order of addrs
	files []kernel.SocketFile // of the Unix sockets that this process has bound
}

// bind listens at the addresses, with one socket per loop and TCP address.
func bind(addrs []kernel.Address, o *serveOptions, report *logging.Reporter) (*sockets, error) {
	s := &sockets{addrs: append([]kernel.Address(nil), addrs...)}
	for loop := range o.loops {
		var fds []int32
		for i, addr := range s.addrs {
			o.start.Doing(report, "listening at %s", addr)
			var fd int32
			var err error
			if addr.Path != "" && loop > 0 {
				fd, err = kernel.Duplicate(s.byFD[0][i])
			} else {
				fd, s.addrs[i], err = kernel.Listen(addr, kernel.ListenOptions{
					Shared: o.loops > 1, Defer: o.deferAccept, Alone: loop == 0, Flag: "--listen",
					Congestion: o.localCongestion(),
				})
				if err == nil {
					s.files = append(s.files, command.SocketFiles(s.addrs[i:i+1], report)...)
				}
			}
			if err != nil {
				return nil, errors.Join(err, s.close(report), kernel.CloseAll(fds))
			}
			fds = append(fds, fd)
		}
		s.byFD = append(s.byFD, fds)
	}
	return s, nil
}

// activated returns the sockets that systemd has handed over (sd_listen_fds(3)), or nil if there are
// none. All loops share them.
func activated(loops int) (*sockets, error) {
	files := activation.Files(true)
	if len(files) == 0 {
		return nil, nil
	}
	s := &sockets{}
	for loop := range loops {
		var fds []int32
		for _, f := range files {
			fd := int32(f.Fd())
			if loop == 0 {
				if err := kernel.Inherit(fd); err != nil {
					return nil, fmt.Errorf("LISTEN_FDS: %s: %w", f.Name(), err)
				}
				s.addrs = append(s.addrs, kernel.LocalAddress(fd))
			}
			own, err := kernel.Duplicate(fd)
			if err != nil {
				return nil, err
			}
			fds = append(fds, own)
		}
		s.byFD = append(s.byFD, fds)
	}
	for _, f := range files {
		_ = f.Close()
	}
	return s, nil
}

// close closes the sockets and removes the files of those that this process has bound. It may be called
// again.
func (s *sockets) close(report *logging.Reporter) error {
	command.RemoveSocketFiles(s.files, report) // while they are open no other file can have their numbers
	var errs []error
	for _, fds := range s.byFD {
		errs = append(errs, kernel.CloseAll(fds))
	}
	s.files, s.byFD = nil, nil
	return errors.Join(errs...)
}

// inherited returns the sockets that a supervisor has handed over, or nil if there is none.
func inherited() (*sockets, error) {
	list, ok := os.LookupEnv(socketsEnv)
	if !ok {
		return nil, nil
	}
	_ = os.Unsetenv(socketsEnv)
	s := &sockets{}
	fd := int32(socketsFD)
	for loop, line := range strings.Split(list, ";") {
		var fds []int32
		for _, word := range strings.Split(line, ",") {
			plain, err := url.PathUnescape(word)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", socketsEnv, err)
			}
			addr, err := kernel.ParseAddress(plain)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", socketsEnv, err)
			}
			if loop == 0 {
				s.addrs = append(s.addrs, addr)
			}
			if err := kernel.Inherit(fd); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", socketsEnv, word, err)
			}
			fds = append(fds, fd)
			fd++
		}
		s.byFD = append(s.byFD, fds)
	}
	return s, nil
}

// escapeAddress keeps a path apart from what stands between addresses.
var escapeAddress = strings.NewReplacer("%", "%25", ",", "%2C", ";", "%3B")

// text says which sockets are handed over, as inherited reads it.
func (s *sockets) text() string {
	var loops []string
	for range s.byFD {
		var words []string
		for _, a := range s.addrs {
			words = append(words, escapeAddress.Replace(a.String()))
		}
		loops = append(loops, strings.Join(words, ","))
	}
	return strings.Join(loops, ";")
}
