package systemd

import (
	"fmt"
	"strconv"
	"time"

	"aws/internal/kernel"
	"aws/internal/logging"

	"github.com/coreos/go-systemd/v22/daemon"
)

// States that a service manager is notified of.
const (
	Ready    = daemon.SdNotifyReady
	Stopping = daemon.SdNotifyStopping
	Watchdog = daemon.SdNotifyWatchdog
)

// Notify notifies systemd, if it has started the process and wants to know.
func Notify(state string) { _, _ = daemon.SdNotify(false, state) }

// Reloading returns the state of a service that reads its configuration again. It holds the time, as systemd wants it.
func Reloading() string {
	return daemon.SdNotifyReloading + "\nMONOTONIC_USEC=" + strconv.FormatInt(kernel.Monotonic().Microseconds(), 10)
}

// Status returns the state that describes the service in a sentence.
func Status(text string) string { return "STATUS=" + text }

// WatchdogPeriod returns how often systemd wants to hear that all is well, or 0 if it does not.
func WatchdogPeriod() time.Duration {
	period, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0
	}
	return period
}

// Times of the heartbeat of a process that serves without a supervisor.
const (
	heartbeatEvery    = 500 * time.Millisecond
	missingBeatsLimit = 20 // after so many that are missing the loops are taken for stuck
)

// Serving notifies systemd that the server serves, that it is alive while heartbeat returns true, and that it drains, once
// that channel is closed. The function that it returns ends that.
func Serving(heartbeat func() bool, drains <-chan struct{}, report *logging.Reporter) (end func()) {
	Notify(Ready)
	ended := make(chan struct{})
	go func() {
		select {
		case <-drains:
			Notify(Stopping)
		case <-ended:
		}
	}()
	if period := WatchdogPeriod(); period > 0 {
		go keepAlive(heartbeat, period, ended, report)
	}
	return func() { close(ended) }
}

// keepAlive notifies systemd's watchdog while the loops iterate.
func keepAlive(heartbeat func() bool, period time.Duration, ended <-chan struct{}, report *logging.Reporter) {
	ticker := time.NewTicker(min(period/3, heartbeatEvery))
	defer ticker.Stop()
	missing, last := 0, time.Now()
	for {
		select {
		case <-ended:
			return
		case <-ticker.C:
		}
		if !heartbeat() {
			missing++
			if missing == missingBeatsLimit {
				report.Error(fmt.Sprintf("the loops do not iterate, for %.1f s: the watchdog is not notified any more", time.Since(last).Seconds()))
			}
			continue
		}
		missing, last = 0, time.Now()
		Notify(Watchdog)
	}
}
