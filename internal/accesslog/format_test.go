package accesslog

import (
	"crypto/tls"
	"encoding/json"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/stats"
	"aws/internal/tlsconn"
)

func record() *stats.Record {
	return &stats.Record{
		Conn: 7, Peer: netip.MustParseAddrPort("192.0.2.1:4711"),
		Began:  time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.FixedZone("", 3600)),
		Status: 206, Major: 1, Minor: 1, Mount: &docroot.Mount{Kind: docroot.Dynamic}, Kind: docroot.Dynamic,
		File: true, Cold: true, Complete: true, Sent: 1300, HeadBytes: 276,
		Method: []byte("GET"), Target: []byte("/a%20b?c=d"), Range: []byte("bytes=0-1023"),
		Referer: []byte("http://localhost/"), Agent: []byte("curl/8"),
		Head: 12 * time.Microsecond, Disk: 3 * time.Millisecond, Send: 1234567 * time.Nanosecond, Total: 2 * time.Second,
	}
}

func TestFormats(t *testing.T) {
	known, odd, dash := record(), record(), record()
	known.User, odd.User, dash.User = []byte("ali"), []byte("ali baba \"x\" [\n\\é"), []byte("-")
	secure, resumed := record(), record()
	secure.TLS = &tlsconn.Facts{Version: tls.VersionTLS13, Suite: tls.TLS_AES_128_GCM_SHA256, ServerName: "example.org", Client: `CN="a\"`}
	resumed.TLS = &tlsconn.Facts{Version: tls.VersionTLS12, Suite: tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, Resumed: true}
	refused := &stats.Record{Status: 400, Sent: 200, HeadBytes: 200, Began: record().Began}
	for _, c := range []struct {
		f    Format
		r    *stats.Record
		want string
	}{
		{Common, record(), `192.0.2.1 - - [03/Feb/2026:04:05:06 +0100] "GET /a%20b?c=d HTTP/1.1" 206 1024`},
		{Common, known, `192.0.2.1 - ali [03/Feb/2026:04:05:06 +0100] "GET /a%20b?c=d HTTP/1.1" 206 1024`},
		{Common, odd, `192.0.2.1 - ali\x20baba\x20\x22x\x22\x20[\x0a\x5c\xc3\xa9 [03/Feb/2026:04:05:06 +0100] "GET /a%20b?c=d HTTP/1.1" 206 1024`},
		{Common, dash, `192.0.2.1 - \x2d [03/Feb/2026:04:05:06 +0100] "GET /a%20b?c=d HTTP/1.1" 206 1024`},
		{Common, refused, `- - - [03/Feb/2026:04:05:06 +0100] "-" 400 -`},
		{
			Combined, record(),
			`192.0.2.1 - - [03/Feb/2026:04:05:06 +0100] "GET /a%20b?c=d HTTP/1.1" 206 1024 "http://localhost/" "curl/8"`,
		},
		{Combined, refused, `- - - [03/Feb/2026:04:05:06 +0100] "-" 400 - "-" "-"`},
		{
			JSON, record(),
			`{"time":"2026-02-03T04:05:06.789+01:00","peer":"192.0.2.1:4711","conn":7,"method":"GET","target":"/a%20b?c=d",` +
				`"protocol":"HTTP/1.1","status":206,"bytes":1024,"sent":1300,"complete":true,"kind":"dynamic","cache":"cold",` +
				`"duration_ms":2000.000,"head_ms":0.012,"disk_ms":3.000,"send_ms":1.234,` +
				`"range":"bytes=0-1023","referer":"http://localhost/","agent":"curl/8"}`,
		},
		{
			JSON, refused,
			`{"time":"2026-02-03T04:05:06.789+01:00","peer":"","conn":0,"method":"","target":"","protocol":"","status":400,` +
				`"bytes":0,"sent":200,"complete":false,"kind":"none","cache":"cached",` +
				`"duration_ms":0.000,"head_ms":0.000,"disk_ms":0.000,"send_ms":0.000}`,
		},
		{Combined, secure, `192.0.2.1 - - [03/Feb/2026:04:05:06 +0100] "GET /a%20b?c=d HTTP/1.1" 206 1024 "http://localhost/" "curl/8"`},
		{
			JSON, secure,
			`{"time":"2026-02-03T04:05:06.789+01:00","peer":"192.0.2.1:4711","conn":7,"method":"GET","target":"/a%20b?c=d",` +
				`"protocol":"HTTP/1.1","status":206,"bytes":1024,"sent":1300,"complete":true,"kind":"dynamic","cache":"cold",` +
				`"tls_version":"TLS 1.3","tls_cipher":"TLS_AES_128_GCM_SHA256","tls_resumed":false,"tls_server_name":"example.org",` +
				`"tls_client":"CN=\"a\\\"","duration_ms":2000.000,"head_ms":0.012,"disk_ms":3.000,"send_ms":1.234,` +
				`"range":"bytes=0-1023","referer":"http://localhost/","agent":"curl/8"}`,
		},
		{
			JSON, resumed,
			`{"time":"2026-02-03T04:05:06.789+01:00","peer":"192.0.2.1:4711","conn":7,"method":"GET","target":"/a%20b?c=d",` +
				`"protocol":"HTTP/1.1","status":206,"bytes":1024,"sent":1300,"complete":true,"kind":"dynamic","cache":"cold",` +
				`"tls_version":"TLS 1.2","tls_cipher":"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384","tls_resumed":true,` +
				`"duration_ms":2000.000,"head_ms":0.012,"disk_ms":3.000,"send_ms":1.234,` +
				`"range":"bytes=0-1023","referer":"http://localhost/","agent":"curl/8"}`,
		},
		{
			Fields, secure, `206 GET "/a%20b?c=d" sent=1300 range="bytes=0-1023" agent="curl/8" tls-version="TLS 1.3"` +
				` tls-cipher="TLS_AES_128_GCM_SHA256" tls-server-name="example.org" tls-client="CN=\"a\\\""`,
		},
		{
			Fields, resumed, `206 GET "/a%20b?c=d" sent=1300 range="bytes=0-1023" agent="curl/8" tls-version="TLS 1.2"` +
				` tls-cipher="TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" tls-resumed`,
		},
		{Fields, record(), `206 GET "/a%20b?c=d" sent=1300 range="bytes=0-1023" agent="curl/8"`},
		{Fields, known, `206 GET "/a%20b?c=d" sent=1300 user="ali" range="bytes=0-1023" agent="curl/8"`},
		{Fields, refused, `400 - "" sent=200 aborted`},
	} {
		if got := string(NewFormatter(c.f).Append(nil, c.r)); got != c.want+"\n" {
			t.Errorf("%v:\n got %s\nwant %s", c.f, got, c.want)
		}
	}
}

func TestParseFormat(t *testing.T) {
	for _, name := range Formats() {
		if f, err := ParseFormat(name); err != nil || f.String() != name {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
	if _, err := ParseFormat("apache"); err == nil || !strings.Contains(err.Error(), "combined") {
		t.Errorf("the error does not say what there is: %v", err)
	}
}

// hostile are values that would like to be a line, a field, or a terminal's command.
var hostile = []string{
	"\n127.0.0.1 - - [x] \"GET / HTTP/1.1\" 200 1", "\r\n", "\x00", "\" 200 1 \"", `\`, `\"`, `\\"`, "\x1b[2J", "\u009b2J", "\u2028",
	"\u202etxt.exe", "\xff\xfe", "é", "𝄞", `","status":500,"x":"`, "</script>", strings.Repeat("\"", 9000),
}

func TestHostileValues(t *testing.T) {
	for _, v := range hostile {
		checkLines(t, []byte(v))
	}
}

func FuzzLines(f *testing.F) {
	for _, v := range hostile {
		f.Add([]byte(v))
	}
	f.Fuzz(checkLines)
}

var (
	combinedLine = regexp.MustCompile(`^192\.0\.2\.1 - ([^ "]+) \[[^]]+\] "((?:[^"\\]|\\x[0-9a-f]{2})*)" 206 1024 "((?:[^"\\]|\\x[0-9a-f]{2})*)" "((?:[^"\\]|\\x[0-9a-f]{2})*)"\n$`)
	commonLine   = regexp.MustCompile(`^192\.0\.2\.1 - ([^ "]+) \[[^]]+\] "((?:[^"\\]|\\x[0-9a-f]{2})*)" 206 1024\n$`)
	escape       = regexp.MustCompile(`\\x[0-9a-f]{2}`)
)

func unescape(s string) string {
	return escape.ReplaceAllStringFunc(s, func(e string) string {
		n, _ := strconv.ParseUint(e[2:], 16, 8)
		return string([]byte{byte(n)})
	})
}

// checkLines puts a value into every field that a client chooses, and sees that each format makes one
// line of it, of printable ASCII, in which the fields are where they belong.
func checkLines(t *testing.T, v []byte) {
	r := record()
	r.Method, r.Target, r.Range, r.IfRange, r.User = v, v, v, v, v
	r.IfNoneMatch, r.IfModifiedSince, r.Referer, r.Agent = v, v, v, v
	r.TLS = &tlsconn.Facts{Version: tls.VersionTLS13, Suite: tls.TLS_AES_128_GCM_SHA256, ServerName: string(v), Client: string(v)}
	for f := range formatCount {
		line := string(NewFormatter(f).Append(nil, r))
		for i, c := range []byte(line) {
			if i == len(line)-1 && c == '\n' {
				continue
			}
			if c < ' ' || c > '~' {
				t.Fatalf("%v: byte %#x at %d of %q", f, c, i, line)
			}
		}
		if !strings.HasSuffix(line, "\n") {
			t.Fatalf("%v: no end of line in %q", f, line)
		}
	}
	if len(v) == 0 {
		return
	}
	request := string(v) + " " + string(v) + " HTTP/1.1"
	m := combinedLine.FindStringSubmatch(string(NewFormatter(Combined).Append(nil, r)))
	if m == nil || unescape(m[1]) != string(v) || unescape(m[2]) != request || unescape(m[3]) != string(v) || unescape(m[4]) != string(v) {
		t.Fatalf("combined: %q", m)
	}
	m = commonLine.FindStringSubmatch(string(NewFormatter(Common).Append(nil, r)))
	if m == nil || unescape(m[1]) != string(v) || unescape(m[2]) != request {
		t.Fatalf("common: %q", m)
	}
	// What encoding/json makes of the same strings is what it must read from the line.
	text, err := json.Marshal(string(v))
	if err != nil {
		t.Fatal(err)
	}
	var want string
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(NewFormatter(JSON).Append(nil, r), &got); err != nil {
		t.Fatalf("json: %v", err)
	}
	for _, name := range []string{"method", "target", "user", "range", "if_range", "if_none_match", "if_modified_since", "referer", "agent", "tls_server_name", "tls_client"} {
		if got[name] != want {
			t.Fatalf("json: %s is %q, not %q", name, got[name], want)
		}
	}
	if got["status"] != 206.0 || len(got) != 28 {
		t.Fatalf("json: %d members, status %v", len(got), got["status"])
	}
	r.TLS = nil
	fields := string(NewFormatter(Fields).Append(nil, r))
	at := strings.Index(fields, " agent=")
	if agent, err := strconv.Unquote(strings.TrimSuffix(fields[strings.LastIndex(fields[:len(fields)-1], " agent=")+7:], "\n")); at < 0 || err != nil || agent != string(v) {
		t.Fatalf("fields: %v, %q of %q", err, agent, fields)
	}
}

// TestEachSecondHasItsOwnStamp lets one formatter go forwards, back, and before 1970.
func TestEachSecondHasItsOwnStamp(t *testing.T) {
	for f := range formatCount {
		lay := NewFormatter(f)
		for _, at := range []time.Duration{0, time.Millisecond, time.Second, 999 * time.Millisecond, time.Hour, -100 * 365 * 24 * time.Hour} {
			r := record()
			r.Began = r.Began.Add(at)
			if got, want := string(lay.Append(nil, r)), string(NewFormatter(f).Append(nil, r)); got != want {
				t.Errorf("%v later: %q, not %q", at, got, want)
			}
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for f := range formatCount {
		b.Run(f.String(), func(b *testing.B) {
			r := record()
			r.TLS = &tlsconn.Facts{Version: tls.VersionTLS13, Suite: tls.TLS_AES_128_GCM_SHA256, ServerName: strings.Repeat("a", 60), Client: "CN=a"}
			var line []byte
			lay := NewFormatter(f)
			b.ReportAllocs()
			for b.Loop() {
				line = lay.Append(line[:0], r)
			}
		})
	}
	// What the library for it would cost.
	b.Run("encoding-json", func(b *testing.B) {
		r := record()
		b.ReportAllocs()
		for b.Loop() {
			_, _ = json.Marshal(struct {
				Time                                   time.Time
				Peer, Method, Target, Protocol, Kind   string
				Cache, Range, Referer, Agent           string
				Status                                 uint16
				Conn                                   uint64
				Bytes, Sent                            int64
				Complete                               bool
				DurationMs, HeadMs, DiskMs, SendMs     float64
				IfRange, IfNoneMatch, IfModifiedSince_ string
			}{
				Time: r.Began, Peer: r.Peer.String(), Method: string(r.Method), Target: string(r.Target), Protocol: "HTTP/1.1",
				Kind: Kind(r), Cache: cache(r), Range: string(r.Range), Referer: string(r.Referer), Agent: string(r.Agent),
				Status: uint16(r.Status), Bytes: bodyBytes(r), Sent: r.Sent, Complete: true, DurationMs: 2000, HeadMs: .012, DiskMs: 3, SendMs: 1.234,
			})
		}
	})
}

// TestPeersTakeTurns has one formatter for records of several clients, as a log has.
func TestPeersTakeTurns(t *testing.T) {
	f := NewFormatter(Common)
	for _, peer := range []string{"", "192.0.2.1", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.7", "", "2001:db8::1", "192.0.2.1"} {
		r, want := stats.Record{}, "-"
		if peer != "" {
			addr := netip.MustParseAddr(peer)
			r.Peer, want = netip.AddrPortFrom(addr, 80), addr.Unmap().String()
		}
		if got, _, _ := strings.Cut(string(f.Append(nil, &r)), " "); got != want {
			t.Errorf("client %q: %q, want %q", peer, got, want)
		}
	}
}

// TestNoAllocationPerLine is about lines of requests over TLS, with names that are longer than what fits a stack.
func TestNoAllocationPerLine(t *testing.T) {
	long := strings.Repeat("a", 200)
	r := record()
	r.TLS = &tlsconn.Facts{Version: tls.VersionTLS12, Suite: tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, ServerName: long, Client: long}
	for f := range formatCount {
		lay := NewFormatter(f)
		line := lay.Append(nil, r)
		if n := testing.AllocsPerRun(10, func() { line = lay.Append(line[:0], r) }); n != 0 {
			t.Errorf("%v: %v allocations", f, n)
		}
	}
}
