package request

// Defaults of Limits, in bytes and in lines.
const (
	DefaultHeadBytesMax   = 32 << 10
	DefaultTargetBytesMax = 8 << 10
	DefaultFieldsMax      = 200
)

// leadingBytesMax bounds the empty lines before a request line: RFC 9112 section 2.2 asks for at least one.
const leadingBytesMax = 16

// headBytesCeiling keeps offsets well inside a Span.
const headBytesCeiling = 1 << 30

// Span is a part of the buffer that contains the head: an offset from the first byte of the head, and a
// length, both in bytes. It stays valid when the buffer moves.
type Span struct{ Off, Len uint32 }

// Of returns the part of buf that s describes. buf must begin at the same byte as the buffer of Parse.
func (s Span) Of(buf []byte) []byte {
	return buf[s.Off : s.Off+s.Len : s.Off+s.Len]
}

// Limits bounds a head, and determines how strict the parser is. A maximum of zero or less means the
// default.
type Limits struct {
	// HeadBytesMax bounds the whole head including the final empty line. A larger head is HeadTooLarge
	// (431).
	HeadBytesMax int
	// TargetBytesMax bounds the request target. A longer one is TargetTooLong (414).
	TargetBytesMax int
	// FieldsMax bounds the number of field lines. More are TooManyFields (431).
	FieldsMax int
	// StrictCRLF refuses an LF without a CR. RFC 9112 section 2.2 permits a server to accept it as a line
	// end.
	StrictCRLF bool
	// HostOptional accepts an HTTP/1.1 request without Host or with an empty Host. A malformed or repeated
	// Host is still refused.
	HostOptional bool
	// RawTarget accepts bytes above 0x7f in the request target. RFC 3986 section 2 requires percent-encoding
	// for them.
	RawTarget bool
}

// Verdict is the state of parsing.
type Verdict uint8

// The verdicts. Complete and Bad are final until Reset.
const (
	// Incomplete means that Parse needs more bytes.
	Incomplete Verdict = iota
	// Complete means that the head is complete and valid; its length is Len.
	Complete
	// Bad means that no further byte can make the head valid; see Defect.
	Bad
)

// String returns the verdict's name.
func (v Verdict) String() string {
	switch v {
	case Incomplete:
		return "Incomplete"
	case Complete:
		return "Complete"
	case Bad:
		return "Bad"
	}
	return "unknown"
}

// state is the part of the head that the byte at Request.pos belongs to.
type state uint8

const (
	stateLeading state = iota // empty lines before the request line
	stateMethod
	stateTarget
	stateVersion // version and line end
	stateName    // a field's name up to the colon, or the empty line that ends the head
	stateValue   // a field's value and line end
	stateComplete
	stateBad
)

type repeat struct {
	value Span
	id    FieldID
}

// Request is a request head together with the state of its parser. Reset makes it ready for use. The
// exported fields and the methods that describe the request are valid after Parse has returned Complete.
// Before that, and after Bad, they contain the part that was parsed, which is useful for a log. A Request
// holds no pointer, so it may be copied.
type Request struct {
	// MethodSpan and Target are the first two parts of the request line.
	MethodSpan, Target Span
	// Method is the method in MethodSpan.
	Method Method
	// Major and Minor are the HTTP version. Major is 1. Treat a Minor above 1 as 1 (RFC 9110 section 2.5).
	Major, Minor uint8

	state  state
	defect Defect

	strictCRLF, hostOptional     bool
	targetClass                  uint8 // the classes of bytes that a target may hold
	fieldsMax                    uint32
	headBytesMax, targetBytesMax uint32

	pos   uint32 // everything before it has been dealt with
	mark  uint32 // first byte of the token or line that pos is in
	colon uint32 // the current field's colon, in stateValue

	fieldCount  uint32
	repeatCount uint8

	form                   TargetForm
	path, query, authority Span

	bodyBytes      int64
	chunked        bool
	keepAlive      bool
	expectContinue bool
	expectUnknown  bool

	seen, repeated uint64 // bit sets over FieldID; a span in fields means something exactly while its bit is set
	fields         [fieldCount]Span
	repeats        [RepeatsMax]repeat
}

// Reset makes r ready for the next head under the given limits, which it copies. nil means the default
// limits.
func (r *Request) Reset(l *Limits) {
	r.state, r.defect = stateLeading, DefectNone
	r.MethodSpan, r.Target, r.Method, r.Major, r.Minor = Span{}, Span{}, MethodUnknown, 0, 0
	r.pos, r.mark = 0, 0
	r.fieldCount, r.repeatCount = 0, 0
	r.seen, r.repeated = 0, 0
	r.headBytesMax, r.targetBytesMax, r.fieldsMax = DefaultHeadBytesMax, DefaultTargetBytesMax, DefaultFieldsMax
	r.strictCRLF, r.hostOptional, r.targetClass = false, false, classTarget
	if l == nil {
		return
	}
	if l.HeadBytesMax > 0 {
		r.headBytesMax = uint32(min(l.HeadBytesMax, headBytesCeiling))
	}
	if l.TargetBytesMax > 0 {
		r.targetBytesMax = uint32(min(l.TargetBytesMax, headBytesCeiling))
	}
	if l.FieldsMax > 0 {
		r.fieldsMax = uint32(min(l.FieldsMax, headBytesCeiling))
	}
	r.strictCRLF, r.hostOptional = l.StrictCRLF, l.HostOptional
	if l.RawTarget {
		r.targetClass |= classRaw
	}
}

// Parse continues with buf, which contains all bytes since the start of the head: those of the last call,
// possibly in other memory, and all bytes that have arrived since. It ignores bytes after the head (a body,
// the next request). The verdict depends on the bytes only, and not on how calls divide them.
func (r *Request) Parse(buf []byte) Verdict {
	if len(buf) > int(r.headBytesMax) {
		buf = buf[:r.headBytesMax]
	}
	verdict := Bad
	switch {
	case r.state < stateName:
		if verdict = r.parseRequestLine(buf); verdict == Complete {
			verdict = r.parseFields(buf)
		}
	case r.state < stateComplete:
		verdict = r.parseFields(buf)
	case r.state == stateComplete:
		return Complete
	}
	if verdict == Incomplete && len(buf) == int(r.headBytesMax) {
		if r.state == stateTarget {
			return r.fail(TargetTooLong)
		}
		return r.fail(HeadTooLarge)
	}
	return verdict
}

// Len returns the length in bytes of a Complete head, including empty lines before it. The body or the next
// request begins there.
func (r *Request) Len() int { return int(r.pos) }

// Started reports whether Parse has seen a byte of the request line. Empty lines before it do not count. It
// distinguishes an idle connection from one with an incomplete head.
func (r *Request) Started() bool { return r.state != stateLeading }

// Defect returns the reason for Bad, or DefectNone.
func (r *Request) Defect() Defect { return r.defect }

func (r *Request) fail(d Defect) Verdict {
	r.state, r.defect = stateBad, d
	return Bad
}

// suspend stores the position at which parsing continues with more bytes.
func (r *Request) suspend(s state, pos int) Verdict {
	r.state, r.pos = s, uint32(pos)
	return Incomplete
}

// lineEnd parses the end of a line at pos and returns the position of the next line. It does not suspend.
func (r *Request) lineEnd(buf []byte, pos int) (next int, verdict Verdict) {
	if pos == len(buf) {
		return pos, Incomplete
	}
	switch c := buf[pos]; c {
	case '\r':
		if pos+1 == len(buf) {
			return pos, Incomplete
		}
		if buf[pos+1] != '\n' {
			return pos, r.fail(BareCR)
		}
		return pos + 2, Complete
	case '\n':
		if r.strictCRLF {
			return pos, r.fail(BareLF)
		}
		return pos + 1, Complete
	default:
		return pos, r.fail(requestLineDefect(c))
	}
}
