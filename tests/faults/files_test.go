package faults

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// stamped returns contents of which every 16 bytes say to which version of the file they belong, and where.
func stamped(version uint64, size int) []byte {
	content := make([]byte, (size+15)/16*16)
	for at := 0; at < len(content); at += 16 {
		binary.LittleEndian.PutUint64(content[at:], version)
		binary.LittleEndian.PutUint64(content[at+8:], uint64(at)^0xa5a5a5a5a5a5a5a5)
	}
	return content[:size]
}

// changing is a file that a test changes while it is sent.
type changing struct {
	name   string
	change func(path string, size int64) error
	cut    int64 // where the file ends afterwards; 0: the transfer is to be completed
}

var changes = []changing{
	{name: "replaced", change: func(path string, size int64) error {
		if err := os.WriteFile(path+".new", stamped(2, int(size)), 0o644); err != nil {
			return err
		}
		return os.Rename(path+".new", path)
	}},
	{name: "deleted", change: func(path string, _ int64) error { return os.Remove(path) }},
	{name: "grown", change: func(path string, _ int64) error {
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = file.Write(stamped(3, 4<<20))
		return errors.Join(err, file.Close())
	}},
	{name: "truncated at a page", cut: 1 << 20, change: func(path string, _ int64) error { return os.Truncate(path, 1<<20) }},
	{name: "truncated within a page", cut: 1<<20 + 123, change: func(path string, _ int64) error {
		return os.Truncate(path, 1<<20+123)
	}},
	{name: "truncated at its beginning", cut: 1, change: func(path string, _ int64) error { return os.Truncate(path, 1) }},
	{name: "truncated by a byte", cut: changingSize - 1, change: func(path string, size int64) error {
		return os.Truncate(path, size-1)
	}},
	// It is cut to nothing first. What it has then is the same as before, so that a mixture of both is right.
	{name: "replaced by a shorter one, in place", cut: 1, change: func(path string, _ int64) error {
		return os.WriteFile(path, stamped(1, 1<<20), 0o644)
	}},
}

// changingSize is more than the sockets' buffers and a window of either mode hold together.
const changingSize = 24 << 20

// TestFilesChange changes files after their first bytes have arrived. What is promised comes in full from
// the file as it was opened; a file that has become shorter ends in a reset, and what came before it is
// of that file, or, of a static one, zeros behind its new end, which are the kernel's: it clears the
// pages that wait in the socket.
func TestFilesChange(t *testing.T) {
	onModes(t, func(t *testing.T, mode string) {
		root := t.TempDir()
		for _, directory := range []string{"static", "dynamic"} {
			harness.WriteFile(t, filepath.Join(root, directory, "small"), []byte("small"))
		}
		server := start(t, mode, root, harness.Options{})
		for _, directory := range []string{"static", "dynamic"} {
			for i, c := range changes {
				t.Run(directory+"/"+c.name, func(t *testing.T) {
					name := fmt.Sprintf("%s/file%d", directory, i)
					path := filepath.Join(root, name)
					old := stamped(1, changingSize)
					harness.WriteFile(t, path, old)
					changeWhileSent(t, server, name, path, old, directory == "static", c)
				})
			}
		}
		wantQuiet(t, server, mode)
		output := stop(t, server)
		t.Logf("truncated: %d, resets: %d", counter(t, output, "truncated"), counter(t, output, "resets"))
	})
}

func changeWhileSent(t *testing.T, server *harness.Server, name, path string, old []byte, static bool, c changing) {
	t.Helper()
	conn, err := dial(server.Address, "", 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", name); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != 200 || response.ContentLength != int64(len(old)) {
		t.Fatalf("%s, %d bytes", response.Status, response.ContentLength)
	}
	got := make([]byte, len(old))
	const first = 32 << 10
	if _, err := io.ReadFull(response.Body, got[:first]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // for the sockets to fill; less is as right, only less of a test
	if err := c.change(path, int64(len(old))); err != nil {
		t.Fatal(err)
	}
	n, err := io.ReadFull(response.Body, got[first:])
	n += first
	if c.cut == 0 {
		if err != nil || !bytes.Equal(got, old) {
			t.Errorf("%d bytes of %d, %v; equal: %v", n, len(old), err, bytes.Equal(got[:n], old[:n]))
		}
		return
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after %d bytes of %d: %v; it should be a reset", n, len(old), err)
	}
	zeros := 0
	for at := range n {
		switch {
		case got[at] == old[at]:
		case got[at] == 0 && static && int64(at) >= c.cut:
			zeros++
		default:
			t.Fatalf("byte %d is %#x and not %#x; the file ends at %d now", at, got[at], old[at], c.cut)
		}
	}
	t.Logf("cut at %d: %d bytes arrived, %d of them zeros behind the end", c.cut, n, zeros)
}

// TestFilesChurn replaces files, by renaming and by deleting and making them again, as fast as it can
// while clients fetch them: each response is one version as a whole.
func TestFilesChurn(t *testing.T) {
	onModes(t, func(t *testing.T, mode string) {
		root := t.TempDir()
		var names []string
		for i := range 6 {
			for _, directory := range []string{"static", "dynamic"} {
				name := fmt.Sprintf("%s/churn%d", directory, i)
				names = append(names, name)
				harness.WriteFile(t, filepath.Join(root, name), stamped(1, sizeOf(1)))
			}
		}
		server := start(t, mode, root, harness.Options{})
		var over atomic.Bool
		var responses, absent, versions atomic.Int64
		var group sync.WaitGroup
		group.Go(func() {
			random := rand.New(rand.NewPCG(1, 1))
			for version := uint64(2); !over.Load(); version++ {
				path := filepath.Join(root, names[random.IntN(len(names))])
				if err := os.WriteFile(path+".new", stamped(version, sizeOf(version)), 0o644); err != nil {
					t.Error(err)
					return
				}
				if version%8 == 0 {
					_ = os.Remove(path)
				}
				if err := os.Rename(path+".new", path); err != nil {
					t.Error(err)
					return
				}
				versions.Add(1)
				time.Sleep(time.Millisecond)
			}
		})
		for i := range 6 {
			group.Go(func() {
				random := rand.New(rand.NewPCG(2, uint64(i)))
				for !over.Load() {
					name := names[random.IntN(len(names))]
					switch found, err := oneVersion(server.Address, name); {
					case err != nil:
						t.Errorf("%s: %v", name, err)
						return
					case found:
						responses.Add(1)
					default:
						absent.Add(1)
					}
				}
			})
		}
		time.Sleep(3 * time.Second)
		over.Store(true)
		group.Wait()
		t.Logf("%d versions, %d responses of one version each, %d times not found", versions.Load(), responses.Load(), absent.Load())
		if responses.Load() == 0 {
			t.Error("nothing was answered")
		}
		wantQuiet(t, server, mode)
		stop(t, server)
	})
}

// sizeOf returns the size that a version of a file has, so that no two neighbours have the same.
func sizeOf(version uint64) int { return 16 * (100 + int(version*7919%40_000)) }

// oneVersion fetches a file and checks that it is one version of it.
func oneVersion(address, name string) (bool, error) {
	conn, err := dial(address, "", 0)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", name); err != nil {
		return false, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return false, err
	}
	if response.StatusCode == 404 {
		return false, nil
	}
	if response.StatusCode != 200 || len(body) < 16 {
		return false, fmt.Errorf("%s, %d bytes", response.Status, len(body))
	}
	version := binary.LittleEndian.Uint64(body)
	if !bytes.Equal(body, stamped(version, sizeOf(version))) {
		return false, fmt.Errorf("%d bytes that are not version %d, which has %d", len(body), version, sizeOf(version))
	}
	return true, nil
}
