//go:build !race && !asan && !msan && !goexperiment.cgocheck2

package goloop

import (
	"bytes"
	"encoding/binary"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"golang.org/x/sys/unix"

	"aws/internal/handler/dropin"
	"aws/internal/handler/fileserver"
)

// http2AllocClient sends requests on one connection of HTTP/2, and allocates nothing.
type http2AllocClient struct {
	t     testing.TB
	fd    int
	frame []byte // WINDOW_UPDATE for the connection and the stream, and HEADERS
	buf   []byte
	n     int // bytes of buf
	id    uint32
}

// newHTTP2AllocClient begins a connection. All of its requests are for one path.
func newHTTP2AllocClient(t testing.TB, c *client, path string) *http2AllocClient {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Connect(fd, &c.addr); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	var out, block bytes.Buffer
	out.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&out, nil)
	_ = framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 24})
	_ = framer.WriteSettingsAck()
	if _, err := unix.Write(fd, out.Bytes()); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	encoder := hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSize(0) // the same bytes each time
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "localhost"}, {":path", path}, {"user-agent", "test"}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	_ = framer.WriteWindowUpdate(0, 1<<24)
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
	return &http2AllocClient{t: t, fd: fd, frame: bytes.Clone(out.Bytes()), buf: make([]byte, 4<<20), id: 1}
}

// get requests the file, and iterates until its last frame has come. It returns how many bytes have.
func (a *http2AllocClient) get(l *Loop) (sum int) {
	const headersAt = http2FrameHead + 4
	binary.BigEndian.PutUint32(a.frame[headersAt+5:], a.id)
	binary.BigEndian.PutUint32(a.frame[http2FrameHead:], 1+uint32(a.n)) // as much as has been received
	if a.id == 1 {
		binary.BigEndian.PutUint32(a.frame[http2FrameHead:], 1<<24)
	}
	if _, err := unix.Write(a.fd, a.frame); err != nil {
		a.t.Fatal(err)
	}
	a.n = 0
	for at := 0; ; {
		for a.n-at >= http2FrameHead {
			length := int(a.buf[at])<<16 | int(a.buf[at+1])<<8 | int(a.buf[at+2])
			if a.n-at < http2FrameHead+length {
				break
			}
			kind, flags, id := a.buf[at+3], a.buf[at+4], binary.BigEndian.Uint32(a.buf[at+5:])
			if at += http2FrameHead + length; kind > byte(http2.FrameHeaders) && kind != byte(http2.FrameSettings) {
				a.t.Fatalf("a frame of the type %d", kind)
			}
			if kind <= byte(http2.FrameHeaders) && id == a.id && flags&byte(http2.FlagDataEndStream) != 0 {
				a.id += 2
				return a.n
			}
		}
		if _, err := l.Iterate(); err != nil {
			a.t.Fatal(err)
		}
		for {
			n, err := unix.Read(a.fd, a.buf[a.n:])
			if n <= 0 {
				if err != unix.EAGAIN {
					a.t.Fatal(n, err)
				}
				break
			}
			a.n += n
		}
	}
}

const http2FrameHead = 9

// TestNoAllocationPerStream has streams of one connection, one after the other.
func TestNoAllocationPerStream(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/k", "/buffer", "/m", "/dynamic/k", "/dynamic/m"} {
		t.Run(path, func(t *testing.T) {
			cfg := ServeConfig()
			cfg.H2C = true
			handler, err := fileserver.New(serveOptions(t, s))
			if err != nil {
				t.Fatal(err)
			}
			l, c := newAllocLoopOf(t, handler, cfg, dropin.CacheLimits(64))
			var watch oneRecord
			l.recorder.sink, l.cfg.Tracer, l.publisher.enabled, l.clock.precise = &watch, &watch, true, true
			a := newHTTP2AllocClient(t, c, path)
			for range 50 {
				a.get(l)
			}
			if n := testing.AllocsPerRun(200, func() { a.get(l) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
			if r := watch.r; watch.puts < 200 || r.Major != 2 || !r.Complete || r.Status != 200 {
				t.Errorf("%d records, the latest of %+v", watch.puts, r)
			}
		})
	}
}
