package http2

import (
	"bytes"
	"hash/maphash"
)

// HeadEncoder makes header blocks (RFC 7541) of the header sections of responses in the form of HTTP/1.1. It uses the static table and
// literals that are not indexed, so a block is good for every connection. The latest blocks are remembered by all of their header
// section but the time in Date. The zero value is ready to be used.
type HeadEncoder struct {
	blocks [blocksKept]*keptBlock
	seed   maphash.Seed
	seeded bool
	name   []byte
}

// keptBlock is a block that is remembered.
type keptBlock struct {
	head  []byte // the header section
	date  int    // where the time is in it; 0: nowhere
	block []byte // the time is at its end
}

const (
	blocksKept    = 256
	keptBytesMax  = 2048 // of a header section that is remembered
	hashedBytes   = 160  // of its end, with the fields that differ between files
	dateBytes     = len("Mon, 02 Jan 2006 15:04:05 GMT")
	dateFieldName = "\r\nDate: "
)

// Block returns the header block for "HTTP/1.1 200 OK\r\n...\r\n\r\n". The names become lower case; the fields that HTTP/2 does not have are left out
// (RFC 9113, section 8.2.2). It is valid until the next call.
func (e *HeadEncoder) Block(head []byte) []byte {
	if !e.seeded {
		e.seed, e.seeded = maphash.MakeSeed(), true
	}
	date := bytes.Index(head, []byte(dateFieldName))
	after := 0
	if date >= 0 && bytes.IndexByte(head[date+len(dateFieldName):], '\r') == dateBytes {
		date += len(dateFieldName)
		after = date + dateBytes
	} else {
		date = 0
	}
	end := head[max(after, len(head)-hashedBytes):]
	slot := &e.blocks[maphash.Bytes(e.seed, end)%blocksKept]
	if k := *slot; k != nil && k.is(head, date, after) {
		copy(k.block[len(k.block)-dateBytesOf(date):], head[date:after])
		return k.block
	}
	k := *slot
	if k == nil {
		k = &keptBlock{}
		if len(head) <= keptBytesMax {
			*slot = k
		}
	}
	if len(head) > keptBytesMax {
		k = &keptBlock{}
	}
	k.head, k.date = append(k.head[:0], head...), date
	k.block = e.encode(k.block[:0], head, date)
	return k.block
}

// dateBytesOf returns how many bytes the time at a place has.
func dateBytesOf(date int) int {
	if date == 0 {
		return 0
	}
	return dateBytes
}

// is reports whether the block is that of a header section, but for the time.
func (k *keptBlock) is(head []byte, date, after int) bool {
	return len(k.head) == len(head) && k.date == date && bytes.Equal(k.head[:date], head[:date]) && bytes.Equal(k.head[after:], head[after:])
}

// encode appends the block of a header section. The time, which is at date unless that is 0, comes last.
func (e *HeadEncoder) encode(dst, head []byte, date int) []byte {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	const version = len("HTTP/1.1 ")
	dst = appendField(dst, ":status", line[version:version+3])
	at := len(head) - len(rest)
	for len(rest) > 2 {
		line, more, _ := bytes.Cut(rest, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		isDate := date != 0 && at+len("Date: ") == date
		at += len(rest) - len(more)
		rest = more
		e.name = append(e.name[:0], name...)
		lower(e.name)
		if isDate || isConnectionField(e.name) {
			continue
		}
		dst = appendField(dst, string(e.name), bytes.Trim(value, " \t"))
	}
	if date != 0 {
		names, _ := staticIndex()
		dst = appendInteger(dst, 0, 4, names["date"])
		dst = append(appendInteger(dst, 0, 7, dateBytes), head[date:date+dateBytes]...)
	}
	return dst
}

func lower(b []byte) {
	for i, ch := range b {
		if 'A' <= ch && ch <= 'Z' {
			b[i] = ch + 'a' - 'A'
		}
	}
}

// isConnectionField reports whether a field is about a connection of HTTP/1.1 (RFC 9113, section 8.2.2).
func isConnectionField(name []byte) bool {
	switch string(name) {
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
		return true
	}
	return false
}

// appendField appends a field that is not indexed (RFC 7541, section 6.2.2), or the index of one of the static table.
func appendField(dst []byte, name string, value []byte) []byte {
	names, fields := staticIndex()
	if i := fields[[2]string{name, string(value)}]; i > 0 {
		return appendInteger(dst, 0x80, 7, i)
	}
	if i := names[name]; i > 0 {
		dst = appendInteger(dst, 0, 4, i)
	} else {
		dst = appendString(append(dst, 0), name)
	}
	return appendString(dst, string(value))
}

// appendInteger appends an integer with a prefix of so many bits, behind the bits of first.
func appendInteger(dst []byte, first byte, prefix, n int) []byte {
	most := 1<<prefix - 1
	if n < most {
		return append(dst, first|byte(n))
	}
	dst = append(dst, first|byte(most))
	for n -= most; n >= 0x80; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(dst, byte(n))
}

// appendString appends a string, compressed if that is shorter (RFC 7541, section 5.2).
func appendString(dst []byte, s string) []byte {
	if n := huffmanBytes(s); n < len(s) {
		return appendHuffman(appendInteger(dst, 0x80, 7, n), s)
	}
	return append(appendInteger(dst, 0, 7, len(s)), s...)
}
