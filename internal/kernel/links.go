package kernel

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	linksMax   = 40   // that one name may lead through, as in path_resolution(7)
	reportsMax = 1000 // links of a root that are remembered as reported
)

// OnOutside sets a function that is called, from any goroutine, when a symbolic link below root leads out of
// it: once per link, with the name of the link below root and its target.
func OnOutside(root Root, report func(link, target string)) {
	roots.Lock()
	defer roots.Unlock()
	if r := roots.byRoot[root]; r != nil {
		r.onOutside, r.reported = report, map[string]bool{}
	}
}

// outside reports a link that leaves root, unless that has been done already.
func outside(root Root, link, target string) {
	roots.Lock()
	var report func(link, target string)
	if r := roots.byRoot[root]; r != nil && !r.reported[link] && len(r.reported) < reportsMax {
		report = r.onOutside
		if report != nil {
			r.reported[link] = true
		}
	}
	roots.Unlock()
	if report != nil {
		report(link, target)
	}
}

// beneath returns a name beneath root that leads, without any symbolic link, to what name leads to. RESOLVE_BENEATH refuses
// an absolute link wherever it leads (openat2(2)); here one is followed whose target begins with the root's own path, which
// is where the operator says that the root is, or where that leads to now. What the name returned stands for has still to be
// opened beneath root. The error is EXDEV for a link that leaves root.
func beneath(root Root, name string) (string, syscall.Errno) {
	var done []string
	var link, target string // the latest
	links := 0
	for rest := elementsOf(name); len(rest) > 0; {
		next := rest[0]
		rest = rest[1:]
		if next == ".." {
			if len(done) == 0 {
				outside(root, link, target)
				return "", unix.EXDEV
			}
			done = done[:len(done)-1]
			continue
		}
		at := path.Join(path.Join(done...), next)
		to, errno := readLink(root, at)
		if errno == unix.EINVAL { // it is not a link
			done = append(done, next)
			continue
		}
		if errno != 0 {
			return "", errno
		}
		if links++; links > linksMax {
			return "", unix.ELOOP
		}
		link, target = at, to
		if path.IsAbs(to) {
			below, ok := cutRoot(root, elementsOf(to))
			if !ok {
				outside(root, link, target)
				return "", unix.EXDEV
			}
			done, rest = nil, append(below, rest...)
			continue
		}
		rest = append(elementsOf(to), rest...)
	}
	found := path.Join(done...)
	if found == "" {
		found = "."
	}
	if strings.HasSuffix(name, "/") {
		found += "/"
	}
	return found, 0
}

// elementsOf returns the elements of a path but those that stand for the directory before them.
func elementsOf(name string) []string {
	return slices.DeleteFunc(strings.Split(name, "/"), func(e string) bool { return e == "" || e == "." })
}

// cutRoot cuts the root's path off an absolute one, which is given by its elements.
func cutRoot(root Root, elements []string) (below []string, ok bool) {
	roots.Lock()
	var own string
	if r := roots.byRoot[root]; r != nil {
		own = r.path
	}
	roots.Unlock()
	if own == "" {
		return nil, false
	}
	paths := []string{own}
	if real, err := filepath.EvalSymlinks(own); err == nil && real != own {
		paths = append(paths, real)
	}
	for _, p := range paths {
		prefix := strings.FieldsFunc(p, func(c rune) bool { return c == '/' })
		if len(elements) >= len(prefix) && slices.Equal(elements[:len(prefix)], prefix) {
			return slices.Clone(elements[len(prefix):]), true
		}
	}
	return nil, false
}

// readLink returns the target of a symbolic link beneath root. The error is EINVAL if the name is not a link.
func readLink(root Root, name string) (string, syscall.Errno) {
	if missing().openat2 != 0 {
		roots.Lock()
		r := roots.byRoot[root]
		roots.Unlock()
		if r == nil || r.os == nil {
			return "", unix.ENOSYS
		}
		target, err := r.os.Readlink(name)
		if err != nil {
			return "", errnoOf(err)
		}
		return target, 0
	}
	z, err := unix.BytePtrFromString(name)
	if err != nil {
		return "", unix.ENOENT
	}
	var how unix.OpenHow
	var fd int32
	errno := unix.EAGAIN
	for try := 0; try < triesMax && (errno == unix.EAGAIN || errno == unix.EINTR); try++ {
		fd, errno = openBeneath(root, z, &how, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	}
	if errno != 0 {
		return "", errno
	}
	defer func() { _ = unix.Close(int(fd)) }()
	var target [unix.PathMax]byte
	n, err := unix.Readlinkat(int(fd), "", target[:])
	if err != nil {
		if errno := errnoOf(err); errno != unix.ENOENT { // what an empty path means where there is no link
			return "", errno
		}
		return "", unix.EINVAL
	}
	return string(target[:n]), 0
}
