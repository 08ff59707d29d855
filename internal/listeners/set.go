package listeners

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"aws/internal/kernel"
	"aws/internal/logging"
)

// Set is the listening sockets of a server, by loop and address.
type Set struct {
	addrs     []kernel.Address
	wanted    []kernel.Address // as they were asked for, in the order of addrs: a port may be 0
	fds       [][]int32        // for each loop, in the order of addrs
	files     Files            // of the Unix sockets that this process has bound
	setting   string           // Options.Setting
	activated bool             // systemd has passed the sockets
}

// Options say how addresses are bound.
type Options struct {
	Loops      int    // event loops, each with a socket of its own per TCP address
	Defer      bool   // connections are reported once they have sent something (TCP_DEFER_ACCEPT)
	Congestion string // the congestion control that accepted sockets begin with; "" leaves it to the system
	Flag       string // by which the addresses are chosen, for messages
	Setting    string // the option that holds the addresses, as it is written; Set.Setting returns it
	// Binding is called with each address that is about to be bound, if it is not nil: it may take long.
	Binding func(kernel.Address)

	joins bool // the address overlaps with one of this process's (kernel.ListenOptions)
}

// Bind listens at the addresses. Loops have sockets of their own for a TCP address (SO_REUSEPORT), and share the one of a
// Unix socket. The error names the address, the cause and the remedy.
func Bind(addrs []kernel.Address, o *Options, report *logging.Reporter) (*Set, error) {
	s := &Set{setting: o.Setting, wanted: slices.Clone(addrs)}
	var err error
	s.fds, s.addrs, err = kernel.ListenLoops(addrs, o.Loops, kernel.ListenOptions{
		Defer: o.Defer, Flag: o.Flag, Congestion: o.Congestion, Joins: o.joins,
	}, o.Binding)
	if len(s.fds) > 0 {
		s.files = FilesOf(s.addrs[:len(s.fds[0])], report)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close(report))
	}
	return s, nil
}

// tlsName is the name (FileDescriptorName=) of a socket from systemd that is for https.
const tlsName = "https"

// Activated returns the sockets that systemd has passed (sd_listen_fds(3)), or nil if there are none. Those with the name
// https are for https. All loops share them. The files are closed, unless there is an error.
func Activated(files []*os.File, loops int) (*Set, error) {
	if len(files) == 0 {
		return nil, nil
	}
	s := &Set{activated: true}
	for loop := range loops {
		var fds []int32
		for _, f := range files {
			fd := int32(f.Fd())
			if loop == 0 {
				if err := kernel.Inherit(fd); err != nil {
					return nil, fmt.Errorf("LISTEN_FDS: %s: %w", f.Name(), err)
				}
				addr := kernel.LocalAddress(fd)
				addr.TLS = f.Name() == tlsName
				s.addrs = append(s.addrs, addr)
			}
			own, err := kernel.Duplicate(fd)
			if err != nil {
				return nil, err
			}
			fds = append(fds, own)
		}
		s.fds = append(s.fds, fds)
	}
	for _, f := range files {
		_ = f.Close()
	}
	s.wanted = s.addrs
	return s, nil
}

// String returns the addresses, separated by commas and blanks.
func (s *Set) String() string {
	var words []string
	for _, a := range s.addrs {
		words = append(words, a.String())
	}
	return strings.Join(words, ", ")
}

// Setting returns the option that holds the addresses, or "" if they come from elsewhere.
func (s *Set) Setting() string { return s.setting }

// Activated reports whether systemd has passed the sockets.
func (s *Set) Activated() bool { return s.activated }

// Addresses returns the addresses, with the ports that were chosen.
func (s *Set) Addresses() []kernel.Address { return s.addrs }

// Descriptors returns the descriptors, for each loop one per address, in the order of Addresses. They stay the set's.
func (s *Set) Descriptors() [][]int32 { return s.fds }

// Duplicate returns another descriptor of each socket, loop by loop, in the order of Encode: so that closing them, or
// passing them to another process, leaves the set alone.
func (s *Set) Duplicate() ([]*os.File, error) {
	var files []*os.File
	for _, fds := range s.fds {
		for _, fd := range fds {
			own, err := kernel.Duplicate(fd)
			if err != nil {
				for _, f := range files {
					_ = f.Close()
				}
				return nil, err
			}
			files = append(files, os.NewFile(uintptr(own), "socket"))
		}
	}
	return files, nil
}

// Close closes the sockets and removes the files of those that this process has bound. It may be called again.
func (s *Set) Close(report *logging.Reporter) error {
	s.files.Remove(report)
	var errs []error
	for _, fds := range s.fds {
		errs = append(errs, kernel.CloseAll(fds))
	}
	s.files, s.fds = nil, nil
	return errors.Join(errs...)
}
