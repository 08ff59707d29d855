package goloop

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"aws/internal/connstate"
	"aws/internal/handler/dropin"
	"aws/internal/handler/fileserver"
	"aws/internal/response"
)

// newHTTP2Loop returns a loop that the test iterates, and the port that it listens on.
func newHTTP2Loop(t *testing.T, options fileserver.Options) (*Loop, int) {
	t.Helper()
	handler, err := fileserver.New(options)
	if err != nil {
		t.Fatal(err)
	}
	cfg := ServeConfig()
	cfg.H2C = true
	l, c := newAllocLoopOf(t, handler, cfg, dropin.CacheLimits(64))
	return l, c.addr.Port
}

// TestBuffersOfStreams lets as many responses with long heads wait as there may be: those that have no place in the memory of their connection are
// refused, and nothing is held when the others are over.
func TestBuffersOfStreams(t *testing.T) {
	s := newSite(t)
	if err := os.Mkdir(filepath.Join(s.dir, "static", "directory"), 0o755); err != nil {
		t.Fatal(err)
	}
	l, port := newHTTP2Loop(t, serveOptions(t, s))
	c := dialHTTP2(t, port, 1<<24)
	c.request(1, "/k")
	c.flush(t)
	c.responses(t, l, 1)
	const streams = 128
	query := strings.Repeat("0", 8_000)
	for id := uint32(3); id < 3+2*streams; id += 2 {
		c.request(id, "/directory?"+query)
	}
	c.flush(t)
	of := l.holdBack(t, 1+streams)
	if n := of.http2.streamBytes; n < streamBytesMax/2 || n > streamBytesMax+headBufferBytes {
		t.Errorf("%d bytes are held", n)
	}
	served, refused := 0, uint64(0)
	for id, r := range c.responses(t, l, streams) {
		switch {
		case r.status == "301" && r.location == "directory/?"+query:
			served++
		case r.reset && r.status == "" && r.code == http2.ErrCodeRefusedStream:
			refused++
		case id > 0:
			t.Errorf("stream %d: %s, %v", id, r.status, r.code)
		}
	}
	if served < streamBytesMax/headBufferBytes || refused == 0 || refused != l.counts.StreamsRefused {
		t.Errorf("%d responses, %d streams were refused, counted %d", served, refused, l.counts.StreamsRefused)
	}
	if of.http2.streamBytes != 0 {
		t.Errorf("%d bytes are held by nobody", of.http2.streamBytes)
	}
}

// TestStreamsWithoutWindow lets responses wait for a window: small files, error pages, large files. They hold no buffer meanwhile, and are complete in the end.
func TestStreamsWithoutWindow(t *testing.T) {
	s := newSite(t)
	options := serveOptions(t, s)
	page := fileserver.ErrorPage{Type: "text/plain", Body: bytes.Repeat([]byte("page"), 8<<10)}
	options.ErrorPages = map[response.Status]fileserver.ErrorPage{response.NotFound: page}
	l, port := newHTTP2Loop(t, options)
	c := dialHTTP2(t, port, 0)
	want := map[uint32][]byte{}
	for _, r := range []struct {
		path    string
		content []byte
	}{{"/k", s.files["/static/k"]}, {"/page", s.files["/static/page"]}, {"/none", page.Body}, {"/buffer", s.files["/static/buffer"]}, {"/k", s.files["/static/k"]}} {
		id := uint32(2*len(want) + 1)
		want[id] = r.content
		c.request(id, r.path)
	}
	c.flush(t)
	waiting := func() (n int) {
		for sc := range l.conns.all() {
			if sc.isStream() && sc.state() == connstate.StateSending && sc.current.headBuf == nil && sc.readBuf == nil {
				n++
			}
		}
		return n
	}
	for i := 0; waiting() < len(want); i++ {
		if i == 10_000 {
			t.Fatalf("%d streams wait for their windows without a buffer, want %d", waiting(), len(want))
		}
		l.k.Wake()
		if _, err := l.Iterate(); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.conns.at(0).http2.streamBytes; n != 0 {
		t.Errorf("%d bytes are held", n)
	}
	for id := range want {
		_ = c.WriteWindowUpdate(id, 1<<20)
	}
	c.flush(t)
	got := c.responses(t, l, len(want))
	for id, content := range want {
		if !bytes.Equal(got[id].content, content) {
			t.Errorf("stream %d: %s, %d bytes, want %d", id, got[id].status, len(got[id].content), len(content))
		}
	}
}
