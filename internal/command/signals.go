package command

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// unheard receives the signals of DropSignals. Nobody reads it: [signal.Notify] drops what it has no room for.
var unheard = make(chan os.Signal, 1)

// DropSignals makes these signals do nothing from now on but what other calls of [signal.Notify] want of them. It holds
// until the process ends. [signal.Ignore] and [signal.Stop] can't do it for a signal that is being handled: in between, one
// that comes ends the process.
func DropSignals(signals ...os.Signal) { signal.Notify(unheard, signals...) }

// handleSignals lets the signals that end a process drain this one, and reports those that change nothing. The function that
// it returns ends that.
func (r *Process) handleSignals() (end func()) {
	// Signals that end have a channel of their own: others, however many, can't fill it (signal.Notify drops what it has no
	// room for).
	ends, idle, reloads := make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan os.Signal, 1)
	// What comes while the process ends must not end it otherwise. A worker's SIGINT and SIGHUP are of a terminal, which the
	// supervisor gets, too.
	DropSignals(append([]os.Signal{syscall.SIGTERM, syscall.SIGINT}, r.Idle...)...)
	signal.Notify(ends, syscall.SIGTERM)
	if r.Worker {
		DropSignals(syscall.SIGHUP)
	} else {
		signal.Notify(ends, syscall.SIGINT)
	}
	if len(r.Idle) > 0 { // no signals would be all signals
		signal.Notify(idle, r.Idle...)
	}
	if r.Reload != nil {
		DropSignals(syscall.SIGHUP)
		signal.Notify(reloads, syscall.SIGHUP)
	}
	go func() {
		for range ends {
			r.Drain("")
		}
	}()
	go func() {
		for sig := range idle {
			what := "needs --supervise"
			if r.Worker {
				what = fmt.Sprintf("is for the supervisor, process %d", os.Getppid())
			}
			r.Report.Warn(fmt.Sprintf("%s%v %s: nothing is changed", r.name(), sig, what), "signal", sig.String())
		}
	}()
	go func() {
		for range reloads {
			r.Reload()
		}
	}()
	return func() {
		for _, c := range []chan os.Signal{ends, idle, reloads} {
			signal.Stop(c)
			close(c)
		}
	}
}
