package kernel

import "golang.org/x/sys/unix"

// OpenFile implements Directories.
func (*Linux) OpenFile(root Root, name string) (file Opened, class Class) {
	class = openWaiting(root, []byte(name), &file)
	return file, class
}

// ReadFile implements Directories.
func (*Linux) ReadFile(fd int32, b []byte, offset int64) int64 { return readFull(fd, b, offset) }

// CloseFile implements Directories.
func (*Linux) CloseFile(fd int32) { _ = unix.Close(int(fd)) }

// ReadStart implements Directories.
func (*Linux) ReadStart(root Root, name string, bytesMax int) ([]byte, Class) {
	var file Opened
	if class := openWaiting(root, []byte(name), &file); class != Done {
		return nil, class
	}
	defer func() { _ = unix.Close(int(file.FD)) }()
	start := make([]byte, min(max(file.Size, 0), int64(bytesMax)))
	for done := 0; done < len(start); {
		n, err := unix.Pread(int(file.FD), start[done:], int64(done))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, ClassifyOpen(errnoOf(err))
		case n == 0: // it has become shorter
			return start[:done], Done
		default:
			done += n
		}
	}
	return start, Done
}
