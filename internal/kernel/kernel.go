package kernel

import (
	"net/netip"
	"time"

	"aws/cgo/netio"

	"golang.org/x/sys/unix"
)

// Op is one operation of a batch; see netio.Op.
type Op = netio.Op

// OpKind is the kind of an operation.
type OpKind = netio.Kind

// Event is a readiness event. Token and Ready return its parts.
type Event = unix.EpollEvent

// OpFlag changes when and how an operation runs.
type OpFlag = netio.Flag

// The kinds of operations and their flags, with the names of package netio.
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

	OpCork    = netio.Cork
	OpNotSent = netio.NotSent
	OpPush    = netio.Push

	OpReadRecords = netio.ReadRecords

	OpTLSSend    = netio.TLSSend
	OpSendRecord = netio.SendRecord
	OpTLSSent    = netio.TLSSent

	Link     = netio.Link
	IfAgain  = netio.IfAgain
	Accepted = netio.Accepted
	More     = netio.More
)

// The form of the memory that OpReadRecords fills; see package netio.
const (
	RecordHead    = netio.RecordHead
	RecordContent = netio.RecordContent
	RecordTail    = netio.RecordTail
	RecordsMax    = netio.RecordsMax
	ReadWaits     = netio.ReadWaits
	ReadFrames    = netio.ReadFrames
	FrameHead     = netio.FrameHead
)

// RecordsLen returns how much memory the records of n bytes of a file take.
func RecordsLen(n int64) int64 { return netio.RecordsLen(n) }

// FramesLen returns how much memory the frames of n bytes of a file take.
func FramesLen(n int64) int64 { return netio.FramesLen(n) }

// Bits of readiness, in registrations and in events; see epoll_ctl(2).
const (
	Readable uint32 = unix.EPOLLIN
	Writable uint32 = unix.EPOLLOUT
	Broken   uint32 = unix.EPOLLERR | unix.EPOLLHUP // always reported, never requested
)

// Tokens from ReservedTokens on belong to the kernel. A loop uses smaller ones.
const (
	ReservedTokens uint64 = 1<<64 - 16
	TokenReads     uint64 = 1<<64 - 1 // a read has completed: Reap
	TokenJobs      uint64 = 1<<64 - 2 // a worker thread has finished, or Wake was called: FinishedJobs
)

// Token returns the token that the event's descriptor was registered with.
func Token(e *Event) uint64 { return netio.Token(e) }

// Ready returns the readiness of the event, as bits of Readable, Writable and Broken.
func Ready(e *Event) uint32 { return e.Events }

// Root is an open directory below which names are looked up.
type Root int32

// Info contains the attributes of a file at the time of its open or lookup.
type Info struct {
	Size    int64
	MtimeNs int64 // since 1970
	CtimeNs int64
	Dev     uint64
	Ino     uint64
}

// Same reports whether both describe the same unchanged file.
func (i *Info) Same(o *Info) bool { return *i == *o }

// Opened is a regular file that is open for reading.
type Opened struct {
	Info
	FD        int32
	MemAlign  uint32 // of a buffer for a direct read (statx(2), STATX_DIOALIGN); 0: not possible
	FileAlign uint32 // of offset and length of a direct read; 0: not possible
	Remote    bool   // another process or machine implements its filesystem (FUSE, NFS, ...): only worker threads may use it
}

// Residency is the degree to which a part of a file is in the page cache.
type Residency uint8

// The results of Probe.
const (
	ResidencyUnknown Residency = iota // it cannot be determined
	ResidencyNone                     // no page
	ResidencyPart                     // some pages, or all but not yet up to date
	ResidencyFull                     // all pages
)

// Read is a request to fill Buf from a file. Buf must come from Map.
type Read struct {
	FD     int32
	NoWait bool // fail with -EAGAIN if the read would block (RWF_NOWAIT, Linux 4.14)
	Offset int64
	Buf    []byte
	Token  uint64
}

// ReadDone is the outcome of a Read: a number of bytes, or minus errno.
type ReadDone struct {
	Token  uint64
	Result int64
}

// JobKind is the kind of a job for a worker thread.
type JobKind uint8

// The kinds of jobs. Each may block on a disk or needs much processor time, so the loop does not do it
// itself.
const (
	JobLookUp    JobKind = iota // open Names in order, as Job.LookUp says
	JobPrefetch                 // read [Offset, Offset+Len) of FD into the page cache
	JobRead                     // read Buf from FD at Offset: Result
	JobClose                    // close FD
	JobFunc                     // call Func, which sets Class, and File if that is Done
	JobPopulate                 // allocate the pages of Buf, without changing its contents
	JobCompute                  // call Func, which needs much processor time and does not block, and sets Class
	JobCompress                 // call Func, which may block, and needs processor time for less important work
	JobHandshake                // call Func, which computes for some milliseconds at the most: always the same thread of its own does
	JobGenerate                 // call Func, which blocks and needs much processor time, and sets Class and Result
)

// Job is a request to a worker thread and, after FinishedJobs has returned it, its outcome. From Ask until
// then it belongs to the kernel.
type Job struct {
	Kind JobKind
	// Remote says that the job may wait for another process or machine, and for ever. Threads of their own do such jobs, so that
	// the others wait for disks of this machine alone. A JobLookUp becomes Remote when a name turns out to lead to another filesystem. If
	// these threads have no room for it, it comes back with all names Canceled.
	Remote bool
	Class  Class
	FD     int32
	Names  []LookupName
	Offset int64
	Len    int64
	Buf    []byte // from Map
	Result int64
	File   Opened
	Token  uint64
	Func   func()
}

// Directories is the part of a Kernel that the Func of a job may call. Its methods block on disks, and may
// run concurrently with the loop.
type Directories interface {
	// ReadDirectory returns the regular files and directories in a directory, at most entriesMax of them and
	// in no particular order, and the number of further entries. A link counts as its target, and is omitted
	// if it is not followed. choose returns below which root a name is looked up, which may be one of the same directory with
	// another policy of links. Names for which it returns false are omitted and not counted.
	ReadDirectory(root Root, name string, entriesMax int, choose func(name string) (Root, bool)) (entries []DirectoryEntry, more int, class Class)
	// ReadStart returns the first bytes of a regular file, at most bytesMax of them. Names and links have the same meaning as
	// for a job of kind JobLookUp; Absent also means that the name is not that of a regular file.
	ReadStart(root Root, name string, bytesMax int) (start []byte, class Class)
	// ReadWhole fills b, which has the size of the open file fd, with its content. Absent means that the file is not the version
	// with these attributes, before and after the read.
	ReadWhole(fd int32, version *Info, b []byte) Class
	// OpenFile opens a regular file. Names and links have the same meaning as for ReadStart. CloseFile closes it.
	OpenFile(root Root, name string) (Opened, Class)
	// ReadFile fills b from an open file at an offset, as far as the file goes, and returns the count or minus errno.
	ReadFile(fd int32, b []byte, offset int64) int64
	// CloseFile closes a file that OpenFile has returned.
	CloseFile(fd int32)
	// MemoryFile returns an open file without a name that contains the bytes.
	MemoryFile(content []byte) (Opened, Class)
}

// Kernel is the loop's only access to the operating system.
type Kernel interface {
	Directories

	// Now returns the monotonic time at which the latest Wait returned.
	Now() time.Duration
	// Wall returns the wall-clock time at which the latest Wait returned, in seconds since 1970.
	Wall() int64
	// WallNs returns the same in nanoseconds.
	WallNs() int64
	// Clock returns the current monotonic time. It reads the clock, which takes time.
	Clock() time.Duration

	// Map returns zeroed, page-aligned memory that the kernel may access until Close.
	Map(bytes int) ([]byte, error)
	// Ops returns an array of operations for Do and Wait, valid until Close.
	Ops(count int) ([]Op, error)

	// Wait runs the changes, then waits for events until the timeout (0: does not wait, negative: for ever).
	// It returns the events, which are valid until the next call.
	Wait(changes []Op, timeout time.Duration) ([]Event, error)
	// Rest sleeps for slightly more than the given time, whatever events occur.
	Rest(d time.Duration)
	// Do runs the operations in order.
	Do(ops []Op)
	// Random returns an unpredictable number.
	Random() uint64
	// Poller returns the epoll descriptor, for the field File of EpollAdd and EpollMod.
	Poller() int32

	// Defer sets whether a listening socket reports connections only when they have sent data.
	Defer(fd int32, on bool)
	// Unsent returns the number of bytes in a socket that its peer has not acknowledged.
	Unsent(fd int32) int64

	// Local returns the address that the peer of a socket has connected to; the zero value if it is not known.
	Local(fd int32) netip.AddrPort

	// SocketMemory returns the number of bytes in all TCP sockets of the machine, and the number below which
	// the kernel does not limit them (tcp(7), the low value of tcp_mem). Both are 0 if they are not
	// available.
	SocketMemory() (held, low int64)

	// Submit submits a prefix of the reads and returns its length. The class is that of the first read that
	// was not accepted: Done if all were accepted, Again or Exhausted if the caller may try again later, any
	// other class if that read is impossible.
	Submit(reads []Read) (int, Class)
	// Reap fills done with the outcomes of completed reads and returns their number. Fewer than len(done)
	// means that there are no more for now.
	Reap(done []ReadDone) int
	// Slots returns the largest number of reads in flight.
	Slots() int
	// Probe returns, without blocking, how much of [offset, offset+n) of the file is in the page cache.
	Probe(fd int32, offset, n int64) Residency
	// Peek fills b from the beginning of the file, without blocking on a disk. It returns the number of
	// bytes, or minus errno.
	Peek(fd int32, b []byte) int64
	// Size returns the size of the open file fd, which must not be Remote, or minus errno.
	Size(fd int32) int64
	// Direct opens the file fd again for direct reads (O_DIRECT).
	Direct(fd int32) (int32, Class)

	// Open opens a regular file below root without blocking. Again means that only a worker thread can open
	// it; file.Remote says then whether the root is on a filesystem of another process or machine. Open never opens a
	// file that is Remote.
	Open(root Root, name []byte, file *Opened) Class
	// Stat looks up the name of an open file, which must not be Remote, without blocking on a disk.
	Stat(root Root, name []byte, info *Info) Class

	// Ask passes a job to the worker threads. It returns false if too many jobs are waiting.
	Ask(job *Job) bool
	// FinishedJobs fills jobs with finished jobs and returns their number.
	FinishedJobs(jobs []*Job) int
	// Wake makes Wait return soon. It may be called from any goroutine.
	Wake()

	// Close ends all worker threads and reads, and frees all resources. No other method may be called
	// afterwards.
	Close() error
}
