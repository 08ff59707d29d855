package faults

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// remote is a filesystem that this process answers for: one directory with files of one size. Any kind of call can be made to
// hang, or to fail.
type remote struct {
	fuse.RawFileSystem
	path  string // where it is mounted
	cares bool   // a caller that is killed gets a response

	mu      sync.Mutex
	hangs   map[string]chan struct{} // by the kind of call; closed when they go on
	fails   map[string]bool
	waiting map[string]int // calls that hang
	names   map[string]uint64
}

const (
	remoteBytes = 300_001
	remoteLong  = uint64(3600) // seconds for which the kernel may trust what it got
)

// mountRemote mounts a remote filesystem at a directory that it makes. It skips the test where that can't be done.
func mountRemote(t *testing.T, path string) *remote {
	t.Helper()
	needRoot(t)
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("no FUSE: %v", err)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	r := &remote{
		RawFileSystem: fuse.NewDefaultRawFileSystem(), path: path,
		hangs: map[string]chan struct{}{}, fails: map[string]bool{}, waiting: map[string]int{}, names: map[string]uint64{},
	}
	server, err := fuse.NewServer(r, path, &fuse.MountOptions{DirectMountStrict: true, AllowOther: true, FsName: "aws-test", Name: "aws"})
	if err != nil {
		t.Skipf("no FUSE: %v", err)
	}
	// A server that inherited the connection would hang with it, should this process end before it is unmounted.
	descriptors, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range descriptors {
		if target, err := os.Readlink("/proc/self/fd/" + d.Name()); err == nil && target == "/dev/fuse" {
			if fd, err := strconv.Atoi(d.Name()); err == nil {
				syscall.CloseOnExec(fd)
			}
		}
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.heal()
		_ = syscall.Unmount(path, syscall.MNT_DETACH)
	})
	return r
}

// hang makes calls of a kind wait until heal; fail makes them fail.
func (r *remote) hang(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hangs[kind] = make(chan struct{})
}

func (r *remote) fail(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fails[kind] = true
}

func (r *remote) heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.hangs {
		close(c)
	}
	clear(r.hangs)
	clear(r.fails)
}

// hanging returns how many calls of a kind wait.
func (r *remote) hanging(kind string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waiting[kind]
}

// call is the beginning of each call. A call that hangs ends when the caller is killed only if the filesystem cares for
// that; the kernel waits for the response, however dead the caller is.
func (r *remote) call(cancel <-chan struct{}, kind string) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	var given <-chan struct{}
	if r.cares {
		given = cancel
	}
	if c := r.hangs[kind]; c != nil {
		r.waiting[kind]++
		r.mu.Unlock()
		select {
		case <-c:
		case <-given:
		}
		r.mu.Lock()
		r.waiting[kind]--
	}
	if r.fails[kind] {
		return fuse.EIO
	}
	return fuse.OK
}

// content returns the content of a file.
func (r *remote) content(name string) []byte {
	return harness.Content(remoteBytes, uint64(len(name))+uint64(name[len(name)-1]))
}

func (r *remote) attributes(ino uint64, attr *fuse.Attr) {
	*attr = fuse.Attr{Ino: ino, Mode: fuse.S_IFREG | 0o644, Nlink: 1, Size: remoteBytes, Mtime: 1_000_000_000, Ctime: 1_000_000_000}
	if ino == fuse.FUSE_ROOT_ID {
		attr.Mode = fuse.S_IFDIR | 0o755
	}
}

// nameOf returns the name of a file by its number.
func (r *remote) nameOf(ino uint64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, n := range r.names {
		if n == ino {
			return name
		}
	}
	return "?"
}

// The calls of the kernel. Names that begin with "none" are absent.

func (r *remote) Lookup(cancel <-chan struct{}, _ *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if s := r.call(cancel, "lookup"); s != fuse.OK {
		return s
	}
	if strings.HasPrefix(name, "none") || strings.HasPrefix(name, ".") || strings.Contains(name, "index.") {
		return fuse.ENOENT
	}
	if ext := filepath.Ext(name); ext == ".gz" || ext == ".br" || ext == ".zst" {
		return fuse.ENOENT
	}
	r.mu.Lock()
	if r.names[name] == 0 {
		r.names[name] = uint64(len(r.names)) + 2
	}
	out.NodeId = r.names[name]
	r.mu.Unlock()
	r.attributes(out.NodeId, &out.Attr)
	out.EntryValid, out.AttrValid = remoteLong, remoteLong
	return fuse.OK
}

func (r *remote) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	r.attributes(in.NodeId, &out.Attr)
	out.AttrValid = remoteLong
	return fuse.OK
}

func (r *remote) Open(cancel <-chan struct{}, _ *fuse.OpenIn, _ *fuse.OpenOut) fuse.Status {
	return r.call(cancel, "open")
}

func (r *remote) Read(cancel <-chan struct{}, in *fuse.ReadIn, _ []byte) (fuse.ReadResult, fuse.Status) {
	if s := r.call(cancel, "read"); s != fuse.OK {
		return nil, s
	}
	content := r.content(r.nameOf(in.NodeId))
	from := min(int(in.Offset), len(content))
	return fuse.ReadResultData(content[from:min(from+int(in.Size), len(content))]), fuse.OK
}

func (r *remote) Flush(cancel <-chan struct{}, _ *fuse.FlushIn) fuse.Status {
	return r.call(cancel, "flush")
}

func (r *remote) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	*out = fuse.StatfsOut{NameLen: 255, Bsize: 4096}
	return fuse.OK
}

// known makes the kernel look names up, so that only the file itself is still asked for.
func (r *remote) known(t *testing.T, name string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(r.path, name)); err != nil {
		t.Fatal(err)
	}
}

// fetched is what has come of asking for a file.
type fetched struct {
	path   string
	status int
	whole  bool
	err    error
}

// fetch asks for a file over a connection of its own.
func (r *remote) fetch(address, path string) (f fetched) {
	f.path = path
	client := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	response, err := client.Get("http://" + address + path)
	if err != nil {
		f.err = err
		return f
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	f.status, f.err = response.StatusCode, err
	f.whole = bytes.Equal(content, r.content(path[strings.LastIndexByte(path, '/')+1:]))
	return f
}

// fetchAll asks for files at the same time.
func (r *remote) fetchAll(address string, paths []string) chan fetched {
	results := make(chan fetched, len(paths))
	for _, path := range paths {
		go func() { results <- r.fetch(address, path) }()
	}
	return results
}

// beside starts a server that has the remote filesystem beneath its root, and returns the directories of it as URLs have them.
// The file server has it as roots of their own, too.
func beside(t *testing.T, mode string, site *harness.Site) (*remote, *harness.Server, []string) {
	t.Helper()
	r := mountRemote(t, filepath.Join(site.Root, "static", "remote"))
	directories := []string{"/static/remote/"}
	var server *harness.Server
	if mode == "serve" {
		server = start(t, mode, site.Root, harness.Options{}, "--static", "/rs/="+r.path, "--dynamic", "/rd/="+r.path,
			"--dynamic", "/dynamic/="+filepath.Join(site.Root, "dynamic"), "--drain-timeout", "2s")
		directories = append(directories, "/rs/", "/rd/")
	} else {
		if err := os.Symlink("../static/remote", filepath.Join(site.Root, "dynamic", "remote")); err != nil {
			t.Fatal(err)
		}
		server = start(t, mode, site.Root, harness.Options{})
		directories = append(directories, "/dynamic/remote/")
	}
	t.Cleanup(r.heal) // before the server is killed, which could not end
	return r, server, directories
}

// hot asks for files that are in memory, for a while.
func hot(s *harness.Server, mode string, site *harness.Site) *harness.Loaded {
	l := load(s, mode, site, 2)
	l.Paths = []string{"static/small", "static/odd", "dynamic/small", "dynamic/odd"}
	l.Pause = time.Millisecond
	return l.RunFor(time.Second)
}

// TestRemoteHangs lets the calls of a FUSE filesystem hang, kind by kind, while clients ask for its files. Those who ask for
// files in memory beside it do not notice.
func TestRemoteHangs(t *testing.T) {
	const clients = 80 // of each directory: together more than the loops have worker threads
	onModes(t, func(t *testing.T, mode string) {
		site := harness.NewSite(t)
		r, server, directories := beside(t, mode, site)
		hot(server, mode, site).Check(t, false) // they are in memory from now on
		for _, kind := range []string{"open", "read", "flush", "lookup"} {
			t.Run(kind, func(t *testing.T) {
				var paths []string
				for i := range clients {
					name := fmt.Sprintf("%s%d", kind, i)
					if kind != "lookup" {
						r.known(t, name)
					}
					for _, directory := range directories {
						paths = append(paths, directory+name)
					}
				}
				before := hot(server, mode, site)
				before.Check(t, false)
				if kind == "flush" { // what is open already has to be closed
					for f := range untilAll(r.fetchAll(server.Address, paths), len(paths)) {
						if !f.whole {
							t.Errorf("before: %+v", f)
						}
					}
					time.Sleep(1100 * time.Millisecond) // until the file server does not trust the names any more
				}
				r.hang(kind)
				results := r.fetchAll(server.Address, paths)
				harness.Eventually(t, 20*time.Second, "the calls hang", func() error {
					if r.hanging(kind) == 0 {
						return errors.New("none does")
					}
					return nil
				})
				// The machine may be busy with something else for once.
				for try := 1; ; try++ {
					got := hot(server, mode, site)
					got.Check(t, false)
					row(t, fmt.Sprintf("%s hangs, %d calls; p99 before %v", kind, r.hanging(kind), before.Quantile(0.99)), got)
					if got.Quantile(0.99) <= 2*before.Quantile(0.99)+5*time.Millisecond {
						break
					}
					if try == 4 {
						t.Errorf("p99 %v beside the hanging files, and %v before", got.Quantile(0.99), before.Quantile(0.99))
						break
					}
				}
				// Worker threads look up names that are not in the kernel's cache, and read files that are not in memory.
				for _, path := range []string{"/static/none-" + kind, "/dynamic/large"} {
					select {
					case f := <-r.fetchAll(server.Address, []string{path}):
						if f.status != http.StatusOK && f.status != http.StatusNotFound {
							t.Errorf("%s: status %d, %v", path, f.status, f.err)
						}
					case <-time.After(20 * time.Second):
						t.Errorf("no response for %s while %d calls hang", path, r.hanging(kind))
					}
				}
				r.heal()
				for f := range untilAll(results, len(paths)) {
					if !f.whole || f.status != http.StatusOK {
						t.Errorf("%s: status %d, whole %v, %v", f.path, f.status, f.whole, f.err)
					}
				}
			})
		}
		wantQuiet(t, server, mode)
		stop(t, server)
	})
}

// TestRemoteFails lets the calls of a FUSE filesystem fail, kind by kind.
func TestRemoteFails(t *testing.T) {
	onModes(t, func(t *testing.T, mode string) {
		site := harness.NewSite(t)
		r, server, directories := beside(t, mode, site)
		for _, kind := range []string{"open", "read", "flush", "lookup"} {
			t.Run(kind, func(t *testing.T) {
				var paths []string
				for _, directory := range directories {
					paths = append(paths, directory+kind)
				}
				if kind != "lookup" {
					r.known(t, kind)
				}
				r.fail(kind)
				for f := range untilAll(r.fetchAll(server.Address, paths), len(paths)) {
					switch {
					case kind == "flush" && f.whole && f.status == http.StatusOK: // nothing was written
					case kind == "read" && f.err != nil: // after the header
					case (kind == "open" || kind == "lookup") && (f.status == http.StatusInternalServerError || mode == "dropin" && f.status == http.StatusNotFound):
					default:
						t.Errorf("%s: status %d, whole %v, %v", f.path, f.status, f.whole, f.err)
					}
				}
				hot(server, mode, site).Check(t, false)
				r.heal()
				for f := range untilAll(r.fetchAll(server.Address, paths), len(paths)) {
					if !f.whole || f.status != http.StatusOK {
						t.Errorf("%s, healed: status %d, whole %v, %v", f.path, f.status, f.whole, f.err)
					}
				}
			})
		}
		wantQuiet(t, server, mode)
		stop(t, server)
	})
}

// TestRemoteHangsAtTheEnd ends the server while somebody does not respond for its files, before the process is killed.
func TestRemoteHangsAtTheEnd(t *testing.T) {
	site := harness.NewSite(t)
	r, server, directories := beside(t, "serve", site)
	r.cares = true
	var paths []string
	for i, directory := range directories {
		name := fmt.Sprint("end", i)
		r.known(t, name)
		paths = append(paths, directory+name)
	}
	r.hang("open")
	results := r.fetchAll(server.Address, paths)
	harness.Eventually(t, 20*time.Second, "the calls hang", func() error {
		if n := r.hanging("open"); n < len(paths) {
			return harness.Errorf("%d of %d", n, len(paths))
		}
		return nil
	})
	stop(t, server)
	r.heal()
	for range untilAll(results, len(paths)) {
	}
}

// untilAll yields count results.
func untilAll(results chan fetched, count int) func(func(fetched) bool) {
	return func(yield func(fetched) bool) {
		for range count {
			if !yield(<-results) {
				return
			}
		}
	}
}
