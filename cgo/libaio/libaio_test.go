package libaio

// White-box: the tests reach for the bare cgo calls (ioSetup, submit, reap) to drive counts and
// states that the exported methods rule out.

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const pageBytes = 4096

// mustSetup makes a context that is closed, and checked for leaks, at the end of the test.
func mustSetup(t testing.TB, slots int) *Context {
	t.Helper()
	c, err := Setup(slots)
	if err != nil {
		t.Fatal(err)
	}
	if c.Slots() != slots {
		t.Logf("asked for %d slots, got %d", slots, c.Slots())
	}
	t.Cleanup(func() {
		if c.raw == nil {
			return
		}
		if late, err := c.Close(); err != nil || len(late) != 0 {
			t.Errorf("Close at the end of the test: %d late completions, error %v", len(late), err)
		}
	})
	return c
}

// mustMap returns zeroed, page-aligned memory outside the Go heap.
func mustMap(t testing.TB, size int) []byte {
	t.Helper()
	return mustMapProt(t, size, unix.PROT_READ|unix.PROT_WRITE)
}

func mustMapProt(t testing.TB, size, prot int) []byte {
	t.Helper()
	mem, err := unix.Mmap(-1, 0, size, prot, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal("mmap:", err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(mem); err != nil {
			t.Error("munmap:", err)
		}
	})
	return mem
}

func addr(mem []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(mem)) }

// mustFile writes a file of random bytes to the disk and returns its path and contents.
func mustFile(t testing.TB, size int) (path string, want []byte) {
	t.Helper()
	want = make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(want)
	path = filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path, want
}

// mustOpen opens the file to read, with further flags. It skips the test where the filesystem
// refuses O_DIRECT.
func mustOpen(t testing.TB, path string, flags int) int32 {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|flags, 0)
	if err == unix.EINVAL && flags&unix.O_DIRECT != 0 {
		t.Skip("the filesystem of the temporary directory has no O_DIRECT (set TMPDIR to another)")
	}
	if err != nil {
		t.Fatal("open:", err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return int32(fd)
}

// mustEvict takes the file out of the page cache.
func mustEvict(t testing.TB, fd int32) {
	t.Helper()
	if err := unix.Fadvise(int(fd), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal("fadvise:", err)
	}
}

// readable reports whether the descriptor becomes readable within the time.
func readable(t testing.TB, fd int, timeout time.Duration) bool {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, int(timeout.Milliseconds()))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatal("poll:", err)
		}
		return n == 1
	}
}

// mustSubmit submits all of the reads or fails the test.
func mustSubmit(t testing.TB, c *Context, reads ...Read) {
	t.Helper()
	if n, errno := c.Submit(reads); n != len(reads) || errno != 0 {
		t.Fatalf("Submit of %d reads accepted %d, errno %d (%v)", len(reads), n, int(errno), errno)
	}
}

// mustReap waits for count completions, the way the event loop does.
func mustReap(t testing.TB, c *Context, count int) []Done {
	t.Helper()
	done := make([]Done, count)
	for got := 0; got < count; {
		if !readable(t, c.EventFD(), 10*time.Second) {
			t.Fatalf("%d of %d completions after ten seconds", got, count)
		}
		n := c.Reap(done[got:])
		if n == 0 {
			t.Fatal("the eventfd was readable and nothing could be reaped")
		}
		got += n
	}
	return done
}

// mustOne submits one read and returns its result.
func mustOne(t testing.TB, c *Context, read Read) int64 {
	t.Helper()
	mustSubmit(t, c, read)
	done := mustReap(t, c, 1)
	if done[0].Token != read.Token {
		t.Fatalf("token %d came back as %d", read.Token, done[0].Token)
	}
	return done[0].Result
}

func TestReadFile(t *testing.T) {
	path, want := mustFile(t, 3*pageBytes+17)
	for _, tt := range []struct {
		name  string
		flags int
	}{{"buffered", 0}, {"direct", unix.O_DIRECT}} {
		t.Run(tt.name, func(t *testing.T) {
			fd := mustOpen(t, path, tt.flags)
			c := mustSetup(t, 8)
			mem := mustMap(t, 4*pageBytes)
			got := mustOne(t, c, Read{FD: fd, Len: 4 * pageBytes, Buf: addr(mem), Token: 7})
			if got != int64(len(want)) {
				t.Fatalf("result %d, want the file's size %d", got, len(want))
			}
			if !bytes.Equal(mem[:got], want) {
				t.Error("the bytes differ from the file's")
			}
		})
	}
}

func TestOddSizes(t *testing.T) {
	const size = 3 * pageBytes
	path, want := mustFile(t, size)
	fd := mustOpen(t, path, 0)
	c := mustSetup(t, 8)
	mem := mustMap(t, 4*pageBytes)
	for _, length := range []int{0, 1, 2, 511, 512, 513, 4095, 4096, 4097, size - 1, size} {
		for _, offset := range []int{0, 1, 511, 513, 4095, 4097, size - 1, size, size + 5} {
			clear(mem)
			// The buffer starts at an odd address, and the byte after it must stay as it is.
			got := mustOne(t, c, Read{
				FD: fd, Offset: int64(offset), Len: uint32(length), Buf: addr(mem[3:]), Token: 1,
			})
			expected := max(0, min(length, size-offset))
			if got != int64(expected) {
				t.Fatalf("%d bytes at %d: result %d, want %d", length, offset, got, expected)
			}
			if expected > 0 && !bytes.Equal(mem[3:3+expected], want[offset:offset+expected]) {
				t.Fatalf("%d bytes at %d: the bytes differ", length, offset)
			}
			if mem[2] != 0 || mem[3+expected] != 0 {
				t.Fatalf("%d bytes at %d: written outside of the buffer", length, offset)
			}
		}
	}
}

func TestFileEnd(t *testing.T) {
	const size = 2*pageBytes + 100
	path, want := mustFile(t, size)
	for _, tt := range []struct {
		name   string
		flags  int
		offset int64
		result int64
	}{
		{"buffered, across the end", 0, 2 * pageBytes, 100},
		{"buffered, at the end", 0, size, 0},
		{"buffered, beyond the end", 0, 100 * pageBytes, 0},
		{"direct, across the end", unix.O_DIRECT, 2 * pageBytes, 100},
		{"direct, beyond the end", unix.O_DIRECT, 3 * pageBytes, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fd := mustOpen(t, path, tt.flags)
			c := mustSetup(t, 8)
			mem := mustMap(t, pageBytes)
			got := mustOne(t, c, Read{FD: fd, Offset: tt.offset, Len: pageBytes, Buf: addr(mem)})
			if got != tt.result {
				t.Fatalf("result %d, want %d", got, tt.result)
			}
			if got > 0 && !bytes.Equal(mem[:got], want[tt.offset:tt.offset+got]) {
				t.Error("the bytes differ")
			}
		})
	}
}

// TestFailedReads covers what is accepted and then completes with an error.
func TestFailedReads(t *testing.T) {
	path, _ := mustFile(t, 4*pageBytes)
	mem := mustMap(t, 2*pageBytes)
	hole := mustMapProt(t, pageBytes, unix.PROT_NONE)
	constant := mustMapProt(t, pageBytes, unix.PROT_READ)
	for _, tt := range []struct {
		name  string
		flags int
		read  Read
		errno syscall.Errno
	}{
		{
			"buffered, memory without access", 0,
			Read{Len: pageBytes, Buf: addr(hole)},
			syscall.EFAULT,
		},
		{
			"buffered, read-only memory", 0,
			Read{Len: pageBytes, Buf: addr(constant)},
			syscall.EFAULT,
		},
		{
			"direct, memory without access", unix.O_DIRECT,
			Read{Len: pageBytes, Buf: addr(hole)},
			syscall.EFAULT,
		},
		{
			"direct, read-only memory", unix.O_DIRECT,
			Read{Len: pageBytes, Buf: addr(constant)},
			syscall.EFAULT,
		},
		{
			"direct, odd address", unix.O_DIRECT,
			Read{Len: pageBytes, Buf: addr(mem[1:])},
			syscall.EINVAL,
		},
		{
			"direct, odd offset", unix.O_DIRECT,
			Read{Offset: 1, Len: pageBytes, Buf: addr(mem)},
			syscall.EINVAL,
		},
		{
			"direct, odd length", unix.O_DIRECT,
			Read{Len: pageBytes - 1, Buf: addr(mem)},
			syscall.EINVAL,
		},
		{"a directory", unix.O_DIRECTORY, Read{Len: pageBytes, Buf: addr(mem)}, syscall.EISDIR},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := path
			if tt.flags == unix.O_DIRECTORY {
				name = filepath.Dir(path)
			}
			tt.read.FD = mustOpen(t, name, tt.flags)
			c := mustSetup(t, 8)
			n, errno := c.Submit([]Read{tt.read})
			if n == 1 {
				errno = syscall.Errno(-mustReap(t, c, 1)[0].Result)
			}
			t.Logf("accepted %d, then %v", n, errno)
			// A directory is refused as EINVAL where the filesystem gives it no way to read at all.
			if errno != tt.errno && !(tt.errno == syscall.EISDIR && errno == syscall.EINVAL) {
				t.Errorf("%v, want %v", errno, tt.errno)
			}
		})
	}
}

// TestRefusedReads covers what the kernel refuses at submission, in the middle of a batch.
func TestRefusedReads(t *testing.T) {
	path, want := mustFile(t, pageBytes)
	fd := mustOpen(t, path, 0)
	mem := mustMap(t, 4*pageBytes)
	writeOnly, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(writeOnly) }()
	for _, tt := range []struct {
		name  string
		bad   Read
		errno syscall.Errno
	}{
		{"no descriptor", Read{FD: -1, Len: 16, Buf: addr(mem)}, syscall.EBADF},
		{"closed descriptor", Read{FD: 1 << 20, Len: 16, Buf: addr(mem)}, syscall.EBADF},
		{"descriptor to write", Read{FD: int32(writeOnly), Len: 16, Buf: addr(mem)}, syscall.EBADF},
		{"negative offset", Read{FD: fd, Offset: -1, Len: 16, Buf: addr(mem)}, syscall.EINVAL},
		{"kernel address", Read{FD: fd, Len: 16, Buf: kernelAddress()}, syscall.EFAULT},
		{"unknown flag", Read{FD: fd, Flags: 1 << 31, Len: 16, Buf: addr(mem)}, syscall.EOPNOTSUPP},
	} {
		for position := range 4 {
			t.Run(tt.name, func(t *testing.T) {
				c := mustSetup(t, 8)
				clear(mem)
				reads := make([]Read, 4)
				for i := range reads {
					reads[i] = Read{FD: fd, Len: pageBytes, Buf: addr(mem[i*pageBytes:]), Token: uint64(i)}
				}
				tt.bad.Token = uint64(position)
				reads[position] = tt.bad

				n, errno := c.Submit(reads)
				if n == position+1 && errno == 0 || n == len(reads) {
					// Accepted after all: then it must complete with the error.
					t.Fatalf("accepted %d of %d, want a refusal of the one at %d", n, len(reads), position)
				}
				if n != position || errno != tt.errno {
					t.Fatalf("accepted %d, %v; want %d, %v", n, errno, position, tt.errno)
				}
				mustSubmit(t, c, reads[position+1:]...)
				for _, done := range mustReap(t, c, len(reads)-1) {
					if done.Token == uint64(position) {
						t.Fatal("the refused read completed")
					}
					page := mem[done.Token*pageBytes:][:pageBytes]
					if done.Result != pageBytes || !bytes.Equal(page, want) {
						t.Errorf("read %d: result %d, or bytes that differ", done.Token, done.Result)
					}
				}
			})
		}
	}
}

// kernelAddress returns an address that no process may name.
func kernelAddress() unsafe.Pointer {
	bits := ^uintptr(0) &^ (pageBytes - 1)
	return *(*unsafe.Pointer)(unsafe.Pointer(&bits))
}

func TestPartialSubmission(t *testing.T) {
	path, want := mustFile(t, pageBytes)
	fd := mustOpen(t, path, 0)
	c := mustSetup(t, 8)
	slots := c.Slots()
	mem := mustMap(t, 3*slots*pageBytes)
	reads := make([]Read, 3*slots)
	for i := range reads {
		reads[i] = Read{FD: fd, Len: pageBytes, Buf: addr(mem[i*pageBytes:]), Token: uint64(i)}
	}
	next := uint64(0)
	for backlog := reads; len(backlog) > 0; {
		n, errno := c.Submit(backlog)
		if n != min(slots, len(backlog)) {
			t.Fatalf("accepted %d of %d with %d slots", n, len(backlog), slots)
		}
		if n < len(backlog) && errno != syscall.EAGAIN {
			t.Fatalf("the rest was left behind with errno %v, want EAGAIN", errno)
		}
		if c.InFlight() != n || c.Free() != slots-n {
			t.Fatalf("%d in flight and %d free after %d of %d", c.InFlight(), c.Free(), n, slots)
		}
		if n < len(backlog) {
			if more, errno := c.Submit(backlog[n : n+1]); more != 0 || errno != syscall.EAGAIN {
				t.Fatalf("a full context accepted %d more, errno %v", more, errno)
			}
		}
		backlog = backlog[n:]
		for _, done := range mustReap(t, c, n) {
			if done.Token != next { // buffered reads complete in the order of their submission
				t.Fatalf("token %d, want %d", done.Token, next)
			}
			next++
		}
	}
	for i := range reads {
		if !bytes.Equal(mem[i*pageBytes:][:pageBytes], want) {
			t.Fatalf("read %d: the bytes differ", i)
		}
	}
}

func TestReapIntoLittleRoom(t *testing.T) {
	path, _ := mustFile(t, pageBytes)
	fd := mustOpen(t, path, 0)
	c := mustSetup(t, 8)
	mem := mustMap(t, pageBytes)
	for i := range 7 {
		mustSubmit(t, c, Read{FD: fd, Len: 1, Buf: addr(mem), Token: uint64(i)})
	}
	var out [3]Done
	for round, want := range []int{3, 3, 1, 0} {
		if n := c.Reap(out[:]); n != want {
			t.Fatalf("round %d: reaped %d, want %d", round, n, want)
		}
		for i := range want {
			if out[i].Token != uint64(3*round+i) {
				t.Errorf("round %d: token %d at %d", round, out[i].Token, i)
			}
		}
	}
	if n := c.Reap(nil); n != 0 {
		t.Errorf("reaped %d into nothing", n)
	}
}

// TestCounts drives the cgo calls with counts that the methods never pass on.
func TestCounts(t *testing.T) {
	c := mustSetup(t, 8)
	if n, errno := c.Submit(nil); n != 0 || errno != 0 {
		t.Errorf("Submit of nothing: %d, %v", n, errno)
	}
	if n, errno := c.submit(nil, nil, 0); n != 0 || errno != 0 {
		t.Errorf("io_submit of 0: %d, %v", n, errno)
	}
	if n, errno := c.submit(nil, nil, -1); n != 0 || errno != syscall.EINVAL {
		t.Errorf("io_submit of -1: %d, %v; want EINVAL", n, errno)
	}
	if n := c.reap(false, 0); n != 0 {
		t.Errorf("io_getevents of 0: %d", n)
	}

	path, _ := mustFile(t, 1)
	fd := mustOpen(t, path, 0)
	mem := mustMap(t, pageBytes)
	mustSubmit(t, c, Read{FD: fd, Len: 1, Buf: addr(mem)})
	// libaio answers from user space while the ring is empty, so this needs a completion to be there.
	if n := c.reap(false, -1); n != -int(syscall.EINVAL) {
		t.Errorf("io_getevents of -1: %d, want -EINVAL", n)
	}
	if n := c.reap(false, 0); n != 0 {
		t.Errorf("io_getevents of 0 with a completion waiting: %d", n)
	}
	mustReap(t, c, 1)
}

func TestEventFD(t *testing.T) {
	path, _ := mustFile(t, pageBytes)
	fd := mustOpen(t, path, 0)
	c := mustSetup(t, 16)
	mem := mustMap(t, pageBytes)
	flags, err := unix.FcntlInt(uintptr(c.EventFD()), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("the eventfd has flags %#x, error %v; want O_NONBLOCK", flags, err)
	}
	flags, err = unix.FcntlInt(uintptr(c.EventFD()), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("the eventfd has descriptor flags %#x, error %v; want FD_CLOEXEC", flags, err)
	}
	if readable(t, c.EventFD(), 0) {
		t.Error("readable before the first submission")
	}

	// One count per completion.
	for i := range 5 {
		mustSubmit(t, c, Read{FD: fd, Len: 1, Buf: addr(mem), Token: uint64(i)})
	}
	var counter [8]byte
	if _, err := unix.Read(c.EventFD(), counter[:]); err != nil || counter[0] != 5 {
		t.Errorf("the eventfd counted %d after five completions, error %v", counter[0], err)
	}

	// Nobody is notified of them any more, but they are all there.
	if readable(t, c.EventFD(), 0) {
		t.Error("readable after its counter was read")
	}
	out := make([]Done, c.Slots())
	if n := c.Reap(out); n != 5 {
		t.Errorf("reaped %d, want 5", n)
	}

	// ReapQuick leaves it readable, and Reap then clears it though nothing is there.
	mustSubmit(t, c, Read{FD: fd, Len: 1, Buf: addr(mem)})
	if n := c.ReapQuick(out); n != 1 || !readable(t, c.EventFD(), 0) {
		t.Errorf("ReapQuick took %d, want 1, and an eventfd that stays readable", n)
	}
	if n := c.Reap(out); n != 0 || readable(t, c.EventFD(), 0) {
		t.Errorf("Reap took %d, want 0, and an eventfd that is clear", n)
	}
}

// TestReadableMeansReapable submits slow reads and looks at each wake-up.
func TestReadableMeansReapable(t *testing.T) {
	const size = 1 << 20
	path, _ := mustFile(t, 16*size)
	fd := mustOpen(t, path, unix.O_DIRECT)
	c := mustSetup(t, 16)
	mem := mustMap(t, 16*size)
	for i := range 16 {
		at := i * size
		mustSubmit(t, c, Read{FD: fd, Offset: int64(at), Len: size, Buf: addr(mem[at:]), Token: uint64(i)})
	}
	full, empty := 0, 0
	out := make([]Done, c.Slots())
	for c.InFlight() > 0 {
		if !readable(t, c.EventFD(), 10*time.Second) {
			t.Fatalf("%d reads still in flight after ten seconds", c.InFlight())
		}
		if c.Reap(out) > 0 {
			full++
		} else {
			empty++ // a Reap before has taken what completed after it had made the eventfd unreadable
		}
		if empty > full {
			t.Fatal("readable, but nothing could be reaped")
		}
	}
	t.Logf("16 reads of 1 MiB, %d wake-ups, %d of them for nothing", full+empty, empty)
}

// TestNoWait shows the read methods's first read method: nothing waits for the disk with NoWait.
func TestNoWait(t *testing.T) {
	path, want := mustFile(t, 16*pageBytes)
	fd := mustOpen(t, path, 0)
	c := mustSetup(t, 8)
	mem := mustMap(t, 16*pageBytes)
	read := Read{FD: fd, Flags: NoWait, Len: 16 * pageBytes, Buf: addr(mem), Token: 3}
	n, errno := c.Submit([]Read{read})
	if n == 0 && errno == syscall.EOPNOTSUPP {
		t.Skip("the filesystem of the temporary directory has no RWF_NOWAIT")
	}
	if n != 1 {
		t.Fatalf("accepted %d, %v", n, errno)
	}
	if got := mustReap(t, c, 1)[0].Result; got != int64(len(want)) || !bytes.Equal(mem, want) {
		t.Fatalf("in memory: result %d, want %d, and the bytes of the file", got, len(want))
	}

	if err := unix.Fadvise(int(fd), 0, 0, unix.FADV_RANDOM); err != nil { // no read-ahead
		t.Fatal(err)
	}
	mustEvict(t, fd)
	if got := mustOne(t, c, read); got != -int64(syscall.EAGAIN) {
		if got == int64(len(want)) {
			t.Skip("the filesystem of the temporary directory keeps its files in memory")
		}
		t.Fatalf("not in memory: result %d, want -EAGAIN", got)
	}

	// The refusal has a side effect that the read methods may count on (seen on Linux 6.18; not in any
	// manual): it starts to read ahead what was asked for, so that later attempts find it.
	var got int64
	deadline := time.Now().Add(time.Second)
	for got != int64(len(want)) && time.Now().Before(deadline) {
		got = mustOne(t, c, read)
		if got != -int64(syscall.EAGAIN) && (got <= 0 || got%pageBytes != 0) {
			t.Fatalf("on its way into memory: result %d, want -EAGAIN or a count of pages", got)
		}
	}
	t.Logf("one second or less after -EAGAIN and with no other read: result %d", got)
}

// TestTokens keeps slots busy in every order and looks that each token finds its own way home.
func TestTokens(t *testing.T) {
	path, want := mustFile(t, 64)
	fd := mustOpen(t, path, 0)
	c := mustSetup(t, 32)
	slots := c.Slots()
	mem := mustMap(t, pageBytes)
	random := rand.New(rand.NewPCG(1, 2))
	live := map[uint64]bool{}
	generations := make([]uint64, slots)
	token := ^uint64(0) // all 64 bits come back
	out := make([]Done, slots)
	for range 2000 {
		for range random.IntN(c.Free() + 1) {
			at := random.IntN(64)
			mustSubmit(t, c, Read{FD: fd, Offset: int64(at), Len: 1, Buf: addr(mem[at:]), Token: token})
			live[token] = true
			token--
		}
		for _, done := range out[:c.ReapQuick(out[:random.IntN(slots+1)])] {
			if !live[done.Token] {
				t.Fatalf("token %d completed twice, or never was", done.Token)
			}
			delete(live, done.Token)
			if done.Result != 1 {
				t.Fatalf("result %d", done.Result)
			}
		}
		odd := 0
		for i := range c.slots {
			if c.slots[i].generation < generations[i] {
				t.Fatalf("generation of slot %d went from %d to %d", i, generations[i], c.slots[i].generation)
			}
			generations[i] = c.slots[i].generation
			odd += int(c.slots[i].generation & 1)
		}
		if odd != c.InFlight() || odd != len(live) {
			t.Fatalf("%d odd generations, %d in flight, %d tokens out", odd, c.InFlight(), len(live))
		}
	}
	late, err := c.Close()
	if err != nil || len(late) != len(live) {
		t.Errorf("Close returned %d completions, error %v; want %d", len(late), err, len(live))
	}
	for _, b := range want { // every byte was read many times over
		if !bytes.Contains(mem[:64], []byte{b}) {
			t.Error("a byte was never read")
		}
	}
}

// TestDoubleCompletion forges a completion that was reaped already.
func TestDoubleCompletion(t *testing.T) {
	path, _ := mustFile(t, 1)
	fd := mustOpen(t, path, 0)
	c := mustSetup(t, 8)
	mem := mustMap(t, pageBytes)
	mustSubmit(t, c, Read{FD: fd, Len: 1, Buf: addr(mem)})
	mustReap(t, c, 1)
	mustPanic(t, "libaio: second completion of one read", func() {
		c.collect(make([]Done, 1), 1) // c.events still holds the event
	})
	forged := c.events[0]
	c.slots[1].generation++
	forged.data = c.slots[1].handle
	c.events[0] = forged
	mustPanic(t, "libaio: completion with another slot's iocb", func() {
		c.collect(make([]Done, 1), 1)
	})
	c.slots[1].generation++
	c.events[0].data = nil
	mustPanic(t, "libaio: completion with an unknown handle", func() {
		c.collect(make([]Done, 1), 1)
	})
	mustPanic(t, "libaio: io_getevents refused a valid context", func() {
		c.collect(nil, -1)
	})
}

func mustPanic(t *testing.T, message string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := recover(); got != message {
			t.Errorf("panic %v, want %q", got, message)
		}
	}()
	f()
}

// TestGoMemoryIsRefused shows that the builds made to find mistakes find this one.
func TestGoMemoryIsRefused(t *testing.T) {
	if !verifying {
		t.Skip("this build does not check buffers (it takes -race, -asan or GOEXPERIMENT=cgocheck2)")
	}
	path, _ := mustFile(t, pageBytes)
	fd := mustOpen(t, path, 0)
	c := mustSetup(t, 8)
	mem := new([pageBytes]byte)
	defer func() {
		if recover() == nil {
			t.Error("a buffer in the Go heap was accepted")
		}
		if c.InFlight() != 0 {
			t.Error("it is even in flight")
		}
	}()
	_, _ = c.Submit([]Read{{FD: fd, Len: pageBytes, Buf: unsafe.Pointer(mem)}})
}
