package listeners

import (
	"errors"
	"fmt"
	"slices"

	"aws/internal/kernel"
	"aws/internal/logging"
)

// Change is a set with other addresses, which takes the place of another one or is given up. Both may be used until Commit or
// Abort is called.
type Change struct {
	Next    *Set             // the addresses that are wanted, in their order
	old     *Set             // what it was made from
	bound   *Set             // those of Next that old does not have
	removed *Set             // those of old that Next does not have
	access  []kernel.Address // of both, with other permissions for the file
}

// Change binds the addresses that the set does not have, and returns the set with all that are wanted, or nil if these are
// the set's or systemd has passed the sockets. An address that the set has, also one whose port the kernel has chosen, keeps
// its sockets. The number of loops is the set's, whatever o has. If there is an error, nothing has changed; it names the
// address, the cause and the remedy.
func (s *Set) Change(addrs []kernel.Address, o *Options, report *logging.Reporter) (*Change, error) {
	places := s.places(addrs)
	if s.activated || s.same(addrs, places) {
		return nil, nil
	}
	c := &Change{Next: s.empty(o.Setting), old: s, bound: s.empty(""), removed: s.empty("")}
	for i := range s.addrs {
		if !slices.Contains(places, i) {
			c.removed.add(s, i, s.wanted[i])
		}
	}
	for i, place := range places {
		if place >= 0 {
			c.Next.add(s, place, addrs[i])
			if addrs[i].File != s.wanted[place].File {
				c.access = append(c.access, addrs[i])
			}
			continue
		}
		if err := c.bind(addrs[i], o, report); err != nil {
			return nil, errors.Join(err, c.bound.Close(report))
		}
		c.Next.add(c.bound, len(c.bound.addrs)-1, addrs[i])
	}
	return c, nil
}

// empty returns a set without addresses, for as many loops.
func (s *Set) empty(setting string) *Set {
	return &Set{fds: make([][]int32, len(s.fds)), setting: setting}
}

// same reports whether the set has the addresses, and no others. places is where.
func (s *Set) same(addrs []kernel.Address, places []int) bool {
	if len(addrs) != len(s.addrs) {
		return false
	}
	for i, place := range places {
		if place < 0 || addrs[i].File != s.wanted[place].File {
			return false
		}
	}
	return true
}

// bind binds an address that the set does not have. If it overlaps with one that is removed, the two share it meanwhile.
func (c *Change) bind(addr kernel.Address, o *Options, report *logging.Reporter) error {
	own := *o
	own.Loops = len(c.old.fds)
	for i, removed := range c.removed.addrs {
		if !addr.Overlaps(removed) {
			continue
		}
		own.joins = true
		for _, fds := range c.removed.fds {
			if err := kernel.ShareAddress(fds[i]); err != nil {
				return err
			}
		}
	}
	bound, err := Bind([]kernel.Address{addr}, &own, report)
	if err != nil {
		return err
	}
	c.bound.add(bound, 0, addr)
	return nil
}

// add appends an address of another set, with its sockets and its file.
func (s *Set) add(from *Set, place int, wanted kernel.Address) {
	addr := from.addrs[place]
	s.addrs = append(s.addrs, addr)
	s.wanted = append(s.wanted, wanted)
	for loop, fds := range from.fds {
		s.fds[loop] = append(s.fds[loop], fds[place])
	}
	for _, f := range from.files {
		if addr.Path != "" && f.Path() == addr.Path {
			s.files = append(s.files, f)
		}
	}
}

// places returns where the set has each of the addresses, or -1 for one that it does not have. What was asked for has
// precedence over the port that the kernel has chosen.
func (s *Set) places(addrs []kernel.Address) []int {
	places := make([]int, len(addrs))
	taken := make([]bool, len(s.addrs))
	for i := range places {
		places[i] = -1
	}
	for _, have := range [][]kernel.Address{s.wanted, s.addrs} {
		for i, a := range addrs {
			for j, h := range have {
				if places[i] < 0 && !taken[j] && a.TCP == h.TCP && a.Path == h.Path && a.Dual == h.Dual && a.TLS == h.TLS {
					places[i], taken[j] = j, true
				}
			}
		}
	}
	return places
}

// Commit makes Next the owner of the sockets and files that it has, and returns the set of those that nobody uses any more.
// The set that the change was made from is empty afterwards. Files of sockets that stay get the permissions that are wanted.
func (c *Change) Commit(report *logging.Reporter) (removed *Set) {
	for _, a := range c.access {
		if err := a.File.Apply(a.Path); err != nil {
			report.Warn(fmt.Sprintf("%s: the socket's file: %v", a, err), "path", a.Path)
		}
	}
	c.old.files, c.old.fds = nil, nil
	return c.removed
}

// Added returns the addresses that were bound for the change.
func (c *Change) Added() []kernel.Address { return c.bound.addrs }

// Abort closes what was bound for the change, and leaves the set that it was made from as it was.
func (c *Change) Abort(report *logging.Reporter) error { return c.bound.Close(report) }

// Retire ends the beginning of connections at the sockets of the set. Files of Unix sockets are removed. Processes that have the
// sockets open go on accepting what has begun.
func (s *Set) Retire(report *logging.Reporter) {
	s.files.Remove(report)
	s.files = nil
	for _, fds := range s.fds {
		for i, fd := range fds {
			if s.addrs[i].Path != "" {
				continue
			}
			if err := kernel.RefuseConnections(fd); err != nil {
				report.Warn(fmt.Sprintf("a connection that begins while %s is closed may be lost: %v", s.addrs[i], err))
			}
		}
	}
}

// Idle reports whether no connection waits to be accepted.
func (s *Set) Idle() bool {
	return !slices.ContainsFunc(s.fds, func(fds []int32) bool { return slices.ContainsFunc(fds, kernel.HasConnections) })
}
