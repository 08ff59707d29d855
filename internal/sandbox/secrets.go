package sandbox

import (
	"os"

	"aws/internal/logging"

	"golang.org/x/sys/unix"
)

// dumps says whether there are core dumps of the process.
type dumps uint8

const (
	dumpsUndecided dumps = iota
	dumpsWanted
	dumpsForbidden
)

// HoldSecrets is called before the process reads private keys. From then on there are no core dumps of it, and other processes of the
// same user can neither trace it nor read its memory; root can. Anyone who asks for core dumps with GOTRACEBACK=crash gets
// them, and a warning. It may be called more than once.
func (o *Options) HoldSecrets(report *logging.Reporter) error {
	if o.secrets != dumpsUndecided {
		return nil
	}
	if os.Getenv("GOTRACEBACK") == "crash" {
		o.secrets = dumpsWanted
		report.Warn("GOTRACEBACK=crash: core dumps are possible, and have the private keys of https in them")
		return nil
	}
	o.secrets = dumpsForbidden
	return forbidDumps()
}

// forbidDumps takes away the process's attribute "dumpable" (PR_SET_DUMPABLE, prctl(2)), for all of its threads. It lasts until the process
// becomes another user, or executes a program. A limit of the size of core dumps (RLIMIT_CORE) would not concern those that
// the kernel pipes to a program (core(5)).
func forbidDumps() error {
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0))
}
