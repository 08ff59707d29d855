package kernel

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPrefetch brings parts of a file into memory, where /dev/null is and where it is not, and nothing else of it.
func TestPrefetch(t *testing.T) {
	page := int64(os.Getpagesize())
	size := 4*prefetchPieceBytes + 100
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	fd := int32(file.Fd())
	k, _, err := NewLinux(Config{EventsMax: 8, WorkersMax: 1, JobsMax: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	without := &workerThreads{null: -1}
	for _, test := range []struct {
		name          string
		workerThreads *workerThreads
		offset, n     int64
		want          int64
	}{
		{"a chunk", k.help, 0, prefetchPieceBytes, prefetchPieceBytes},
		{"several pieces", k.help, page, 3 * prefetchPieceBytes, 3 * prefetchPieceBytes},
		{"beyond the end", k.help, 4 * prefetchPieceBytes, 2 * prefetchPieceBytes, 100},
		{"a chunk, by reading", without, 0, prefetchPieceBytes, prefetchPieceBytes},
		{"several pieces, by reading", without, page, 3 * prefetchPieceBytes, 3 * prefetchPieceBytes},
		{"beyond the end, by reading", without, 4 * prefetchPieceBytes, 2 * prefetchPieceBytes, 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := file.Sync(); err != nil {
				t.Fatal(err)
			}
			if err := unix.Fadvise(int(fd), 0, 0, unix.FADV_DONTNEED); err != nil {
				t.Fatal(err)
			}
			if k.Probe(fd, test.offset, test.want) != ResidencyNone {
				t.Skip("the filesystem keeps its files in memory, or does not say what is there")
			}
			var scratch []byte
			got, class := test.workerThreads.prefetch(fd, test.offset, test.n, &scratch)
			if got != test.want || class != Done {
				t.Fatalf("%d, %v, want %d", got, class, test.want)
			}
			if is := k.Probe(fd, test.offset, test.want); is != ResidencyFull {
				t.Errorf("in memory: %v", is)
			}
			if read := scratch != nil; read != (test.workerThreads == without) {
				t.Errorf("the file was read: %v", read)
			}
		})
	}
	t.Run("an error", func(t *testing.T) {
		var scratch []byte
		for _, h := range []*workerThreads{k.help, without} {
			if got, class := h.prefetch(-1, 0, page, &scratch); got != -int64(unix.EBADF) || class == Done {
				t.Errorf("%d, %v, want EBADF", got, class)
			}
		}
	})
}

// TestWorkerThreadsBringProcessors has as many worker threads wait in system calls as there may be. All the processors that the
// Go scheduler had before are left to others, and afterwards it has no more of them than before.
func TestWorkerThreadsBringProcessors(t *testing.T) {
	const most = 2*processorStep + 3
	before := runtime.GOMAXPROCS(0)
	h, err := newWorkerThreads(4*most, 1, most) // so many are there for listings
	if err != nil {
		t.Fatal(err)
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	for range most {
		if !h.ask(&Job{Kind: JobFunc, Class: Absent, Func: func() { _, _ = unix.Read(pipe[0], make([]byte, 1)) }}) {
			t.Error("a job was refused")
		}
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if runtime.GOMAXPROCS(0) >= before+most {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("%d processors for %d worker threads, before them %d", runtime.GOMAXPROCS(0), most, before)
			break
		}
	}
	if err := unix.Close(pipe[1]); err != nil { // the worker threads read its end
		t.Error(err)
	}
	if err := h.close(); err != nil {
		t.Error(err)
	}
	if after := runtime.GOMAXPROCS(0); after != before {
		t.Errorf("%d processors, before %d", after, before)
	}
	if err := unix.Close(pipe[0]); err != nil {
		t.Error(err)
	}
}
