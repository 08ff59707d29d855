package simkernel

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// violationsMax bounds the recorded violations: further ones add no information.
const violationsMax = 40

// historyLen is how many happenings of a descriptor's number a violation shows.
const historyLen = 8

// Violation is something that the loop did and must not do.
type Violation struct {
	At      time.Duration
	What    string
	History string // what was done to the descriptor before, oldest first; may be empty
}

// Error implements error.
func (v *Violation) Error() string {
	s := fmt.Sprintf("%v: %s", v.At, v.What)
	if v.History != "" {
		s += "; before: " + v.History
	}
	return s
}

// deed is one entry of a descriptor number's history.
type deed struct {
	at     time.Duration
	what   string
	serial int
	result int64
}

// ledger holds the violations of the loop, and the histories that explain them.
type ledger struct {
	violations []*Violation
	histories  [][]deed // by descriptor number, each a ring of the latest
}

// record notes a deed in the history of a descriptor's number.
func (k *Kernel) record(fd int32, what string, serial int, result int64) {
	if fd < 0 || int(fd) >= cap(k.ledger.histories) && fd > 1<<20 {
		return
	}
	for int(fd) >= len(k.ledger.histories) {
		k.ledger.histories = append(k.ledger.histories, nil)
	}
	h := &k.ledger.histories[fd]
	if len(*h) == historyLen {
		copy(*h, (*h)[1:])
		*h = (*h)[:historyLen-1]
	}
	*h = append(*h, deed{k.clock.now, what, serial, result})
}

// violate writes a violation down, once for each text.
func (k *Kernel) violate(fd int32, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	k.tracef("VIOLATION %s", what)
	if len(k.ledger.violations) >= violationsMax {
		return
	}
	for _, v := range k.ledger.violations {
		if v.What == what {
			return
		}
	}
	k.ledger.violations = append(k.ledger.violations,
		&Violation{At: k.clock.now, What: what, History: k.history(fd)})
}

func (k *Kernel) history(fd int32) string {
	if fd < 0 || int(fd) >= len(k.ledger.histories) {
		return ""
	}
	var b strings.Builder
	for i, d := range k.ledger.histories[fd] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%v %s=%d (#%d)", d.at, d.what, d.result, d.serial)
	}
	return b.String()
}

// Violations returns what has been written down so far.
func (k *Kernel) Violations() []*Violation { return k.ledger.violations }

// Audit is called when the loop is at its end and has closed the kernel. It returns all violations,
// and with them what was not given back.
func (k *Kernel) Audit() error {
	if !k.closed {
		k.violate(-1, "the kernel was not closed")
	}
	for _, d := range k.table {
		if d != nil && d.owned {
			k.violate(d.fd, "descriptor %d (%v) was never closed", d.fd, d)
		}
	}
	var errs []error
	for _, v := range k.ledger.violations {
		errs = append(errs, v)
	}
	return errors.Join(errs...)
}
