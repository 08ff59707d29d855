package main

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The files that are served, below static/ and, as hard links, below dynamic/.
const (
	file1K    = "1k.bin"
	file64K   = "64k.bin"
	file2M    = "2m.bin"
	coldFiles = 8
	coldBytes = 64 << 20
	nameFiles = 2000
	nameBytes = 100
	pageFiles = 200
	pageBytes = 8 << 10
)

// The files of a page.
const (
	pagePattern = "page/%03d.bin"
	firstOfPage = "/static/page/000.bin"
)

func coldName(i int) string { return fmt.Sprintf("cold/%d.bin", i) }

// Each of these lies in a directory of its own, so that looking it up reads a directory and an inode.
func deepName(i int) string { return fmt.Sprintf("names/%04d/file.bin", i) }

// makeSite fills a directory with the hot files, and the cold ones where they are wanted. It is kept
// from run to run; the last thing written says that a part is complete.
func makeSite(root string, cold bool) error {
	files := map[string]int{file1K: 1 << 10, file64K: 64 << 10, file2M: 2 << 20}
	if err := makeFiles(root, "complete-hot", files); err != nil || !cold {
		return err
	}
	files = map[string]int{}
	for i := range pageFiles {
		files[fmt.Sprintf(pagePattern, i)] = pageBytes
	}
	if err := makeFiles(root, "complete-page", files); err != nil {
		return err
	}
	files = map[string]int{}
	for i := range coldFiles {
		files[coldName(i)] = coldBytes
	}
	for i := range nameFiles {
		files[deepName(i)] = nameBytes
	}
	return makeFiles(root, "complete-cold", files)
}

// makeFiles writes files of given sizes, unless the marker says that they are there.
func makeFiles(root, marker string, files map[string]int) error {
	marker = filepath.Join(root, marker)
	if _, err := os.Stat(marker); err == nil {
		return nil
	}
	for name, size := range files {
		path := filepath.Join(root, "static", name)
		if err := writeRandom(path, size); err != nil {
			return err
		}
		link := filepath.Join(root, "dynamic", name)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.Link(path, link); err != nil {
			return err
		}
	}
	unix.Sync()
	return os.WriteFile(marker, nil, 0o644)
}

// writeRandom writes bytes that depend on the name alone and don't compress.
func writeRandom(path string, size int) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(filepath.Base(path)))
	var seed [32]byte
	h.Sum(seed[:0])
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.NewChaCha8(seed), int64(size))
	return errors.Join(err, f.Close())
}

// evict lets the page cache forget a file.
func evict(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		return os.NewSyscallError("fdatasync", err)
	}
	return os.NewSyscallError("posix_fadvise", unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
}

func evictCold(root string) error {
	for i := range coldFiles {
		if err := evict(filepath.Join(root, "static", coldName(i))); err != nil {
			return err
		}
	}
	return nil
}

// dropNames lets the whole machine forget its names and inodes, and the blocks that they lie in.
func dropNames() error {
	unix.Sync()
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0o200)
}

// checkBytes compares what a server sends for a path with the file.
func checkBytes(r *running, path, root string) error {
	want, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return err
	}
	response, err := r.at.download(r.protocol, r.port, path)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != 200:
		return fmt.Errorf("%s: status %s", path, response.Status)
	case response.ProtoMajor == 2 != r.protocol.http2():
		return fmt.Errorf("%s: the response came over %s, not %v", path, response.Proto, r.protocol)
	case response.ContentLength != int64(len(want)):
		return fmt.Errorf("%s: Content-Length %d, the file has %d bytes", path, response.ContentLength, len(want))
	case !bytes.Equal(got, want):
		return fmt.Errorf("%s: %d bytes came, and they are not the file's %d", path, len(got), len(want))
	default:
		return nil
	}
}
