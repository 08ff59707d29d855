package kernel

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"aws/cgo/libaio"
	"aws/cgo/netio"

	"golang.org/x/sys/unix"
)

// Config contains the limits of a Linux kernel.
type Config struct {
	EventsMax  int // largest number of events that one Wait returns
	ReadsMax   int // largest number of reads in flight; 0 means no kernel AIO
	WorkersMax int // largest number of worker threads that look up and read, and as many for jobs that are Remote
	JobsMax    int // largest number of jobs that wait for a worker thread
}

// computeMax is the number of threads of a kernel that compute. Each loop has one kernel, and each core one
// loop.
const computeMax = 1

// CompressMax is the number of threads of a kernel that compress.
const CompressMax = 1

// DefaultConfig returns the default limits.
func DefaultConfig() Config {
	return Config{EventsMax: 512, ReadsMax: 256, WorkersMax: 64, JobsMax: 4096}
}

// Linux is the Kernel for a real machine. It needs Linux 5.6 (openat2), and works best with 5.12 or later
// (RESOLVE_CACHED). Worker threads replace missing features.
type Linux struct {
	epfd   int32
	events []Event
	mapped [][]byte
	aio    *libaio.Context
	reads  []libaio.Read
	dones  []libaio.Done
	help   *workerThreads
	now    time.Duration
	wall   int64
	name   [unix.PathMax]byte
	stat   unix.Statx_t
	fstat  unix.Stat_t
	how    unix.OpenHow

	advice string

	sockstat   *os.File // what all sockets hold; nil where that can't be determined
	socketsLow int64    // below that the kernel does not restrain them, in bytes
	sockets    [1024]byte

	cachedOpens bool // openat2 knows RESOLVE_CACHED
	cachestat   bool // there is cachestat
}

var _ Kernel = (*Linux)(nil)

// NewLinux sets up epoll, kernel AIO and the worker threads. An error names the failed call and the remedy.
// If AIO is not available, aioErr contains the reason, and the kernel works without it: Slots returns 0, and
// worker threads read dynamic files.
func NewLinux(cfg Config) (k *Linux, aioErr, err error) {
	k = &Linux{epfd: -1}
	k.cachestat = missing().cachestat == 0
	k.cachedOpens = missing().openat2 == 0 && missing().cached == 0
	defer func() {
		if err != nil {
			_ = k.Close()
			k = nil
		}
	}()
	epfd, errno := netio.EpollCreate()
	if errno != 0 {
		return k, nil, NamedError("epoll_create1", -int64(errno))
	}
	k.epfd = epfd
	events, mem, err := netio.Events(cfg.EventsMax)
	if err != nil {
		return k, nil, err
	}
	k.mapped = append(k.mapped, mem)
	k.events = events
	if k.help, err = newWorkerThreads(cfg.WorkersMax, computeMax, cfg.JobsMax); err != nil {
		return k, nil, err
	}
	if err := k.watch(k.help.eventFD, Readable|unix.EPOLLET, TokenJobs); err != nil {
		return k, nil, err
	}
	if cfg.ReadsMax > 0 {
		if k.aio, aioErr = libaio.Setup(cfg.ReadsMax); aioErr == nil {
			if got := k.aio.Slots(); got < cfg.ReadsMax {
				k.advice = libaio.LimitAdvice(cfg.ReadsMax)
			}
			k.reads = make([]libaio.Read, k.aio.Slots())
			k.dones = make([]libaio.Done, k.aio.Slots())
			if err := k.watch(int32(k.aio.EventFD()), Readable, TokenReads); err != nil {
				return k, aioErr, err
			}
		}
	}
	k.sockstat, k.socketsLow = openSockstat()
	k.tick()
	return k, aioErr, nil
}

func (k *Linux) watch(fd int32, mask uint32, token uint64) error {
	ops, mem, err := netio.Ops(1)
	if err != nil {
		return err
	}
	defer func() { _ = netio.Unmap(mem) }()
	ops[0] = Op{Kind: OpEpollAdd, FD: fd, File: k.epfd, Mask: mask, Token: token}
	netio.Do(ops)
	if ops[0].Result < 0 {
		return NamedError("epoll_ctl", ops[0].Result)
	}
	return nil
}

// Advice returns what the operator can do to get the requested number of slots, or "".
func (k *Linux) Advice() string { return k.advice }

// start is subtracted from all monotonic times, so that they stay small numbers.
var start = time.Now()

func (k *Linux) tick() {
	now := time.Now()
	k.now = now.Sub(start)
	k.wall = now.UnixNano()
}

// Now implements Kernel.
func (k *Linux) Now() time.Duration { return k.now }

// Wall implements Kernel.
func (k *Linux) Wall() int64 { return k.wall / int64(time.Second) }

// WallNs implements Kernel.
func (k *Linux) WallNs() int64 { return k.wall }

// Clock implements Kernel.
func (k *Linux) Clock() time.Duration { return time.Since(start) }

// Random implements Kernel.
func (k *Linux) Random() uint64 { return rand.Uint64() }

// Poller implements Kernel.
func (k *Linux) Poller() int32 { return k.epfd }

// hugePageBytes is the size of the smallest huge pages (x86-64, and arm64 with pages of 4 KiB).
const hugePageBytes = 2 << 20

// Map implements Kernel. Large memory consists of huge pages if the system permits it: a direct read of 128
// KiB then needs one page and not 32, which reduced the processor time of a cold download by a quarter.
func (k *Linux) Map(bytes int) ([]byte, error) {
	mem, err := netio.Map(bytes)
	if err == nil {
		if bytes >= hugePageBytes {
			_ = unix.Madvise(mem, unix.MADV_HUGEPAGE) // advice: without them all is as correct
		}
		k.mapped = append(k.mapped, mem)
	}
	return mem, err
}

// Ops implements Kernel.
func (k *Linux) Ops(count int) ([]Op, error) {
	ops, mem, err := netio.Ops(count)
	if err == nil {
		k.mapped = append(k.mapped, mem)
	}
	return ops, err
}

// Wait implements Kernel. The changes and the wait are one cgo call with the whole timeout. A shorter
// timeout would make the kernel set the machine's timer each time, which costs as much as a system call.
func (k *Linux) Wait(changes []Op, timeout time.Duration) ([]Event, error) {
	n, errno := netio.Wait(k.epfd, changes, k.events, milliseconds(timeout))
	k.tick()
	if errno != 0 {
		return nil, NamedError("epoll_wait", -int64(errno))
	}
	return k.events[:n], nil
}

// milliseconds rounds up, so that a wait never ends before its time; negative is for ever.
func milliseconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	return int((d + time.Millisecond - 1) / time.Millisecond)
}

// Rest implements Kernel (nanosleep(2)). A signal may end it early.
func (k *Linux) Rest(d time.Duration) {
	left := unix.NsecToTimespec(int64(d))
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&left)), 0, 0)
}

// Do implements Kernel.
func (k *Linux) Do(ops []Op) { netio.Do(ops) }

// Defer implements Kernel (tcp(7), TCP_DEFER_ACCEPT). It has no effect on sockets that do not support it.
func (k *Linux) Defer(fd int32, on bool) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, deferSeconds*number(on))
}

// Unsent implements Kernel (tcp(7), SIOCOUTQ). It returns 0 for sockets that do not support it.
func (k *Linux) Unsent(fd int32) int64 {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return int64(n)
}

// Local implements Kernel (getsockname(2)).
func (k *Linux) Local(fd int32) netip.AddrPort { return LocalAddress(fd).TCP }

// Slots implements Kernel.
func (k *Linux) Slots() int {
	if k.aio == nil {
		return 0
	}
	return k.aio.Slots()
}

// Submit implements Kernel.
func (k *Linux) Submit(reads []Read) (int, Class) {
	if len(reads) == 0 {
		return 0, Done
	}
	if k.aio == nil {
		return 0, Unsupported
	}
	n := min(len(reads), len(k.reads))
	for i := range reads[:n] {
		r := &reads[i]
		var flags uint32
		if r.NoWait {
			flags = unix.RWF_NOWAIT
		}
		k.reads[i] = libaio.Read{
			FD: r.FD, Flags: flags, Offset: r.Offset, Token: r.Token,
			Buf: unsafe.Pointer(unsafe.SliceData(r.Buf)), Len: uint32(len(r.Buf)),
		}
	}
	taken, errno := k.aio.Submit(k.reads[:n])
	if errno != 0 {
		return taken, Classify(-int64(errno))
	}
	if taken < len(reads) {
		return taken, Again
	}
	return taken, Done
}

// Reap implements Kernel.
func (k *Linux) Reap(done []ReadDone) int {
	if k.aio == nil {
		return 0
	}
	n := k.aio.Reap(k.dones[:min(len(done), len(k.dones))])
	for i, d := range k.dones[:n] {
		done[i] = ReadDone{Token: d.Token, Result: d.Result}
	}
	return n
}

// Ask implements Kernel.
func (k *Linux) Ask(job *Job) bool { return k.help.ask(job) }

// FinishedJobs implements Kernel.
func (k *Linux) FinishedJobs(jobs []*Job) int { return k.help.takeFinished(jobs) }

// Wake implements Kernel.
func (k *Linux) Wake() { k.help.wake() }

// closePatience is how long Close waits for the worker threads. Their calls cannot be cancelled; they end
// with the process.
const closePatience = time.Second

// Close implements Kernel.
func (k *Linux) Close() error {
	var errs []error
	if k.help != nil {
		ended := make(chan error, 1)
		go func() { ended <- k.help.close() }()
		select {
		case err := <-ended:
			errs = append(errs, err)
		case <-time.After(closePatience):
			k.mapped = nil // a worker that waits for somebody who does not respond to may write there yet
		}
	}
	if k.aio != nil {
		_, err := k.aio.Close() // waits for the disk; whom the reads were for no longer matters
		errs = append(errs, err)
	}
	if k.epfd >= 0 {
		errs = append(errs, unix.Close(int(k.epfd)))
	}
	if k.sockstat != nil {
		errs = append(errs, k.sockstat.Close())
	}
	for _, mem := range k.mapped {
		errs = append(errs, netio.Unmap(mem))
	}
	k.mapped = nil
	return errors.Join(errs...)
}
