package crosscheck

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"aws/tests/harness"
)

// Sizes that matter to either server.
const (
	bufferBytes = 128 << 10 // one buffer of a dynamic file
	windowBytes = 8 << 20   // what is loaded of a dynamic file before it is sent
	hugeBytes   = 100 << 20
)

// edgeSizes are the sizes of the files size-N in both directories; the huge ones come on top.
var edgeSizes = []int{
	0, 1, 511, 512, 513, 4095, 4096, 4097,
	bufferBytes - 1, bufferBytes, bufferBytes + 1,
	2 << 20,
	windowBytes - 1, windowBytes, windowBytes + 1,
}

// site is the directory that both servers serve, and what is in it.
type site struct {
	root string
	// content has the hash of every file, by its path beneath the root.
	content map[string]file
}

type file struct {
	size int64
	sum  string
}

// newSite makes a directory with files of all kinds, and next to it what must not be served.
func newSite(t *testing.T) *site {
	t.Helper()
	top := t.TempDir()
	s := &site{root: filepath.Join(top, "root"), content: map[string]file{}}
	seed := uint64(1)
	for _, directory := range []string{"static", "dynamic"} {
		for _, size := range edgeSizes {
			seed++
			s.add(t, fmt.Sprintf("%s/size-%d", directory, size), harness.Content(size, seed))
		}
		s.add(t, directory+"/page.html", []byte("<!doctype html><title>page</title>"+directory+"\n"))
		s.add(t, directory+"/sub/deep.txt", []byte("deep in "+directory+"\n"))
		s.add(t, directory+"/with space.txt", []byte("with a space in "+directory+"\n"))
		s.add(t, directory+"/plus+sign.txt", []byte("with a plus in "+directory+"\n"))
		s.add(t, directory+"/question?.txt", []byte("with a question mark in "+directory+"\n"))
		s.add(t, directory+"/grüße.txt", []byte("with an umlaut in "+directory+"\n"))
		s.add(t, directory+"/.hidden", []byte("hidden in "+directory+"\n"))
		s.add(t, directory+"/"+strings.Repeat("n", 255), []byte("the longest name in "+directory+"\n"))
		s.addLinks(t, directory)
		s.addIrregular(t, directory)
	}
	s.add(t, "static/huge", harness.Content(hugeBytes, seed+1))
	if err := os.Link(filepath.Join(s.root, "static/huge"), filepath.Join(s.root, "dynamic/huge")); err != nil {
		t.Fatal(err)
	}
	s.content["dynamic/huge"] = s.content["static/huge"]
	s.add(t, "top.txt", []byte("in the root, in neither directory\n"))
	s.add(t, "staticfile.txt", []byte("a name that opens like a directory's\n"))
	s.add(t, "../outside/secret.txt", []byte("out of the root\n"))
	return s
}

func (s *site) add(t *testing.T, path string, content []byte) {
	t.Helper()
	harness.WriteFile(t, filepath.Join(s.root, path), content)
	s.content[path] = file{size: int64(len(content)), sum: harness.Sum(content)}
}

// addLinks makes symbolic links; those that lead to a file have an entry in content of their own.
func (s *site) addLinks(t *testing.T, directory string) {
	t.Helper()
	other := map[string]string{"static": "dynamic", "dynamic": "static"}[directory]
	for name, target := range map[string]string{
		"link-other":     "../" + other + "/page.html",
		"link-size":      "../" + other + "/size-2097152",
		"link-chain":     "link-other",
		"link-directory": "sub",
		"link-top":       "../top.txt",
		"link-dangling":  "nowhere",
		"link-loop-a":    "link-loop-b",
		"link-loop-b":    "link-loop-a",
		"link-self":      "link-self",
		"link-out":       "../../outside/secret.txt",
		"link-out-abs":   filepath.Join(s.root, "../outside/secret.txt"),
		"link-in-abs":    filepath.Join(s.root, directory, "page.html"),
		"link-out-dir":   "../../outside",
		"link-out-in":    "../../root/" + directory + "/page.html",
	} {
		harness.Symlink(t, target, filepath.Join(s.root, directory, name))
	}
}

// addIrregular makes what is there and no regular file.
func (s *site) addIrregular(t *testing.T, directory string) {
	t.Helper()
	if err := syscall.Mkfifo(filepath.Join(s.root, directory, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	// A socket's whole path must fit 108 bytes, so it is bound under a short name and moved.
	short := filepath.Join(os.TempDir(), fmt.Sprintf("aws-%d.sock", os.Getpid()))
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(short, filepath.Join(s.root, directory, "socket")); err != nil {
		t.Fatal(err)
	}
	harness.Symlink(t, "/dev/null", filepath.Join(s.root, directory, "device"))
}
