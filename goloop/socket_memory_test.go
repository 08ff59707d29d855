package goloop

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"aws/internal/docroot"
	"aws/internal/handler/dropin"
	"aws/internal/handler/fileserver"
	"aws/internal/kernel"

	"golang.org/x/sys/unix"
)

// memoryReporter says what the machine's sockets hold, and notes what is set for sockets. All else is done by the kernel that it wraps, if there is one.
type memoryReporter struct {
	kernel.Kernel
	held, low atomic.Int64
	looks     int
	sets      chan kernel.Op
	each      func() // is called before each batch, if it is not nil
}

func (m *memoryReporter) SocketMemory() (int64, int64) {
	m.looks++
	return m.held.Load(), m.low.Load()
}

func (m *memoryReporter) Do(ops []kernel.Op) {
	if m.each != nil {
		m.each()
	}
	for i := range ops {
		if kind := ops[i].Kind; kind == kernel.OpCork || kind == kernel.OpNotSent || kind == kernel.OpPush {
			m.sets <- ops[i]
		}
	}
	m.Kernel.Do(ops)
}

func TestSocketMemoryIsScarce(t *testing.T) {
	const low = 400 << 20
	k := &memoryReporter{}
	var m socketMemory
	for _, step := range []struct {
		sent      int64 // since the latest step
		held, low int64
		want      bool
		looks     int
	}{
		{0, 100<<20 - 1, low, false, 1},
		{lookAfterBytes - 1, 100 << 20, low, false, 0}, // it does not look yet
		{1, 100 << 20, low, true, 1},
		{lookAfterBytes, 50 << 20, low, true, 1}, // it does not change with each look
		{lookAfterBytes, 50<<20 - 1, low, false, 1},
		{lookAfterBytes, 0, 0, true, 1}, // the kernel does not say
		{10 * lookAfterBytes, 0, low, false, 1},
	} {
		k.held.Store(step.held)
		k.low.Store(step.low)
		m.left -= step.sent
		looks := k.looks
		for range 3 {
			if got := m.isScarce(k); got != step.want {
				t.Errorf("%d of %d held: %v", step.held, step.low, got)
			}
		}
		if k.looks-looks != step.looks {
			t.Errorf("%d of %d held: %d looks", step.held, step.low, k.looks-looks)
		}
	}
}

// A small response costs no call for its socket. A large one has full packets, and what waits unsent for it has a limit while the memory
// of all sockets is scarce.
func TestCallsForLargeResponses(t *testing.T) {
	s := newSite(t)
	if err := os.WriteFile(filepath.Join(s.dir, "static", "medium"), make([]byte, limitedBodyBytes+1), 0o644); err != nil {
		t.Fatal(err)
	}
	linux, _, err := kernel.NewLinux(kernel.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	k := &memoryReporter{Kernel: linux, sets: make(chan kernel.Op, 1000)}
	root, err := kernel.OpenRoot(s.dir, kernel.LinksBeneath)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kernel.CloseRoot(root) })
	handler, err := fileserver.New(fileserver.Options{Mounts: []*docroot.Mount{{Prefix: "/static/", Strip: 1, Root: root, Dir: s.dir}}})
	if err != nil {
		t.Fatal(err)
	}
	fd, addr, err := kernel.Listen(kernel.Address{TCP: netip.MustParseAddrPort("127.0.0.1:0")}, kernel.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLoop(k, ServeConfig(), handler, docroot.NewCache(dropin.CacheLimits(64)), fd)
	if err != nil {
		t.Fatal(err)
	}
	k.each = func() { l.socketMemory.left = 0 } // the next large body has the loop look
	c, stop := runLoop(t, l, addr)
	defer stop()
	r := bufio.NewReader(c)
	cork, uncork := "cork 1", "cork 0, linked"
	limit, noLimit := fmt.Sprintf("unsent %d", ScarceUnsentBytes), "unsent 0"
	for _, step := range []struct {
		path   string
		scarce bool
		want   []string
	}{
		{"/static/page", false, nil},
		{"/static/m", false, []string{cork, uncork}},
		{"/static/page", false, nil},
		{"/static/m", true, []string{limit, cork, uncork}},
		{"/static/m", true, []string{cork, uncork}},
		{"/static/page", true, nil},
		{"/static/m", false, []string{noLimit, cork, uncork}},
		{"/static/medium", true, []string{limit}},
		{"/static/medium", false, []string{noLimit}},
	} {
		k.low.Store(1 << 40)
		if step.scarce {
			k.low.Store(0)
		}
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", step.path); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, response.Body); err != nil || n != response.ContentLength || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d, %d bytes, %v", step.path, response.StatusCode, n, err)
		}
		var got []string
		for len(got) < len(step.want) {
			got = append(got, describeSet(<-k.sets))
		}
		for len(k.sets) > 0 {
			got = append(got, describeSet(<-k.sets))
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("%s, scarce=%v: %q, not %q", step.path, step.scarce, got, step.want)
		}
		if corked, err := unix.GetsockoptInt(socketTowards(t, c.LocalAddr().(*net.TCPAddr).Port), unix.IPPROTO_TCP, unix.TCP_CORK); err != nil || corked != 0 {
			t.Errorf("%s: the socket is corked afterwards: %d, %v", step.path, corked, err)
		}
	}
}

func describeSet(op kernel.Op) string {
	switch op.Kind {
	case kernel.OpCork:
		if op.Flags&kernel.Link != 0 { // to the end of the body, in the same batch
			return fmt.Sprintf("cork %d, linked", op.Mask)
		}
		return fmt.Sprintf("cork %d", op.Mask)
	case kernel.OpNotSent:
		return fmt.Sprintf("unsent %d", op.Mask)
	default:
		return "push"
	}
}
