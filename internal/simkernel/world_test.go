package simkernel

import (
	"bytes"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/internal/kernel"
)

// world is a kernel for a test, with what most tests need.
type world struct {
	*Kernel
	t        *testing.T
	listener *Listener
	tree     *Tree
	mem      []byte
	texts    int      // bytes that sendOp has put into mem
	expected []string // parts of the violations that the test provokes
}

func newWorld(t *testing.T, change func(*Profile)) *world {
	t.Helper()
	p := Quiet()
	p.Jitter, p.Cold, p.Resident = 0, 0, 1
	if change != nil {
		change(&p)
	}
	w := &world{Kernel: New(Config{Seed: 1, Profile: &p}), t: t}
	w.listener = w.Listen(4)
	w.tree = w.AddTree("site")
	mem, err := w.Map(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	w.mem = mem
	return w
}

// finish closes the kernel and compares the ledger with what was to be expected.
func (w *world) finish() {
	w.t.Helper()
	if !w.closed {
		if err := w.Close(); err != nil {
			w.t.Error(err)
		}
	}
	err := w.Audit()
	var got []string
	if err != nil {
		got = strings.Split(err.Error(), "\n")
	}
	if len(got) != len(w.expected) {
		w.t.Errorf("%d violations, want %d: %v", len(got), len(w.expected), err)
		return
	}
	for i, want := range w.expected {
		if !strings.Contains(got[i], want) {
			w.t.Errorf("violation %q does not mention %q", got[i], want)
		}
	}
}

func (w *world) do(ops ...kernel.Op) []kernel.Op {
	w.Do(ops)
	return ops
}

func (w *world) op(kind kernel.OpKind, fd int32) kernel.Op { return kernel.Op{Kind: kind, FD: fd} }

func (w *world) add(fd int32, mask uint32, token uint64) kernel.Op {
	return kernel.Op{Kind: kernel.OpEpollAdd, FD: fd, File: w.Poller(), Mask: mask, Token: token}
}

func (w *world) withBuf(op kernel.Op, b []byte) kernel.Op {
	op.SetBuf(b)
	return op
}

func (w *world) sendOp(fd int32, text string) kernel.Op {
	mem := w.mem[len(w.mem)/2+w.texts:]
	w.texts += len(text)
	return w.withBuf(w.op(kernel.OpSend, fd), mem[:copy(mem, text)])
}

func (w *world) sendfileOp(fd, file int32, off, n int64) kernel.Op {
	op := kernel.Op{Kind: kernel.OpSendfile, FD: fd, File: file, Offset: off}
	op.SetLen(n)
	return op
}

func (w *world) residentOp(file int32, off, n int64) kernel.Op {
	op := kernel.Op{Kind: kernel.OpResident, FD: -1, File: file, Offset: off}
	op.SetLen(n)
	return op
}

// result runs one operation.
func (w *world) result(op kernel.Op) int64 { return w.do(op)[0].Result }

// want compares results; negative ones are minus errno.
func (w *world) want(ops []kernel.Op, results ...int64) {
	w.t.Helper()
	for i, r := range results {
		if ops[i].Result != r {
			w.t.Errorf("operation %d, %v: %s, want %s", i, ops[i].Kind, result(ops[i].Result), result(r))
		}
	}
}

// sleep lets time pass.
func (w *world) sleep(d time.Duration) {
	w.advance(d)
	w.sampled = w.clock.now
}

// whole is a plan that sends all at once.
func whole(request string) Plan {
	return Plan{Request: []byte(request), Steps: []Step{{Do: ActSend, N: len(request)}}}
}

// connect lets a peer connect and accepts it.
func (w *world) connect(plan Plan) (*Peer, int32) {
	w.t.Helper()
	p := w.AddPeer(w.listener, plan)
	w.sleep(time.Millisecond)
	fd := w.result(w.op(kernel.OpAccept, w.listener.FD()))
	if fd < 0 {
		w.t.Fatalf("accept4: %s", result(fd))
	}
	return p, int32(fd)
}

func (w *world) open(name string) *kernel.Opened {
	w.t.Helper()
	var f kernel.Opened
	if c := w.Open(w.tree.Root(), []byte(name), &f); c != kernel.Done {
		w.t.Fatalf("open %q: %v", name, c)
	}
	return &f
}

const (
	eagain    = -int64(syscall.EAGAIN)
	ecanceled = -int64(syscall.ECANCELED)
	ebadf     = -int64(syscall.EBADF)
)

func TestAcceptReceiveSendClose(t *testing.T) {
	w := newWorld(t, nil)
	p, fd := w.connect(whole("hello"))
	ops := w.do(w.withBuf(w.op(kernel.OpRecv, fd), w.mem[:100]))
	w.want(ops, 5)
	if got := string(w.mem[:5]); got != "hello" {
		t.Errorf("received %q", got)
	}
	w.want(w.do(w.sendOp(fd, "world"), w.op(kernel.OpClose, fd)), 5, 0)
	w.sleep(time.Millisecond)
	if string(p.Received) != "world" || p.End != EndFIN {
		t.Errorf("%v: received %q", p, p.Received)
	}
	w.finish()
}

func TestBatchFollowsTheRulesOfNetio(t *testing.T) {
	w := newWorld(t, nil)
	p := w.AddPeer(w.listener, Plan{})
	w.sleep(time.Millisecond)
	recv := w.withBuf(kernel.Op{Kind: kernel.OpRecv, Flags: kernel.Link | kernel.Accepted}, w.mem[:10])
	watch := w.add(0, kernel.Readable, 7)
	watch.Flags = kernel.IfAgain | kernel.Accepted
	accept := w.op(kernel.OpAccept, w.listener.FD())
	ops := w.do(accept, recv, watch, accept, recv, watch, accept, recv, watch)
	fd := ops[0].Result
	w.want(ops, fd, eagain, 0, eagain, ecanceled, ecanceled, ecanceled, ecanceled, ecanceled)
	if ops[1].FD != int32(fd) || ops[2].FD != int32(fd) {
		t.Errorf("Accepted gave %d and %d, want %d", ops[1].FD, ops[2].FD, fd)
	}
	_ = p
	// A linked operation runs only if the one before was done in full; the next in the chain follows it.
	send := w.sendOp(int32(fd), "0123456789")
	closing := w.op(kernel.OpClose, int32(fd))
	closing.Flags = kernel.Link
	p.conn.outMax = 4
	w.want(w.do(send, closing), 4, ecanceled)
	w.want(w.do(send, closing, closing), eagain, ecanceled, ecanceled)
	// The first operation of a batch has nothing before it.
	w.want(w.do(closing), ecanceled)
	w.sleep(time.Millisecond)
	p.conn.outMax = 100
	w.want(w.do(send, closing), 10, 0)
	w.finish()
}

func TestAcceptReturnsEMFILEBeforeItLooks(t *testing.T) {
	w := newWorld(t, nil)
	w.SetDescriptorsMax(w.Descriptors())
	if r := w.result(w.op(kernel.OpAccept, w.listener.FD())); r != -int64(syscall.EMFILE) {
		t.Errorf("accept4: %s", result(r))
	}
	w.finish()
}

func TestDescriptorsAreReusedLowestFirst(t *testing.T) {
	w := newWorld(t, nil)
	_, a := w.connect(Plan{})
	_, b := w.connect(Plan{})
	w.do(w.op(kernel.OpClose, a))
	_, c := w.connect(Plan{})
	if c != a || b <= a {
		t.Errorf("descriptors %d, %d, then %d", a, b, c)
	}
	w.do(w.op(kernel.OpClose, b), w.op(kernel.OpClose, c))
	w.finish()
}

func TestEpollIsLevelTriggered(t *testing.T) {
	w := newWorld(t, nil)
	_, fd := w.connect(whole("ab"))
	changes := []kernel.Op{w.add(fd, kernel.Readable, 0x123456789abc)}
	for iteration := range 3 {
		events, err := w.Wait(changes, 0)
		changes = nil
		if err != nil || len(events) != 1 {
			t.Fatalf("iteration %d: %d events, %v", iteration, len(events), err)
		}
		if tok, ready := kernel.Token(&events[0]), kernel.Ready(&events[0]); tok != 0x123456789abc || ready != kernel.Readable {
			t.Errorf("token %#x, readiness %#x", tok, ready)
		}
	}
	w.want(w.do(w.withBuf(w.op(kernel.OpRecv, fd), w.mem[:10])), 2)
	if events, _ := w.Wait(nil, 0); len(events) != 0 {
		t.Errorf("%d events after all was received", len(events))
	}
	w.do(w.op(kernel.OpClose, fd))
	w.finish()
}

func TestClosedDescriptorsLeaveEpoll(t *testing.T) {
	w := newWorld(t, nil)
	_, fd := w.connect(whole("ab"))
	w.do(w.add(fd, kernel.Readable, 1), w.op(kernel.OpClose, fd))
	if events, _ := w.Wait(nil, 0); len(events) != 0 {
		t.Errorf("%d events for a closed descriptor", len(events))
	}
	w.finish()
}

func TestMisuseIsRefusedAndLogged(t *testing.T) {
	w := newWorld(t, nil)
	_, fd := w.connect(Plan{})
	mod := w.add(fd, kernel.Readable, 1)
	mod.Kind = kernel.OpEpollMod
	del := mod
	del.Kind = kernel.OpEpollDel
	w.want(w.do(mod, w.add(fd, kernel.Readable, 1), w.add(fd, kernel.Readable, 1), del, del),
		-int64(syscall.ENOENT), 0, -int64(syscall.EEXIST), 0, -int64(syscall.ENOENT))
	w.want(w.do(w.op(kernel.OpClose, fd), w.op(kernel.OpClose, fd), w.sendOp(fd, "x"), w.add(fd, 1, 1)),
		0, ebadf, ebadf, ebadf)
	w.expected = []string{
		"not watched", "which is watched", "not watched", "close on descriptor", "send on descriptor", "epoll_ctl add on descriptor",
	}
	w.finish()
}

func TestTheLedgerShowsWhatWasNotClosed(t *testing.T) {
	w := newWorld(t, nil)
	w.tree.Add("a", 10)
	w.connect(Plan{})
	w.open("a")
	w.expected = []string{"(connection", "(file"}
	w.finish()
}

func TestResets(t *testing.T) {
	w := newWorld(t, nil)
	p, fd := w.connect(Plan{Request: []byte("abc"), Steps: []Step{{Do: ActSend, N: 3}, {After: 50 * time.Microsecond, Do: ActReset}}})
	w.do(w.add(fd, kernel.Writable, 1))
	events, _ := w.Wait(nil, 0)
	if len(events) != 1 || kernel.Ready(&events[0])&kernel.Broken != kernel.Broken {
		t.Errorf("events %v", events)
	}
	recv := w.withBuf(w.op(kernel.OpRecv, fd), w.mem[:10])
	w.want(w.do(recv, recv, recv, w.sendOp(fd, "x"), w.op(kernel.OpClose, fd)),
		3, -int64(syscall.ECONNRESET), 0, -int64(syscall.EPIPE), 0)
	if p.End != EndOwn {
		t.Errorf("%v", p)
	}
	w.finish()
}

func TestClosingWithUnreadBytesResets(t *testing.T) {
	w := newWorld(t, nil)
	p, fd := w.connect(whole("abc"))
	w.do(w.sendOp(fd, "0123456789"), w.op(kernel.OpClose, fd))
	w.sleep(time.Millisecond)
	if p.End != EndRST || !p.Unread || len(p.Received) > 10 {
		t.Errorf("%v, unread %t", p, p.Unread)
	}
	w.finish()
}

func TestHalfCloseAndShutdown(t *testing.T) {
	w := newWorld(t, nil)
	p, fd := w.connect(Plan{Request: []byte("abc"), Steps: []Step{{Do: ActSend, N: 3}, {Do: ActHalfClose}}})
	recv := w.withBuf(w.op(kernel.OpRecv, fd), w.mem[:10])
	w.want(w.do(recv, recv, w.sendOp(fd, "xy"), w.op(kernel.OpShutdown, fd), w.sendOp(fd, "z")),
		3, 0, 2, 0, -int64(syscall.EPIPE))
	w.sleep(time.Millisecond)
	if p.End != EndFIN || string(p.Received) != "xy" {
		t.Errorf("%v: %q", p, p.Received)
	}
	w.do(w.op(kernel.OpClose, fd))
	w.finish()
}

func TestSendBufferIsBounded(t *testing.T) {
	w := newWorld(t, nil)
	p, fd := w.connect(Plan{SendBuffer: 12, ReadChunk: 2, ReadEvery: 5 * time.Millisecond})
	w.want(w.do(w.sendOp(fd, "0123456789abcdef"), w.sendOp(fd, "x")), 12, eagain)
	w.do(w.add(fd, kernel.Writable, 1))
	if events, _ := w.Wait(nil, 0); len(events) != 0 {
		t.Error("a full socket is writable")
	}
	if events, _ := w.Wait(nil, -1); len(events) != 1 || len(p.Received) != 4 {
		t.Errorf("writable after %d bytes were read, want a third", len(p.Received))
	}
	w.do(w.op(kernel.OpClose, fd))
	w.sleep(time.Second)
	if string(p.Received) != "0123456789ab" || p.End != EndFIN {
		t.Errorf("%v", p)
	}
	w.finish()
}

func TestMoreHoldsTheHeaderBack(t *testing.T) {
	w := newWorld(t, nil)
	p, fd := w.connect(Plan{})
	send := w.sendOp(fd, "header")
	send.Flags = kernel.More
	w.do(send)
	w.sleep(100 * time.Millisecond)
	if len(p.Received) != 0 {
		t.Error("what was to wait for more did not wait")
	}
	w.sleep(110 * time.Millisecond)
	if string(p.Received) != "header" {
		t.Errorf("after 200 ms: %q", p.Received)
	}
	w.do(w.op(kernel.OpClose, fd))
	w.finish()
}

func TestSpinningIsFound(t *testing.T) {
	w := newWorld(t, nil)
	_, fd := w.connect(whole("ab"))
	w.do(w.add(fd, kernel.Readable, 1))
	var err error
	for iteration := 0; err == nil && iteration < 1000; iteration++ {
		_, err = w.Wait(nil, -1)
	}
	if !errors.Is(err, ErrSpinning) {
		t.Errorf("error %v", err)
	}
	w.do(w.op(kernel.OpClose, fd))
	w.expected = []string{"nothing done about it"}
	w.finish()
}

func TestSleepingForEverIsFound(t *testing.T) {
	w := newWorld(t, nil)
	if _, err := w.Wait(nil, -1); !errors.Is(err, ErrAsleep) {
		t.Errorf("error %v", err)
	}
	w.expected = []string{"waits for ever"}
	w.finish()
}

func TestWaitRoundsUpAndReportsTheTime(t *testing.T) {
	w := newWorld(t, nil)
	before, wall := w.Now(), w.Wall()
	if _, err := w.Wait(nil, 1500*time.Microsecond); err != nil {
		t.Fatal(err)
	}
	if d := w.Now() - before; d < 2*time.Millisecond || d > 3*time.Millisecond {
		t.Errorf("waited %v", d)
	}
	w.sleep(2 * time.Second)
	if w.Wall() != wall+2 {
		t.Errorf("%d s by the wall clock", w.Wall()-wall)
	}
	w.finish()
}

func TestFileContentDoesNotDependOnPieces(t *testing.T) {
	w := newWorld(t, nil)
	f := w.tree.Add("a", 1<<40)
	all := make([]byte, 100)
	f.Fill(1<<39+3, all)
	for cut := range all {
		b := make([]byte, 100)
		f.Fill(1<<39+3, b[:cut])
		f.Fill(1<<39+3+int64(cut), b[cut:])
		if !bytes.Equal(all, b) {
			t.Fatalf("cut at %d differs", cut)
		}
	}
	w.finish()
}
