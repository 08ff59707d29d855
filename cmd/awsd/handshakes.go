package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode"

	"aws/internal/logging"
	"aws/internal/tlsconn"
)

const (
	// handshakesPerSecond is the number of failed handshakes that are logged in a second. A flood does not fill a disk with more.
	handshakesPerSecond = 10
	// handshakeErrorMax is the number of bytes of an error that is logged.
	handshakeErrorMax = 300
)

// handshakeLog logs failed handshakes.
type handshakeLog struct {
	log    func(message string, attributes ...any)
	mutex  sync.Mutex
	began  time.Time // of the second that logged counts in
	logged int
	missed int // that have not been logged since the message before
}

// logHandshakes returns what logs failed handshakes, for goloop.Config, or nil if nobody wants to see them: they are messages of
// level debug, or info with --verbose.
func logHandshakes(verbose bool, report *logging.Reporter) func(netip.AddrPort, tlsconn.Failure, error) {
	switch {
	case verbose:
		return (&handshakeLog{log: report.Info}).add
	case report.Enabled(context.Background(), slog.LevelDebug):
		return (&handshakeLog{log: report.Debug}).add
	default:
		return nil
	}
}

// add logs a failed handshake, as far as the rate allows that. Loops call it.
func (l *handshakeLog) add(peer netip.AddrPort, why tlsconn.Failure, err error) {
	if missed, ok := l.allow(time.Now()); ok {
		if missed > 0 {
			l.log(fmt.Sprintf("%d more TLS handshakes failed", missed), "missed", missed)
		}
		client := "a client"
		if peer.IsValid() {
			client = peer.String()
		}
		text := fmt.Sprintf("TLS handshake with %s failed: %s", client, why)
		if err != nil {
			text += " (" + printable(err.Error()) + ")"
		}
		l.log(text, "peer", client, "reason", why.String())
	}
}

// allow reports whether a message may be logged now, and how many there were before that were not.
func (l *handshakeLog) allow(now time.Time) (missed int, ok bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if now.Sub(l.began) >= time.Second {
		l.began, l.logged = now, 0
	}
	if l.logged == handshakesPerSecond {
		l.missed++
		return 0, false
	}
	l.logged++
	missed, l.missed = l.missed, 0
	return missed, true
}

// printable returns the beginning of a text that a client has a part in, as one line that a terminal takes for nothing but text.
func printable(text string) string {
	if len(text) > handshakeErrorMax {
		text = text[:handshakeErrorMax] + "..."
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
