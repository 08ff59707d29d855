package kernel

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// MayWrite returns the error that opening a file for writing would have, or nil. A file that is missing would be made. Nothing is
// changed (faccessat2(2)).
func MayWrite(file string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = mayMake(file)
	case err == nil && info.IsDir():
		err = unix.EISDIR
	case err == nil:
		err = unix.Faccessat(unix.AT_FDCWD, file, unix.W_OK, unix.AT_EACCESS)
	}
	return pathError("open", file, err)
}

// MayMakeDirectory returns the error that mkdir(2) would have for a directory that does not exist, or nil. Nothing is changed.
func MayMakeDirectory(dir string) error { return pathError("mkdir", dir, mayMake(dir)) }

// mayMake returns why a name can't be made in the directory that it is in.
func mayMake(name string) error {
	parent := filepath.Dir(name)
	info, err := os.Stat(parent)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return unix.ENOTDIR
	default:
		return unix.Faccessat(unix.AT_FDCWD, parent, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	}
}

// pathError returns an error as package os has it for a call and a path.
func pathError(call, path string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: call, Path: path, Err: err}
}
