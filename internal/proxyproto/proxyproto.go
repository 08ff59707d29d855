package proxyproto

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
)

// Verdict is what Parse knows so far.
type Verdict uint8

// The verdicts.
const (
	Incomplete Verdict = iota // more bytes are needed
	Complete                  // the preface is whole
	Bad                       // there is no valid preface
)

const (
	lineBytesMax = 107 // of version 1, with its CRLF
	headBytes    = 16  // of version 2, before the addresses
)

var (
	line      = []byte("PROXY ")
	signature = []byte("\r\n\r\n\x00\r\nQUIT\n")
)

// Parse reads the preface at the start of buf, which holds all bytes received so far. When it is
// Complete, n is its length and peer whom the proxy speaks for: the zero value if it speaks for
// itself (version 1's UNKNOWN, version 2's LOCAL) or for no TCP client.
//
// What follows the addresses in version 2, up to 64 KiB of TLVs such as a client's certificate, is not looked at and need
// not have arrived: n may be more than buf has, and the caller throws the rest away.
func Parse(buf []byte) (n int, peer netip.AddrPort, v Verdict) {
	switch {
	case agree(buf, line):
		return parseLine(buf)
	case agree(buf, signature):
		return parseBinary(buf)
	default:
		return 0, netip.AddrPort{}, Bad
	}
}

// agree reports whether buf begins like want, as far as it goes.
func agree(buf, want []byte) bool {
	n := min(len(buf), len(want))
	return bytes.Equal(buf[:n], want[:n])
}

func parseLine(buf []byte) (int, netip.AddrPort, Verdict) {
	window := buf[:min(len(buf), lineBytesMax)]
	end := bytes.IndexByte(window, '\n')
	if end < 0 {
		if len(buf) >= lineBytesMax {
			return 0, netip.AddrPort{}, Bad
		}
		return 0, netip.AddrPort{}, Incomplete
	}
	if end < len(line) || buf[end-1] != '\r' {
		return 0, netip.AddrPort{}, Bad
	}
	words := bytes.Split(buf[len(line):end-1], []byte{' '})
	family := string(words[0])
	if family == "UNKNOWN" {
		return end + 1, netip.AddrPort{}, Complete
	}
	if len(words) != 5 || family != "TCP4" && family != "TCP6" {
		return 0, netip.AddrPort{}, Bad
	}
	source, sourceOK := address(words[1], words[3], family)
	_, ownOK := address(words[2], words[4], family)
	if !sourceOK || !ownOK {
		return 0, netip.AddrPort{}, Bad
	}
	return end + 1, source, Complete
}

func address(ip, port []byte, family string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(string(ip))
	if err != nil || a.Zone() != "" || a.Is4() != (family == "TCP4") {
		return netip.AddrPort{}, false
	}
	if len(port) > 1 && port[0] == '0' {
		return netip.AddrPort{}, false
	}
	n, err := strconv.ParseUint(string(port), 10, 16)
	if err != nil {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a, uint16(n)), true
}

// Values of version 2's bytes 13 and 14.
const (
	versionLocal = 0x20
	versionProxy = 0x21
	tcp4         = 0x11
	tcp6         = 0x21
)

func parseBinary(buf []byte) (int, netip.AddrPort, Verdict) {
	if len(buf) < headBytes {
		return 0, netip.AddrPort{}, Incomplete
	}
	size := int(binary.BigEndian.Uint16(buf[14:]))
	command := buf[12]
	if command != versionLocal && command != versionProxy {
		return 0, netip.AddrPort{}, Bad
	}
	addresses := 0 // bytes
	if command == versionProxy {
		switch buf[13] {
		case tcp4:
			addresses = 12
		case tcp6:
			addresses = 36
		}
	}
	if size < addresses {
		return 0, netip.AddrPort{}, Bad
	}
	if len(buf) < headBytes+addresses {
		return 0, netip.AddrPort{}, Incomplete
	}
	payload := buf[headBytes : headBytes+addresses]
	var peer netip.AddrPort
	if addresses > 0 {
		switch buf[13] {
		case tcp4:
			peer = netip.AddrPortFrom(netip.AddrFrom4([4]byte(payload[:4])), binary.BigEndian.Uint16(payload[8:]))
		case tcp6:
			peer = netip.AddrPortFrom(netip.AddrFrom16([16]byte(payload[:16])), binary.BigEndian.Uint16(payload[32:]))
		}
	}
	return headBytes + size, peer, Complete
}
