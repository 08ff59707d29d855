package acme

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aws/internal/kernel"
)

// storage is a directory with
//
//	lock                        held while a process speaks with the CA
//	challenges/TOKEN            the challenge that is under way, for other processes
//	DIRECTORY/account.json      what the CA knows of the account
//	DIRECTORY/account.key       its private key
//	DIRECTORY/certs/NAME.pem    the private key and the certificates of a name, in one file, so that they always belong together
//	DIRECTORY/certs/NAME.json   the failed attempts since the last success
//
// where DIRECTORY is made from the URL of the CA's directory, so that those of a test CA are never taken for real ones.
// Directories have the mode 0700 and files 0600. A file is replaced as a whole.
type storage struct {
	dir, challenges, ca, certs string
}

const (
	directoryMode = 0o700
	fileMode      = 0o600
)

// storageAt returns a storage as it is.
func storageAt(dir, directoryURL string) (*storage, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &storage{dir: dir, challenges: filepath.Join(dir, "challenges"), ca: filepath.Join(dir, fileNameOf(directoryURL))}
	s.certs = filepath.Join(s.ca, "certs")
	return s, nil
}

// directories returns those of the storage, each after the one that it is in.
func (s *storage) directories() []string { return []string{s.dir, s.challenges, s.ca, s.certs} }

// open makes what is missing of a storage and refuses one that others may change or read keys of.
func (s *storage) open(owner *Owner, log *slog.Logger) error {
	for _, d := range s.directories() {
		if err := makePrivate(d, log); err != nil {
			return err
		}
	}
	if err := s.probe(); err != nil {
		return err
	}
	return s.checkFiles(owner)
}

// inspect returns the error that open would have, and changes nothing.
func (s *storage) inspect(log *slog.Logger) error {
	for _, d := range s.directories() {
		if _, err := os.Stat(d); err == nil {
			if err := checkPrivate(d, log); err != nil {
				return err
			}
			continue
		}
		if _, err := os.Stat(filepath.Dir(d)); err != nil && d != s.dir {
			continue // it would be made before
		}
		if err := kernel.MayMakeDirectory(d); err != nil {
			return err
		}
	}
	if _, err := os.Stat(s.dir); err != nil {
		return nil
	}
	if err := kernel.MayWrite(s.lockPath()); err != nil {
		return err
	}
	return s.checkFiles(nil)
}

// makePrivate makes a directory, or checks the one that is there.
func makePrivate(dir string, log *slog.Logger) error {
	if err := os.Mkdir(dir, directoryMode); err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	return checkPrivate(dir, log)
}

// checkPrivate checks the mode of a directory.
func checkPrivate(dir string, log *slog.Logger) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s has the mode %04o, so others can replace the keys in it (chmod 700 %s)", dir, info.Mode().Perm(), dir)
	case info.Mode().Perm()&0o055 != 0:
		log.Warn(fmt.Sprintf("%s has the mode %04o, so others can see which keys are in it (chmod 700 %s)", dir, info.Mode().Perm(), dir), "dir", dir)
	}
	return nil
}

// probe finds out whether files can be written. Otherwise that would be noticed only after the CA has issued a certificate.
func (s *storage) probe() error {
	f, err := os.OpenFile(s.lockPath(), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	return f.Close()
}

// checkFiles refuses keys that others can read, and gives the files to their owner.
func (s *storage) checkFiles(owner *Owner) error {
	return filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) { // another process has removed it
				return nil
			}
			return err
		}
		if owner != nil && os.Geteuid() == 0 {
			if err := os.Lchown(path, owner.UID, owner.GID); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			return nil
		}
		if info.Mode().Perm()&0o077 != 0 {
			return fmt.Errorf("%s has the mode %04o, so others can read the key in it (chmod 600 %s)", path, info.Mode().Perm(), path)
		}
		return nil
	})
}

// fileNameOf returns a file name for the URL of a directory.
func fileNameOf(directoryURL string) string {
	u, err := url.Parse(directoryURL)
	if err != nil {
		return "ca"
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, u.Host+strings.TrimRight(u.Path, "/"))
}

func (s *storage) lockPath() string               { return filepath.Join(s.dir, "lock") }
func (s *storage) certPath(name string) string    { return filepath.Join(s.certs, name+".pem") }
func (s *storage) attemptPath(name string) string { return filepath.Join(s.certs, name+".json") }
func (s *storage) accountPath() string            { return filepath.Join(s.ca, "account.json") }
func (s *storage) accountKeyPath() string         { return filepath.Join(s.ca, "account.key") }

// write replaces a file as a whole: after a crash it has its old content or the new one.
func (s *storage) write(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // with the mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// writeJSON replaces a file by a value as JSON.
func (s *storage) writeJSON(path string, value any) error {
	content, err := json.MarshalIndent(value, "", "\t")
	if err != nil {
		return err
	}
	return s.write(path, append(content, '\n'))
}

// readJSON reads a value. The error of a file that does not exist is fs.ErrNotExist.
func (s *storage) readJSON(path string, value any) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, value); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// lockPollInterval is how often a process that waits for the lock tries to get it, and looks for challenges of others.
const lockPollInterval = 250 * time.Millisecond

// lock waits until this process has the lock, and calls waiting each time it has not got it. A lock ends with its process (flock(2)).
func (s *storage) lock(ctx context.Context, waiting func()) (unlock func(), err error) {
	f, err := os.OpenFile(s.lockPath(), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	for {
		locked, err := kernel.TryLock(f)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if locked {
			return func() { _ = f.Close() }, nil // nothing was written
		}
		waiting()
		if err := sleep(ctx, lockPollInterval); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
}

// sleep waits, or returns the error of a context that ends before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
