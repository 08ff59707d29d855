package libaio

import (
	"bytes"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestCloseInFlight closes a context whose reads the disk has not delivered yet.
func TestCloseInFlight(t *testing.T) {
	const size, count = 1 << 20, 64
	path, want := mustFile(t, size*count)
	fd := mustOpen(t, path, unix.O_DIRECT)
	c := mustSetup(t, count)
	mem := mustMap(t, size*count)
	reads := make([]Read, count)
	for i := range reads {
		at := i * size
		reads[i] = Read{FD: fd, Offset: int64(at), Len: size, Buf: addr(mem[at:]), Token: uint64(i)}
	}
	mustSubmit(t, c, reads...)
	var out [1]Done
	reaped := c.ReapQuick(out[:]) // at the most one of them, so that most are late
	late, err := c.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d reads were late", len(late), count)
	if len(late)+reaped != count {
		t.Fatalf("%d completions at Close and %d before, want %d", len(late), reaped, count)
	}
	seen := map[uint64]bool{}
	for _, done := range append(late, out[:reaped]...) {
		if done.Result != size || seen[done.Token] {
			t.Errorf("read %d: result %d, seen before: %v", done.Token, done.Result, seen[done.Token])
		}
		seen[done.Token] = true
	}
	// The memory is ours again: nothing writes to it any more, and it holds the file.
	if !bytes.Equal(mem, want) {
		t.Error("the bytes differ from the file's")
	}
}

// TestDestroyInFlight destroys the kernel's context under its reads, as Close does when it cannot
// reap: io_destroy has to wait for them itself.
func TestDestroyInFlight(t *testing.T) {
	const size, count = 1 << 20, 32
	path, want := mustFile(t, size*count)
	fd := mustOpen(t, path, unix.O_DIRECT)
	c, err := Setup(count)
	if err != nil {
		t.Fatal(err)
	}
	mem := mustMap(t, size*count)
	reads := make([]Read, count)
	for i := range reads {
		at := i * size
		reads[i] = Read{FD: fd, Offset: int64(at), Len: size, Buf: addr(mem[at:]), Token: uint64(i)}
	}
	mustSubmit(t, c, reads...)
	if err := c.release(); err != nil {
		t.Fatal(err)
	}
	got := bytes.Clone(mem)
	time.Sleep(20 * time.Millisecond)
	if !bytes.Equal(got, mem) {
		t.Error("the kernel still wrote after io_destroy")
	}
	whole := 0 // io_destroy may cancel what has not started
	for i := range count {
		if bytes.Equal(mem[i*size:][:size], want[i*size:][:size]) {
			whole++
		}
	}
	t.Logf("%d of %d reads were done", whole, count)
}

// TestAccounting repeats small batches and looks that nothing is ever lost or counted twice.
func TestAccounting(t *testing.T) {
	const repeats = 100_000
	path, want := mustFile(t, pageBytes)
	fd := mustOpen(t, path, 0)
	c := mustSetup(t, 64)
	slots := c.Slots()
	mem := mustMap(t, slots*64)
	random := rand.New(rand.NewPCG(3, 4))
	var sent, received, sumSent, sumReceived uint64
	reads := make([]Read, slots)
	out := make([]Done, slots)
	deadline := time.Now().Add(2 * time.Second)
	rounds := 0
	for ; rounds < repeats && (rounds%256 != 0 || time.Now().Before(deadline)); rounds++ {
		n := random.IntN(min(8, c.Free()+1))
		for i := range n {
			at := random.IntN(pageBytes - 64)
			sent++
			sumSent += sent
			reads[i] = Read{FD: fd, Offset: int64(at), Len: 64, Buf: addr(mem[i*64:]), Token: sent}
		}
		mustSubmit(t, c, reads[:n]...)
		for i := range n {
			if at := reads[i].Offset; !bytes.Equal(mem[i*64:][:64], want[at:at+64]) {
				t.Fatalf("round %d: read %d brought other bytes", rounds, i)
			}
		}
		room := out
		if rounds%3 == 0 {
			room = out[:random.IntN(slots)]
		}
		for _, done := range room[:c.Reap(room)] {
			received++
			sumReceived += done.Token
			if done.Result != 64 {
				t.Fatalf("round %d: result %d", rounds, done.Result)
			}
		}
		if uint64(c.InFlight()) != sent-received {
			t.Fatalf("round %d: %d in flight, %d sent, %d received", rounds, c.InFlight(), sent, received)
		}
	}
	late, err := c.Close()
	if err != nil {
		t.Fatal(err)
	}
	for _, done := range late {
		received++
		sumReceived += done.Token
	}
	if sent != received || sumSent != sumReceived {
		t.Errorf("%d sent with sum %d, %d received with sum %d", sent, sumSent, received, sumReceived)
	}
	t.Logf("%d rounds, %d reads", rounds, sent)
}

// TestNoLeaks sets up and closes contexts and counts what the machine and the process have open.
func TestNoLeaks(t *testing.T) {
	const rounds, slots = 20, 512 // io_destroy takes tens of milliseconds
	aioBefore, fdsBefore := mustCount(t, "/proc/sys/fs/aio-nr"), descriptors(t)
	for range rounds {
		c, err := Setup(slots)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// The first count is the machine's, where other programs come and go.
	if after := mustCount(t, "/proc/sys/fs/aio-nr"); after >= aioBefore+rounds*slots/2 {
		t.Errorf("fs.aio-nr went from %d to %d", aioBefore, after)
	}
	if after := descriptors(t); after != fdsBefore {
		t.Errorf("%d descriptors are open, %d were", after, fdsBefore)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestTwoContexts(t *testing.T) {
	path, want := mustFile(t, 64*pageBytes)
	var wg sync.WaitGroup
	for range 2 {
		fd := mustOpen(t, path, 0)
		c := mustSetup(t, 32)
		mem := mustMap(t, 32*pageBytes)
		wg.Go(func() {
			reads := make([]Read, 32)
			out := make([]Done, 32)
			for round := range 300 {
				for i := range reads {
					at := int64((round*7+i)%64) * pageBytes
					reads[i] = Read{FD: fd, Offset: at, Len: pageBytes, Buf: addr(mem[i*pageBytes:]), Token: uint64(i)}
				}
				if n, errno := c.Submit(reads[:c.Slots()]); n != c.Slots() {
					t.Errorf("accepted %d, %v", n, errno)
				}
				for c.InFlight() > 0 {
					for _, done := range out[:c.Reap(out)] {
						at := reads[done.Token].Offset
						if !bytes.Equal(mem[done.Token*pageBytes:][:pageBytes], want[at:at+pageBytes]) {
							t.Errorf("round %d, read %d: the bytes differ", round, done.Token)
						}
					}
				}
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
}

func TestNoAllocations(t *testing.T) {
	if verifying {
		t.Skip("a build that checks buffers allocates")
	}
	path, _ := mustFile(t, pageBytes)
	fd := mustOpen(t, path, 0)
	c := mustSetup(t, 16)
	mem := mustMap(t, pageBytes)
	reads := make([]Read, 16)
	out := make([]Done, 16)
	for i := range reads {
		reads[i] = Read{FD: fd, Len: 64, Buf: addr(mem[i*64:]), Token: uint64(i)}
	}
	reads[9].FD = -1 // the refusal does not allocate either
	allocs := testing.AllocsPerRun(1000, func() {
		n, _ := c.Submit(reads)
		c.ReapQuick(out[:n/2])
		m, _ := c.Submit(reads[n+1:])
		if c.Reap(out) != n-n/2+m {
			t.Error("not all reads came back")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per round, want none", allocs)
	}
}

// BenchmarkHot submits and reaps batches of 4 KiB reads of a file that is in memory. The time per
// read is what there is to compare between batch sizes.
func BenchmarkHot(b *testing.B) {
	for _, size := range []int{64, 4096, 65536} {
		for _, batch := range []int{1, 2, 4, 8, 16, 32, 64} {
			b.Run("bytes="+strconv.Itoa(size)+"/batch="+strconv.Itoa(batch), func(b *testing.B) {
				benchmarkHot(b, size, batch)
			})
		}
	}
}

func benchmarkHot(b *testing.B, size, batch int) {
	path, _ := mustFile(b, size)
	fd := mustOpen(b, path, 0)
	c := mustSetup(b, 64)
	mem := mustMap(b, size*batch)
	reads := make([]Read, batch)
	out := make([]Done, batch)
	for i := range reads {
		reads[i] = Read{FD: fd, Flags: NoWait, Len: uint32(size), Buf: addr(mem[i*size:]), Token: uint64(i)}
	}
	b.ReportAllocs()
	b.SetBytes(int64(size))
	for done := 0; done < b.N; {
		n := min(batch, b.N-done)
		mustSubmit(b, c, reads[:n]...)
		for c.InFlight() > 0 {
			done += c.Reap(out)
		}
	}
}

// BenchmarkReapNothing is the price of a look when nothing is there.
func BenchmarkReapNothing(b *testing.B) {
	for _, tt := range []struct {
		name string
		reap func(*Context, []Done) int
	}{
		{"Reap", (*Context).Reap},
		{"ReapQuick", (*Context).ReapQuick},
	} {
		b.Run(tt.name, func(b *testing.B) {
			c := mustSetup(b, 8)
			// A slot that looks busy, so that nothing is skipped for there being nothing in flight.
			c.inFlight++
			out := make([]Done, 8)
			b.ReportAllocs()
			for b.Loop() {
				tt.reap(c, out)
			}
			c.inFlight--
		})
	}
}
