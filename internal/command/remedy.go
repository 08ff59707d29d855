package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"aws/internal/kernel"

	"golang.org/x/sys/unix"
)

// OpenRoot opens a directory whose files are to be served. option is what names it. The error names the directory, the
// cause and the remedy. A directory that this user may not enter is such an error: all of its files would be missing.
func OpenRoot(option, dir string, links kernel.Links) (kernel.Root, error) {
	root, err := kernel.OpenRoot(dir, links)
	if err != nil {
		return root, rootError(option, dir, err)
	}
	if err := unix.Access(dir, unix.X_OK); errors.Is(err, fs.ErrPermission) {
		_ = kernel.CloseRoot(root)
		return -1, rootError(option, dir, err)
	}
	return root, nil
}

func rootError(option, dir string, err error) error {
	return fmt.Errorf("%s %s: %w (%s)", option, dir, cause(err), rootRemedy(dir, err))
}

// rootRemedy returns what to do about a directory that could not be opened.
func rootRemedy(dir string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if target, err := os.Readlink(dir); err == nil {
			return fmt.Sprintf("it is a symbolic link to %s: correct the link, or name another directory", target)
		}
		return "make the directory, or name another one"
	case errors.Is(err, kernel.ErrNotDirectory):
		return "name the directory that holds it: " + filepath.Dir(dir)
	case errors.Is(err, kernel.ErrLinkLoop):
		return "the symbolic links lead back to themselves: correct them, or name another directory; namei shows each"
	case errors.Is(err, fs.ErrPermission):
		return "user " + strconv.Itoa(os.Geteuid()) + " may not enter it, or a directory above it: change the permissions, which namei -l lists, or start as another user"
	default:
		return "it must be a directory that this user may enter"
	}
}

// FileError says why a file that an option names could not be read or written, with the remedy. verb is what was to be
// done with the file.
func FileError(option, verb string, err error) error {
	remedy := "name a file that this user may " + verb
	var at *fs.PathError
	if !errors.As(err, &at) {
		return fmt.Errorf("%s: %w", option, err)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && verb == "write":
		remedy = fmt.Sprintf("make the directory %s, or name another file", filepath.Dir(at.Path))
	case errors.Is(err, kernel.ErrIsDirectory):
		remedy = "name a file in it"
	case errors.Is(err, fs.ErrPermission):
		remedy = "user " + strconv.Itoa(os.Geteuid()) + " may not " + verb + " it: change the permissions, or name another file"
	}
	return fmt.Errorf("%s: %w (%s)", option, err, remedy)
}

// cause returns the error of the call without its name and its path, which the message has already.
func cause(err error) error {
	var at *fs.PathError
	var call *os.SyscallError
	switch {
	case errors.As(err, &at):
		return at.Err
	case errors.As(err, &call):
		return call.Err
	default:
		return err
	}
}
