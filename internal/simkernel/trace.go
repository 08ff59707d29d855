package simkernel

import "fmt"

// tracef writes a line to the trace, if there is one.
func (k *Kernel) tracef(format string, args ...any) {
	if k.cfg.Trace == nil {
		return
	}
	_, _ = fmt.Fprintf(k.cfg.Trace, "%12v  %s\n", k.clock.now, fmt.Sprintf(format, args...))
}

// mark mixes a happening into the run's fingerprint (FNV-1a over words).
func (k *Kernel) mark(kind, a, b int64) {
	const prime = 1099511628211
	for _, v := range [...]int64{kind, a, b, int64(k.clock.now)} {
		k.trail = (k.trail ^ uint64(v)) * prime
		k.trail ^= k.trail >> 29
	}
}

// Fingerprint is a number made of everything that has happened, in order. Two runs of the same seed
// have the same.
func (k *Kernel) Fingerprint() uint64 { return k.trail }
