package release

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"sort"
	"time"
)

// File is a file of an archive.
type File struct {
	Name   string // its path in the archive
	Mode   int64
	Data   []byte // its contents, or
	Target string // what it links to
}

// FileOf reads a file for an archive. Its mode is what git keeps: whether it can be executed.
func FileOf(source, name string) (File, error) {
	info, err := os.Lstat(source)
	if err != nil {
		return File{}, err
	}
	if info.Mode()&os.ModeSymlink != 0 {
		target, err := os.Readlink(source)
		return File{Name: name, Mode: 0o777, Target: target}, err
	}
	data, err := os.ReadFile(source)
	mode := int64(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	return File{Name: name, Mode: mode, Data: data}, err
}

// WriteArchive writes the files as a compressed archive that depends on them and the time alone: sorted,
// of root's, with no more in their headers than there must be.
func WriteArchive(w io.Writer, files []File, at time.Time) error {
	files = append([]File(nil), files...)
	sort.Slice(files, func(i, k int) bool { return files[i].Name < files[k].Name })
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	directories := map[string]bool{".": true, "/": true}
	for _, f := range files {
		if err := addDirectories(t, path.Dir(f.Name), at, directories); err != nil {
			return err
		}
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: f.Name, Mode: f.Mode, Size: int64(len(f.Data)),
			Uname: "root", Gname: "root", ModTime: at, Format: tar.FormatPAX,
		}
		if f.Target != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.Target
		}
		if err := t.WriteHeader(h); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if _, err := t.Write(f.Data); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

func addDirectories(t *tar.Writer, dir string, at time.Time, have map[string]bool) error {
	if have[dir] {
		return nil
	}
	if err := addDirectories(t, path.Dir(dir), at, have); err != nil {
		return err
	}
	have[dir] = true
	return t.WriteHeader(&tar.Header{
		Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, Uname: "root", Gname: "root", ModTime: at, Format: tar.FormatPAX,
	})
}

// Sum returns the SHA-256 of a file.
func Sum(name string) (string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
