package command

import (
	"os"
	"os/signal"
)

// unheard receives the signals of DropSignals. Nobody reads it: [signal.Notify] drops what it has no room for.
var unheard = make(chan os.Signal, 1)

// DropSignals makes these signals do nothing from now on but what other calls of [signal.Notify] want of them. It holds
// until the process ends. [signal.Ignore] and [signal.Stop] can't do it for a signal that is being handled: in between, one
// that comes ends the process.
func DropSignals(signals ...os.Signal) { signal.Notify(unheard, signals...) }
