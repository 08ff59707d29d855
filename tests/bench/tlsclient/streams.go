package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// The windows are those of a browser; a page fits.
const (
	streamWindow = 6 << 20
	connWindow   = 15 << 20
	// defaultWindow is a connection's window before the first WINDOW_UPDATE (RFC 9113 section 6.9.2).
	defaultWindow = 65535
)

// streams is the client's side of an HTTP/2 connection. It sends requests without waiting for the
// server's SETTINGS, and keeps to their number of streams once they are there.
type streams struct {
	framer  *http2.Framer
	out     *bufio.Writer
	head    bytes.Buffer
	encoder *hpack.Encoder
	limit   int // of streams at a time
	bytes   int // of each body
	next    uint32
	open    map[uint32]*stream
	waiting []string // paths without a stream
}

// stream is a request without its complete response.
type stream struct {
	path   string
	status string
	bytes  int
}

func newStreams(conn io.ReadWriter, o *options, limit int) *streams {
	s := &streams{out: bufio.NewWriterSize(conn, 64<<10), limit: limit, bytes: o.bytes, next: 1, open: map[uint32]*stream{}}
	s.framer = http2.NewFramer(s.out, bufio.NewReaderSize(conn, 64<<10))
	s.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	s.framer.SetReuseFrames()
	s.encoder = hpack.NewEncoder(&s.head)
	return s
}

// fetch requests paths on a new connection, so many at a time, and returns when the last body is complete.
func (s *streams) fetch(paths []string) error {
	s.waiting = paths
	if _, err := s.out.WriteString(http2.ClientPreface); err != nil {
		return err
	}
	if err := s.framer.WriteSettings(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
	); err != nil {
		return err
	}
	if err := s.framer.WriteWindowUpdate(0, connWindow-defaultWindow); err != nil {
		return err
	}
	for {
		if err := s.sendRequests(); err != nil {
			return err
		}
		if len(s.open) == 0 {
			return nil
		}
		frame, err := s.framer.ReadFrame()
		if err != nil {
			return err
		}
		if err := s.receive(frame); err != nil {
			return err
		}
	}
}

// sendRequests opens streams for the paths that wait, as far as the limit goes.
func (s *streams) sendRequests() error {
	for len(s.waiting) > 0 && len(s.open) < s.limit {
		path := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.head.Reset()
		for _, f := range []hpack.HeaderField{
			{Name: ":method", Value: "GET"},
			{Name: ":scheme", Value: "https"},
			{Name: ":authority", Value: "localhost"},
			{Name: ":path", Value: path},
		} {
			if err := s.encoder.WriteField(f); err != nil {
				return err
			}
		}
		if err := s.framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: s.next, BlockFragment: s.head.Bytes(), EndStream: true, EndHeaders: true,
		}); err != nil {
			return err
		}
		s.open[s.next] = &stream{path: path}
		s.next += 2
	}
	return s.out.Flush()
}

// receive handles a frame. Frames that say nothing about a response are ignored.
func (s *streams) receive(frame http2.Frame) error {
	id := frame.Header().StreamID
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if f.IsAck() {
			return nil
		}
		if most, ok := f.Value(http2.SettingMaxConcurrentStreams); ok {
			s.limit = min(s.limit, int(most))
		}
		return s.framer.WriteSettingsAck()
	case *http2.PingFrame:
		if f.IsAck() {
			return nil
		}
		return s.framer.WritePing(true, f.Data)
	case *http2.MetaHeadersFrame:
		if at := s.open[id]; at != nil {
			at.status = f.PseudoValue("status")
		}
		return s.end(id, f.StreamEnded())
	case *http2.DataFrame:
		if at := s.open[id]; at != nil {
			at.bytes += len(f.Data())
		}
		return s.end(id, f.StreamEnded())
	case *http2.RSTStreamFrame:
		at := s.open[id]
		if at == nil {
			return nil
		}
		if f.ErrCode != http2.ErrCodeRefusedStream {
			return fmt.Errorf("%s: the server reset the stream: %v", at.path, f.ErrCode)
		}
		// It was one of those beyond the limit of SETTINGS that were not there yet.
		delete(s.open, id)
		s.waiting = append(s.waiting, at.path)
		return nil
	case *http2.GoAwayFrame:
		return fmt.Errorf("the server ends the connection: %v", f.ErrCode)
	default:
		return nil
	}
}

// end closes a stream whose response has ended.
func (s *streams) end(id uint32, ended bool) error {
	at := s.open[id]
	if at == nil || !ended {
		return nil
	}
	delete(s.open, id)
	if at.status != "200" || at.bytes != s.bytes {
		return fmt.Errorf("%s: status %s with %d bytes, not %d", at.path, at.status, at.bytes, s.bytes)
	}
	return nil
}
