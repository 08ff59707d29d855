package kernel

import (
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A walk opens a name element by element, so that the policy of links can be applied to each of them.
//
// No check can be outrun by a rename or by a new link, because every check is about an open descriptor. An element is opened
// with O_PATH and O_NOFOLLOW (open(2)), which has the link itself if there is one: its owner and its target are those of
// the same inode, and a target never changes. The owner of what the link leads to is that of the descriptor which the walk
// ends at. What is opened for reading in the end has to be the same inode.

// step is a part of what is left of a walk: an element of a name, or the end of the target of a link.
type step struct {
	element string // "." stands for a slash at the end, too
	isEnd   bool
	owner   uint32 // of the link, if isEnd is set
}

// steps returns the steps of a name.
func steps(name string) []step {
	var list []step
	for e := range strings.SplitSeq(name, "/") {
		if e != "" {
			list = append(list, step{element: e})
		}
	}
	if strings.HasSuffix(name, "/") {
		list = append(list, step{element: "."})
	}
	return list
}

// place is what a walk has come to below the root.
type place struct {
	fd          int32 // O_PATH
	name        string
	isDirectory bool
	owner       uint32
	dev, ino    uint64
}

// walk is a walk below a root. Its places are the way from the root to where it is.
type walk struct {
	root   Root
	links  Links
	places []place
	count  int // of links that were followed

	link, target string // the latest that was followed
}

// walkTo opens a name below a root under a policy of links. The error is ELOOP for a link that is refused, EXDEV for one that
// leaves the root, and EAGAIN if what was found has been renamed meanwhile.
func walkTo(root Root, name string, links Links) (int32, syscall.Errno) {
	w := walk{root: root, links: links}
	defer w.close()
	for rest := steps(name); len(rest) > 0; {
		var errno syscall.Errno
		if rest, errno = w.take(rest); errno != 0 {
			return -1, errno
		}
	}
	return w.open()
}

// take takes the first of the steps, and returns those that are left.
func (w *walk) take(rest []step) ([]step, syscall.Errno) {
	s, rest := rest[0], rest[1:]
	at, errno := w.at()
	switch {
	case errno != 0:
		return nil, errno
	case s.isEnd && s.owner != at.owner:
		return nil, unix.ELOOP
	case s.isEnd:
		return rest, 0
	case !at.isDirectory:
		return nil, unix.ENOTDIR
	case s.element == ".":
		return rest, 0
	case s.element == "..":
		if len(w.places) == 0 {
			outside(w.root, w.link, w.target)
			return nil, unix.EXDEV
		}
		w.back()
		return rest, 0
	}
	next, isLink, errno := look(at.fd, s.element)
	if errno != 0 {
		return nil, errno
	}
	if isLink {
		return w.follow(&next, rest)
	}
	w.places = append(w.places, next)
	return rest, 0
}

// look opens an element of a directory, without following it.
func look(directory int32, element string) (p place, isLink bool, errno syscall.Errno) {
	fd, err := unix.Openat(int(directory), element, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return place{}, false, errnoOf(err)
	}
	p, kind, errno := placeOf(int32(fd), element)
	if errno != 0 {
		_ = unix.Close(fd)
	}
	return p, kind == unix.S_IFLNK, errno
}

func placeOf(fd int32, name string) (p place, kind uint16, errno syscall.Errno) {
	var stat unix.Statx_t
	var empty [1]byte
	if errno := statx(fd, &empty[0], unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS, &stat); errno != 0 {
		return place{}, 0, errno
	}
	kind = stat.Mode & unix.S_IFMT
	return place{
		fd: fd, name: name, isDirectory: kind == unix.S_IFDIR, owner: stat.Uid,
		dev: unix.Mkdev(stat.Dev_major, stat.Dev_minor), ino: stat.Ino,
	}, kind, 0
}

// at returns the place that the walk is at, which is the root at its beginning.
func (w *walk) at() (place, syscall.Errno) {
	if n := len(w.places); n > 0 {
		return w.places[n-1], 0
	}
	p, _, errno := placeOf(int32(w.root), "")
	return p, errno
}

// back goes to the directory that the walk has come from.
func (w *walk) back() {
	last := len(w.places) - 1
	_ = unix.Close(int(w.places[last].fd))
	w.places = w.places[:last]
}

func (w *walk) close() {
	for len(w.places) > 0 {
		w.back()
	}
}

// follow puts the target of a link in front of the steps that are left. It closes the link.
func (w *walk) follow(link *place, rest []step) ([]step, syscall.Errno) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(int(link.fd), "", buf[:])
	_ = unix.Close(int(link.fd))
	w.count++
	switch {
	case err != nil:
		return nil, errnoOf(err)
	case w.links == LinksNever || w.count > linksMax:
		return nil, unix.ELOOP
	}
	target := string(buf[:n])
	w.link, w.target = w.nameOf(link), target
	list := steps(target)
	if path.IsAbs(target) {
		below, ok := cutRoot(w.root, elementsOf(target))
		if !ok {
			outside(w.root, w.link, w.target)
			return nil, unix.EXDEV
		}
		list = steps(path.Join(below...))
		if strings.HasSuffix(target, "/") {
			list = append(list, step{element: "."})
		}
		w.close()
	}
	list = append(list, step{isEnd: true, owner: link.owner})
	return append(list, rest...), 0
}

// nameOf returns the name below the root of something in the directory that the walk is at.
func (w *walk) nameOf(p *place) string {
	var elements []string
	for i := range w.places {
		elements = append(elements, w.places[i].name)
	}
	return path.Join(append(elements, p.name)...)
}

// open opens what the walk is at for reading.
func (w *walk) open() (int32, syscall.Errno) {
	at, errno := w.at()
	if errno != 0 {
		return -1, errno
	}
	directory, name := at.fd, "."
	if !at.isDirectory { // it has a name in the place before it
		name = at.name
		directory = int32(w.root)
		if n := len(w.places); n > 1 {
			directory = w.places[n-2].fd
		}
	}
	fd, err := unix.Openat(int(directory), name, openFlags|unix.O_NOFOLLOW, 0)
	if err == unix.ELOOP || err == unix.ENOENT {
		return -1, unix.EAGAIN // it was another one a moment ago
	}
	if err != nil {
		return -1, errnoOf(err)
	}
	opened, _, errno := placeOf(int32(fd), name)
	if errno == 0 && (opened.dev != at.dev || opened.ino != at.ino) {
		errno = unix.EAGAIN
	}
	if errno != 0 {
		_ = unix.Close(fd)
		return -1, errno
	}
	return int32(fd), 0
}
