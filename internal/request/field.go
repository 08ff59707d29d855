package request

import "encoding/binary"

// FieldID identifies a header field that this package knows. Other fields are checked and not kept.
type FieldID uint8

// The known fields: those that affect the response of a file server, or that the access log may contain.
const (
	Host FieldID = iota
	Connection
	ContentLength
	TransferEncoding
	Expect
	Range
	IfRange
	IfMatch
	IfNoneMatch
	IfModifiedSince
	IfUnmodifiedSince
	Accept
	AcceptEncoding
	UserAgent
	Referer
	Authorization
	Origin

	fieldCount
	fieldUnknown = fieldCount
)

var fieldNames = [fieldCount]string{
	"host", "connection", "content-length", "transfer-encoding", "expect", "range", "if-range", "if-match",
	"if-none-match", "if-modified-since", "if-unmodified-since", "accept", "accept-encoding",
	"user-agent", "referer", "authorization", "origin",
}

// String returns the field's name in lower case.
func (id FieldID) String() string {
	if id >= fieldCount {
		return "unknown"
	}
	return fieldNames[id]
}

// RepeatsMax bounds the number of repeated field lines, over all known fields. A head may contain the first
// line of each field and this many more; with more it is TooManyFields.
const RepeatsMax = 32

// A known name is compared in up to three words of eight bytes, which overlap if the length is not a multiple
// of eight. The mask sets the case bit of letters only, because `\r|0x20` is '-'.
type knownName struct {
	want, mask [3]uint64
	lenBytes   uint8
	id         FieldID
}

const (
	fieldBytesMax  = 24 // three words; if-unmodified-since has 19
	fieldSlotCount = 64
)

// fieldSlots is a perfect hash over length, first and last letter: one probe, one comparison.
var fieldSlots = func() (slots [fieldSlotCount]knownName) {
	for i := range slots {
		slots[i].id = fieldUnknown
	}
	for id, name := range fieldNames {
		n := len(name)
		slot := &slots[fieldSlot(n, name[0], name[n-1])]
		if slot.id != fieldUnknown || n > fieldBytesMax {
			panic("request: " + name + " has no slot of its own; choose other multipliers in fieldSlot")
		}
		slot.id, slot.lenBytes = FieldID(id), uint8(n)
		for w := range slot.want {
			for b := range 8 {
				at := fieldWord(n, w) + b
				if at >= n {
					continue
				}
				slot.want[w] |= uint64(name[at]) << (8 * b)
				if 'a' <= name[at] && name[at] <= 'z' {
					slot.mask[w] |= 0x20 << (8 * b)
				}
			}
		}
	}
	return slots
}()

func fieldSlot(n int, first, last byte) uint8 {
	return (uint8(n)*5 + (first|0x20)*8 + (last|0x20)*30) % fieldSlotCount
}

// fieldWord returns the offset of word w in a name of n bytes.
func fieldWord(n, w int) int {
	return max(0, min(8*w, n-8))
}

// lookupField returns the ID of the field with the name buf[from:to], which contains only token characters.
func lookupField(buf []byte, from, to int) FieldID {
	n := to - from
	slot := &fieldSlots[fieldSlot(n, buf[from], buf[to-1])]
	if int(slot.lenBytes) != n {
		return fieldUnknown
	}
	name := buf[from:to]
	if n < 8 {
		var w uint64
		if from+8 <= len(buf) {
			w = binary.LittleEndian.Uint64(buf[from:]) & (1<<(8*n) - 1)
		} else {
			for i, c := range name {
				w |= uint64(c) << (8 * i)
			}
		}
		if w|slot.mask[0] != slot.want[0] {
			return fieldUnknown
		}
		return slot.id
	}
	if binary.LittleEndian.Uint64(name)|slot.mask[0] != slot.want[0] ||
		binary.LittleEndian.Uint64(name[n-8:])|slot.mask[2] != slot.want[2] {
		return fieldUnknown
	}
	if n > 16 && binary.LittleEndian.Uint64(name[8:])|slot.mask[1] != slot.want[1] {
		return fieldUnknown
	}
	return slot.id
}

// addField records a line of a known field. It returns false if there is no room for another repetition.
func (r *Request) addField(id FieldID, value Span) bool {
	bit := uint64(1) << id
	if r.seen&bit == 0 {
		r.seen |= bit
		r.fields[id] = value
		return true
	}
	if r.repeatCount == RepeatsMax {
		return false
	}
	r.repeated |= bit
	r.repeats[r.repeatCount] = repeat{value, id}
	r.repeatCount++
	return true
}

// Field returns the value of the field's first line, without surrounding whitespace, and whether the request
// has the field. An empty value is a Span of length 0 and true.
func (r *Request) Field(id FieldID) (Span, bool) {
	if r.seen>>id&1 == 0 {
		return Span{}, false
	}
	return r.fields[id], true
}

// HasAny reports whether the request has any of the fields.
func (r *Request) HasAny(ids ...FieldID) bool {
	for _, id := range ids {
		if r.seen&(1<<id) != 0 {
			return true
		}
	}
	return false
}

// Repeated reports whether the request has more than one line of the field. A field that is not a list
// (Range, If-Modified-Since, ...) is then invalid (RFC 9110 section 5.3). Use Lines for list fields.
func (r *Request) Repeated(id FieldID) bool {
	return r.repeated>>id&1 != 0
}

// Lines iterates over the values of all lines of the field, in their order:
//
//	for l := r.Lines(request.IfNoneMatch); l.Next(); {
//		use(l.Span().Of(buf))
//	}
//
// All lines together are one list (RFC 9110 section 5.2). Lines does not allocate.
func (r *Request) Lines(id FieldID) Lines {
	return Lines{r: r, id: id, next: -1}
}

// Lines iterates over the lines of a field; see Request.Lines. It is valid until the next Reset of the
// Request.
type Lines struct {
	r    *Request
	span Span
	next int16 // -1 stands for the first line, then an index into repeats
	id   FieldID
}

// Next moves to the next line and reports whether there is one.
func (l *Lines) Next() bool {
	if l.next < 0 {
		l.next = 0
		span, ok := l.r.Field(l.id)
		l.span = span
		return ok
	}
	if !l.r.Repeated(l.id) {
		return false
	}
	for int(l.next) < int(l.r.repeatCount) {
		repeat := &l.r.repeats[l.next]
		l.next++
		if repeat.id == l.id {
			l.span = repeat.value
			return true
		}
	}
	return false
}

// Span returns the value of the current line.
func (l *Lines) Span() Span { return l.span }

// AppendLines appends the values of all lines of the field to dst, as slices of buf, which is the buffer of
// the last Parse. It does not allocate if dst has a capacity of 1+RepeatsMax.
func (r *Request) AppendLines(dst [][]byte, id FieldID, buf []byte) [][]byte {
	for l := r.Lines(id); l.Next(); {
		dst = append(dst, l.span.Of(buf))
	}
	return dst
}
