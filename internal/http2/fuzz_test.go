package http2

import (
	"bytes"
	"math/rand/v2"
	"testing"

	peer "golang.org/x/net/http2"

	"aws/internal/request"
)

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// server responds to every request, in one of several ways, and checks what it is handed.
type server struct {
	t       *testing.T
	conn    *Conn
	rnd     *rand.Rand
	limits  request.Limits
	streams map[*Stream]int // bytes of content that are left
}

// Request implements Handler.
func (s *server) Request(stream *Stream, head []byte) {
	var r request.Request
	r.Reset(&s.limits)
	if r.Parse(head) == request.Incomplete {
		s.t.Fatalf("%q is incomplete", head)
	}
	if r.Parse(head) == request.Complete && r.Len() != len(head) {
		s.t.Fatalf("%q is more than one head", head)
	}
	if s.rnd.IntN(8) == 0 {
		s.conn.Reset(stream, InternalError)
		return
	}
	s.streams[stream] = s.rnd.IntN(40_000)
	s.conn.Ready(stream)
}

// Closed implements Handler.
func (s *server) Closed(stream *Stream) {
	if _, there := s.streams[stream]; !there {
		s.t.Fatal("a stream that is not there is closed")
	}
	delete(s.streams, stream)
}

// respond makes some frames, and returns them.
func (s *server) respond() (out []byte) {
	out = s.conn.AppendControl(out)
	for range s.rnd.IntN(4) {
		stream := s.conn.Next()
		if stream == nil {
			return out
		}
		left, there := s.streams[stream]
		if !there {
			s.t.Fatal("a stream that is not there is to send")
		}
		if !stream.responding {
			if out = s.conn.AppendHeaders(out, stream, okHead, left == 0); left == 0 {
				delete(s.streams, stream)
			}
			continue
		}
		n := min(left, s.conn.WindowOf(stream), frameBytesMax)
		if n == 0 {
			s.t.Fatal("a stream without a window is to send")
		}
		s.conn.Take(stream, n)
		if s.rnd.IntN(8) == 0 {
			s.conn.GiveBack(stream, n)
			continue
		}
		s.streams[stream] -= n
		at := len(out)
		out = append(out, make([]byte, FrameHeadBytes+n)...)
		if s.conn.PutData(out[at:], stream, n, n == left); n == left {
			delete(s.streams, stream)
		}
	}
	return out
}

// FuzzConn lets a client send what it likes.
func FuzzConn(f *testing.F) {
	add := func(send func(c *client)) {
		c := newClient(f, DefaultLimits())
		c.begin()
		send(c)
		f.Add(c.out.Bytes(), uint64(1))
	}
	add(func(c *client) { c.get(1); c.get(3, "priority= u=1,i"); c.must(c.framer.WriteWindowUpdate(0, 100_000)) })
	add(func(c *client) {
		c.headers(1, false, getLines...)
		c.must(c.framer.WriteDataPadded(1, true, []byte("abc"), []byte{0}))
	})
	add(func(c *client) {
		c.get(1)
		c.must(c.framer.WriteRSTStream(1, 8))
		c.must(c.framer.WritePing(false, [8]byte{}))
	})
	add(func(c *client) {
		c.must(c.framer.WriteSettings(peer.Setting{ID: peer.SettingInitialWindowSize, Val: 5}))
		c.get(1)
		c.must(c.framer.WriteSettings(peer.Setting{ID: peer.SettingInitialWindowSize, Val: 1 << 20}))
		c.must(c.framer.WriteGoAway(0, 0, nil))
	})
	add(func(c *client) {
		block := c.encode(getLines...)
		c.must(c.framer.WriteHeaders(peer.HeadersFrameParam{StreamID: 1, BlockFragment: block[:3]}))
		c.must(c.framer.WriteContinuation(1, true, block[3:]))
		c.must(c.framer.WriteRawFrame(0x10, 0, 0, []byte("\x00\x00\x00\x01u=1")))
	})
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		limits := DefaultLimits()
		limits.HeadBytesMax = 2000
		s := &server{t: t, conn: NewConn(NewShared(), &limits), rnd: rnd, streams: map[*Stream]int{}}
		s.limits.HeadBytesMax = limits.HeadBytesMax
		var out []byte
		for ok := true; len(b) > 0 && ok; {
			n := 1 + rnd.IntN(len(b))
			ok = s.conn.Receive(0, bytes.Clone(b[:n]), s)
			b = b[n:]
			out = append(out, s.respond()...)
			known := 0
			s.conn.Each(func(*Stream) { known++ })
			if known != len(s.streams) || s.conn.Streams() > limits.StreamsMax || len(s.conn.control) > limits.ControlBytesMax+100 {
				t.Fatalf("%d streams of %d, %d bytes of control frames", known, len(s.streams), len(s.conn.control))
			}
		}
		out = append(out, s.conn.AppendControl(nil)...)
		words(t, out)
		s.conn.Release()
		if s.conn.Streams() != 0 {
			t.Fatal("streams are left")
		}
	})
}

// echo responds at once with a header block and content.
type echo struct {
	conn *Conn
	head []byte
	out  []byte
}

func (e *echo) Request(s *Stream, _ []byte) {
	e.out = e.conn.AppendHeaders(e.out[:0], s, e.head, false)
	e.conn.Take(s, 1000)
	at := len(e.out)
	e.out = e.out[:at+FrameHeadBytes]
	e.conn.PutData(e.out[at:], s, 1000, true)
}

func (e *echo) Closed(*Stream) {}

// newEcho returns a server that has served a request, and a repeated request.
func newEcho(t testing.TB) (e *echo, again func()) {
	cl := newClient(t, DefaultLimits())
	cl.begin()
	lines := []string{"user-agent= a browser, of some name and version", "accept= */*", "accept-encoding= gzip, deflate, br"}
	cl.get(1, lines...)
	e = &echo{conn: cl.conn, out: make([]byte, 0, 4096), head: []byte("HTTP/1.1 200 OK\r\nServer: aws\r\nDate: Fri, 27 Nov 2026 10:00:00 GMT\r\nContent-Type: text/html\r\n" +
		"ETag: \"0123456789abcdef\"\r\nLast-Modified: Fri, 27 Nov 2026 09:00:00 GMT\r\nAccept-Ranges: bytes\r\nContent-Length: 1000\r\n\r\n")}
	if !e.conn.Receive(0, cl.out.Bytes(), e) {
		t.Fatal(cl.control())
	}
	cl.out.Reset()
	cl.get(3, lines...)
	frame := bytes.Clone(cl.out.Bytes())
	id := uint32(3)
	control := make([]byte, 0, 4096)
	return e, func() {
		frame[5], frame[6], frame[7], frame[8] = byte(id>>24), byte(id>>16), byte(id>>8), byte(id)
		id += 2
		e.conn.window = 65535
		if !e.conn.Receive(0, frame, e) {
			t.Fatal(words(t, e.conn.AppendControl(nil)))
		}
		control = e.conn.AppendControl(control[:0])
	}
}

// TestNoAllocation shows that a repeated request allocates nothing.
func TestNoAllocation(t *testing.T) {
	_, again := newEcho(t)
	if n := testing.AllocsPerRun(1000, again); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}

func BenchmarkRequest(b *testing.B) {
	_, again := newEcho(b)
	b.ReportAllocs()
	for b.Loop() {
		again()
	}
}

func BenchmarkBlock(b *testing.B) {
	e, _ := newEcho(b)
	b.ReportAllocs()
	for b.Loop() {
		e.out = e.conn.shared.encoder.appendBlock(e.out[:0], e.head, &e.conn.table)
	}
}
