package confine

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws/tests/harness"

	"golang.org/x/sys/unix"
)

// TestSpecialFiles asks for what is not a regular file, and for files of /proc and /sys: each is 404 at once,
// and nobody else waits.
func TestSpecialFiles(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			root := newRoot(t)
			var paths []string
			for _, directory := range []string{"static", "dynamic"} {
				at := func(name string) string { return filepath.Join(root, directory, name) }
				if err := unix.Mkfifo(at("fifo"), 0o666); err != nil {
					t.Fatal(err)
				}
				listener, err := net.Listen("unix", at("socket"))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = listener.Close() }()
				harness.Symlink(t, "fifo", at("tofifo"))
				harness.Symlink(t, "loop2", at("loop"))
				harness.Symlink(t, "loop", at("loop2"))
				harness.Symlink(t, "/dev/tty", at("tty"))
				harness.Symlink(t, "/dev/zero", at("zerolink"))
				if err := os.Mkdir(at("directory"), 0o755); err != nil {
					t.Fatal(err)
				}
				harness.Symlink(t, "directory", at("tofolder"))
				names := []string{"fifo", "tofifo", "socket", "loop", "tty", "zerolink", "directory/", "tofolder/", "fifo/", "inside/", "inside/x"}
				if mode == "dropin" {
					names = append(names, "directory", "tofolder", "")
				}
				for name, device := range map[string]uint64{"zero": unix.Mkdev(1, 5), "random": unix.Mkdev(1, 8), "full": unix.Mkdev(1, 7), "ttydevice": unix.Mkdev(5, 0)} {
					if err := unix.Mknod(at(name), unix.S_IFCHR|0o666, int(device)); err == nil {
						names = append(names, name)
					}
				}
				if err := unix.Mknod(at("disk"), unix.S_IFBLK|0o666, int(unix.Mkdev(7, 200))); err == nil {
					names = append(names, "disk")
				}
				for _, name := range names {
					paths = append(paths, "/"+directory+"/"+name)
				}
			}
			server := start(t, mode, root, harness.Options{})
			wantNotFound(t, server, paths)
			t.Logf("%d special files, each asked for 20 times", len(paths))
			// They are still there, and the FIFO has not been opened for good.
			if output := server.Output(); strings.Contains(output, "panic") {
				t.Error(output)
			}
			if status := server.Stop(t); status != 0 {
				t.Errorf("status %d", status)
			}
		})
	}
}

// wantNotFound asks for each path several times, and for files of the root in between.
func wantNotFound(t *testing.T, server *harness.Server, paths []string) {
	t.Helper()
	for round := range 20 {
		for _, path := range paths {
			begin := time.Now()
			got := harness.Exchange(server.Address, harness.Request{
				Pieces:   [][]byte{[]byte("GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")},
				Patience: 20 * time.Second,
			})
			if got.Status != 404 {
				t.Errorf("%s: %v", path, got)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("%s took %v", path, took)
			}
		}
		if t.Failed() {
			return
		}
		if round == 0 {
			wantInside(t, server)
		}
	}
	wantInside(t, server)
}

// TestKernelFiles mounts /proc and /sys beneath the root. Their files look regular, but have no size, or
// a wrong one, and some of them would be waited for.
func TestKernelFiles(t *testing.T) {
	needRoot(t)
	unshare := harness.Tool(t, "unshare")
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			root := newRoot(t)
			var mounts []string
			var paths []string
			for _, directory := range []string{"static", "dynamic"} {
				for _, kind := range []string{"proc", "sysfs"} {
					at := filepath.Join(root, directory, kind)
					if err := os.Mkdir(at, 0o755); err != nil {
						t.Fatal(err)
					}
					mounts = append(mounts, fmt.Sprintf("mount -t %s %s '%s'", kind, kind, at))
				}
				for _, name := range []string{"proc/version", "proc/kmsg", "proc/self/environ", "proc/self/mem", "proc/1/status", "proc/self/maps", "proc/kcore", "proc/self/root/etc/passwd", "proc/self/cwd/static/inside", "proc/self/fd/0", "sysfs/kernel/mm/transparent_hugepage/enabled", "sysfs/kernel/uevent_seqnum", "sysfs/power/state"} {
					paths = append(paths, "/"+directory+"/"+name)
				}
			}
			server := start(t, mode, root, harness.Options{Wrap: []string{
				unshare, "--mount", "/bin/sh", "-c", strings.Join(mounts, " && ") + ` && exec "$0" "$@"`,
			}})
			wantNotFound(t, server, paths)
		})
	}
}
