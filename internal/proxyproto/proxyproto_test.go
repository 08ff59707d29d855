package proxyproto

import (
	"testing"
)

const v2 = "\r\n\r\n\x00\r\nQUIT\n"

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		n        int
		peer     string
		verdict  Verdict
	}{
		{"version 1 over IPv4", "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET", 45, "192.0.2.1:56324", Complete},
		{"version 1 over IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", 40, "[2001:db8::1]:1", Complete},
		{"version 1 unknown", "PROXY UNKNOWN\r\n", 15, "invalid AddrPort", Complete},
		{"version 1 unknown with addresses", "PROXY UNKNOWN ff:: ff:: 1 1\r\n", 29, "invalid AddrPort", Complete},
		{"version 1, the family and the address differ", "PROXY TCP4 ::1 ::1 1 1\r\n", 0, "", Bad},
		{"version 1, a port too large", "PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n", 0, "", Bad},
		{"version 1, a port with a zero in front", "PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n", 0, "", Bad},
		{"version 1, a bare LF", "PROXY UNKNOWN\n", 0, "", Bad},
		{"version 1, too few words", "PROXY TCP4 1.2.3.4\r\n", 0, "", Bad},
		{"version 2 over IPv4", v2 + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x01\x01\x02\x00\x50X", 28, "192.0.2.1:258", Complete},
		{"version 2 local", v2 + "\x20\x00\x00\x00", 16, "invalid AddrPort", Complete},
		{"version 2 with a longer payload", v2 + "\x21\x11\x00\x0e\xc0\x00\x02\x01\xc6\x33\x64\x01\x01\x02\x00\x50\x04\x00", 30, "192.0.2.1:258", Complete},
		{"version 2 over a Unix socket", v2 + "\x21\x31\x00\x02ab", 18, "invalid AddrPort", Complete},
		{"version 2 with the longest payload, which has not arrived", v2 + "\x21\x11\xff\xff\xc0\x00\x02\x01\xc6\x33\x64\x01\x01\x02\x00\x50", 16 + 65535, "192.0.2.1:258", Complete},
		{"version 2, too short for its family", v2 + "\x21\x11\x00\x02ab", 0, "", Bad},
		{"version 2, another version", v2 + "\x31\x11\x00\x00", 0, "", Bad},
		{"a request", "GET / HTTP/1.1\r\n", 0, "", Bad},
		{"nothing", "", 0, "", Incomplete},
	} {
		n, peer, verdict := Parse([]byte(tc.in))
		if verdict != tc.verdict || n != tc.n || verdict == Complete && peer.String() != tc.peer {
			t.Errorf("%s: %d, %v, %d", tc.name, n, peer, verdict)
		}
		if verdict == Complete {
			for cut := range min(tc.n, len(tc.in)) {
				// Of version 2 only the addresses matter.
				n, peer, v := Parse([]byte(tc.in[:cut]))
				if v != Incomplete && !(tc.in[0] == '\r' && cut >= headBytes && v == Complete && n == tc.n && peer.String() == tc.peer) {
					t.Errorf("%s: its first %d bytes are %d", tc.name, cut, v)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET"))
	f.Add([]byte(v2 + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x01\x01\x02\x00\x50X"))
	f.Fuzz(func(t *testing.T, in []byte) {
		n, _, verdict := Parse(in)
		if verdict == Complete && (n <= 0 || n > len(in) && (in[0] == 'P' || n > headBytes+1<<16-1)) {
			t.Errorf("%d bytes of %d", n, len(in))
		}
		if verdict != Complete && n != 0 {
			t.Errorf("%d bytes of no preface", n)
		}
		for cut := range in {
			if _, _, v := Parse(in[:cut]); v == Bad && verdict != Bad {
				t.Errorf("%d bytes are bad, more are not", cut)
			}
		}
	})
}
