// Package systemd notifies the service manager that started the process: that it serves, reloads, stops, and is alive
// (sd_notify(3)). Without a service manager that wants to know, everything here does nothing.
//
// # Ownership
//
// Serving starts goroutines, which the function that it returns ends.
//
// # Caveats
//
// The watchdog is only notified while the heartbeat is there. A service whose loops hang is killed by systemd, and that is
// what WatchdogSec is for.
package systemd
