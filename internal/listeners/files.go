package listeners

import (
	"fmt"

	"aws/internal/kernel"
	"aws/internal/logging"
)

// Files are the files of Unix sockets that this process has bound.
type Files []kernel.SocketFile

// FilesOf returns the files of the Unix sockets among addresses that have just been bound.
func FilesOf(addrs []kernel.Address, report *logging.Reporter) Files {
	var files Files
	for _, a := range addrs {
		if a.Path == "" {
			continue
		}
		f, err := kernel.SocketFileOf(a.Path)
		if err != nil {
			report.Warn(err.Error())
			continue
		}
		files = append(files, f)
	}
	return files
}

// Remove removes the files, at whose sockets nobody listens any more. One that somebody has replaced stays.
func (files Files) Remove(report *logging.Reporter) {
	for _, f := range files {
		if err := f.Remove(); err != nil {
			report.Warn(fmt.Sprintf("the socket's file stays, until the next server replaces it: %v", err), "path", f.Path())
		}
	}
}
