package main

import (
	"fmt"
	"strconv"
	"time"

	"aws/internal/command"
	"aws/internal/kernel"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify notifies systemd, if it has started the process and wants to know (sd_notify(3)).
func notify(state string) { _, _ = daemon.SdNotify(false, state) }

// monotonic is the field that goes with RELOADING=1.
func monotonic() string {
	return "MONOTONIC_USEC=" + strconv.FormatInt(kernel.Monotonic().Microseconds(), 10)
}

// watchdogPeriod returns how often systemd wants to hear that all is well, or 0 if it does not.
func watchdogPeriod() time.Duration {
	period, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0
	}
	return period
}

// notifySystemd notifies systemd that the server serves, that its loops turn, and that it drains. Without
// systemd it does nothing. The function that it returns ends that.
func notifySystemd(r *command.Process) (ended func()) {
	notify(daemon.SdNotifyReady)
	over := make(chan struct{})
	go func() {
		select {
		case <-r.Drains:
			notify(daemon.SdNotifyStopping)
		case <-over:
		}
	}()
	if period := watchdogPeriod(); period > 0 {
		go feed(r, period, over)
	}
	return func() { close(over) }
}

// feed keeps systemd's watchdog quiet while the loops turn.
func feed(r *command.Process, period time.Duration, over <-chan struct{}) {
	pulse := r.Server.Pulse()
	ticker := time.NewTicker(min(period/3, beatEvery))
	defer ticker.Stop()
	silent, last := 0, time.Now()
	for {
		select {
		case <-over:
			return
		case <-ticker.C:
		}
		if !pulse.Beat() {
			silent++
			if silent == silentBeatsMax {
				r.Report.Error(fmt.Sprintf("the loops do not turn, for %s: the watchdog is not notified any more", command.Seconds(time.Since(last))))
			}
			continue
		}
		silent, last = 0, time.Now()
		notify(daemon.SdNotifyWatchdog)
	}
}
