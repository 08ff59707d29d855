package simkernel

import (
	"fmt"
	"syscall"
)

type descKind uint8

const (
	descOther descKind = iota
	descPoller
	descEvent
	descRoot
	descListener
	descConn
	descFile
)

var descNames = [...]string{"other", "poller", "eventfd", "root", "listener", "connection", "file"}

// desc is an open file description; there is one descriptor to each.
type desc struct {
	fd       int32
	serial   int // unlike fd, never given out twice
	kind     descKind
	name     string
	owned    bool // exactly while the loop must close it
	handed   bool // a worker thread has been asked to close it
	watch    *watch
	listener *Listener
	conn     *conn
	file     *File
	direct   bool // of a file: opened with O_DIRECT
	readable bool // of an eventfd
}

// String names the description for people.
func (d *desc) String() string {
	s := fmt.Sprintf("%s #%d", descNames[d.kind], d.serial)
	switch {
	case d.conn != nil:
		s += fmt.Sprintf(" of peer %d", d.conn.peer.ID)
	case d.file != nil:
		s += fmt.Sprintf(" of %q", d.file.Name)
	case d.name != "":
		s += " " + d.name
	}
	if d.direct {
		s += ", direct"
	}
	return s
}

// full reports whether no further descriptor can be opened.
func (k *Kernel) full() bool { return k.Descriptors() >= k.cfg.DescriptorsMax }

// Descriptors returns how many descriptors are open.
func (k *Kernel) Descriptors() int {
	n := 0
	for _, d := range k.table {
		if d != nil {
			n++
		}
	}
	return n
}

// OpenFiles returns how many descriptors of files the loop has open, and OpenConns how many of connections.
func (k *Kernel) OpenFiles() int { return k.countOwned(descFile) }

// OpenConns is described at OpenFiles.
func (k *Kernel) OpenConns() int { return k.countOwned(descConn) }

// EverOpened returns how many descriptors have ever been opened.
func (k *Kernel) EverOpened() int { return k.serials }

func (k *Kernel) countOwned(kind descKind) int {
	n := 0
	for _, d := range k.table {
		if d != nil && d.owned && d.kind == kind {
			n++
		}
	}
	return n
}

// SetDescriptorsMax changes the limit behind EMFILE.
func (k *Kernel) SetDescriptorsMax(most int) { k.cfg.DescriptorsMax = most }

// install gives a description the lowest free number.
func (k *Kernel) install(d *desc) int32 {
	k.serials++
	d.serial = k.serials
	d.fd = int32(len(k.table))
	for fd, other := range k.table {
		if other == nil {
			d.fd = int32(fd)
			break
		}
	}
	if int(d.fd) == len(k.table) {
		k.table = append(k.table, nil)
	}
	k.table[d.fd] = d
	k.record(d.fd, "open "+descNames[d.kind], d.serial, int64(d.fd))
	return d.fd
}

// remove takes a description off the table and out of epoll.
func (k *Kernel) remove(d *desc) {
	if d.watch != nil {
		k.polls.del(d)
	}
	k.table[d.fd] = nil
	d.owned = false
}

// lookup returns what a descriptor stands for, if it may be used by what.
func (k *Kernel) lookup(fd int32, what string) (*desc, syscall.Errno) {
	if fd < 0 || int(fd) >= len(k.table) || k.table[fd] == nil {
		k.violate(fd, "%s on descriptor %d, which is not open", what, fd)
		return nil, syscall.EBADF
	}
	d := k.table[fd]
	if d.handed {
		k.violate(fd, "%s on descriptor %d (%v), which a worker thread was asked to close", what, fd, d)
	}
	return d, 0
}

// lookupKind is lookup for a descriptor that must be of one kind.
func (k *Kernel) lookupKind(fd int32, kind descKind, wrong syscall.Errno, what string) (*desc, syscall.Errno) {
	d, errno := k.lookup(fd, what)
	if errno == 0 && d.kind != kind {
		k.violate(fd, "%s on descriptor %d, which is a %v", what, fd, d)
		return nil, wrong
	}
	return d, errno
}

// close closes a descriptor of the loop's; abort resets a connection instead of ending it.
func (k *Kernel) close(fd int32, what string, abort bool) syscall.Errno {
	d, errno := k.lookup(fd, what)
	if errno != 0 {
		return errno
	}
	switch d.kind {
	case descConn:
		d.conn.closeByServer(k, abort)
	case descListener:
		d.listener.closeByServer(k)
	case descFile, descRoot:
		k.jobs.checkUnused(k, d)
		k.checkLocal(d, "close")
	case descOther, descPoller, descEvent:
		k.violate(fd, "%s of descriptor %d, which is the kernel's own %v", what, fd, d)
		return syscall.EBADF
	}
	k.remove(d)
	if k.strikes(FaultCloseFails) {
		return pick(k.rnd, syscall.EINTR, syscall.EIO)
	}
	return 0
}
