package sim

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"aws/internal/simkernel"
)

// http2Client is the HTTP/2 of a session: a stream for each of its requests.
type http2Client struct {
	rnd     *rand.Rand
	streams []http2Stream // by their numbers
	taken   int           // bytes of what was received that have been parsed
	decoder *hpack.Decoder
	encoder *hpack.Encoder
	block   bytes.Buffer // of the encoder
	fields  []hpack.HeaderField
	window  int // that each stream has at first, by the latest SETTINGS that the server has acknowledged
	smaller int // by how much the next acknowledgement makes the windows smaller
	unacked int // SETTINGS that the server has not acknowledged
	allowed int // bytes that the windows of all streams together have allowed so far
	got     int // bytes of DATA, in all
	err     error
	silent  bool  // it sends nothing in return
	goAway  error // that the server has ended the connection for
}

// http2Stream is a request and what has come of its response.
type http2Stream struct {
	fields   map[string]string
	body     []byte
	window   int // bytes that may still come
	complete bool
	reset    bool // by the server, before its response was complete
	given    bool // up by the client
}

const http2FrameHead = 9

// windowSizes are those that streams' windows have at first. Many responses are longer.
var windowSizes = []int{0, 100, 5000, 65535, 65535, 1 << 20}

// newHTTP2Client returns a client and what it sends first.
func newHTTP2Client(rnd *rand.Rand, s *session) (*http2Client, []byte) {
	c := &http2Client{rnd: rnd, streams: make([]http2Stream, len(s.asks)), allowed: 65535}
	c.decoder = hpack.NewDecoder(4096, func(f hpack.HeaderField) { c.fields = append(c.fields, f) })
	c.encoder = hpack.NewEncoder(&c.block)
	c.window = pick(rnd, windowSizes...)
	var out bytes.Buffer
	out.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&out, nil)
	settings := []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: uint32(c.window)}}
	if rnd.IntN(4) == 0 { // it has no table for the fields of responses
		settings = append(settings, http2.Setting{ID: http2.SettingHeaderTableSize})
		c.decoder.SetMaxDynamicTableSize(0)
	}
	c.fail(framer.WriteSettings(settings...))
	c.unacked = 1
	if rnd.IntN(2) == 0 {
		c.fail(framer.WriteWindowUpdate(0, 1<<20))
		c.allowed += 1 << 20
	}
	room := 60_000 // for the contents of requests, by the window that a server has at the least
	for i := range s.asks {
		c.streams[i].window = c.window
		if rnd.IntN(12) == 0 {
			c.fail(framer.WriteRawFrame(0x10, 0, 0, append(binary.BigEndian.AppendUint32(nil, uint32(2*i+1)), "u=0, i"...))) // PRIORITY_UPDATE
		}
		c.ask(framer, &s.asks[i], uint32(2*i+1), &room)
		if rnd.IntN(12) == 0 {
			c.streams[i].given = true
			c.fail(framer.WriteRSTStream(uint32(2*i+1), http2.ErrCodeCancel))
		}
		if rnd.IntN(12) == 0 {
			c.fail(framer.WritePing(false, [8]byte{1, 2, 3}))
		}
	}
	return c, out.Bytes()
}

func (c *http2Client) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// ask sends a request.
func (c *http2Client) ask(framer *http2.Framer, a *ask, id uint32, room *int) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(a.text)))
	if err != nil {
		panic(err)
	}
	content, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	withBody := a.hasBody() && len(content) <= *room
	field := func(name, value string) {
		c.fail(c.encoder.WriteField(hpack.HeaderField{Name: strings.ToLower(name), Value: value}))
	}
	c.block.Reset()
	field(":method", r.Method)
	field(":scheme", "https")
	field(":authority", r.Host)
	field(":path", r.RequestURI)
	for name, values := range r.Header {
		if name != "Connection" && name != "Content-Length" {
			field(name, values[0])
		}
	}
	if withBody && r.ContentLength >= 0 {
		field("content-length", strconv.FormatInt(r.ContentLength, 10))
	}
	if c.rnd.IntN(3) == 0 {
		field("priority", pick(c.rnd, "u=0", "u=7, i", "i", "u=3", "u=1,i=?1"))
	}
	block := c.block.Bytes()
	n := len(block)
	if c.rnd.IntN(4) == 0 {
		n = 1 + c.rnd.IntN(n)
	}
	c.fail(framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block[:n], EndHeaders: n == len(block), EndStream: !withBody}))
	if n < len(block) {
		c.fail(framer.WriteContinuation(id, true, block[n:]))
	}
	if !withBody {
		return
	}
	*room -= len(content)
	for len(content) > 0 {
		n := 1 + c.rnd.IntN(min(len(content), 16384))
		c.fail(framer.WriteData(id, false, content[:n]))
		content = content[n:]
	}
	c.fail(framer.WriteData(id, true, nil))
}

// goOn takes in what has come.
func (c *http2Client) goOn(received []byte, send func([]byte)) {
	var out bytes.Buffer
	framer := http2.NewFramer(&out, nil)
	for {
		rest := received[c.taken:]
		if len(rest) < http2FrameHead {
			break
		}
		n := int(rest[0])<<16 | int(rest[1])<<8 | int(rest[2])
		if n > 16384 {
			c.fail(fmt.Errorf("a frame of %d bytes", n))
		}
		if len(rest) < http2FrameHead+n || c.err != nil {
			break
		}
		c.taken += http2FrameHead + n
		c.fail(c.take(http2.FrameType(rest[3]), http2.Flags(rest[4]), binary.BigEndian.Uint32(rest[5:]), rest[http2FrameHead:http2FrameHead+n], framer))
	}
	if out.Len() > 0 && !c.silent {
		send(out.Bytes())
	}
}

// take takes in a frame.
func (c *http2Client) take(kind http2.FrameType, flags http2.Flags, id uint32, payload []byte, framer *http2.Framer) error {
	switch kind {
	case http2.FrameHeaders, http2.FrameData, http2.FrameRSTStream:
		if id%2 == 0 || int(id/2) >= len(c.streams) {
			return fmt.Errorf("%v for the stream %d", kind, id)
		}
	case http2.FrameSettings:
		if !flags.Has(http2.FlagSettingsAck) {
			return framer.WriteSettingsAck()
		}
		return c.takeAck(framer)
	case http2.FramePing:
		if !flags.Has(http2.FlagPingAck) {
			return framer.WritePing(true, [8]byte(payload))
		}
		return nil
	case http2.FrameGoAway:
		if code := binary.BigEndian.Uint32(payload[4:]); code != 0 {
			c.goAway = fmt.Errorf("GOAWAY: %v, %q", http2.ErrCode(code), payload[8:])
		}
		return nil
	case http2.FrameWindowUpdate:
		return nil
	default:
		return fmt.Errorf("a frame of the type %v", kind)
	}
	s := &c.streams[id/2]
	switch kind {
	case http2.FrameHeaders:
		return c.takeHeaders(s, id, flags, payload, framer)
	case http2.FrameData:
		return c.takeData(s, id, flags, payload, framer)
	default:
		if !s.complete {
			s.reset = true
		}
		return nil
	}
}

// resize changes the windows that streams have at first, and with them all that there are (RFC 9113, section 6.9.2). What makes them smaller counts
// from the acknowledgement on.
func (c *http2Client) resize(framer *http2.Framer) error {
	window := pick(c.rnd, windowSizes...)
	if c.unacked++; window < c.window {
		c.smaller = c.window - window
	}
	for i := range c.streams {
		c.streams[i].window += max(window-c.window, 0)
	}
	c.window = window
	return framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(window)})
}

// takeAck takes in the acknowledgement of SETTINGS.
func (c *http2Client) takeAck(framer *http2.Framer) error {
	if c.unacked--; c.unacked < 0 {
		return errors.New("SETTINGS are acknowledged that were not sent")
	}
	var errs []error
	for i := range c.streams {
		s := &c.streams[i]
		if s.window -= c.smaller; s.window <= 0 && s.fields != nil && !s.isOver() {
			more := 100_000 - s.window
			s.window += more
			errs = append(errs, framer.WriteWindowUpdate(uint32(2*i+1), uint32(more)))
		}
	}
	c.smaller = 0
	return errors.Join(errs...)
}

// isOver reports whether the client waits for nothing of the stream.
func (s *http2Stream) isOver() bool { return s.complete || s.reset || s.given }

func (c *http2Client) takeHeaders(s *http2Stream, id uint32, flags http2.Flags, block []byte, framer *http2.Framer) error {
	if s.fields != nil || s.complete || s.reset || !flags.Has(http2.FlagHeadersEndHeaders) {
		return fmt.Errorf("the stream %d has HEADERS where it should have none", id)
	}
	c.fields = c.fields[:0]
	if _, err := c.decoder.Write(block); err != nil {
		return err
	}
	s.fields = map[string]string{}
	for _, f := range c.fields {
		name := textproto.CanonicalMIMEHeaderKey(f.Name)
		if _, twice := s.fields[name]; twice || f.Name != strings.ToLower(f.Name) {
			return fmt.Errorf("the field %q", f)
		}
		s.fields[name] = f.Value
	}
	s.complete = flags.Has(http2.FlagHeadersEndStream)
	if err := c.decoder.Close(); err != nil || s.isOver() {
		return err
	}
	if c.unacked == 0 && c.rnd.IntN(8) == 0 {
		if err := c.resize(framer); err != nil {
			return err
		}
	}
	if s.window > 0 {
		return nil
	}
	s.window += 100_000
	return framer.WriteWindowUpdate(id, 100_000)
}

func (c *http2Client) takeData(s *http2Stream, id uint32, flags http2.Flags, content []byte, framer *http2.Framer) error {
	if s.fields == nil || s.complete || s.reset {
		return fmt.Errorf("the stream %d has DATA where it should have none", id)
	}
	s.body = append(s.body, content...)
	s.complete = flags.Has(http2.FlagDataEndStream)
	s.window -= len(content)
	c.got += len(content)
	if len(content) > 0 && s.window < 0 || c.got > c.allowed {
		return fmt.Errorf("the stream %d exceeds a window", id)
	}
	if more := pick(c.rnd, 0, 5000, 100_000); c.allowed-c.got <= more {
		c.allowed += 100_000
		if err := framer.WriteWindowUpdate(0, 100_000); err != nil {
			return err
		}
	}
	if more := pick(c.rnd, 0, 5000, 100_000); s.window <= more && !s.complete {
		s.window += 100_000
		if c.rnd.IntN(20) == 0 && !s.given {
			s.given = true
			return framer.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		return framer.WriteWindowUpdate(id, 100_000)
	}
	return nil
}

// reply returns a stream's response in the form of the others', or nil if it has none yet.
func (s *http2Stream) reply(q *ask) (*reply, error) {
	if s.fields == nil {
		return nil, nil
	}
	r := &reply{reported: -1, fields: s.fields, body: s.body}
	var err error
	if r.status, err = strconv.Atoi(s.fields[":status"]); err != nil {
		return nil, err
	}
	if value, ok := s.fields["Content-Length"]; ok {
		if r.reported, err = strconv.ParseInt(value, 10, 64); err != nil {
			return nil, err
		}
	}
	if r.length = max(r.reported, 0); q.method == "HEAD" {
		r.length = 0
	}
	return r, nil
}

// checkHTTP2 checks every response of a session that speaks HTTP/2.
func (w *world) checkHTTP2(c *session, owed bool) error {
	h := c.http2
	if h.err != nil {
		return h.err
	}
	if h.goAway != nil && c.manner.Polite() {
		return h.goAway
	}
	for i := range c.asks {
		q, s := &c.asks[i], &h.streams[i]
		if err := w.checkStream(c, q, s, owed && !s.given); err != nil {
			return fmt.Errorf("stream %d, %q: %w", 2*i+1, q.text, err)
		}
	}
	if owed && c.peer.End != simkernel.EndFIN {
		return fmt.Errorf("a complete session ends with %v", c.peer.End)
	}
	return nil
}

func (w *world) checkStream(c *session, q *ask, s *http2Stream, owed bool) error {
	r, err := s.reply(q)
	switch {
	case err != nil:
		return err
	case r == nil && owed:
		return errors.New("its response is missing")
	case r == nil, (r.status == 408 || r.status == 503) && !owed:
		return nil
	}
	if err := w.checkReply(c, q, r); err != nil {
		return err
	}
	for _, kind := range r.kinds(q) {
		w.responses[kind]++
	}
	got := int64(len(r.body))
	switch {
	case got > r.length:
		return fmt.Errorf("%d bytes of %d", got, r.length)
	case got == r.length && owed && !s.complete:
		return errors.New("it does not end")
	case got < r.length && owed:
		return fmt.Errorf("it is owed %d bytes and has got %d", r.length, got)
	case got < r.length && s.complete:
		return fmt.Errorf("%d of %d bytes, and an end in order", got, r.length)
	}
	return nil
}
