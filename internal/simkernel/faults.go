package simkernel

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Fault is something that goes wrong by chance.
type Fault uint8

// The faults. A comment says what the loop sees.
const (
	FaultShortRecv     Fault = iota // a count smaller than what has arrived
	FaultShortSend                  // a count smaller than the room
	FaultShortSendfile              // the same
	FaultSpuriousAgain              // EAGAIN from a socket that is ready
	FaultSpuriousEvent              // readiness that is not there
	FaultReset                      // the connection breaks: ECONNRESET, EPIPE
	FaultNoBuffers                  // ENOBUFS or ENOMEM from a send
	FaultAcceptRefused              // EMFILE, ENFILE, ENOBUFS or ENOMEM; the connection waits on
	FaultAcceptAborted              // ECONNABORTED; the connection is gone
	FaultEpollRefused               // ENOMEM or ENOSPC from EpollAdd of a connection
	FaultInterrupted                // Wait returns early and without events
	FaultCloseFails                 // EINTR or EIO from close; the descriptor is gone all the same
	FaultReadError                  // EIO from a read or a sendfile
	FaultShortRead                  // a read that ends before its buffer does
	FaultReadRefused                // Submit: Again or Exhausted, after some of the reads
	FaultReadLate                   // a completion that takes a hundred times as long
	FaultOpenCold                   // Again for a name that has been looked up before
	FaultOpenExhausted              // Exhausted from Open, Direct, or a worker thread that opens or brings memory
	FaultAskRefused                 // Ask says false though there is room
	FaultJobLate                    // a worker thread that takes a hundred times as long
	FaultEvict                      // pages leave memory
	FaultBusyProbe                  // Probe cannot determine
	FaultOpenError                  // EIO from an open, or from reading a directory
	// Faults is their number.
	Faults
)

var faultNames = [Faults]string{
	"short recv", "short send", "short sendfile", "spurious EAGAIN", "spurious event", "reset",
	"no buffers", "accept refused", "accept aborted", "epoll refused", "interrupted", "close fails",
	"read error", "short read", "read refused", "read late", "open cold", "open exhausted",
	"ask refused", "job late", "evict", "busy probe", "open error",
}

// String returns the fault's name.
func (f Fault) String() string {
	if f < Faults {
		return faultNames[f]
	}
	return fmt.Sprintf("Fault(%d)", uint8(f))
}

// Profile holds the fault ratios and the times of a simulated world.
type Profile struct {
	Ratio      [Faults]float64 // how often each fault strikes where it could, 0 to 1
	Jitter     float64         // how often the world moves on between two operations of a batch
	OpTime     time.Duration   // what an operation takes at the most
	ReadTime   time.Duration   // what a disk takes for a read
	JobTime    time.Duration   // what a worker thread takes for a job
	Resident   float64         // the share of files that are in memory at the beginning
	Cold       float64         // the share of names that Open cannot determine without waiting
	Remote     float64         // the share of files on another filesystem, whose server may block
	NoWait     bool            // files know RWF_NOWAIT
	DirectIO   bool            // files can be opened with O_DIRECT
	AIO        bool            // there are slots for asynchronous reads
	Cachestat  bool            // Probe can determine residency
	EvictEvery time.Duration   // how often FaultEvict may strike
}

// Quiet returns a profile in which everything works, though not at once.
func Quiet() Profile {
	return Profile{
		Jitter: 0.05, OpTime: 2 * time.Microsecond, ReadTime: 200 * time.Microsecond,
		JobTime: 300 * time.Microsecond, Resident: 0.5, Cold: 0.3,
		NoWait: true, DirectIO: true, AIO: true, Cachestat: true,
		EvictEvery: 10 * time.Millisecond,
	}
}

// DrawProfile draws a profile: most faults are absent from most worlds, so that they don't hide
// each other, and one world in eight is quiet.
func DrawProfile(rnd *rand.Rand) Profile {
	p := Quiet()
	p.Jitter = pick(rnd, 0, 0.05, 0.5, 1)
	p.ReadTime = pick(rnd, 20*time.Microsecond, 200*time.Microsecond, 5*time.Millisecond)
	p.JobTime = pick(rnd, 50*time.Microsecond, 300*time.Microsecond, 8*time.Millisecond)
	p.Resident = pick(rnd, 0, 0.5, 0.9, 1)
	p.Cold = pick(rnd, 0, 0.3, 1)
	p.NoWait = rnd.IntN(6) > 0
	p.DirectIO = rnd.IntN(4) > 0
	p.AIO = rnd.IntN(8) > 0
	p.Cachestat = rnd.IntN(2) > 0
	if rnd.IntN(8) == 0 {
		return p
	}
	for f := range p.Ratio {
		if rnd.IntN(3) == 0 {
			p.Ratio[f] = pick(rnd, 0.002, 0.02, 0.1, 0.4)
		}
	}
	// These end connections, so that at a high ratio nothing else would ever be tried.
	for _, f := range []Fault{FaultReset, FaultNoBuffers, FaultEpollRefused, FaultReadError} {
		p.Ratio[f] = min(p.Ratio[f], 0.02)
	}
	// Nothing follows such a response.
	p.Ratio[FaultOpenError] = min(p.Ratio[FaultOpenError], 0.1)
	// It keeps a loop from sleeping.
	p.Ratio[FaultSpuriousEvent] = min(p.Ratio[FaultSpuriousEvent], 0.1)
	p.Remote = pick(rnd, 0, 0, 0.3, 1)
	return p
}

// String lists the faults of the profile and what is missing.
func (p *Profile) String() string {
	var b strings.Builder
	for f, r := range p.Ratio {
		if r > 0 {
			fmt.Fprintf(&b, "%v %g, ", Fault(f), r)
		}
	}
	fmt.Fprintf(&b, "jitter %g, read %v, job %v, resident %g, cold %g, remote %g, nowait %t, direct %t, aio %t, cachestat %t",
		p.Jitter, p.ReadTime, p.JobTime, p.Resident, p.Cold, p.Remote, p.NoWait, p.DirectIO, p.AIO, p.Cachestat)
	return b.String()
}

func pick[T any](rnd *rand.Rand, from ...T) T { return from[rnd.IntN(len(from))] }

// strikes draws whether a fault happens, and counts it.
func (k *Kernel) strikes(f Fault) bool {
	r := k.profile.Ratio[f]
	if r == 0 || k.rnd.Float64() >= r {
		return false
	}
	k.struck[f]++
	return true
}

// Struck returns how often a fault has happened.
func (k *Kernel) Struck(f Fault) int { return k.struck[f] }

// between draws a number from [lo, hi].
func (k *Kernel) between(lo, hi int64) int64 {
	if hi <= lo {
		return lo
	}
	return lo + k.rnd.Int64N(hi-lo+1)
}

// duration draws a time around mean: usually less, sometimes several times as much, and a hundred
// times as much when it is late.
func (k *Kernel) duration(mean time.Duration, late Fault) time.Duration {
	d := time.Duration(k.rnd.Int64N(int64(mean)*2 + 1))
	if k.rnd.IntN(8) == 0 {
		d *= 5
	}
	if k.strikes(late) {
		d = 100*mean + d
	}
	return d
}
