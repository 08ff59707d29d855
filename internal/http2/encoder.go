package http2

import (
	"bytes"
	"hash/maphash"
)

// encoder makes header blocks (RFC 7541) of the header sections of responses in the form of HTTP/1.1, for all connections of a Shared. The latest
// sections are remembered by everything but the time in Date. The zero value is ready to be used.
type encoder struct {
	sections [sectionsKept]*section
	seed     maphash.Seed
	seeded   bool
	ids      map[string]uint64 // of the fields that go into clients' tables, by "name\x00value"
	rareIDs  map[string]uint64 // of those that go there when they are sent again
	lastID   uint64
	date     [dateBytes]byte // the latest time
	dateID   uint64
	scratch  section // one that is not remembered
	name     []byte
	key      []byte
}

// section is a header section, and what its block is made of.
type section struct {
	head   []byte
	date   int // where the time is in it; 0: nowhere
	pieces []piece
	coded  []byte // the fields, in their order, as literals or indices of the static table; a rare one twice
}

// piece is part of a block.
type piece struct {
	end  int    // in section.coded
	id   uint64 // of the one field that it is, as clients' tables may have it; 0: fields that are never in tables, or Date
	date bool   // it is Date
	size int    // of an entry with the field
	rare int    // if the field goes into a table only when it is sent again: the length of its literal without indexing, which the other one follows
}

// isIndexed reports whether the piece is one field that goes into clients' tables.
func (p *piece) isIndexed() bool { return p.id != 0 || p.date }

const (
	sectionsKept  = 256
	keptBytesMax  = 2048 // of a header section that is remembered
	hashedBytes   = 160  // of its end, with the fields that differ between files
	idsMax        = 1024 // fields that have an ID
	dateBytes     = len("Mon, 02 Jan 2006 15:04:05 GMT")
	dateFieldName = "\r\nDate: "
)

// appendBlock appends the header block for "HTTP/1.1 200 OK\r\n...\r\n\r\n" to a connection whose client has the table t. The names become lower case; the fields
// that HTTP/2 does not have are left out (RFC 9113, section 8.2.2).
func (e *encoder) appendBlock(dst, head []byte, t *peerTable) []byte {
	date := bytes.Index(head, []byte(dateFieldName))
	after := 0
	if date >= 0 && bytes.IndexByte(head[date+len(dateFieldName):], '\r') == dateBytes {
		date += len(dateFieldName)
		after = date + dateBytes
		if string(e.date[:]) != string(head[date:after]) {
			copy(e.date[:], head[date:after])
			e.dateID = e.newID()
		}
	} else {
		date = 0
	}
	s := e.find(head, date, after)
	at := 0
	for _, p := range s.pieces {
		id, coded := p.id, s.coded[at:p.end]
		at = p.end
		if p.date {
			id = e.dateID
			copy(coded[len(coded)-dateBytes:], e.date[:])
		}
		if id == 0 {
			dst = append(dst, coded...)
		} else if i := t.index(id); i > 0 {
			dst = append(dst, 0x80|byte(i)) // which are less than 127
		} else if p.rare > 0 && !t.sentBefore(id) {
			dst = append(dst, coded[:p.rare]...)
		} else {
			coded = coded[p.rare:]
			dst = append(dst, coded...)
			t.insert(id, p.size)
		}
	}
	return dst
}

// find returns a header section as it is remembered.
func (e *encoder) find(head []byte, date, after int) *section {
	if len(head) > keptBytesMax {
		e.encode(&e.scratch, head, date)
		return &e.scratch
	}
	if !e.seeded {
		e.seed, e.seeded = maphash.MakeSeed(), true
	}
	slot := &e.sections[maphash.Bytes(e.seed, head[max(after, len(head)-hashedBytes):])%sectionsKept]
	s := *slot
	if s == nil {
		s = &section{}
		*slot = s
	} else if s.is(head, date, after) {
		return s
	}
	e.encode(s, head, date)
	return s
}

// is reports whether a header section is this one, but for the time.
func (s *section) is(head []byte, date, after int) bool {
	return len(s.head) == len(head) && s.date == date && bytes.Equal(s.head[:date], head[:date]) && bytes.Equal(s.head[after:], head[after:])
}

// encode makes the pieces of a header section. The time is at date, unless that is 0.
func (e *encoder) encode(s *section, head []byte, date int) {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	const version = len("HTTP/1.1 ")
	names, fields := staticIndex()
	s.head, s.date, s.pieces = append(s.head[:0], head...), date, s.pieces[:0]
	s.coded = appendField(s.coded[:0], ":status", string(line[version:version+3]), withoutIndexing)
	s.add(piece{})
	at := len(head) - len(rest)
	for len(rest) > 2 {
		line, more, _ := bytes.Cut(rest, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		isDate := date != 0 && at+len("Date: ") == date
		at += len(rest) - len(more)
		rest = more
		e.name = append(e.name[:0], name...)
		lower(e.name)
		value = bytes.Trim(value, " \t")
		size := len(e.name) + len(value) + entryOverhead
		switch {
		case isConnectionField(e.name):
		case isDate:
			s.coded = appendInteger(s.coded, 0x40, 6, names["date"])
			s.coded = append(appendInteger(s.coded, 0, 7, dateBytes), value...)
			s.add(piece{date: true, size: size})
		case size > peerEntryMax || fields[[2]string{string(e.name), string(value)}] > 0:
			s.coded = appendField(s.coded, string(e.name), string(value), withoutIndexing)
			s.add(piece{})
		default:
			ids := &e.ids
			if differs(e.name) {
				ids = &e.rareIDs
			}
			p := piece{id: e.idOf(ids, value), size: size}
			if ids == &e.rareIDs {
				begin := len(s.coded)
				s.coded = appendField(s.coded, string(e.name), string(value), withoutIndexing)
				p.rare = len(s.coded) - begin
			}
			s.coded = appendField(s.coded, string(e.name), string(value), withIndexing)
			s.add(p)
		}
	}
}

// add adds a piece that ends with what was coded last.
func (s *section) add(p piece) {
	p.end = len(s.coded)
	if last := len(s.pieces) - 1; last >= 0 && !p.isIndexed() && !s.pieces[last].isIndexed() {
		s.pieces[last].end = p.end
		return
	}
	s.pieces = append(s.pieces, p)
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

// differs reports whether a field has a value of its own in most responses, so that it is worth a place in the client's table only if the
// client asks for the same file again, as for other ranges of it.
func differs(name []byte) bool {
	switch string(name) {
	case "content-length", "content-location", "content-range", "etag", "last-modified", "location", "set-cookie":
		return true
	}
	return false
}

// idOf returns the number of the field e.name with a value. Fields with the same number are the same.
func (e *encoder) idOf(ids *map[string]uint64, value []byte) uint64 {
	e.key = append(append(append(e.key[:0], e.name...), 0), value...)
	id := (*ids)[string(e.key)]
	if id == 0 {
		if *ids == nil || len(*ids) == idsMax {
			*ids = map[string]uint64{}
		}
		id = e.newID()
		(*ids)[string(e.key)] = id
	}
	return id
}

func (e *encoder) newID() uint64 {
	e.lastID++
	return e.lastID
}

// form is how a literal is marked (RFC 7541, section 6.2).
type form struct {
	first  byte
	prefix int // the bits of the name's index
}

var (
	withIndexing    = form{0x40, 6}
	withoutIndexing = form{0x00, 4}
)

// appendField appends a field as a literal, unless it is in the static table.
func appendField(dst []byte, name, value string, f form) []byte {
	names, fields := staticIndex()
	if i := fields[[2]string{name, value}]; i > 0 {
		return appendInteger(dst, 0x80, 7, i)
	}
	if i := names[name]; i > 0 {
		dst = appendInteger(dst, f.first, f.prefix, i)
	} else {
		dst = appendString(append(dst, f.first), name)
	}
	return appendString(dst, value)
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
