package goloop

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"aws/internal/handler/dropin"
	"aws/internal/handler/fileserver"
)

// http2TestClient is a client of HTTP/2 whose server is a loop that the test iterates.
type http2TestClient struct {
	net.Conn
	*http2.Framer
	out     bytes.Buffer
	encoder *hpack.Encoder
	block   bytes.Buffer
}

// dialHTTP2 connects. Each stream has a window.
func dialHTTP2(t testing.TB, port int, window uint32) *http2TestClient {
	t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	c := &http2TestClient{Conn: conn}
	c.Framer = http2.NewFramer(&c.out, conn)
	c.ReadMetaHeaders, c.MaxHeaderListSize = hpack.NewDecoder(4096, nil), 16<<20
	c.encoder = hpack.NewEncoder(&c.block)
	c.out.WriteString(http2.ClientPreface)
	_ = c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window})
	_ = c.WriteSettingsAck()
	_ = c.WriteWindowUpdate(0, 1<<24)
	return c
}

// request writes HEADERS, and CONTINUATION where that is needed.
func (c *http2TestClient) request(id uint32, path string) {
	c.block.Reset()
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "localhost"}, {":path", path}} {
		_ = c.encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	const most = 16384
	block := c.block.Bytes()
	first := block[:min(len(block), most)]
	block = block[len(first):]
	_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndHeaders: len(block) == 0, EndStream: true})
	for len(block) > 0 {
		part := block[:min(len(block), most)]
		block = block[len(part):]
		_ = c.WriteContinuation(id, len(block) == 0, part)
	}
}

// flush sends what has been written.
func (c *http2TestClient) flush(t testing.TB) {
	t.Helper()
	if _, err := c.Write(c.out.Bytes()); err != nil {
		t.Fatal(err)
	}
	c.out.Reset()
}

// http2Response is what has come of a stream.
type http2Response struct {
	status, location string
	content          []byte
	reset            bool
	code             http2.ErrCode
}

// responses iterates until so many streams are over.
func (c *http2TestClient) responses(t testing.TB, l *Loop, n int) map[uint32]*http2Response {
	t.Helper()
	got := map[uint32]*http2Response{}
	done := make(chan error)
	go func() {
		defer close(done)
		for over := 0; over < n; {
			f, err := c.ReadFrame()
			if err != nil {
				done <- err
				return
			}
			r := got[f.Header().StreamID]
			if r == nil {
				r = &http2Response{}
				got[f.Header().StreamID] = r
			}
			switch f := f.(type) {
			case *http2.MetaHeadersFrame:
				r.status = f.PseudoValue("status")
				for _, field := range f.Fields {
					if field.Name == "location" {
						r.location = field.Value
					}
				}
			case *http2.DataFrame:
				r.content = append(r.content, f.Data()...)
			case *http2.RSTStreamFrame:
				r.reset, r.code = true, f.ErrCode
			case *http2.GoAwayFrame:
				t.Errorf("GOAWAY: %v", f.ErrCode)
			default:
				continue
			}
			if f.Header().Flags.Has(http2.FlagDataEndStream) && f.Header().StreamID > 0 || r.reset {
				over++
			}
		}
	}()
	for {
		if _, err := l.Iterate(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return got
		default:
			l.k.Wake()
		}
	}
}

// holdBack lets the first connection send nothing until so many requests have come, in all.
func (l *Loop) holdBack(t testing.TB, requests uint64) *conn {
	t.Helper()
	c := l.conns.at(0)
	c.sendPaused = true
	for l.counts.Requests < requests {
		if _, err := l.Iterate(); err != nil {
			t.Fatal(err)
		}
	}
	c.sendPaused = false
	l.toSend(c)
	return c
}

// TestLongHeadsOfStreams sends responses whose heads are as long as a request allows, between files, with as little memory for plans as a
// plan may count on.
func TestLongHeadsOfStreams(t *testing.T) {
	s := newSite(t)
	if err := os.Mkdir(filepath.Join(s.dir, "static", "directory"), 0o755); err != nil {
		t.Fatal(err)
	}
	content := s.files["/static/buffer"][:95_000]
	if err := os.WriteFile(filepath.Join(s.dir, "static", "file"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	opts := serveOptions(t, s)
	opts.Limits.HeadBytesMax, opts.Limits.TargetBytesMax = 1<<20, 1<<20
	handler, err := fileserver.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	cfg := ServeConfig()
	cfg.H2C = true
	l, raw := newAllocLoopOf(t, handler, cfg, dropin.CacheLimits(64))
	l.http2.frames.mem = l.http2.frames.mem[:framesRoom:framesRoom]
	c := dialHTTP2(t, raw.addr.Port, 1<<24)
	c.request(1, "/m") // so that much is sent at once from now on
	c.flush(t)
	c.responses(t, l, 1)
	query := strings.Repeat("0", 100_000) // 62,500 bytes in a header block
	for id := uint32(3); id < 3+2*10; id += 4 {
		c.request(id, "/file")
		c.request(id+2, "/directory?"+query)
	}
	c.flush(t)
	l.holdBack(t, 1+10) // so that the responses are planned together
	for id, r := range c.responses(t, l, 10) {
		switch {
		case id == 0:
		case id%4 == 3 && (r.status != "200" || !bytes.Equal(r.content, content)):
			t.Errorf("stream %d: %s, with other content", id, r.status)
		case id%4 == 1 && (r.status != "301" || r.location != "directory/?"+query):
			t.Errorf("stream %d: %s, %.100q", id, r.status, r.location)
		}
	}
}
