package kernel

import (
	"encoding/binary"
	"errors"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// prefetchPieceBytes is the size of one blocking read when a worker thread reads a file into the page cache.
const prefetchPieceBytes = 256 << 10

// workerThreads execute jobs that may wait for a disk or compute for a long time. They are
// started on demand. An eventfd notifies the loop of finished jobs.
type workerThreads struct {
	eventFD int32
	null    int // /dev/null, or -1: what is sent there is in memory
	group   sync.WaitGroup

	mu       sync.Mutex
	pools    [poolCount][2]workerPool // the second of each pair is for jobs that are Remote
	finished []*Job                   // completed, not yet fetched
	signaled bool                     // the loop has been woken up, or will be, to look at finished
	closed   bool
}

// The pools of worker threads.
const (
	poolWaiting    = iota // for jobs that wait
	poolList              // for listings, which may ask the filesystems that are mounted in a directory
	poolCompute           // for jobs that compute, so that these can't hold up the others
	poolCompress          // for jobs that compress, so that a password check does not wait for them
	poolHandshakes        // for handshakes, which password checks would hold up; one thread, to which their coroutines are bound
	poolGenerate          // for jobs that wait and compute, for the same reason
	poolCount
)

// workerPool is threads with a queue of jobs. The lock is that of worker threads.
type workerPool struct {
	nice     bool // its threads have a lower priority than the loops
	most     int  // threads
	jobsMax  int  // in the queue
	together int  // for up to so many jobs the loop is woken up once, as long as others are in the queue
	queue    []*Job
	started  int
	busy     int // threads that have a job, or have been woken up for one that is in the queue
	wake     *sync.Cond
}

// jobNice is the niceness of threads that compute, relative to the loops (nice(2)). With it, a flood of
// password checks costs the loops a tenth of a processor, and not half of it. The same holds for compressing.
const jobNice = 10

// listThreads is how many threads there are for listings, beside most for jobs that wait.
func listThreads(most int) int { return max(most/4, min(most, 4)) }

// handshakesTogether is how many steps of handshakes the loop is woken up for at once while others wait: each of its wake-ups
// interrupts the thread if both have one processor.
const handshakesTogether = 4

// generateThreadsMax is how many threads of a loop make the content of responses. While one waits for a disk, another one computes.
const generateThreadsMax = 4

func newWorkerThreads(most, computeMost, jobsMax int) (*workerThreads, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, NamedError("eventfd2", -int64(errnoOf(err)))
	}
	null, err := unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		null = -1 // an empty root directory, say
	}
	h := &workerThreads{eventFD: int32(fd), null: null}
	for i, most := range [poolCount]int{
		poolWaiting: max(most, 1), poolList: listThreads(max(most, 1)), poolCompute: max(computeMost, 1), poolCompress: CompressMax, poolHandshakes: 1, poolGenerate: generateThreadsMax,
	} {
		for j := range h.pools[i] {
			h.pools[i][j] = workerPool{nice: i != poolWaiting && i != poolList, most: most, jobsMax: jobsMax, wake: sync.NewCond(&h.mu)}
		}
	}
	h.pools[poolHandshakes][0].together = handshakesTogether
	return h, nil
}

func (h *workerThreads) poolOf(job *Job) *workerPool {
	i, remote := poolWaiting, 0
	if job.Remote {
		remote = 1
	}
	switch job.Kind {
	case JobCompute: // it does not wait
		i, remote = poolCompute, 0
	case JobHandshake:
		i, remote = poolHandshakes, 0
	case JobCompress:
		i = poolCompress
	case JobGenerate:
		i = poolGenerate
	case JobFunc:
		i = poolList
	case JobLookUp, JobPrefetch, JobRead, JobClose, JobPopulate:
	}
	return &h.pools[i][remote]
}

// ask queues a job. Each job that is queued has a thread of its own as long as there may be more of them: one that
// has been woken up for a job is not idle any more, though it may not have taken it yet.
func (h *workerThreads) ask(job *Job) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.poolOf(job)
	if len(p.queue) >= p.jobsMax {
		return false
	}
	h.enqueue(p, job)
	return true
}

// enqueue queues a job. The lock is held.
func (h *workerThreads) enqueue(p *workerPool, job *Job) {
	p.queue = append(p.queue, job)
	switch {
	case p.busy < p.started:
		p.busy++
		p.wake.Signal()
	case p.started < p.most:
		p.started++
		p.busy++
		h.group.Add(1)
		go h.run(p)
	}
}

// run does jobs. The thread counts as busy when it is started, and whenever it has been woken up.
func (h *workerThreads) run(p *workerPool) {
	defer h.group.Done()
	bringProcessors(1)
	defer bringProcessors(-1)
	if p.nice {
		runtime.LockOSThread() // for good: it ends with the goroutine
		own, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
		if err == nil { // the system call returns 20 minus the niceness
			_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 20-own+jobNice)
		}
	}
	var scratch []byte
	unsaid := 0 // finished jobs for which the loop has not been woken up
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		for len(p.queue) > 0 {
			job := p.queue[0]
			copy(p.queue, p.queue[1:])
			p.queue[len(p.queue)-1] = nil
			p.queue = p.queue[:len(p.queue)-1]
			h.mu.Unlock()
			done := h.perform(job, &scratch)
			h.mu.Lock()
			if other := h.poolOf(job); !done && len(other.queue) < other.jobsMax && !h.closed {
				h.enqueue(other, job)
				continue
			}
			h.finished = append(h.finished, job)
			if unsaid++; len(p.queue) > 0 && unsaid < p.together {
				continue
			}
			unsaid = 0
			if h.mustSignal() {
				// Without the lock: the loop wants it as soon as it has been woken up, and may be on the same processor.
				h.mu.Unlock()
				h.signal()
				h.mu.Lock()
			}
		}
		if h.closed {
			return
		}
		p.busy--
		p.wake.Wait()
	}
}

// processors counts the worker threads of this process, and the processors of the Go scheduler that were
// added for them.
var processors struct {
	mu                   sync.Mutex
	workerThreads, added int
}

// processorStep is how many processors are added at once, because each change stops all goroutines.
const processorStep = 16

// bringProcessors makes room for n more worker threads, or fewer. A goroutine keeps its processor of the Go scheduler during a
// system call until the runtime's monitor takes it away, which may be 10 ms later. As long as all were held by
// worker threads that wait for a disk, a loop could not go on after its wait. So each worker thread has one of its own.
func bringProcessors(n int) {
	p := &processors
	p.mu.Lock()
	defer p.mu.Unlock()
	p.workerThreads += n
	wanted := (p.workerThreads + processorStep - 1) / processorStep * processorStep
	if change := wanted - p.added; change != 0 {
		runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0)+change, 1))
		p.added = wanted
	}
}

// mustSignal reports whether the loop does not know yet that there are finished jobs. The caller then calls signal. The lock is held.
func (h *workerThreads) mustSignal() bool {
	must := !h.signaled
	h.signaled = true
	return must
}

// signal wakes up the loop. Its watch of the eventfd is edge-triggered, so that each write is an event, and nothing is read.
func (h *workerThreads) signal() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	for {
		if _, err := unix.Write(int(h.eventFD), one[:]); err != unix.EINTR {
			return
		}
	}
}

// wake wakes up the loop.
func (h *workerThreads) wake() {
	h.mu.Lock()
	defer h.mu.Unlock() // after signal, so that close does not take the eventfd away
	if h.eventFD >= 0 {
		h.signal()
	}
}

func (h *workerThreads) takeFinished(jobs []*Job) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := copy(jobs, h.finished)
	rest := copy(h.finished, h.finished[n:])
	clear(h.finished[rest:])
	h.finished = h.finished[:rest]
	h.signaled = rest > 0
	return n
}

// close waits for the worker threads to complete their jobs. It may block as long as a disk does.
func (h *workerThreads) close() error {
	h.mu.Lock()
	h.closed = true
	for i := range h.pools {
		for j := range h.pools[i] {
			h.pools[i][j].wake.Broadcast()
		}
	}
	h.mu.Unlock()
	h.group.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	var opened []int32 // for nobody
	for _, job := range h.finished {
		opened = job.AppendOpened(opened)
	}
	for _, fd := range opened {
		errs = append(errs, unix.Close(int(fd)))
	}
	if h.null >= 0 {
		errs = append(errs, unix.Close(h.null))
	}
	fd := h.eventFD
	h.eventFD = -1
	return errors.Join(append(errs, unix.Close(int(fd)))...)
}

// perform does a job. What it has to allocate for that is kept in scratch. It returns false if the job is one for the other threads
// of its kind, as it is Remote.
func (h *workerThreads) perform(job *Job, scratch *[]byte) bool {
	switch job.Kind {
	case JobLookUp:
		if !job.Remote {
			return job.lookUpLocal()
		}
		job.LookUp(openWaiting)
	case JobPrefetch:
		job.Result, job.Class = h.prefetch(job.FD, job.Offset, job.Len, scratch)
	case JobRead:
		job.Result = readFull(job.FD, job.Buf, job.Offset)
		job.Class = Classify(job.Result)
	case JobClose:
		_ = unix.Close(int(job.FD))
		job.Class = Done
	case JobFunc, JobCompute, JobCompress, JobHandshake, JobGenerate:
		job.Func()
	case JobPopulate:
		job.Class = populate(job.Buf)
	}
	return true
}

// populate brings memory for all of b, and changes nothing that is there. madvise(2): MADV_POPULATE_WRITE,
// Linux 5.14. Before that, the first access to a page allocates it.
func populate(b []byte) Class {
	err := unix.Madvise(b, unix.MADV_POPULATE_WRITE)
	for err == unix.EINTR || err == unix.EAGAIN {
		err = unix.Madvise(b, unix.MADV_POPULATE_WRITE)
	}
	switch err {
	case nil, unix.EINVAL, unix.ENOSYS:
		return Done
	default:
		return Exhausted
	}
}

// prefetch brings a part of a file into memory. It ends early at the end of the file.
func (h *workerThreads) prefetch(fd int32, offset, n int64, scratch *[]byte) (int64, Class) {
	_ = unix.Fadvise(int(fd), 0, 0, unix.FADV_SEQUENTIAL) // the kernel reads twice as far ahead (posix_fadvise(2))
	var done int64
	for done < n {
		r := h.prefetchPiece(fd, offset+done, min(n-done, prefetchPieceBytes), scratch)
		if r < 0 {
			return r, Classify(r)
		}
		if r == 0 {
			break
		}
		done += r
	}
	return done, Done
}

// prefetchPiece brings a piece into the page cache by sendfile(2) to /dev/null, which copies nothing. The kernel reads ahead for it, in
// folios that grow: with FADV_WILLNEED each page of the cache would be a folio of its own, which costs more to read and to send. Where
// sendfile is not possible it reads. It returns the number of bytes in the page cache, or minus errno.
func (h *workerThreads) prefetchPiece(fd int32, offset, n int64, scratch *[]byte) int64 {
	for h.null >= 0 {
		at := offset
		sent, err := unix.Sendfile(h.null, int(fd), &at, int(n))
		switch err {
		case nil:
			return int64(sent)
		case unix.EINTR:
			continue
		case unix.EINVAL, unix.ENOSYS: // the file can't be spliced (sendfile(2))
		default:
			return -int64(errnoOf(err))
		}
		break
	}
	if *scratch == nil {
		*scratch = make([]byte, prefetchPieceBytes)
	}
	return readFull(fd, (*scratch)[:n], offset)
}

// readFull fills b from the file, as far as the file goes, and returns the count or minus errno.
func readFull(fd int32, b []byte, offset int64) int64 {
	done := 0
	for done < len(b) {
		n, err := unix.Pread(int(fd), b[done:], offset+int64(done))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return -int64(errnoOf(err))
		}
		if n == 0 {
			break
		}
		done += n
	}
	return int64(done)
}
