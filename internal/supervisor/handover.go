package supervisor

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"aws/internal/listeners"
)

// Handover holds what a worker inherits from its supervisor.
type Handover struct {
	Listeners *listeners.Set
	Settings  string // Command.Settings; "" if the supervisor's version has none
	// Shared is a file that this worker has in common with the supervisor, and with the workers before and after it. It is
	// nil if the supervisor's version has none.
	Shared *os.File
}

// IsWorker reports whether a supervisor has started this process. It holds until Inherit is called.
func IsWorker() bool {
	_, ok := os.LookupEnv(SocketsEnv)
	return ok
}

// Inherit returns what a supervisor has handed over to this process, or nil if there is none. It may be called once: the
// variables are removed, so that other processes do not take them for theirs.
func Inherit() (*Handover, error) {
	text, ok := os.LookupEnv(SocketsEnv)
	if !ok {
		return nil, nil
	}
	h := &Handover{Settings: os.Getenv(SettingsEnv)}
	_ = os.Unsetenv(SocketsEnv)
	_ = os.Unsetenv(SettingsEnv)
	if text := os.Getenv(SharedEnv); text != "" {
		fd, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is not a descriptor", SharedEnv, text)
		}
		_ = os.Unsetenv(SharedEnv)
		syscall.CloseOnExec(int(fd))
		h.Shared = os.NewFile(uintptr(fd), "shared")
		if _, err := h.Shared.Stat(); err != nil {
			return nil, fmt.Errorf("%s: %w", SharedEnv, err)
		}
	}
	var err error
	if h.Listeners, err = listeners.Inherit(text, socketsFD); err != nil {
		return nil, fmt.Errorf("%s: %w", SocketsEnv, err)
	}
	return h, nil
}

// Serves notifies the supervisor that this process serves, and from then on of its life whenever heartbeat returns true.
// orphaned is called when the supervisor is gone. Both are called by goroutines that last until the process ends.
func (h *Handover) Serves(report Report, heartbeat func() bool, orphaned func()) {
	serves(os.NewFile(readyFD, "ready"), os.NewFile(lifeFD, "life"), report, heartbeat, orphaned)
}

// serves is Serves with the two pipes.
func serves(ready, life *os.File, report Report, heartbeat func() bool, orphaned func()) {
	line, err := json.Marshal(report)
	if err == nil {
		_, err = ready.Write(append(append([]byte{readyByte}, line...), '\n'))
	}
	go func() {
		defer func() { _ = ready.Close() }()
		for ; err == nil; time.Sleep(heartbeatEvery) { // else it is a supervisor that does not listen
			if heartbeat() {
				_, err = ready.Write([]byte{heartbeatByte})
			}
		}
	}()
	go func() {
		_, _ = life.Read(make([]byte, 1)) // nobody writes: it returns when the supervisor is gone
		orphaned()
	}()
}
