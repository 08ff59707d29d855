package kernel

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// DirectoryEntry is a name in a directory, with its attributes.
type DirectoryEntry struct {
	Name      string
	Directory bool
	Link      bool // the name is that of a symbolic link, and the rest is about its target
	Info
}

// ReadDirectory implements Directories.
func (*Linux) ReadDirectory(root Root, name string, entriesMax int, choose func(name string) (Root, bool)) (entries []DirectoryEntry, more int, class Class) {
	fd, class := openDirectory(root, name)
	if class != Done {
		return nil, 0, class
	}
	dir := os.NewFile(uintptr(fd), name)
	defer func() { _ = dir.Close() }()
	for {
		names, err := dir.Readdirnames(1024)
		for _, n := range names {
			below, shown := choose(n)
			if !shown {
				continue
			}
			if len(entries) >= entriesMax {
				more++ // not looked at, so that a huge directory stays cheap
				continue
			}
			switch e, class := entryOf(below, root, fd, name, n); class {
			case Done:
				entries = append(entries, e)
			case Absent, Directory, Denied: // it is nothing to be shown
			default:
				return nil, 0, class // a listing without it would be wrong
			}
		}
		if err == io.EOF {
			return entries, more, Done
		}
		if err != nil {
			return nil, 0, ClassifyOpen(errnoOf(err))
		}
	}
}

// LookUp returns the class of a name below a root: Done is a regular file, Directory a directory. It may
// block on a disk.
func LookUp(root Root, name string) Class {
	fd, class := openDirectory(root, name)
	if class != Done {
		return class
	}
	var stat unix.Statx_t
	var file Opened
	if class = describe(fd, root, &stat, &file, true); class == Done {
		_ = unix.Close(int(fd))
	}
	return class
}

// openDirectory opens a directory below a root for reading its names.
func openDirectory(root Root, name string) (int32, Class) {
	if name == "" {
		name = "."
	}
	return openSurely(root, name)
}

// entryOf looks up a name in a directory. The class is Absent also for a name that is neither a file nor a
// directory. What is below another root than that of the directory is looked up there.
func entryOf(below, root Root, dir int32, directory, name string) (DirectoryEntry, Class) {
	var stat unix.Statx_t
	z, err := unix.BytePtrFromString(name)
	if err != nil {
		return DirectoryEntry{}, Absent
	}
	errno := statx(dir, z, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS, &stat)
	link := errno == 0 && stat.Mode&unix.S_IFMT == unix.S_IFLNK
	if errno == 0 && (link || below != root) {
		// Only a look-up can determine whether links are followed.
		fd, class := openDirectory(below, directory+name)
		if class != Done {
			return DirectoryEntry{}, class
		}
		var empty [1]byte
		errno = statx(fd, &empty[0], unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS, &stat)
		_ = unix.Close(int(fd))
	}
	kind := stat.Mode & unix.S_IFMT
	if errno != 0 {
		return DirectoryEntry{}, ClassifyOpen(errno)
	}
	if kind != unix.S_IFREG && kind != unix.S_IFDIR {
		return DirectoryEntry{}, Absent
	}
	return DirectoryEntry{Name: name, Directory: kind == unix.S_IFDIR, Link: link, Info: infoOf(&stat)}, Done
}

// ReadWhole implements Directories. The attributes are asked for after the read, too: a file that was written meanwhile has another
// change time. AT_STATX_FORCE_SYNC makes a remote filesystem ask its server.
func (*Linux) ReadWhole(fd int32, version *Info, b []byte) Class {
	same := func() (bool, syscall.Errno) {
		var stat unix.Statx_t
		var empty [1]byte
		errno := statx(fd, &empty[0], unix.AT_EMPTY_PATH|unix.AT_STATX_FORCE_SYNC, unix.STATX_BASIC_STATS, &stat)
		info := infoOf(&stat)
		return info.Same(version), errno
	}
	if is, errno := same(); errno != 0 || !is {
		return classOfVersion(errno)
	}
	n := readFull(fd, b, 0)
	if n < 0 {
		return Classify(n)
	}
	if is, errno := same(); errno != 0 || !is || n < int64(len(b)) {
		return classOfVersion(errno)
	}
	return Done
}

// classOfVersion returns the class of a file that is another version, or has no attributes because of an error.
func classOfVersion(errno syscall.Errno) Class {
	if errno != 0 {
		return ClassifyOpen(errno)
	}
	return Absent
}

// MemoryFile implements Directories (memfd_create(2), Linux 3.17).
func (*Linux) MemoryFile(content []byte) (Opened, Class) {
	fd, err := unix.MemfdCreate("aws", unix.MFD_CLOEXEC)
	if err != nil {
		return Opened{}, Classify(-int64(errnoOf(err)))
	}
	for done := 0; done < len(content); {
		n, err := unix.Write(fd, content[done:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			_ = unix.Close(fd)
			return Opened{}, Classify(-int64(errnoOf(err)))
		}
		done += n
	}
	var stat unix.Statx_t
	var file Opened
	class := describe(int32(fd), -1, &stat, &file, true)
	return file, class
}
