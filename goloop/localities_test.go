package goloop

import (
	"net/netip"
	"testing"
	"time"

	"aws/internal/kernel"
)

func TestLocalities(t *testing.T) {
	loopback, remote := netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("192.0.2.1:1")
	mapped, unix := netip.MustParseAddrPort("[::ffff:127.0.0.1]:1"), netip.AddrPort{}
	for _, test := range []struct {
		local, system string
		peer          netip.AddrPort
		want          locality
	}{
		{"cubic", "bbr", loopback, localityLoopback},
		{"cubic", "bbr", mapped, localityLoopback},
		{"cubic", "bbr", remote, localityRemote},
		{"cubic", "bbr", unix, localityUnknown},
		{"cubic", "cubic", loopback, localityLoopback},
		{"cubic", "cubic", remote, localityUnknown},
		{"cubic", "", remote, localityUnknown},
		{"", "bbr", loopback, localityUnknown},
		{"", "bbr", remote, localityUnknown},
	} {
		l, err := newLocalities(&doorman{}, &Config{LocalCongestion: test.local, SystemCongestion: test.system})
		if err != nil {
			t.Fatal(err)
		}
		if got := l.of(test.peer); got != test.want {
			t.Errorf("%q and %q: %v is %d, want %d", test.local, test.system, test.peer, got, test.want)
		}
		if differ := test.local != "" && test.system != "" && test.local != test.system; (l.loopbackNames != nil) != differ {
			t.Errorf("%q and %q: names to exchange: %q", test.local, test.system, l.loopbackNames)
		}
	}
}

// memoryReporter says what the machine's sockets hold, and is otherwise not a kernel at all.
type memoryReporter struct {
	kernel.Kernel
	now       time.Duration
	held, low int64
	looks     int
}

func (m *memoryReporter) Now() time.Duration { return m.now }

func (m *memoryReporter) SocketMemory() (int64, int64) {
	m.looks++
	return m.held, m.low
}

func TestRoomForWholeResponses(t *testing.T) {
	k := &memoryReporter{now: time.Second}
	var w socketWaits
	granted := func() (n int) {
		for n < 1000 && w.take(k) {
			n++
		}
		return n
	}
	for _, step := range []struct {
		after     time.Duration
		held, low int64
		open      int
		want      int
	}{
		{0, 0, 40 << 20, 0, 5},
		{wholeLookAfter - 1, 0, 40 << 20, 0, 0}, // nobody knows yet what the five do
		{1, 10<<20 - 1, 40 << 20, 0, 0},
		{wholeLookAfter, 6 << 20, 40 << 20, 0, 2},
		{wholeLookAfter, 6 << 20, 40 << 20, 1, 1},
		{wholeLookAfter, 6 << 20, 40 << 20, 3, 0},
		{wholeLookAfter, 50 << 20, 40 << 20, 0, 0},
		{wholeLookAfter, 0, 0, 0, 0}, // the kernel does not say
		{wholeLookAfter, 0, 1 << 40, 7, wholeMost},
	} {
		k.now += step.after
		k.held, k.low, w.open = step.held, step.low, step.open
		looks := k.looks
		if got := granted(); got != step.want {
			t.Errorf("%d of %d held: %d responses may wait, not %d", step.held, step.low, got, step.want)
		}
		if k.looks > looks+1 {
			t.Errorf("%d of %d held: %d looks", step.held, step.low, k.looks-looks)
		}
		for range step.want {
			w.give()
		}
		if w.open != step.open {
			t.Errorf("%d of %d held: %d are open after all were given back", step.held, step.low, w.open)
		}
	}
}
