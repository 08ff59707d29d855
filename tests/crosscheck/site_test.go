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

// edgeSizes are the sizes of the files size-N in both folders; the huge ones come on top.
var edgeSizes = []int{
	0, 1, 511, 512, 513, 4095, 4096, 4097,
	bufferBytes - 1, bufferBytes, bufferBytes + 1,
	2 << 20,
	windowBytes - 1, windowBytes, windowBytes + 1,
}

// site is the folder that both servers serve, and what is in it.
type site struct {
	root string
	// content has the hash of every file, by its path beneath the root.
	content map[string]file
}

type file struct {
	size int64
	sum  string
}

// newSite makes a folder with files of all kinds, and next to it what must not be served.
func newSite(t *testing.T) *site {
	t.Helper()
	top := t.TempDir()
	s := &site{root: filepath.Join(top, "root"), content: map[string]file{}}
	seed := uint64(1)
	for _, folder := range []string{"static", "dynamic"} {
		for _, size := range edgeSizes {
			seed++
			s.add(t, fmt.Sprintf("%s/size-%d", folder, size), harness.Content(size, seed))
		}
		s.add(t, folder+"/page.html", []byte("<!doctype html><title>page</title>"+folder+"\n"))
		s.add(t, folder+"/sub/deep.txt", []byte("deep in "+folder+"\n"))
		s.add(t, folder+"/with space.txt", []byte("with a space in "+folder+"\n"))
		s.add(t, folder+"/plus+sign.txt", []byte("with a plus in "+folder+"\n"))
		s.add(t, folder+"/question?.txt", []byte("with a question mark in "+folder+"\n"))
		s.add(t, folder+"/grüße.txt", []byte("with an umlaut in "+folder+"\n"))
		s.add(t, folder+"/.hidden", []byte("hidden in "+folder+"\n"))
		s.add(t, folder+"/"+strings.Repeat("n", 255), []byte("the longest name in "+folder+"\n"))
		s.addLinks(t, folder)
		s.addIrregular(t, folder)
	}
	s.add(t, "static/huge", harness.Content(hugeBytes, seed+1))
	if err := os.Link(filepath.Join(s.root, "static/huge"), filepath.Join(s.root, "dynamic/huge")); err != nil {
		t.Fatal(err)
	}
	s.content["dynamic/huge"] = s.content["static/huge"]
	s.add(t, "top.txt", []byte("in the root, in neither folder\n"))
	s.add(t, "staticfile.txt", []byte("a name that opens like a folder's\n"))
	s.add(t, "../outside/secret.txt", []byte("out of the root\n"))
	return s
}

func (s *site) add(t *testing.T, path string, content []byte) {
	t.Helper()
	harness.WriteFile(t, filepath.Join(s.root, path), content)
	s.content[path] = file{size: int64(len(content)), sum: harness.Sum(content)}
}

// addLinks makes symbolic links; those that lead to a file have an entry in content of their own.
func (s *site) addLinks(t *testing.T, folder string) {
	t.Helper()
	other := map[string]string{"static": "dynamic", "dynamic": "static"}[folder]
	for name, target := range map[string]string{
		"link-other":    "../" + other + "/page.html",
		"link-size":     "../" + other + "/size-2097152",
		"link-chain":    "link-other",
		"link-folder":   "sub",
		"link-top":      "../top.txt",
		"link-dangling": "nowhere",
		"link-loop-a":   "link-loop-b",
		"link-loop-b":   "link-loop-a",
		"link-self":     "link-self",
		"link-out":      "../../outside/secret.txt",
		"link-out-abs":  filepath.Join(s.root, "../outside/secret.txt"),
		"link-in-abs":   filepath.Join(s.root, folder, "page.html"),
		"link-out-dir":  "../../outside",
		"link-out-in":   "../../root/" + folder + "/page.html",
	} {
		harness.Symlink(t, target, filepath.Join(s.root, folder, name))
	}
}

// addIrregular makes what is there and no regular file.
func (s *site) addIrregular(t *testing.T, folder string) {
	t.Helper()
	if err := syscall.Mkfifo(filepath.Join(s.root, folder, "fifo"), 0o644); err != nil {
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
	if err := os.Rename(short, filepath.Join(s.root, folder, "socket")); err != nil {
		t.Fatal(err)
	}
	harness.Symlink(t, "/dev/null", filepath.Join(s.root, folder, "device"))
}
