package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"aws/internal/tlsconn"
)

// TestHandshakeLog sees what a message says, and that a flood has few of them.
func TestHandshakeLog(t *testing.T) {
	var lines []string
	l := &handshakeLog{log: func(message string, _ ...any) { lines = append(lines, message) }}
	l.began = time.Now().Add(time.Hour) // so that no second ends in between
	peer := netip.MustParseAddrPort("192.0.2.1:4711")
	l.add(peer, tlsconn.FailureNotTLS, errors.New("not\nTLS \x1b[2J"))
	l.add(netip.AddrPort{}, tlsconn.FailureTimeout, nil)
	l.add(peer, tlsconn.FailureOther, errors.New(strings.Repeat("x", 5000)))
	if want := []string{
		"TLS handshake with 192.0.2.1:4711 failed: not_tls (not\ufffdTLS \ufffd[2J)", "TLS handshake with a client failed: timeout",
		"TLS handshake with 192.0.2.1:4711 failed: other (" + strings.Repeat("x", 300) + "...)",
	}; !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
	for range 1000 {
		l.add(peer, tlsconn.FailureClosed, nil)
	}
	if len(lines) != handshakesPerSecond {
		t.Errorf("%d messages", len(lines))
	}
	lines, l.began = nil, time.Time{}
	l.add(peer, tlsconn.FailureClosed, nil)
	if want := fmt.Sprintf("%d more TLS handshakes failed", 1003-handshakesPerSecond); len(lines) != 2 || lines[0] != want {
		t.Errorf("%q", lines)
	}
}
