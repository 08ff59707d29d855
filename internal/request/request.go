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

// parseRequestLine parses `method SP request-target SP HTTP-version` and its line end (RFC 9112 section 3).
// Complete means that the fields follow. Each part can continue after a suspension.
func (r *Request) parseRequestLine(buf []byte) Verdict {
	pos := int(r.pos)
	if r.state == stateLeading {
		var verdict Verdict
		if pos, verdict = r.skipLeading(buf, pos); verdict != Complete {
			return verdict
		}
		r.state, r.mark = stateMethod, uint32(pos)
	}
	if r.state == stateMethod {
		for pos < len(buf) && class[buf[pos]]&classToken != 0 {
			pos++
		}
		if pos-int(r.mark) > methodBytesMax {
			return r.fail(MethodTooLong)
		}
		if pos == len(buf) {
			return r.suspend(stateMethod, pos)
		}
		if buf[pos] != ' ' || pos == int(r.mark) {
			return r.fail(requestLineDefect(buf[pos]))
		}
		method := buf[r.mark:pos]
		if string(method) == "PRI" {
			return r.fail(HTTP2Preface)
		}
		r.Method = methodOf(method)
		r.MethodSpan = Span{r.mark, uint32(len(method))}
		pos++
		r.state, r.mark = stateTarget, uint32(pos)
	}
	if r.state == stateTarget {
		limit := min(len(buf), int(r.mark)+int(r.targetBytesMax)+1)
		for pos < limit && class[buf[pos]]&r.targetClass != 0 {
			pos++
		}
		if pos-int(r.mark) > int(r.targetBytesMax) {
			r.Target = Span{r.mark, r.targetBytesMax} // its beginning, for the log
			return r.fail(TargetTooLong)
		}
		if pos == len(buf) {
			return r.suspend(stateTarget, pos)
		}
		if buf[pos] != ' ' {
			return r.fail(requestLineDefect(buf[pos]))
		}
		r.Target = Span{r.mark, uint32(pos) - r.mark}
		if d := r.splitTarget(buf); d != DefectNone {
			return r.fail(d)
		}
		pos++
		r.mark = uint32(pos)
	}
	return r.parseVersion(buf, int(r.mark))
}

// skipLeading skips empty lines before the request line (RFC 9112 section 2.2) and returns the position of
// the request line.
func (r *Request) skipLeading(buf []byte, pos int) (int, Verdict) {
	for pos < len(buf) {
		switch buf[pos] {
		case '\r':
			if pos+1 == len(buf) {
				return pos, r.suspend(stateLeading, pos)
			}
			if buf[pos+1] != '\n' {
				return pos, r.fail(BareCR)
			}
			pos += 2
		case '\n':
			if r.strictCRLF {
				return pos, r.fail(BareLF)
			}
			pos++
		case 0x16: // the content type of a TLS handshake record, RFC 8446 section 5.1
			return pos, r.fail(TLSHello)
		default:
			return pos, Complete
		}
		if pos > leadingBytesMax {
			return pos, r.fail(BadRequestLine)
		}
	}
	return pos, r.suspend(stateLeading, pos)
}

// requestLineDefect returns the defect of a byte that is not permitted at its place in a request line.
func requestLineDefect(c byte) Defect {
	if (c < 0x20 && c != '\r' && c != '\n' && c != '\t') || c == 0x7f {
		return ControlByte
	}
	return BadRequestLine
}

// parseVersion parses `HTTP/d.d` (RFC 9112 section 2.3) and the line end. It begins at from in each call,
// because there are at most ten bytes.
func (r *Request) parseVersion(buf []byte, from int) Verdict {
	const pattern = "HTTP/d.d"
	for i := range len(pattern) {
		if from+i == len(buf) {
			return r.suspend(stateVersion, from)
		}
		c := buf[from+i]
		if c != pattern[i] && (pattern[i] != 'd' || class[c]&classDigit == 0) {
			return r.fail(requestLineDefect(c))
		}
	}
	r.Major, r.Minor = buf[from+5]-'0', buf[from+7]-'0'
	if r.Major != 1 {
		return r.fail(UnsupportedVersion)
	}
	next, verdict := r.lineEnd(buf, from+len(pattern))
	switch verdict {
	case Incomplete:
		return r.suspend(stateVersion, from)
	case Complete:
		r.state, r.pos, r.mark = stateName, uint32(next), uint32(next)
	case Bad:
	}
	return verdict
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

// parseFields parses field lines up to the empty line (RFC 9112 section 5) and then checks the head as a
// whole.
func (r *Request) parseFields(buf []byte) Verdict {
	pos, mark, s := int(r.pos), int(r.mark), r.state
	for {
		if s == stateName {
			if pos == mark {
				if pos == len(buf) {
					r.mark = uint32(mark)
					return r.suspend(stateName, pos)
				}
				if c := buf[pos]; c <= ' ' {
					return r.endOfFields(buf, pos)
				}
				if r.fieldCount == r.fieldsMax {
					return r.fail(TooManyFields)
				}
				r.fieldCount++
			}
			for pos < len(buf) && class[buf[pos]]&classToken != 0 {
				pos++
			}
			if pos == len(buf) {
				r.mark = uint32(mark)
				return r.suspend(stateName, pos)
			}
			if buf[pos] != ':' || pos == mark {
				return r.fail(nameDefect(buf[pos], pos == mark))
			}
			r.colon = uint32(pos)
			pos++
		}
		for {
			pos = controlIndex(buf, pos)
			if pos == len(buf) || buf[pos] != '\t' {
				break
			}
			pos++
		}
		if pos == len(buf) || (buf[pos] == '\r' && pos+1 == len(buf)) {
			r.mark = uint32(mark)
			return r.suspend(stateValue, pos)
		}
		end := pos
		switch {
		case buf[pos] == '\r' && buf[pos+1] == '\n':
			pos += 2
		case buf[pos] == '\n' && !r.strictCRLF:
			pos++
		default:
			return r.fail(valueDefect(buf[pos]))
		}
		colon := int(r.colon)
		if id := lookupField(buf, mark, colon); id != fieldUnknown {
			if !r.addField(id, trimSpan(buf, colon+1, end)) {
				return r.fail(TooManyFields)
			}
		}
		mark, s = pos, stateName
	}
}

// endOfFields reads the empty line at pos. The byte there is whitespace or a control character.
func (r *Request) endOfFields(buf []byte, pos int) Verdict {
	switch c := buf[pos]; c {
	case '\r', '\n':
		next, verdict := r.lineEnd(buf, pos)
		if verdict == Incomplete {
			r.mark = uint32(pos)
			return r.suspend(stateName, pos)
		}
		if verdict == Bad {
			return Bad
		}
		if d := r.judge(buf); d != DefectNone {
			return r.fail(d)
		}
		r.state, r.pos = stateComplete, uint32(next)
		return Complete
	default:
		return r.fail(nameDefect(c, true))
	}
}

// nameDefect returns the defect of a byte that is not permitted in a field name, or not as the first byte of
// a line.
func nameDefect(c byte, first bool) Defect {
	switch {
	case c == ' ' || c == '\t':
		if first {
			return ObsFold
		}
		return SpaceBeforeColon
	case c == '\r' || c == '\n':
		return BadFieldName
	case c < 0x20 || c == 0x7f:
		return ControlByte
	}
	return BadFieldName
}

// valueDefect returns the defect of a control character after a value.
func valueDefect(c byte) Defect {
	switch c {
	case '\r':
		return BareCR
	case '\n':
		return BareLF
	}
	return ControlByte
}

// trimSpan returns buf[from:to] without the whitespace around it.
func trimSpan(buf []byte, from, to int) Span {
	for from < to && (buf[from] == ' ' || buf[from] == '\t') {
		from++
	}
	for to > from && (buf[to-1] == ' ' || buf[to-1] == '\t') {
		to--
	}
	return Span{uint32(from), uint32(to - from)}
}
