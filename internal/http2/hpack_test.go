package http2

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	peer "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// fields collects what a decoder hands on.
type fields struct {
	list  []string
	texts [2][]byte
}

func (f *fields) add(name, value []byte, checked check) {
	if checked != checkField(name, value) {
		f.list = append(f.list, "wrongly checked")
	}
	f.list = append(f.list, fmt.Sprintf("%s=%s", name, value))
}

func (f *fields) scratch() *[2][]byte { return &f.texts }

// FuzzDecoder compares the decoder with another one on a sequence of blocks: both deliver the same fields, or both fail.
func FuzzDecoder(f *testing.F) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, v := range []string{"a", "b", strings.Repeat("c", 3000), "a", strings.Repeat("d", 5000)} {
		_ = encoder.WriteField(hpack.HeaderField{Name: "x", Value: v})
		_ = encoder.WriteField(hpack.HeaderField{Name: ":path", Value: v, Sensitive: true})
	}
	f.Add(block.Bytes(), 10)
	f.Add([]byte("\x3f\xe1\x1f\x40\x01a\x01b\xbe\x20\xbe"), 3)
	f.Add([]byte("\x82\x87\x41\x8a\x08\x9d\x5c\x0b\x81\x70\xdc\x78\x0f\x03"), 4)
	f.Fuzz(func(t *testing.T, b []byte, piece int) {
		var d decoder
		var want []string
		oracle := hpack.NewDecoder(tableDefault, func(f hpack.HeaderField) { want = append(want, f.Name+"="+f.Value) })
		for piece = max(piece, 1); len(b) > 0; {
			n := min(piece, len(b))
			got := &fields{}
			want = nil
			ok := d.decode(b[:n], got)
			_, err := oracle.Write(b[:n])
			if err == nil {
				err = oracle.Close()
			}
			if !ok && bytes.ContainsAny(b[:n], " !\"#$%&'()*+,-./0123456789:;<=>?") {
				return // the other one lets the size of an empty table change late, which RFC 7541, section 4.2, forbids
			}
			if ok && err != nil && strings.Contains(err.Error(), "size update MUST occur") {
				return // which it says of the second of two at the beginning, too
			}
			if ok != (err == nil) {
				t.Fatalf("%q: %v, and %v", b[:n], ok, err)
			}
			if !ok {
				return
			}
			if !slices.Equal(got.list, want) {
				t.Fatalf("%q: %q, want %q", b[:n], got.list, want)
			}
			if d.size > tableDefault || len(d.text) > 3*tableDefault {
				t.Fatalf("a table of %d bytes, in %d", d.size, len(d.text))
			}
			b = b[n:]
		}
	})
}

// FuzzHuffman compares the code with another implementation of it, in both directions.
func FuzzHuffman(f *testing.F) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	f.Add(every)
	f.Add([]byte("www.example.com"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		want, err := hpack.HuffmanDecodeToString(b)
		if got, ok := decodeHuffman(nil, b); ok != (err == nil) || ok && string(got) != want {
			t.Fatalf("%x: %q, %v, want %q, %v", b, got, ok, want, err)
		}
		coded := appendHuffman(nil, string(b))
		if want := hpack.AppendHuffmanString(nil, string(b)); !bytes.Equal(coded, want) || len(coded) != huffmanBytes(string(b)) {
			t.Fatalf("%q: %x, want %x", b, coded, want)
		}
	})
}

// responses is a client that decodes the header blocks of responses, by another decoder, and the server's encoder.
type responses struct {
	encoder encoder
	table   peerTable
	decoder *hpack.Decoder
	fields  []string
	bytes   int // of the latest block
}

func newResponses() *responses {
	r := &responses{}
	r.decoder = hpack.NewDecoder(tableDefault, func(f hpack.HeaderField) { r.fields = append(r.fields, f.Name+": "+f.Value) })
	return r
}

// send returns the fields of a header section as the client sees them.
func (r *responses) send(t testing.TB, head string) []string {
	t.Helper()
	block := r.encoder.appendBlock(nil, []byte(head), &r.table)
	r.fields, r.bytes = nil, len(block)
	if _, err := r.decoder.Write(block); err != nil {
		t.Fatalf("%q: %v", head, err)
	}
	return r.fields
}

// TestEncoder decodes the blocks of header sections, twice in a row, with different times.
func TestEncoder(t *testing.T) {
	r := newResponses()
	large := strings.Repeat("x", 5000)
	for _, c := range []struct {
		head string
		want []string
	}{
		{"HTTP/1.1 200 OK\r\n\r\n", []string{":status: 200"}},
		{
			"HTTP/1.1 206 Partial Content\r\nServer: aws\r\nDate: Fri, 27 Nov 2026 10:00:00 GMT\r\nETag: \"x\"\r\n\r\n",
			[]string{":status: 206", "server: aws", "date: Fri, 27 Nov 2026 10:00:00 GMT", "etag: \"x\""},
		},
		{
			"HTTP/1.1 200 OK\r\nDate: Fri, 27 Nov 2026 10:00:00 GMT\r\nConnection: close\r\nKeep-Alive: 1\r\nTransfer-Encoding: chunked\r\nUpgrade: x\r\nProxy-Connection: y\r\n\r\n",
			[]string{":status: 200", "date: Fri, 27 Nov 2026 10:00:00 GMT"},
		},
		{"HTTP/1.1 404 Not Found\r\nDate: today\r\nX-Empty: \r\nX-Colon: a:b\r\n\r\n", []string{":status: 404", "date: today", "x-empty: ", "x-colon: a:b"}},
		{"HTTP/1.1 451 X\r\nLink: " + large + "\r\n\r\n", []string{":status: 451", "link: " + large}},
		{"HTTP/1.1 200 OK\r\nVary: a\r\nVary: " + large + "\r\nVary: b\r\n\r\n", []string{":status: 200", "vary: a", "vary: " + large, "vary: b"}},
	} {
		for _, date := range []string{"Fri, 27 Nov 2026 10:00:00 GMT", "Sat, 28 Nov 2026 11:22:33 GMT"} {
			head := strings.ReplaceAll(c.head, "Fri, 27 Nov 2026 10:00:00 GMT", date)
			want := slices.Clone(c.want)
			for i := range want {
				want[i] = strings.ReplaceAll(want[i], "Fri, 27 Nov 2026 10:00:00 GMT", date)
			}
			for range 2 {
				if got := r.send(t, head); !slices.Equal(got, want) {
					t.Errorf("%q: %q, want %q", head, got, want)
				}
			}
		}
	}
	for _, c := range []string{"a", "b"} { // which differ early
		head := fmt.Sprintf("HTTP/1.1 200 OK\r\nX: %s%s\r\n\r\n", c, strings.Repeat("x", 300))
		if got := r.send(t, head)[1]; got[3:4] != c {
			t.Errorf("%q, want %q", got, c)
		}
	}
	for i := range 5000 { // more than are remembered, with ends and beginnings that are the same
		a := fmt.Sprintf("HTTP/1.1 200 OK\r\nA: %d\r\nDate: Fri, 27 Nov 2026 10:00:00 GMT\r\nB: %s\r\n\r\n", i%1700, strings.Repeat("b", 200))
		if got, want := r.send(t, a)[1], fmt.Sprintf("a: %d", i%1700); got != want {
			t.Fatalf("%d: %q, want %q", i, got, want)
		}
	}
}

// TestRepeatedFields bounds the header blocks of similar responses: what was sent before takes a byte or two.
func TestRepeatedFields(t *testing.T) {
	r := newResponses()
	for i := range 200 {
		r.send(t, fmt.Sprintf("HTTP/1.1 200 OK\r\nServer: aws\r\nDate: Fri, 27 Nov 2026 10:00:%02d GMT\r\nContent-Type: text/html; charset=utf-8\r\n"+
			"Cache-Control: public, max-age=86400\r\nX-Content-Type-Options: nosniff\r\nETag: \"%016x\"\r\nContent-Length: %d\r\n\r\n", i/60, i, i))
		if i > 0 && i%60 > 0 && r.bytes > 32 {
			t.Errorf("response %d has a block of %d bytes", i, r.bytes)
		}
	}
	for i, most := range []int{60, 60, 20, 20} { // ranges of one file: its fields go into the table when they are sent again
		r.send(t, fmt.Sprintf("HTTP/1.1 206 Partial Content\r\nServer: aws\r\nContent-Type: text/html; charset=utf-8\r\nETag: \"a file\"\r\n"+
			"Last-Modified: Fri, 27 Nov 2026 09:00:00 GMT\r\nContent-Range: bytes %d-/100\r\n\r\n", i+10))
		if r.bytes > most {
			t.Errorf("response %d with a range has a block of %d bytes", i, r.bytes)
		}
	}
}

// FuzzEncoder encodes header sections of few fields, for a client whose table is full soon. A byte of order is a field, or a change of the table's size.
func FuzzEncoder(f *testing.F) {
	f.Add("Content-Type", "text/html; charset=utf-8", []byte{1, 2, 3, 1, 2, 3})
	f.Add("ETag", "a", []byte{1, 2, 1, 2, 200, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 1, 2})
	f.Add("X", strings.Repeat("y", 300), bytes.Repeat([]byte{9, 0, 40, 1, 2, 1, 60, 0, 9}, 10))
	f.Add("Date", "Fri, 27 Nov 2026 10:00:00 GMT", []byte{0, 0, 0, 250, 0, 5})
	f.Fuzz(func(t *testing.T, name, value string, order []byte) {
		lower := strings.ToLower(name)
		if !validName([]byte(lower)) || !validValue([]byte(value)) || isConnectionField([]byte(lower)) || strings.ToLower(lower) != lower {
			return
		}
		r := newResponses()
		for i, o := range order[:min(len(order), 1000)] {
			if o >= 250 {
				r.table.shrink()
				r.decoder.SetMaxDynamicTableSize(0) // as AppendHeaders says
			}
			date := time.Unix(int64(i/3), 0).UTC().Format(http.TimeFormat)
			got := r.send(t, fmt.Sprintf("HTTP/1.1 200 OK\r\n%s: %s\r\nDate: %s\r\n%s: %s%d\r\nX-Fill: %s\r\n\r\n", name, value, date, name, value, o, strings.Repeat("f", int(o))))
			want := []string{":status: 200", lower + ": " + value, "date: " + date, fmt.Sprintf("%s: %s%d", lower, value, o), "x-fill: " + strings.Repeat("f", int(o))}
			if !slices.Equal(got, want) {
				t.Fatalf("%q, want %q", got, want)
			}
		}
	})
}

// TestTableShrinks acknowledges a client whose table has become smaller: the next block says that it is empty, and no later one uses it.
func TestTableShrinks(t *testing.T) {
	cl := newClient(t, DefaultLimits())
	cl.begin()
	for id := uint32(1); id <= 9; id += 2 {
		cl.get(id)
	}
	cl.send(whole)
	head := []byte("HTTP/1.1 200 OK\r\nX: y\r\n\r\n")
	const literal = "\x40\x01x\x01y"
	for _, c := range []struct {
		id    uint32
		size  int // that SETTINGS say before
		block string
	}{{1, -1, "\x88" + literal}, {3, 100_000, "\x88\xbe"}, {5, 100, "\x20\x88" + literal}, {7, 4096, "\x88" + literal}, {9, 0, "\x20\x88" + literal}} {
		if c.size >= 0 {
			cl.must(cl.framer.WriteSettings(peer.Setting{ID: peer.SettingHeaderTableSize, Val: uint32(c.size)}))
			cl.send(whole)
		}
		if got := cl.conn.AppendHeaders(nil, cl.streams[c.id], head, true)[FrameHeadBytes:]; string(got) != c.block {
			t.Errorf("stream %d: %q, want %q", c.id, got, c.block)
		}
	}
}

// TestLargeBlock splits a header block into frames.
func TestLargeBlock(t *testing.T) {
	cl := newClient(t, DefaultLimits())
	cl.begin()
	cl.get(1)
	cl.send(whole)
	if got, want := words(t, cl.conn.AppendHeaders(nil, cl.streams[1], []byte("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("\\", 40_000)+"\r\n\r\n"), false)), "HEADERS 1 0, CONTINUATION 1 0, CONTINUATION 1 4"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestHeadersBytesMax has fields of all lengths, of bytes that compression makes longer, in blocks of one frame and of several.
func TestHeadersBytesMax(t *testing.T) {
	shared, limits := NewShared(), DefaultLimits()
	for _, fields := range []int{0, 1, 3, 200} {
		for _, length := range []int{0, 1, 126, 127, 128, 254, 255, 16_000, 16_511, 40_000} {
			head := "HTTP/1.1 200 OK\r\n" + strings.Repeat("a: "+strings.Repeat("\xff", length)+"\r\n", fields) + "\r\n"
			c := NewConn(shared, &limits)
			c.apply(settingHeaderTableSize, 0)
			if n := len(c.AppendHeaders(nil, &Stream{ID: 1}, []byte(head), false)); n > HeadersBytesMax(len(head)) {
				t.Errorf("%d fields of %d bytes: %d bytes of frames, of a head of %d", fields, length, n, len(head))
			}
		}
	}
}
