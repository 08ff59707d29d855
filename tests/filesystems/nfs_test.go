package filesystems

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aws/tests/harness"
)

// network is between an NFS server and its client, and can be made to pass nothing on. The connections stay open, as with a server that hangs.
type network struct {
	net.Listener
	mu     sync.Mutex
	passes *sync.Cond
	hangs  bool
}

func newNetwork(t *testing.T, server string) *network {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{Listener: l}
	n.passes = sync.NewCond(&n.mu)
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go n.connect(client, server)
		}
	}()
	return n
}

func (n *network) connect(client net.Conn, server string) {
	defer func() { _ = client.Close() }()
	conn, err := net.Dial("tcp4", server)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	done := make(chan struct{}, 2)
	pass := func(to io.Writer, from io.Reader) {
		buffer := make([]byte, 64<<10)
		for {
			count, err := from.Read(buffer)
			n.mu.Lock()
			for n.hangs {
				n.passes.Wait()
			}
			n.mu.Unlock()
			if _, failed := to.Write(buffer[:count]); failed != nil || err != nil {
				break
			}
		}
		done <- struct{}{}
	}
	go pass(conn, client)
	go pass(client, conn)
	<-done
}

func (n *network) hang(hangs bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hangs = hangs
	n.passes.Broadcast()
}

// mountNFS mounts what the machine exports at a directory, over a network that can hang.
func mountNFS(t *testing.T, directory string) *network {
	t.Helper()
	n := newNetwork(t, "127.0.0.1:2049")
	_, port, err := net.SplitHostPort(n.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	mount := exec.Command("mount", "-t", "nfs", "-o", "nfsvers=4.2,hard,timeo=50,retrans=2,port="+port, "127.0.0.1:/", directory)
	if output, err := mount.CombinedOutput(); err != nil {
		t.Fatalf("mount: %v\n%s", err, output)
	}
	t.Cleanup(func() {
		n.hang(false)
		if err := unix.Unmount(directory, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return n
}

// TestNFSHangs lets an NFS server hang while clients request files of it. Requests for local files are served as before.
func TestNFSHangs(t *testing.T) {
	export := os.Getenv("VM_NFS")
	if export == "" {
		t.Skip("no directory is exported by NFS (VM_NFS): make vm has one")
	}
	const bytes = 100_001
	for _, mode := range []string{"dropin", "serve"} {
		t.Run(mode, func(t *testing.T) {
			site := harness.NewSite(t)
			directory := filepath.Join(site.Root, "static", "nfs")
			n := mountNFS(t, directory)
			served := []string{"static/nfs/"}
			var args []string
			if mode == "serve" {
				args = []string{
					"--static", "/s/=" + directory, "--dynamic", "/d/=" + directory, "--dynamic", "/dynamic/=" + filepath.Join(site.Root, "dynamic"),
					"--max-connections-per-ip", "0", "--drain-timeout", "2s",
				}
				served = append(served, "s/", "d/")
			} else {
				harness.Symlink(t, "../static/nfs", filepath.Join(site.Root, "dynamic", "nfs"))
				served = append(served, "dynamic/nfs/")
			}
			server := start(t, mode, site.Root, args...)
			hot := func() *harness.Loaded {
				l := load(server, mode, site, "static/small", "static/odd", "dynamic/small", "dynamic/odd")
				l.Clients, l.Pause = 2, time.Millisecond
				return l.RunFor(5 * time.Second)
			}
			before := hot()
			before.Check(t, false)
			t.Logf("NFS works: %v", before)
			for _, count := range []int{1, 40, 240} {
				results := make(chan error, count)
				name := func(i int) string { return fmt.Sprintf("%s-%d-%d", mode, count, i) }
				for i := range count {
					harness.WriteFile(t, filepath.Join(export, name(i)), harness.Content(bytes, uint64(i)))
				}
				n.hang(true)
				hung := time.Now()
				for i := range count {
					go func() {
						got, err := get(server.Address, served[i%len(served)]+name(i))
						if err == nil && !slices.Equal(got, harness.Content(bytes, uint64(i))) {
							err = errors.New("wrong bytes")
						}
						results <- err
					}()
				}
				time.Sleep(500 * time.Millisecond)
				during := hot()
				t.Logf("NFS hangs, %d requests wait: %v", count, during)
				during.Check(t, false)
				if during.Whole < before.Whole/4 {
					t.Errorf("%d responses while NFS hangs, %d before", during.Whole, before.Whole)
				}
				// A name that is not in the kernel's cache, and a file that is not in memory, need worker threads.
				if _, err := get(server.Address, fmt.Sprintf("static/none-%d", count)); err == nil || err.Error() != "404 Not Found" {
					t.Errorf("an absent local name: %v", err)
				}
				forget(t, site)
				if got, err := get(server.Address, "dynamic/large"); err != nil || !slices.Equal(got, site.Bytes["dynamic/large"]) {
					t.Errorf("a cold local file: %d bytes, %v", len(got), err)
				}
				if len(results) > 0 {
					t.Errorf("%d requests for NFS have ended: %v", len(results), <-results)
				}
				n.hang(false)
				passes := time.Now()
				for range count {
					if err := <-results; err != nil {
						t.Error(err)
					}
				}
				t.Logf("after %v the server passes again: all responses within %v", passes.Sub(hung).Round(time.Millisecond), time.Since(passes).Round(time.Millisecond))
			}
			stop(t, server)
		})
	}
}
