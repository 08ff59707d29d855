package compression

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Directory keeps forms in files, so that they are there after a restart. Several processes may use the same one.
//
// A file has the name of the form's key, and holds a header with a digest of the key and of the form. It is written under
// a temporary name and renamed. A file with another content is removed and never sent.
type Directory struct {
	root     *os.Root
	bytesMax int64
	version  uint8
	warn     func(error)
	once     sync.Once // of warn

	mu     sync.Mutex
	bytes  int64 // of all files, as far as this process knows
	failed uint64
	bad    uint64
}

const (
	formMagic     = "aws form 1\n"
	formHeadBytes = len(formMagic) + sha256.Size
	formSuffix    = ".form"
	temporary     = ".tmp"
	abandonedFor  = 10 * time.Minute // after which a temporary file is that of a process that has ended
	// evictTo is the part of bytesMax, in eighths, that eviction leaves, so that not each new form reads the directory.
	evictTo = 7
)

// CheckDirectory returns why a directory can't be used, and what to do. A missing one can be, if its parent directory is there.
func CheckDirectory(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		_, err = os.Stat(filepath.Dir(path))
		if err != nil {
			return fmt.Errorf("%w (create the parent directory)", err)
		}
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", path)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others may write to %s (mode %#o), and could replace what is sent (chmod go-w %s)", path, info.Mode().Perm(), path)
	}
	return nil
}

// OpenDirectory opens the directory for at most bytesMax bytes of forms. It makes the directory if only the last element of the path
// is missing. version is that of the Encoder. warn gets the first error of a write. The error says what is wrong with it, and what to do.
func OpenDirectory(path string, bytesMax int64, version uint8, warn func(error)) (*Directory, error) {
	if err := CheckDirectory(path); err != nil {
		return nil, err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	d := &Directory{root: root, bytesMax: bytesMax, version: version, warn: warn}
	if err := d.evict(0); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return d, nil
}

// Close closes the directory.
func (d *Directory) Close() error { return d.root.Close() }

func (d *Directory) stats() (size int64, failed, bad uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bytes, d.failed, d.bad
}

// name returns the name of a form's file.
func (d *Directory) name(key *Key) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x.%d%s%s", key.Dev, key.Ino, key.Size, uint64(key.MtimeNs), uint64(key.CtimeNs), d.version,
		key.Coding.Suffix(), formSuffix)
}

// appendHead appends what a file begins with. The digest includes the key, so that a form under another name is not valid.
func (d *Directory) appendHead(b []byte, key *Key, form []byte) []byte {
	h := sha256.New()
	_, _ = io.WriteString(h, d.name(key)) // a hash never fails
	_, _ = h.Write(form)
	return h.Sum(append(b, formMagic...))
}

// load reads a form. It notes that the form was used.
func (d *Directory) load(key *Key) (form []byte, ok bool) {
	name := d.name(key)
	info, err := d.root.Lstat(name)
	if err != nil {
		return nil, false
	}
	if !info.Mode().IsRegular() || info.Size() < int64(formHeadBytes) || info.Size() >= key.Size+int64(formHeadBytes) {
		d.discard(name)
		return nil, false
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, false
	}
	defer func() { _ = f.Close() }()
	content := make([]byte, info.Size())
	if _, err := io.ReadFull(f, content); err != nil {
		d.discard(name)
		return nil, false
	}
	form = content[formHeadBytes:]
	if !bytes.Equal(d.appendHead(nil, key, form), content[:formHeadBytes]) {
		d.discard(name)
		return nil, false
	}
	now := time.Now()
	_ = d.root.Chtimes(name, now, now) // the time of use; without it the form is evicted earlier
	return form, true
}

// discard removes a file that is not a form as it was written.
func (d *Directory) discard(name string) {
	_ = d.root.Remove(name) // or it stays, and is not sent
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bad++
}

// store writes a form. A failure is counted; the form is in memory.
func (d *Directory) store(key *Key, form []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	size := int64(formHeadBytes + len(form))
	if d.bytes+size > d.bytesMax {
		if err := d.evict(size); err != nil {
			d.fail(err)
			return
		}
		if d.bytes+size > d.bytesMax {
			d.failed++ // what is there can't be removed, or the form is larger than the bound
			return
		}
	}
	if err := d.write(d.name(key), append(d.appendHead(nil, key, form), form...)); err != nil {
		d.fail(err)
		return
	}
	d.bytes += size
}

// fail counts a form that could not be written.
func (d *Directory) fail(err error) {
	d.failed++
	d.once.Do(func() { d.warn(err) })
}

// write writes a file under a temporary name, and renames it.
func (d *Directory) write(name string, content []byte) (err error) {
	temp := fmt.Sprintf("%x%s", rand.Uint64(), temporary)
	f, err := d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.root.Rename(temp, name)
	}
	if err != nil {
		_ = d.root.Remove(temp) // or a later start does
	}
	return err
}

// formFile is a file of the directory.
type formFile struct {
	name string
	size int64
	used time.Time
}

// evict reads the directory, and removes the forms that have not been used for the longest time until a file of some bytes fits.
// It removes temporary files of processes that have ended. Other files are left and not counted.
func (d *Directory) evict(bytes int64) error {
	dir, err := d.root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	var files []formFile
	d.bytes = 0
	for _, name := range names {
		isTemporary := strings.HasSuffix(name, temporary)
		if !isTemporary && !strings.HasSuffix(name, formSuffix) {
			continue
		}
		info, err := d.root.Lstat(name)
		if err != nil || !info.Mode().IsRegular() {
			continue // another process has removed it
		}
		if isTemporary {
			if time.Since(info.ModTime()) > abandonedFor {
				_ = d.root.Remove(name) // or a later start does
			}
			continue
		}
		files = append(files, formFile{name, info.Size(), info.ModTime()})
		d.bytes += info.Size()
	}
	if d.bytes+bytes <= d.bytesMax {
		return nil
	}
	slices.SortFunc(files, func(a, b formFile) int { return cmp.Or(a.used.Compare(b.used), strings.Compare(a.name, b.name)) })
	for _, f := range files {
		if d.bytes+bytes <= d.bytesMax/8*evictTo {
			break
		}
		if err := d.root.Remove(f.name); err == nil || errors.Is(err, fs.ErrNotExist) {
			d.bytes -= f.size
		}
	}
	return nil
}
