package netio

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// memory returns memory that an operation may name, until the test ends.
func memory(t testing.TB, n int) []byte {
	t.Helper()
	mem, err := Map(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = Unmap(mem) })
	return mem
}

func batch(t testing.TB, list ...Op) []Op {
	t.Helper()
	ops, mem, err := Ops(len(list))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = Unmap(mem) })
	copy(ops, list)
	return ops
}

func pair(t testing.TB) (a, b int32) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Close(fds[0])
		_ = unix.Close(fds[1])
	})
	return int32(fds[0]), int32(fds[1])
}

func results(ops []Op) []int64 {
	var list []int64
	for i := range ops {
		list = append(list, ops[i].Result)
	}
	return list
}

func equal(t *testing.T, what string, got []int64, want ...int64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s: %v, want %v", what, got, want)
			return
		}
	}
}

const (
	again    = -int64(syscall.EAGAIN)
	canceled = -int64(syscall.ECANCELED)
	badFD    = -int64(syscall.EBADF)
)

func TestLayoutsAgree(t *testing.T) {
	if unsafe.Sizeof(Op{}) != 64 {
		t.Errorf("an operation has %d bytes", unsafe.Sizeof(Op{}))
	}
	if got, want := unsafe.Sizeof(unix.EpollEvent{}), eventSize(); got != want {
		t.Errorf("an event has %d bytes here and %d in C", got, want)
	}
}

func TestDoRunsInOrder(t *testing.T) {
	a, b := pair(t)
	mem := memory(t, 4096)
	copy(mem, "hello, world")
	send := Op{Kind: Send, FD: a}
	send.SetBuf(mem[:5])
	rest := Op{Kind: Send, FD: a, Flags: Link | More}
	rest.SetBuf(mem[5:12])
	recv := Op{Kind: Recv, FD: b}
	recv.SetBuf(mem[100:200])
	ops := batch(t, send, rest, recv, recv)
	Do(ops)
	equal(t, "results", results(ops), 5, 7, 12, again)
	if !bytes.Equal(mem[100:112], []byte("hello, world")) {
		t.Errorf("received %q", mem[100:112])
	}
	Do(nil) // nothing to do is nothing
}

func TestLinkStopsAfterWhatWasNotDoneInFull(t *testing.T) {
	a, b := pair(t)
	mem := memory(t, 8<<20)
	huge := Op{Kind: Send, FD: a}
	huge.SetBuf(mem) // more than a socket holds
	small := Op{Kind: Send, FD: a, Flags: Link}
	small.SetBuf(mem[:1])
	shut := Op{Kind: Shutdown, FD: a, Flags: Link}
	ops := batch(t, huge, small, shut)
	Do(ops)
	if ops[0].Result <= 0 || ops[0].Result >= int64(len(mem)) || ops[0].DoneInFull() {
		t.Fatalf("sent %d of %d", ops[0].Result, len(mem))
	}
	equal(t, "what was linked", results(ops[1:]), canceled, canceled)
	bad := Op{Kind: Shutdown, FD: -1}
	ops = batch(t, bad, Op{Kind: Shutdown, FD: b, Flags: Link}, Op{Kind: Shutdown, FD: b})
	Do(ops)
	equal(t, "behind a bad descriptor", results(ops), badFD, canceled, 0)
	first := batch(t, Op{Kind: Shutdown, FD: b, Flags: Link})
	Do(first)
	equal(t, "a link to nothing", results(first), canceled)
}

func TestCork(t *testing.T) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(socket) }()
	for _, on := range []uint32{1, 0} {
		ops := batch(t, Op{Kind: Cork, FD: int32(socket), Mask: on}, Op{Kind: Cork, FD: -1, Mask: on})
		Do(ops)
		equal(t, "results", results(ops), 0, badFD)
		if n, err := unix.GetsockoptInt(socket, unix.IPPROTO_TCP, unix.TCP_CORK); err != nil || n != int(on) {
			t.Errorf("%d, not %d, %v", n, on, err)
		}
	}
}

func TestNotSent(t *testing.T) {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(listener) }()
	ops := batch(t, Op{Kind: NotSent, FD: int32(listener), Mask: 77 << 10}, Op{Kind: NotSent, FD: -1})
	Do(ops)
	equal(t, "results", results(ops), 0, badFD)
	if n, err := unix.GetsockoptInt(listener, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT); err != nil || n != 77<<10 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestUnknownKindIsRefused(t *testing.T) {
	ops := batch(t, Op{Kind: 99}, Op{Kind: None})
	Do(ops)
	equal(t, "results", results(ops), -int64(syscall.EINVAL), 0)
	if Kind(99).String() != "Kind(99)" || Accept.String() != "accept4" {
		t.Error("a kind has the wrong name")
	}
}

func TestAcceptReceiveAndWatchInOneBatch(t *testing.T) {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(listener) }()
	if err := unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(listener, 8); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	var clients []int
	for i := range 2 {
		c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unix.Close(c) }()
		if err := unix.Connect(c, name); err != nil {
			t.Fatal(err)
		}
		if i == 0 { // the first one speaks at once
			if _, err := unix.Write(c, []byte("hi")); err != nil {
				t.Fatal(err)
			}
		}
		clients = append(clients, c)
	}
	epfd, errno := EpollCreate()
	if errno != 0 {
		t.Fatal(errno)
	}
	defer func() { _ = unix.Close(int(epfd)) }()
	mem := memory(t, 4096)
	var list []Op
	for i := range 3 {
		accept := Op{Kind: Accept, FD: int32(listener)}
		accept.SetBuf(mem[1024+28*i : 1024+28*i+28])
		recv := Op{Kind: Recv, Flags: Link | Accepted}
		recv.SetBuf(mem[64*i : 64*i+64])
		watch := Op{Kind: EpollAdd, Flags: IfAgain | Accepted, File: epfd, Mask: unix.EPOLLIN, Token: 1<<40 + uint64(i)}
		list = append(list, accept, recv, watch)
	}
	list = append(list, Op{Kind: Accept, FD: int32(listener)})
	ops := batch(t, list...)
	Do(ops)
	defer func() {
		_ = unix.Close(int(ops[0].Result))
		_ = unix.Close(int(ops[3].Result))
	}()
	if ops[0].Result < 0 || ops[3].Result < 0 {
		t.Fatalf("accepts: %v", results(ops))
	}
	equal(t, "the one that spoke", results(ops[1:3]), 2, canceled)
	equal(t, "the silent one", results(ops[4:6]), again, 0)
	equal(t, "nobody else", results(ops[6:]), again, canceled, canceled, canceled)
	if mem[1024] != unix.AF_INET || !bytes.Equal(mem[1028:1032], []byte{127, 0, 0, 1}) {
		t.Errorf("the peer's address is % x", mem[1024:1032])
	}
	events, evMem, err := Events(4)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = Unmap(evMem) }()
	if n, errno := Wait(epfd, nil, events, 0); n != 0 || errno != 0 {
		t.Errorf("%d events of a silent client, %v", n, errno)
	}
	if _, err := unix.Write(clients[1], []byte("now")); err != nil {
		t.Fatal(err)
	}
	mod := batch(t, Op{Kind: EpollMod, FD: ops[3].FD, File: epfd, Mask: unix.EPOLLIN, Token: 7})
	mod[0].FD = int32(ops[3].Result)
	if n, errno := Wait(epfd, mod, events, 5000); n != 1 || errno != 0 || Token(&events[0]) != 7 {
		t.Errorf("%d events, %v, token %d", n, errno, Token(&events[0]))
	}
	if _, errno := Wait(-1, nil, events, 0); errno != syscall.EBADF {
		t.Errorf("waiting at no descriptor: %v", errno)
	}
}

func TestSendfileAndResident(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 1024)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	a, b := pair(t)
	mem := memory(t, 64<<10)
	resident := Op{Kind: Resident, File: int32(fd), Offset: 3}
	resident.SetLen(9000)
	file := Op{Kind: Sendfile, Flags: Link, FD: a, File: int32(fd), Offset: 3}
	file.SetLen(9000)
	beyond := Op{Kind: Sendfile, FD: a, File: int32(fd), Offset: int64(len(content))}
	beyond.SetLen(10)
	recv := Op{Kind: Recv, FD: b}
	recv.SetBuf(mem)
	ops := batch(t, resident, file, beyond, recv)
	Do(ops)
	if ops[0].Result == -int64(syscall.EOPNOTSUPP) {
		t.Skip("this filesystem does not say what is in memory")
	}
	if ops[0].Result < ops[0].Len() {
		t.Skip("the file has left the memory already")
	}
	equal(t, "results", results(ops), 9000, 9000, 0, 9000)
	if !bytes.Equal(mem[:9000], content[3:9003]) {
		t.Error("other bytes")
	}
	ops = batch(t, Op{Kind: Resident, File: -1, Offset: 0})
	ops[0].SetLen(1)
	Do(ops)
	equal(t, "no file", results(ops), badFD)
}

func TestResetIsSeenByThePeer(t *testing.T) {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(listener) }()
	if err := unix.Listen(listener, 1); err != nil { // binds it
		t.Fatal(err)
	}
	name, err := unix.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(client) }()
	to := &unix.SockaddrInet4{Port: name.(*unix.SockaddrInet4).Port, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Connect(client, to); err != nil {
		t.Fatal(err)
	}
	ops := batch(t, Op{Kind: Accept, FD: int32(listener)}, Op{Kind: Reset, Flags: Link | Accepted})
	Do(ops)
	if ops[1].Result != 0 {
		t.Fatalf("results %v", results(ops))
	}
	if _, err := unix.Read(client, make([]byte, 1)); err != unix.ECONNRESET {
		t.Errorf("the peer sees %v", err)
	}
}

func TestDoDoesNotAllocate(t *testing.T) {
	ops := batch(t, Op{Kind: None}, Op{Kind: None})
	if n := testing.AllocsPerRun(100, func() { Do(ops) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkDo is what a cgo call costs by itself, and for each operation in it.
func BenchmarkDo(b *testing.B) {
	for _, n := range []int{1, 16, 256} {
		ops := batch(b, make([]Op, n)...)
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				Do(ops)
			}
		})
	}
}

// What MSG_MORE and TCP_CORK hold back leaves by Push, at once, and what comes later is held as before.
func TestPushLetsHeldBytesLeave(t *testing.T) {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(listener) }()
	if err := unix.SetsockoptInt(listener, unix.IPPROTO_TCP, unix.TCP_CORK, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(listener, 1); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(client) }()
	if err := unix.Connect(client, name); err != nil {
		t.Fatal(err)
	}
	fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	mem := memory(t, 4096)
	for i := range 3 {
		send := Op{Kind: Send, FD: int32(fd), Flags: More}
		send.SetBuf(mem[:100])
		ops := batch(t, send, Op{Kind: Push, FD: int32(fd), Flags: Link})
		Do(ops)
		equal(t, "results", results(ops), 100, 0)
		if n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQNSD); err != nil || n != 0 {
			t.Errorf("%d: %d bytes are held back, %v", i, n, err)
		}
	}
	ops := batch(t, Op{Kind: Push, FD: -1})
	Do(ops)
	equal(t, "results", results(ops), badFD)
	one, _ := pair(t)
	ops = batch(t, Op{Kind: Push, FD: one})
	Do(ops)
	equal(t, "of a Unix socket", results(ops), -int64(syscall.EOPNOTSUPP))
}

// TestReadRecords reads a file into the form of records, and leaves what is between their contents alone.
func TestReadRecords(t *testing.T) {
	content := make([]byte, 2*RecordContent+100)
	for i := range content {
		content[i] = byte(i % 251)
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	ops, mem, err := Ops(1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = Unmap(mem) }()
	buf, err := Map(int(RecordsLen(RecordsMax * RecordContent)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = Unmap(buf) }()
	for _, test := range []struct {
		offset, n, want int64
	}{
		{0, 1, 1},
		{0, RecordContent, RecordContent},
		{5, RecordContent + 1, RecordContent + 1},
		{0, int64(len(content)), int64(len(content))},
		{100, RecordsMax * RecordContent, int64(len(content)) - 100},
		{int64(len(content)), 10, 0},
		{0, RecordsMax*RecordContent + 1, -int64(syscall.EINVAL)},
	} {
		for i := range buf {
			buf[i] = 0xee
		}
		ops[0] = Op{Kind: ReadRecords, FD: -1, File: int32(f.Fd()), Offset: test.offset, Mask: ReadWaits}
		ops[0].SetRecords(buf, test.n)
		Do(ops)
		if ops[0].Result != test.want {
			t.Fatalf("%+v: got %d", test, ops[0].Result)
		}
		at := int64(0)
		for done := int64(0); done < test.want; done += RecordContent {
			n := min(test.want-done, RecordContent)
			head, body := buf[at:at+RecordHead], buf[at+RecordHead:at+RecordHead+n]
			if string(head) != "\xee\xee\xee\xee\xee" || !bytes.Equal(body, content[test.offset+done:test.offset+done+n]) {
				t.Fatalf("%+v: wrong record at %d", test, at)
			}
			at += RecordHead + n + RecordTail
		}
	}
}
