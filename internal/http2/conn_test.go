package http2

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	peer "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// client makes what a client sends, and takes the server's frames apart.
type client struct {
	t       testing.TB
	conn    *Conn
	out     bytes.Buffer
	framer  *peer.Framer
	block   bytes.Buffer
	encoder *hpack.Encoder
	events  []string // of the Handler
	streams map[uint32]*Stream
	refuse  bool // Request resets the stream
	now     time.Duration
}

func newClient(t testing.TB, limits Limits) *client {
	c := &client{t: t, conn: NewConn(NewShared(), &limits), streams: map[uint32]*Stream{}}
	c.framer = peer.NewFramer(&c.out, nil)
	c.framer.AllowIllegalWrites = true
	c.encoder = hpack.NewEncoder(&c.block)
	return c
}

// Request implements Handler.
func (c *client) Request(s *Stream, head []byte) {
	c.streams[s.ID] = s
	c.events = append(c.events, fmt.Sprintf("%d %s", s.ID, strings.ReplaceAll(strings.TrimSuffix(string(head), "\r\n\r\n"), "\r\n", " | ")))
	if c.refuse {
		c.conn.Reset(s, RefusedStream)
	}
}

// Closed implements Handler.
func (c *client) Closed(s *Stream) {
	delete(c.streams, s.ID)
	c.events = append(c.events, fmt.Sprintf("%d closed", s.ID))
}

// begin sends the preface and SETTINGS, and acknowledges the server's.
func (c *client) begin() {
	c.out.WriteString(peer.ClientPreface)
	c.must(c.framer.WriteSettings())
	c.must(c.framer.WriteSettingsAck())
}

func (c *client) must(err error) {
	if err != nil {
		c.t.Fatal(err)
	}
}

// encode returns the block of "name: value" lines.
func (c *client) encode(lines ...string) []byte {
	c.block.Reset()
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "= ")
		c.must(c.encoder.WriteField(hpack.HeaderField{Name: name, Value: value}))
	}
	return c.block.Bytes()
}

var getLines = []string{":method= GET", ":scheme= https", ":authority= a.example", ":path= /x"}

// get sends a request.
func (c *client) get(id uint32, more ...string) {
	c.headers(id, true, append(slices.Clone(getLines), more...)...)
}

func (c *client) headers(id uint32, ends bool, lines ...string) {
	c.must(c.framer.WriteHeaders(peer.HeadersFrameParam{StreamID: id, BlockFragment: c.encode(lines...), EndHeaders: true, EndStream: ends}))
}

// send lets the server receive what has been written, in pieces.
func (c *client) send(piece int) bool {
	ok := true
	for b := c.out.Bytes(); len(b) > 0 && ok; {
		n := min(piece, len(b))
		ok = c.conn.Receive(c.now, bytes.Clone(b[:n]), c) // of which nothing may be kept
		b = b[n:]
	}
	c.out.Reset()
	return ok
}

const whole = 1 << 30

// control returns the server's control frames, in words, but for SETTINGS.
func (c *client) control() string { return words(c.t, c.conn.AppendControl(nil)) }

// okHead is the header section of a response without fields.
var okHead = []byte("HTTP/1.1 200 OK\r\n\r\n")

// words describes frames.
func words(t testing.TB, b []byte) string {
	t.Helper()
	var list []string
	framer := peer.NewFramer(io.Discard, bytes.NewReader(b))
	for {
		f, err := framer.ReadFrame()
		if errors.Is(err, io.EOF) {
			return strings.Join(list, ", ")
		}
		if err != nil {
			t.Fatalf("frame %d of %q: %v", len(list), b, err)
		}
		switch f := f.(type) {
		case *peer.SettingsFrame:
		case *peer.RSTStreamFrame:
			list = append(list, fmt.Sprintf("RST_STREAM %d %v", f.StreamID, f.ErrCode))
		case *peer.GoAwayFrame:
			list = append(list, fmt.Sprintf("GOAWAY %d %v", f.LastStreamID, f.ErrCode))
		case *peer.WindowUpdateFrame:
			list = append(list, fmt.Sprintf("WINDOW_UPDATE %d %d", f.StreamID, f.Increment))
		case *peer.PingFrame:
			list = append(list, fmt.Sprintf("PING %v %q", f.IsAck(), f.Data[:]))
		default:
			list = append(list, fmt.Sprintf("%v %d %v", f.Header().Type, f.Header().StreamID, f.Header().Flags))
		}
	}
}

// TestFaults looks at what each fault of a client leads to (RFC 9113, sections 5.1, 5.4 and 6).
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		send  func(c *client)
		want  string
		fails bool // the connection
	}{
		{"nothing", func(*client) {}, "", false},
		{"a preface that is none", func(c *client) { c.out.Reset(); c.out.WriteString("GET / HTTP/1.1\r\n\r\n") }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"no SETTINGS first", func(c *client) { c.out.Reset(); c.out.WriteString(preface); c.get(1) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"a frame that is too large", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FrameData, 0, 1, make([]byte, 16385))) }, "GOAWAY 0 FRAME_SIZE_ERROR", true},
		{"an unknown frame", func(c *client) { c.must(c.framer.WriteRawFrame(0x77, 0xff, 9, make([]byte, 500))); c.get(1) }, "", false},
		{"PRIORITY_UPDATE for a stream that the server has not begun", func(c *client) { c.must(c.framer.WriteRawFrame(0x10, 0, 0, []byte("\x00\x00\x00\x02u=1"))) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"PRIORITY_UPDATE before its stream", func(c *client) { c.must(c.framer.WriteRawFrame(0x10, 0, 0, []byte("\x00\x00\x00\x01u=1"))); c.get(1) }, "", false},
		{"PUSH_PROMISE", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FramePushPromise, 4, 1, make([]byte, 4))) }, "GOAWAY 0 PROTOCOL_ERROR", true},

		{"SETTINGS of a stream", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FrameSettings, 0, 1, nil)) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"SETTINGS of 5 bytes", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FrameSettings, 0, 0, make([]byte, 5))) }, "GOAWAY 0 FRAME_SIZE_ERROR", true},
		{"an acknowledgement with content", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FrameSettings, 1, 0, make([]byte, 6))) }, "GOAWAY 0 FRAME_SIZE_ERROR", true},
		{"ENABLE_PUSH 2", func(c *client) { c.must(c.framer.WriteSettings(peer.Setting{ID: peer.SettingEnablePush, Val: 2})) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"INITIAL_WINDOW_SIZE 2^31", func(c *client) {
			c.must(c.framer.WriteSettings(peer.Setting{ID: peer.SettingInitialWindowSize, Val: 1 << 31}))
		}, "GOAWAY 0 FLOW_CONTROL_ERROR", true},
		{"MAX_FRAME_SIZE 16383", func(c *client) {
			c.must(c.framer.WriteSettings(peer.Setting{ID: peer.SettingMaxFrameSize, Val: 16383}))
		}, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"MAX_FRAME_SIZE 2^24", func(c *client) {
			c.must(c.framer.WriteSettings(peer.Setting{ID: peer.SettingMaxFrameSize, Val: 1 << 24}))
		}, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"an unknown setting", func(c *client) { c.must(c.framer.WriteSettings(peer.Setting{ID: 0x99, Val: 1})) }, "", false},
		{"windows beyond 2^31-1 by SETTINGS", func(c *client) {
			c.get(1)
			c.must(c.framer.WriteWindowUpdate(1, 1<<31-1-65535))
			c.must(c.framer.WriteSettings(peer.Setting{ID: peer.SettingInitialWindowSize, Val: 65536}))
		}, "GOAWAY 1 FLOW_CONTROL_ERROR", true},

		{"PING", func(c *client) { c.must(c.framer.WritePing(false, [8]byte{'a'})) }, `PING true "a\x00\x00\x00\x00\x00\x00\x00"`, false},
		{"PING that is acknowledged", func(c *client) { c.must(c.framer.WritePing(true, [8]byte{'a'})) }, "", false},
		{"PING of a stream", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FramePing, 0, 1, make([]byte, 8))) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"PING of 7 bytes", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FramePing, 0, 0, make([]byte, 7))) }, "GOAWAY 0 FRAME_SIZE_ERROR", true},
		{"GOAWAY of a stream", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FrameGoAway, 0, 1, make([]byte, 8))) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"GOAWAY of 7 bytes", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FrameGoAway, 0, 0, make([]byte, 7))) }, "GOAWAY 0 FRAME_SIZE_ERROR", true},

		{"WINDOW_UPDATE of 3 bytes", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FrameWindowUpdate, 0, 0, make([]byte, 3))) }, "GOAWAY 0 FRAME_SIZE_ERROR", true},
		{"WINDOW_UPDATE 0", func(c *client) { c.must(c.framer.WriteWindowUpdate(0, 0)) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"WINDOW_UPDATE 0 of a stream", func(c *client) { c.get(1); c.must(c.framer.WriteWindowUpdate(1, 0)) }, "RST_STREAM 1 PROTOCOL_ERROR", false},
		{"WINDOW_UPDATE beyond 2^31-1", func(c *client) { c.must(c.framer.WriteWindowUpdate(0, 1<<31-1)) }, "GOAWAY 0 FLOW_CONTROL_ERROR", true},
		{"the same of a stream", func(c *client) { c.get(1); c.must(c.framer.WriteWindowUpdate(1, 1<<31-1)) }, "RST_STREAM 1 FLOW_CONTROL_ERROR", false},
		{"WINDOW_UPDATE of an idle stream", func(c *client) { c.must(c.framer.WriteWindowUpdate(1, 1)) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"WINDOW_UPDATE of a closed stream", func(c *client) { c.get(3); c.must(c.framer.WriteWindowUpdate(1, 1)) }, "", false},

		{"RST_STREAM of 3 bytes", func(c *client) { c.get(1); c.must(c.framer.WriteRawFrame(peer.FrameRSTStream, 0, 1, make([]byte, 3))) }, "GOAWAY 1 FRAME_SIZE_ERROR", true},
		{"RST_STREAM of no stream", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FrameRSTStream, 0, 0, make([]byte, 4))) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"RST_STREAM of an idle stream", func(c *client) { c.must(c.framer.WriteRSTStream(1, 8)) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"RST_STREAM twice", func(c *client) {
			c.get(1)
			c.must(c.framer.WriteRSTStream(1, 8))
			c.must(c.framer.WriteRSTStream(1, 8))
		}, "", false},

		{"PRIORITY", func(c *client) { c.must(c.framer.WritePriority(1, peer.PriorityParam{StreamDep: 3})); c.get(1) }, "", false},
		{"PRIORITY of no stream", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FramePriority, 0, 0, make([]byte, 5))) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"PRIORITY of 4 bytes", func(c *client) { c.get(1); c.must(c.framer.WriteRawFrame(peer.FramePriority, 0, 1, make([]byte, 4))) }, "RST_STREAM 1 FRAME_SIZE_ERROR", false},
		{"PRIORITY that depends on itself", func(c *client) { c.get(1); c.must(c.framer.WritePriority(1, peer.PriorityParam{StreamDep: 1})) }, "RST_STREAM 1 PROTOCOL_ERROR", false},
		{"PRIORITY_UPDATE of a stream", func(c *client) { c.must(c.framer.WriteRawFrame(0x10, 0, 1, []byte{0, 0, 0, 1, 'u', '=', '0'})) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"PRIORITY_UPDATE for no stream", func(c *client) { c.must(c.framer.WriteRawFrame(0x10, 0, 0, []byte{0, 0, 0, 0})) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"PRIORITY_UPDATE of 3 bytes", func(c *client) { c.must(c.framer.WriteRawFrame(0x10, 0, 0, []byte{0, 0, 0})) }, "GOAWAY 0 FRAME_SIZE_ERROR", true},

		{"HEADERS of no stream", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FrameHeaders, 5, 0, c.encode(getLines...))) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"HEADERS of an even stream", func(c *client) { c.get(2) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"HEADERS of a smaller number", func(c *client) { c.get(5); c.get(3) }, "GOAWAY 5 STREAM_CLOSED", true},
		{"HEADERS behind END_STREAM", func(c *client) { c.get(1); c.get(1) }, "RST_STREAM 1 STREAM_CLOSED", false},
		{"HEADERS that depend on themselves", func(c *client) {
			c.must(c.framer.WriteHeaders(peer.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(getLines...), EndHeaders: true, EndStream: true, Priority: peer.PriorityParam{StreamDep: 1}}))
		}, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"HEADERS with more padding than payload", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FrameHeaders, 0x0d, 1, []byte{9, 1, 1})) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"HEADERS without their priority", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FrameHeaders, 0x25, 1, []byte{9, 1, 1})) }, "GOAWAY 0 FRAME_SIZE_ERROR", true},
		{"HEADERS with padding and priority", func(c *client) {
			c.must(c.framer.WriteHeaders(peer.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(getLines...), EndHeaders: true, EndStream: true, PadLength: 9, Priority: peer.PriorityParam{StreamDep: 3, Weight: 9}}))
		}, "", false},
		{"a block that is none", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FrameHeaders, 5, 1, []byte{0xff, 0xff})) }, "GOAWAY 0 COMPRESSION_ERROR", true},
		{"CONTINUATION of nothing", func(c *client) { c.must(c.framer.WriteContinuation(1, true, nil)) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"a frame between HEADERS and CONTINUATION", func(c *client) {
			c.must(c.framer.WriteHeaders(peer.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(getLines...), EndStream: true}))
			c.must(c.framer.WritePing(false, [8]byte{}))
		}, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"CONTINUATION of another stream", func(c *client) {
			c.must(c.framer.WriteHeaders(peer.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(getLines...), EndStream: true}))
			c.must(c.framer.WriteContinuation(3, true, nil))
		}, "GOAWAY 0 PROTOCOL_ERROR", true},

		{"DATA of no stream", func(c *client) { c.must(c.framer.WriteRawFrame(peer.FrameData, 0, 0, nil)) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"DATA of an idle stream", func(c *client) { c.must(c.framer.WriteData(1, true, nil)) }, "GOAWAY 0 PROTOCOL_ERROR", true},
		{"DATA behind END_STREAM", func(c *client) { c.get(1); c.must(c.framer.WriteData(1, true, []byte("x"))) }, "RST_STREAM 1 STREAM_CLOSED", false},
		{"DATA of a stream that the client has reset", func(c *client) {
			c.get(1)
			c.must(c.framer.WriteRSTStream(1, 8))
			c.must(c.framer.WriteData(1, true, []byte("x")))
		}, "GOAWAY 1 STREAM_CLOSED", true},
		{"DATA with more padding than payload", func(c *client) {
			c.headers(1, false, getLines...)
			c.must(c.framer.WriteRawFrame(peer.FrameData, 8, 1, []byte{9, 1}))
		}, "GOAWAY 1 PROTOCOL_ERROR", true},
		{"more DATA than Content-Length", func(c *client) {
			c.headers(1, false, append(slices.Clone(getLines), "content-length= 3")...)
			c.must(c.framer.WriteData(1, false, []byte("1234")))
		}, "RST_STREAM 1 PROTOCOL_ERROR", false},
		{"less DATA than Content-Length", func(c *client) {
			c.headers(1, false, append(slices.Clone(getLines), "content-length= 5")...)
			c.must(c.framer.WriteData(1, true, []byte("1234")))
		}, "RST_STREAM 1 PROTOCOL_ERROR", false},
		{"no DATA, and a Content-Length", func(c *client) { c.get(1, "content-length= 5") }, "RST_STREAM 1 PROTOCOL_ERROR", false},
		{"more DATA than the window", func(c *client) {
			c.conn.allowed = 100
			c.headers(1, false, getLines...)
			c.must(c.framer.WriteData(1, false, make([]byte, 101)))
		}, "GOAWAY 1 FLOW_CONTROL_ERROR", true},
		{"trailers without END_STREAM", func(c *client) { c.headers(1, false, getLines...); c.headers(1, false, "a= b") }, "RST_STREAM 1 PROTOCOL_ERROR", false},
		{"trailers with a pseudo field", func(c *client) { c.headers(1, false, getLines...); c.headers(1, true, ":path= /") }, "RST_STREAM 1 PROTOCOL_ERROR", false},
		{"trailers", func(c *client) { c.headers(1, false, getLines...); c.headers(1, true, "a= b") }, "", false},
	} {
		for _, piece := range []int{whole, 1} {
			cl := newClient(t, DefaultLimits())
			cl.begin()
			c.send(cl)
			ok := cl.send(piece)
			if got := cl.control(); got != c.want || ok == c.fails {
				t.Errorf("%s, in pieces of %d: %q, %v, want %q", c.name, piece, got, ok, c.want)
			}
			if !ok && (cl.conn.Receive(0, []byte("x"), cl) || !cl.conn.Ended()) {
				t.Errorf("%s: the connection goes on", c.name)
			}
		}
	}
}

// TestRequests looks at the heads that requests are handed on with, and at what makes one malformed (RFC 9113, sections 8.2 and 8.3).
func TestRequests(t *testing.T) {
	post := []string{":method= POST", ":scheme= http", ":authority= a", ":path= /"}
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{getLines, "1 GET /x HTTP/1.1 | Host: a.example"},
		{[]string{":path= /y?z", ":method= HEAD", ":scheme= http"}, "1 HEAD /y?z HTTP/1.1"},
		{[]string{":path= /", ":method= GET", ":scheme= http", "a= b", "host= c", "a= d"}, "1 GET / HTTP/1.1 | a: b | host: c | a: d"},
		{append(slices.Clone(getLines), "host= a.example", "te= trailers", "x= "), "1 GET /x HTTP/1.1 | Host: a.example | x: "},
		{[]string{":path= *", ":method= OPTIONS", ":scheme= https", ":authority= a"}, "1 OPTIONS * HTTP/1.1 | Host: a"},
		{[]string{":method= CONNECT", ":authority= a:443"}, "1 CONNECT a:443 HTTP/1.1 | Host: a:443"},
		{append(slices.Clone(getLines), "priority= u=0"), "1 GET /x HTTP/1.1 | Host: a.example | priority: u=0"},

		{getLines[1:], ""},
		{append(slices.Clone(getLines[:1]), getLines[2:]...), ""},
		{getLines[:3], ""},
		{append(slices.Clone(getLines), ":path= /"), ""},
		{append(slices.Clone(getLines), ":status= 200"), ""},
		{append(slices.Clone(getLines), ":other= 200"), ""},
		{append([]string{"a= b"}, getLines...), ""},
		{append(slices.Clone(getLines[:3]), ":path= "), ""},
		{append(slices.Clone(getLines[:3]), ":path= x"), ""},
		{append(slices.Clone(getLines[:3]), ":path= *"), ""},
		{append(slices.Clone(getLines[:3]), ":path= http://b/"), ""},
		{append(slices.Clone(getLines[:3]), ":path= /a b"), ""},
		{append(slices.Clone(getLines[:3]), ":path= /a\r\nX: y"), ""},
		{append(slices.Clone(getLines[1:]), ":method= GET / HTTP/1.1\r\nA:"), ""},
		{append(slices.Clone(getLines[1:]), ":method= "), ""},
		{[]string{":method= GET", ":scheme= http", ":path= /", ":authority= "}, ""},
		{[]string{":method= CONNECT", ":authority= a:443", ":path= /"}, ""},
		{append(slices.Clone(getLines), "Upper= x"), ""},
		{append(slices.Clone(getLines), "a b= x"), ""},
		{append(slices.Clone(getLines), "= x"), ""},
		{append(slices.Clone(getLines), "a= x\ny"), ""},
		{append(slices.Clone(getLines), "a= x\x00"), ""},
		{append(slices.Clone(getLines), "a=  x"), ""},
		{append(slices.Clone(getLines), "a= x\t"), ""},
		{append(slices.Clone(getLines), "host= other"), ""},
		{append(slices.Clone(getLines), "connection= close"), ""},
		{append(slices.Clone(getLines), "proxy-connection= close"), ""},
		{append(slices.Clone(getLines), "keep-alive= 1"), ""},
		{append(slices.Clone(getLines), "transfer-encoding= chunked"), ""},
		{append(slices.Clone(getLines), "upgrade= h2c"), ""},
		{append(slices.Clone(getLines), "te= gzip"), ""},
		{append(slices.Clone(post), "content-length= x"), ""},
		{append(slices.Clone(post), "content-length= 1", "content-length= 2"), ""},
	} {
		cl := newClient(t, DefaultLimits())
		cl.begin()
		cl.headers(1, true, c.lines...)
		cl.get(3)
		if !cl.send(whole) {
			t.Errorf("%q: the connection ends", c.lines)
			continue
		}
		want, control := []string{c.want, "3 GET /x HTTP/1.1 | Host: a.example"}, ""
		if c.want == "" {
			want, control = want[1:], "RST_STREAM 1 PROTOCOL_ERROR"
		}
		if got := cl.control(); !slices.Equal(cl.events, want) || got != control {
			t.Errorf("%q: %q, %q", c.lines, cl.events, got)
		}
	}
}

// TestContent looks at when requests with content are handed on, and at the windows that open again.
func TestContent(t *testing.T) {
	cl := newClient(t, DefaultLimits())
	cl.begin()
	cl.headers(1, false, append(slices.Clone(getLines), "content-length= 4")...)
	cl.must(cl.framer.WriteDataPadded(1, false, []byte("12"), make([]byte, 5)))
	cl.send(whole)
	if len(cl.events) != 0 || !cl.conn.AwaitsClient() || cl.conn.Idle() {
		t.Errorf("%q before all content is there", cl.events)
	}
	cl.must(cl.framer.WriteDataPadded(1, true, []byte("34"), make([]byte, 5)))
	cl.send(1)
	if want := []string{"1 GET /x HTTP/1.1 | Host: a.example | content-length: 4"}; !slices.Equal(cl.events, want) || cl.conn.AwaitsClient() {
		t.Errorf("%q, want %q", cl.events, want)
	}
	cl.events = nil
	cl.headers(3, false, getLines...)
	for range 3 {
		cl.must(cl.framer.WriteData(3, false, make([]byte, 16384)))
	}
	cl.send(whole)
	if want := []string{"3 GET /x HTTP/1.1 | Host: a.example | Transfer-Encoding: chunked"}; !slices.Equal(cl.events, want) {
		t.Errorf("%q, want %q", cl.events, want)
	}
	if got, want := cl.control(), "WINDOW_UPDATE 0 32784, WINDOW_UPDATE 3 49152"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	cl.events = nil
	for id := uint32(5); id < 5+2*(heldMax+1); id += 2 { // the last one does not wait
		cl.headers(id, false, getLines...)
	}
	cl.send(whole)
	if len(cl.events) != 1 {
		t.Errorf("%q", cl.events)
	}
}

// TestLargeHeads lets heads exceed the limit: they are handed on cut off, and the table stays in step.
func TestLargeHeads(t *testing.T) {
	limits := DefaultLimits()
	limits.HeadBytesMax = 200
	for _, line := range []string{"a= " + strings.Repeat("x", 190), ":path= /" + strings.Repeat("y", 500)} {
		cl := newClient(t, limits)
		cl.begin()
		lines := slices.Clone(getLines[:3])
		if line[0] == ':' {
			lines = append(lines, line, "b= c")
		} else {
			lines = append(lines, ":path= /x", line, "b= c")
		}
		cl.headers(1, true, lines...)
		cl.get(3, "b= c") // by the table
		if !cl.send(whole) || len(cl.events) != 2 || len(cl.streams) != 2 {
			t.Fatalf("%q", cl.events)
		}
		if !strings.HasSuffix(cl.events[1], " | b: c") || strings.Contains(cl.events[0], "b: c") {
			t.Errorf("%q", cl.events)
		}
	}
}

// TestLimits exceeds each limit.
func TestLimits(t *testing.T) {
	limits := Limits{
		StreamsMax: 5, HeadBytesMax: 1000, HeaderBlockMax: 500, ContinuationsMax: 3, BodyBytesMax: 100, ControlBytesMax: 300, ControlFramesMax: 40, ResetsMax: 10,
	}
	for _, c := range []struct {
		name  string
		limit Limit
		frame func(c *client, i uint32)
	}{
		{"CONTINUATION flood", LimitHeaderBlock, func(c *client, i uint32) {
			if i == 0 {
				c.must(c.framer.WriteHeaders(peer.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(getLines...)}))
			}
			c.must(c.framer.WriteContinuation(1, false, nil))
		}},
		{"a large block", LimitHeaderBlock, func(c *client, i uint32) {
			if i == 0 {
				c.must(c.framer.WriteHeaders(peer.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(getLines...)}))
			}
			c.must(c.framer.WriteContinuation(1, false, make([]byte, 300)))
		}},
		{"rapid reset", LimitResets, func(c *client, i uint32) {
			c.get(2*i + 1)
			c.must(c.framer.WriteRSTStream(2*i+1, peer.ErrCodeCancel))
		}},
		{"resets for faults", LimitResets, func(c *client, i uint32) {
			c.get(2*i + 1)
			c.must(c.framer.WriteWindowUpdate(2*i+1, 0))
		}},
		{"malformed requests", LimitResets, func(c *client, i uint32) { c.headers(2*i+1, true, "a= b") }},
		{"more streams than there may be", LimitResets, func(c *client, i uint32) { c.get(2*i + 1) }},
		{"PING flood", LimitControlFrames, func(c *client, _ uint32) { c.must(c.framer.WritePing(false, [8]byte{})) }},
		{"SETTINGS flood", LimitControlFrames, func(c *client, _ uint32) { c.must(c.framer.WriteSettings()) }},
		{"PRIORITY flood", LimitControlFrames, func(c *client, _ uint32) { c.must(c.framer.WritePriority(1, peer.PriorityParam{})) }},
		{"PRIORITY_UPDATE flood", LimitControlFrames, func(c *client, _ uint32) { c.must(c.framer.WriteRawFrame(0x10, 0, 0, []byte{0, 0, 0, 1})) }},
		{"WINDOW_UPDATE flood", LimitControlFrames, func(c *client, _ uint32) { c.must(c.framer.WriteWindowUpdate(0, 1)) }},
		{"unknown frames", LimitControlFrames, func(c *client, _ uint32) { c.must(c.framer.WriteRawFrame(0x44, 0, 0, nil)) }},
		{"empty DATA", LimitControlFrames, func(c *client, i uint32) {
			if i == 0 {
				c.headers(1, false, getLines...)
			}
			c.must(c.framer.WriteData(1, false, nil))
		}},
	} {
		cl := newClient(t, limits)
		var exceeded []Limit
		cl.conn.shared.Exceeded = func(l Limit) { exceeded = append(exceeded, l) }
		cl.begin()
		ended := false
		for i := uint32(0); i < 100 && !ended; i++ {
			c.frame(cl, i)
			ended = !cl.send(whole)
			if got := cl.control(); ended && !strings.Contains(got, "ENHANCE_YOUR_CALM") {
				t.Errorf("%s: %s", c.name, got)
			}
		}
		if !ended || !slices.Equal(exceeded, []Limit{c.limit}) {
			t.Errorf("%s: ended %v, %v", c.name, ended, exceeded)
		}
	}
	cl := newClient(t, limits)
	cl.begin()
	for range 30 { // whose acknowledgements nobody takes
		cl.must(cl.framer.WritePing(false, [8]byte{}))
	}
	if cl.send(whole) {
		t.Error("control frames queue without end")
	}
}

// TestUsualClients shows that a client which resets what it does not need, and acknowledges what it receives, exceeds no limit.
func TestUsualClients(t *testing.T) {
	limits := DefaultLimits()
	cl := newClient(t, limits)
	cl.begin()
	for i := uint32(0); i < 20_000; i++ {
		id := 2*i + 1
		cl.get(id)
		reset := i%2 == 0
		if reset {
			cl.must(cl.framer.WriteRSTStream(id, peer.ErrCodeCancel))
		}
		if !cl.send(whole) {
			t.Fatalf("request %d: %s", i, cl.control())
		}
		if reset {
			continue
		}
		s := cl.streams[id]
		cl.conn.AppendHeaders(nil, s, okHead, false)
		cl.conn.Take(s, 100)
		cl.conn.PutData(make([]byte, FrameHeadBytes), s, 100, true)
		cl.must(cl.framer.WriteWindowUpdate(0, 100))
		cl.control()
	}
	if cl.conn.Streams() != 0 || !cl.conn.Idle() {
		t.Errorf("%d streams are left", cl.conn.Streams())
	}
}

// TestDebtsOfTime has connections that live for days, and now and then reset a stream or send a frame that brings nothing, without one response that is
// completed. What comes faster than time forgives ends the connection.
func TestDebtsOfTime(t *testing.T) {
	limits := DefaultLimits()
	for _, c := range []struct {
		name  string
		every time.Duration
		frame func(c *client, i uint32)
		calm  bool // the connection ends
	}{
		{"a proxy that cancels streams", time.Second, func(c *client, i uint32) {
			c.get(2*i + 1)
			c.must(c.framer.WriteRSTStream(2*i+1, peer.ErrCodeCancel))
		}, false},
		{"resets, twice as fast", time.Second / 2, func(c *client, i uint32) {
			c.get(2*i + 1)
			c.must(c.framer.WriteRSTStream(2*i+1, peer.ErrCodeCancel))
		}, true},
		{"PING", time.Second / 10, func(c *client, _ uint32) { c.must(c.framer.WritePing(false, [8]byte{})) }, false},
		{"PING, twice as fast", time.Second / 20, func(c *client, _ uint32) { c.must(c.framer.WritePing(false, [8]byte{})) }, true},
	} {
		cl := newClient(t, limits)
		cl.begin()
		cl.now = 1000 * time.Hour // of the machine
		ended := false
		for i := uint32(0); i < 100_000 && !ended; i++ {
			c.frame(cl, i)
			cl.now += c.every
			ended = !cl.send(whole)
			cl.control()
		}
		if ended != c.calm {
			t.Errorf("%s: ended %v after %v", c.name, ended, cl.now-1000*time.Hour)
		}
	}
}

// TestShutdown announces the end: streams that begin before the client knows of it are served.
func TestShutdown(t *testing.T) {
	cl := newClient(t, DefaultLimits())
	cl.begin()
	cl.get(1)
	cl.send(whole)
	cl.conn.Shutdown()
	cl.conn.Shutdown()
	if got, want := cl.control(), `GOAWAY 2147483647 NO_ERROR, PING false "shutdown"`; got != want {
		t.Fatalf("%q, want %q", got, want)
	}
	cl.get(3)
	cl.must(cl.framer.WritePing(true, shutdownPing))
	cl.get(5)
	cl.must(cl.framer.WriteData(7, true, []byte("x")))
	if !cl.send(whole) || len(cl.streams) != 2 || cl.conn.Ended() {
		t.Fatalf("%q", cl.events)
	}
	if got, want := cl.control(), "GOAWAY 3 NO_ERROR"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, id := range []uint32{1, 3} {
		cl.conn.AppendHeaders(nil, cl.streams[id], okHead, true)
	}
	if !cl.conn.Ended() || cl.control() != "" {
		t.Error("it has not ended")
	}
}

// TestExpire ends a connection that has not acknowledged the SETTINGS, and one that sends half of a frame.
func TestExpire(t *testing.T) {
	for ack, want := range map[bool]string{false: "GOAWAY 0 SETTINGS_TIMEOUT", true: "GOAWAY 0 NO_ERROR"} {
		cl := newClient(t, DefaultLimits())
		cl.out.WriteString(peer.ClientPreface)
		cl.must(cl.framer.WriteSettings())
		if ack {
			cl.must(cl.framer.WriteSettingsAck())
			cl.out.WriteString("\x00")
		}
		cl.send(whole)
		if cl.control(); !cl.conn.AwaitsClient() {
			t.Error("nothing is awaited")
		}
		cl.conn.Expire()
		if got := cl.control(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestUnfinished leaves things unfinished without which a connection has nothing to do: each is waited for, and not for ever.
func TestUnfinished(t *testing.T) {
	for name, send := range map[string]func(c *client){
		"a payload that is skipped": func(c *client) { c.out.WriteString("\x00\x00\x09\x99\x00\x00\x00\x00\x00abc") },
		"content of a stream that is closed": func(c *client) {
			c.headers(1, false, append(slices.Clone(getLines), "te= x")...) // malformed
			c.out.WriteString("\x00\x00\x09\x00\x00\x00\x00\x00\x01abc")
		},
		"the acknowledgement of the end": func(c *client) { c.send(whole); c.conn.Shutdown() },
	} {
		cl := newClient(t, DefaultLimits())
		cl.begin()
		send(cl)
		cl.send(whole)
		cl.control()
		if cl.conn.Idle() || !cl.conn.AwaitsClient() || cl.conn.Expire() || cl.control() == "" {
			t.Errorf("%s is not waited for", name)
		}
	}
}

// TestStreamNumbers uses the numbers up: the end is announced before.
func TestStreamNumbers(t *testing.T) {
	cl := newClient(t, DefaultLimits())
	cl.begin()
	cl.get(streamMax - 100)
	if !cl.send(whole) || !strings.HasPrefix(cl.control(), "GOAWAY 2147483647 NO_ERROR") {
		t.Error("the end is not announced")
	}
	cl.get(streamMax)
	if !cl.send(whole) || len(cl.streams) != 2 {
		t.Errorf("%q", cl.events)
	}
}

// TestResets looks at frames that were under way when the server reset a stream.
func TestResets(t *testing.T) {
	cl := newClient(t, DefaultLimits())
	cl.refuse = true
	cl.begin()
	for i := range uint32(3 * resetsKept) {
		cl.headers(2*i+1, false, append(slices.Clone(getLines), "content-length= 100000")...)
		cl.send(whole)
		cl.control()
	}
	cl.must(cl.framer.WriteData(1, false, make([]byte, 100)))
	cl.must(cl.framer.WriteData(6*resetsKept-1, true, make([]byte, 100)))
	cl.headers(6*resetsKept-1, true, "a= b")
	if !cl.send(whole) || cl.conn.allowed != windowDefault-200 {
		t.Errorf("%q, %d", cl.control(), cl.conn.allowed)
	}
}

// TestEarlyResponse ends a response whose request has not ended.
func TestEarlyResponse(t *testing.T) {
	cl := newClient(t, DefaultLimits())
	cl.begin()
	cl.headers(1, false, append(slices.Clone(getLines), "content-length= 100000")...)
	cl.send(whole)
	if got := words(t, cl.conn.AppendHeaders(nil, cl.streams[1], okHead, true)); got != "HEADERS 1 5" {
		t.Errorf("%q", got)
	}
	if got := cl.control(); got != "" || cl.conn.Streams() != 1 || !cl.conn.AwaitsClient() || cl.conn.Idle() {
		t.Errorf("%q", got)
	}
	cl.must(cl.framer.WriteData(1, false, make([]byte, 10_000)))
	cl.headers(1, true, "a= b")
	cl.headers(3, false, append(slices.Clone(getLines), "content-length= 40000")...)
	cl.send(whole)
	if got := cl.control(); got != "RST_STREAM 1 PROTOCOL_ERROR" { // 10,000 bytes are not 100,000
		t.Errorf("%q", got)
	}
	cl.conn.AppendHeaders(nil, cl.streams[3], okHead, true)
	for range 4 {
		cl.must(cl.framer.WriteData(3, false, make([]byte, 10_000)))
	}
	cl.must(cl.framer.WriteData(3, true, nil))
	cl.headers(5, false, append(slices.Clone(getLines), "content-length= 2000000")...)
	cl.headers(7, false, append(slices.Clone(getLines), "content-length= 20000")...)
	cl.headers(9, false, append(slices.Clone(getLines), "content-length= 200000")...)
	cl.send(whole)
	cl.conn.AppendHeaders(nil, cl.streams[9], okHead, true)
	if cl.control(); cl.conn.Streams() != 3 {
		t.Errorf("%d streams", cl.conn.Streams())
	}
	cl.conn.AppendHeaders(nil, cl.streams[5], okHead, true)
	if got := cl.control(); got != "RST_STREAM 5 NO_ERROR" {
		t.Errorf("%q", got)
	}
	if !cl.conn.Expire() {
		t.Error("the connection ends with its streams")
	}
	if got := cl.control(); got != "RST_STREAM 9 NO_ERROR, RST_STREAM 7 CANCEL" || !cl.conn.Idle() {
		t.Errorf("%q", got)
	}
}

// TestIdleMemory bounds what an idle connection costs.
func TestIdleMemory(t *testing.T) {
	cl := newClient(t, DefaultLimits())
	cl.begin()
	cl.get(1)
	cl.send(1)
	cl.conn.AppendHeaders(nil, cl.streams[1], okHead, true)
	cl.control()
	c := cl.conn
	if held := cap(c.control) + cap(c.decoder.text) + 12*cap(c.decoder.entries) + 8*cap(c.streams) + cap(c.block.bytes); held > 700 || cap(c.partial) != smallBytes {
		t.Errorf("%d bytes, and a partial frame of %d", held, cap(c.partial))
	}
}

// TestTrailersCostLittle sends trailers of thousands of indices that stand for a large Priority field: it is not parsed.
func TestTrailersCostLittle(t *testing.T) {
	cl := newClient(t, DefaultLimits())
	cl.begin()
	cl.headers(1, false, getLines...)
	trailers := bytes.Clone(cl.encode("priority= u=1" + strings.Repeat(",", 4000)))
	index := cl.encode("priority= u=1" + strings.Repeat(",", 4000))
	if len(index) != 1 {
		t.Fatalf("the field is not in the table: %d bytes", len(index))
	}
	trailers = append(trailers, bytes.Repeat(index, 12_000)...)
	cl.must(cl.framer.WriteHeaders(peer.HeadersFrameParam{StreamID: 1, BlockFragment: trailers, EndHeaders: true, EndStream: true}))
	if !cl.send(whole) || cl.streams[1] == nil {
		t.Fatalf("%q", cl.control())
	}
	if cl.conn.shared.request.priority.urgency == 1 {
		t.Error("a Priority field in trailers counts")
	}
}

// TestWindowUpdatesOfSmallReads opens the windows of a stream and of the connection for each 4 KiB of a large response that is taken 96 KiB at a time: that is
// not too much.
func TestWindowUpdatesOfSmallReads(t *testing.T) {
	cl := newClient(t, DefaultLimits())
	cl.begin()
	cl.must(cl.framer.WriteSettings(peer.Setting{ID: peer.SettingInitialWindowSize, Val: 1 << 20}))
	cl.must(cl.framer.WriteWindowUpdate(0, 1<<20))
	cl.get(1)
	cl.send(whole)
	s := cl.streams[1]
	cl.conn.AppendHeaders(nil, s, okHead, false)
	const piece, read = 96 << 10, 4 << 10
	for sent := 0; sent < 64<<20; sent += piece {
		cl.conn.Take(s, piece)
		for range piece / read {
			cl.must(cl.framer.WriteWindowUpdate(1, read))
			cl.must(cl.framer.WriteWindowUpdate(0, read))
		}
		if !cl.send(whole) {
			t.Fatalf("after %d bytes: %s", sent, cl.control())
		}
	}
}

// TestFramesBehindGoAway sends a request that the final GOAWAY excludes, and frames that follow it: the other stream goes on.
func TestFramesBehindGoAway(t *testing.T) {
	cl := newClient(t, DefaultLimits())
	cl.begin()
	cl.get(1)
	cl.send(whole)
	cl.conn.Shutdown()
	cl.control()
	cl.must(cl.framer.WritePing(true, shutdownPing))
	cl.send(whole)
	cl.control()
	cl.get(3)
	cl.must(cl.framer.WriteWindowUpdate(3, 100))
	cl.must(cl.framer.WriteRSTStream(3, peer.ErrCodeCancel))
	if !cl.send(whole) || cl.streams[1] == nil || cl.conn.Ended() {
		t.Errorf("%q", cl.control())
	}
}
