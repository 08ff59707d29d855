package kernel

import (
	"time"

	"aws/cgo/netio"

	"golang.org/x/sys/unix"
)

// Op is one operation of a batch; see netio.Op.
type Op = netio.Op

// OpKind says what an operation does.
type OpKind = netio.Kind

// Event is a readiness event; Token and Ready take it apart.
type Event = unix.EpollEvent

// OpFlag changes when and how an operation runs.
type OpFlag = netio.Flag

// The kinds of operations and their flags, by the names of package netio.
const (
	OpAccept   = netio.Accept
	OpRecv     = netio.Recv
	OpSend     = netio.Send
	OpSendfile = netio.Sendfile
	OpClose    = netio.Close
	OpShutdown = netio.Shutdown
	OpReset    = netio.Reset
	OpEpollAdd = netio.EpollAdd
	OpEpollMod = netio.EpollMod
	OpResident = netio.Resident
	OpEpollDel = netio.EpollDel

	OpCongestion = netio.Congestion
	OpNotSent    = netio.NotSent
	OpPush       = netio.Push

	Link     = netio.Link
	IfAgain  = netio.IfAgain
	Accepted = netio.Accepted
	More     = netio.More
)

// The readiness that is asked for and answered, epoll_ctl(2).
const (
	Readable uint32 = unix.EPOLLIN
	Writable uint32 = unix.EPOLLOUT
	Broken   uint32 = unix.EPOLLERR | unix.EPOLLHUP // always answered, never asked for
)

// Tokens at and above ReservedTokens are the kernel's own; a loop gives out smaller ones.
const (
	ReservedTokens uint64 = 1<<64 - 16
	TokenReads     uint64 = 1<<64 - 1 // a read has completed: Reap
	TokenJobs      uint64 = 1<<64 - 2 // a worker thread has finished, or Wake was called: Responses
)

// Token returns the value that the event's registration gave.
func Token(e *Event) uint64 { return netio.Token(e) }

// Ready returns the event's readiness, as bits of Readable, Writable and Broken.
func Ready(e *Event) uint32 { return e.Events }

// Root is an open directory beneath which names are looked up.
type Root int32

// Info says what a name stood for when it was opened or looked up.
type Info struct {
	Size    int64
	MtimeNs int64 // since 1970
	CtimeNs int64
	Dev     uint64
	Ino     uint64
}

// Same reports whether both stand for the same unchanged file.
func (i *Info) Same(o *Info) bool { return *i == *o }

// Opened is a regular file that is open for reading.
type Opened struct {
	Info
	FD        int32
	MemAlign  uint32 // of a buffer for a direct read (statx(2), STATX_DIOALIGN); 0: not possible
	FileAlign uint32 // of offset and length of a direct read; 0: not possible
	Remote    bool   // another process or machine answers for it (FUSE, NFS, ...): only worker threads may use it
}

// Residency says whether a part of a file is in memory.
type Residency uint8

// The responses of Probe.
const (
	ResidencyUnknown Residency = iota // the kernel does not say
	ResidencyNone                     // not one page
	ResidencyPart                     // some pages, or all but not yet up to date
	ResidencyFull                     // all pages
)

// Read is a request to fill Buf from a file. Buf comes from Map.
type Read struct {
	FD     int32
	NoWait bool // give -EAGAIN rather than wait for the disk (RWF_NOWAIT, Linux 4.14)
	Offset int64
	Buf    []byte
	Token  uint64
}

// ReadDone is the outcome of a Read: bytes, or minus errno.
type ReadDone struct {
	Token  uint64
	Result int64
}

// JobKind says what a worker thread is to do.
type JobKind uint8

// The jobs that may have to wait for a disk and are therefore done off the loop.
const (
	JobLookUp   JobKind = iota // open Names in order, as Job.LookUp says
	JobPrefetch                // bring [Offset, Offset+Len) of FD into memory
	JobRead                    // read Buf from FD at Offset: Result
	JobClose                   // close FD
	JobFunc                    // call Func, which sets Class, and File if that is Done
	JobPopulate                // bring memory for Buf, whose contents stay as they are
	JobCompute                 // call Func, which takes a processor for long and waits for nothing, and sets Class
)

// Job is a request to a worker thread and, once it has come back from Responses, its outcome. It belongs
// to the kernel from Ask until then.
type Job struct {
	Kind   JobKind
	Class  Class
	FD     int32
	Name   []byte // of the caller's
	Names  []LookupName
	Offset int64
	Len    int64
	Buf    []byte // from Map
	Result int64
	File   Opened
	Token  uint64
	Func   func()
}

// Directories is the part of a Kernel that the Func of a job may call: it waits for disks, and goes with
// whatever the loop does meanwhile.
type Directories interface {
	// ReadDirectory returns the regular files and directories beneath a directory, at most entriesMax of them in no
	// order, and how many more there are. Links count as what they lead to, and not at all when that
	// is outside the root. Names that hide refuses do not count.
	ReadDirectory(root Root, name string, entriesMax int, hide func(name string) bool) (entries []DirectoryEntry, more int, class Class)
	// MemoryFile returns an open file that has no name and holds the bytes.
	MemoryFile(content []byte) (Opened, Class)
}

// Kernel is all that a loop knows of the world outside.
type Kernel interface {
	Directories

	// Now returns the monotonic time at which the latest Wait returned.
	Now() time.Duration
	// Wall returns the wall-clock time at which the latest Wait returned, in seconds since 1970.
	Wall() int64
	// WallNs returns the same in nanoseconds.
	WallNs() int64
	// Clock returns the monotonic time right now, which costs a look at the clock.
	Clock() time.Duration

	// Map returns zeroed, page-aligned memory that the kernel may touch at any time until Close.
	Map(bytes int) ([]byte, error)
	// Ops returns an array of operations for Do and Wait, valid until Close.
	Ops(count int) ([]Op, error)

	// Wait runs the changes, then waits for events until timeout is over (0: not at all,
	// negative: for ever). It returns the events, valid until the next call.
	Wait(changes []Op, timeout time.Duration) ([]Event, error)
	// Rest lets time pass, and a little more than it is asked for, whatever happens meanwhile.
	Rest(d time.Duration)
	// Do runs the operations in order.
	Do(ops []Op)
	// Random returns a number that nobody outside can predict.
	Random() uint64
	// Poller returns the descriptor that EpollAdd and EpollMod name in File.
	Poller() int32

	// Defer says whether connections to a listening socket are reported only once they have sent
	// something.
	Defer(fd int32, on bool)
	// Unsent returns how many bytes that were sent to a socket its peer has not acknowledged yet.
	Unsent(fd int32) int64

	// SocketMemory returns how many bytes the machine's TCP sockets hold, and below how many the kernel does not
	// restrain them (tcp(7), the low of tcp_mem). Both are 0 where it does not say.
	SocketMemory() (held, low int64)

	// Submit hands a prefix of the reads to the kernel and returns its length. The class is that
	// of the first read that was not taken: Done when all were, Again or Exhausted when it may
	// be tried again later, any other when that read by itself can't be done.
	Submit(reads []Read) (int, Class)
	// Reap fills done with the outcomes of completed reads and returns their number. Fewer than
	// len(done) means that there are no more for now.
	Reap(done []ReadDone) int
	// Slots returns how many reads may be in flight at once.
	Slots() int
	// Probe says, without waiting, how much of [offset, offset+n) of the file is in memory.
	Probe(fd int32, offset, n int64) Residency
	// Peek fills b from the beginning of the file, without waiting for a disk, and returns the number
	// of bytes, or minus errno.
	Peek(fd int32, b []byte) int64
	// Size returns the size of the file behind fd, which is not Remote, or minus errno.
	Size(fd int32) int64
	// Direct opens the file behind fd once more for direct reads (O_DIRECT).
	Direct(fd int32) (int32, Class)

	// Open opens a regular file beneath root without waiting for a disk, or for anything else: Again means
	// that only a worker thread can determine. A file that is Remote is never opened here.
	Open(root Root, name []byte, file *Opened) Class
	// Stat looks a name up that an open file, which is not Remote, stands for, without waiting for a disk.
	Stat(root Root, name []byte, info *Info) Class

	// Ask gives a job to the worker threads. It returns false when too many are waiting already.
	Ask(job *Job) bool
	// Responses fills jobs with those that are finished and returns their number.
	FinishedJobs(jobs []*Job) int
	// Wake makes Wait return soon. It may be called from any goroutine.
	Wake()

	// Close ends all worker threads and reads and gives everything back. No other method may be called
	// after it.
	Close() error
}
