package http2

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	peer "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"aws/tests/harness"
)

// rawConn is a client that sends and receives frames.
type rawConn struct {
	net.Conn
	*peer.Framer
}

// connect connects without TLS.
func connect(t testing.TB, s *harness.HTTPS) *rawConn {
	t.Helper()
	raw, err := net.Dial("tcp", s.Plain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	_ = raw.SetDeadline(time.Now().Add(patience))
	return &rawConn{raw, peer.NewFramer(raw, raw)}
}

// begin begins to speak HTTP/2.
func (c *rawConn) begin(t testing.TB, settings ...peer.Setting) {
	t.Helper()
	_, err := io.WriteString(c.Conn, peer.ClientPreface)
	if err := errors.Join(err, c.WriteSettings(settings...), c.WriteSettingsAck()); err != nil {
		t.Fatal(err)
	}
}

// dial begins a connection without TLS.
func dial(t testing.TB, s *harness.HTTPS, settings ...peer.Setting) *rawConn {
	t.Helper()
	c := connect(t, s)
	c.begin(t, settings...)
	return c
}

// get requests a file.
func (c *rawConn) get(t testing.TB, id uint32, path string, more ...string) {
	t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, line := range append([]string{":method= GET", ":scheme= http", ":authority= localhost", ":path= " + path}, more...) {
		name, value, _ := strings.Cut(line, "= ")
		if err := encoder.WriteField(hpack.HeaderField{Name: name, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.WriteHeaders(peer.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true}); err != nil {
		t.Fatal(err)
	}
}

// next returns the next frame that is not about the connection.
func (c *rawConn) next(t testing.TB) peer.Frame {
	t.Helper()
	for {
		f, err := c.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch f.(type) {
		case *peer.SettingsFrame, *peer.WindowUpdateFrame:
			continue
		}
		return f
	}
}

// TestSmallWindow receives a file byte by byte, and then the rest at once. Another stream of the same connection is not held up.
func TestSmallWindow(t *testing.T) {
	s := serve(t, newRoot(t))
	for _, path := range []string{"page", "dynamic/small"} {
		c := dial(t, s, peer.Setting{ID: peer.SettingInitialWindowSize, Val: 1})
		c.get(t, 1, "/"+path)
		const single = 200
		body := c.content(t, 1, single, true)
		c.get(t, 3, "/small")
		if err := c.WriteWindowUpdate(3, 1000); err != nil {
			t.Fatal(err)
		}
		if got := c.content(t, 3, len(contents["small"]), false); !bytes.Equal(got, contents["small"]) {
			t.Errorf("the other stream has %d bytes that are not the file's", len(got))
		}
		if err := c.WriteWindowUpdate(1, 100_000); err != nil {
			t.Fatal(err)
		}
		if body = append(body, c.content(t, 1, len(contents[path])-single, false)...); !bytes.Equal(body, contents[path]) {
			t.Errorf("%s: %d bytes that are not the file's", path, len(body))
		}
	}
}

// content receives so many bytes of a stream. If they come one by one, each opens the window for another one but the last.
func (c *rawConn) content(t testing.TB, id uint32, bytes int, single bool) (body []byte) {
	t.Helper()
	for len(body) < bytes {
		f, ok := c.next(t).(*peer.DataFrame)
		if !ok {
			continue
		}
		if f.StreamID != id || single && len(f.Data()) > 1 {
			t.Fatalf("%v, of the stream %d", f, id)
		}
		if body = append(body, f.Data()...); single && len(body) < bytes {
			if err := c.WriteWindowUpdate(id, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	return body
}

// TestProxyProtocol has a proxy that speaks HTTP/2, and says whom it speaks for: at once, or byte by byte.
func TestProxyProtocol(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s := serve(t, newRoot(t), "--proxy-from", "127.0.0.1/32", "--access-log", log)
	const header = "PROXY TCP4 192.0.2.77 127.0.0.1 4711 80\r\n"
	for _, piece := range []int{len(header), 1} {
		c := connect(t, s)
		for at := 0; at < len(header); at += piece {
			if _, err := io.WriteString(c.Conn, header[at:at+piece]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond) // so that the pieces are received one by one, most of the time
		}
		c.begin(t)
		c.get(t, 1, "/small")
		if got := c.content(t, 1, len(contents["small"]), false); !bytes.Equal(got, contents["small"]) {
			t.Errorf("pieces of %d: %d bytes that are not the file's", piece, len(got))
		}
		_ = c.Close()
	}
	harness.Eventually(t, patience, "the log has the client's address", func() error {
		text, err := os.ReadFile(log)
		if n := strings.Count(string(text), "192.0.2.77 - - "); err == nil && n != 2 {
			err = fmt.Errorf("%d lines: %s", n, text)
		}
		return err
	})
}

// TestPriorities requests files that a small window holds back, and then opens it: the urgent ones come first, and those that are incremental share.
func TestPriorities(t *testing.T) {
	s := serve(t, newRoot(t))
	c := dial(t, s, peer.Setting{ID: peer.SettingInitialWindowSize, Val: 1 << 20})
	for i, p := range []string{"u=7", "u=5, i", "u=5, i", "u=1", "u=3"} {
		c.get(t, uint32(2*i+1), "/dir/b", "priority= "+p)
	}
	var order []uint32
	received, parts := 0, map[uint32]int{}
	for len(order) < 5 {
		f, ok := c.next(t).(*peer.DataFrame)
		if !ok {
			continue
		}
		received += len(f.Data())
		if received >= 65535 && received < 1<<19 { // the window of the connection is used up, and all requests are there
			received = 1 << 19
			if err := c.WriteWindowUpdate(0, 1<<20); err != nil {
				t.Fatal(err)
			}
		}
		parts[f.StreamID]++
		if f.StreamEnded() {
			order = append(order, f.StreamID)
			if f.StreamID == 3 && parts[5] < 3 {
				t.Errorf("stream 5 has had %d frames when its sibling is complete", parts[5])
			}
		}
	}
	got := fmt.Sprint(order)
	if !slices.Contains([]string{"[7 9 3 5 1]", "[7 9 5 3 1]"}, got) {
		t.Errorf("the order is %s", got)
	}
}

// TestLoadsThatAreGivenUp has 40 streams of one connection request a dynamic file, of which 16 load at once, and resets the first 32 in one packet. The other eight
// get theirs.
func TestLoadsThatAreGivenUp(t *testing.T) {
	s := serve(t, newRoot(t), "--loops", "1")
	const first, last, kept = 1, 79, 65
	for range 5 {
		c := dial(t, s, peer.Setting{ID: peer.SettingInitialWindowSize, Val: 1})
		for id := uint32(first); id <= last; id += 2 {
			c.get(t, id, "/dynamic/small")
		}
		for loading := 0; loading < 16; {
			if _, ok := c.next(t).(*peer.DataFrame); ok {
				loading++
			}
		}
		var packet bytes.Buffer
		framer := peer.NewFramer(&packet, nil)
		for id := uint32(first); id < kept; id += 2 {
			_ = framer.WriteRSTStream(id, peer.ErrCodeCancel)
		}
		for id := uint32(kept); id <= last; id += 2 {
			_ = framer.WriteWindowUpdate(id, 1<<20)
		}
		if _, err := c.Write(packet.Bytes()); err != nil {
			t.Fatal(err)
		}
		ended := map[uint32]bool{}
		for len(ended) < (last-kept)/2+1 {
			if f, ok := c.next(t).(*peer.DataFrame); ok && f.StreamEnded() && f.StreamID >= kept {
				ended[f.StreamID] = true
			}
		}
	}
}
