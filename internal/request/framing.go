package request

import "math"

// KeepAlive reports whether the client permits the connection to stay open after the response (RFC 9112
// section 9.3): in HTTP/1.1 unless Connection contains close, in HTTP/1.0 only if it contains keep-alive and
// not close.
func (r *Request) KeepAlive() bool { return r.keepAlive }

// BodyLength returns the length in bytes of the body after the head. If the body is chunked, it returns 0
// and true, and Body finds its end (RFC 9112 section 6.3).
func (r *Request) BodyLength() (lengthBytes int64, chunked bool) { return r.bodyBytes, r.chunked }

// ExpectContinue reports whether the client waits for `100 Continue` before it sends the body (RFC 9110
// section 10.1.1). It is false in HTTP/1.0, as that section requires.
func (r *Request) ExpectContinue() bool { return r.expectContinue }

// ExpectUnknown reports whether an HTTP/1.1 client sent another expectation. The server may respond with 417
// (RFC 9110 section 10.1.1).
func (r *Request) ExpectUnknown() bool { return r.expectUnknown }

// judge checks the head as a whole: Host, framing, connection options, expectations.
func (r *Request) judge(buf []byte) Defect {
	r.bodyBytes, r.chunked = 0, false
	r.keepAlive = r.Minor >= 1
	r.expectContinue, r.expectUnknown = false, false
	if d := r.judgeHost(buf); d != DefectNone {
		return d
	}
	const others = 1<<ContentLength | 1<<TransferEncoding | 1<<Connection | 1<<Expect
	if r.seen&others == 0 {
		return DefectNone
	}
	if d := r.judgeFraming(buf); d != DefectNone {
		return d
	}
	r.judgeConnection(buf)
	r.judgeExpect(buf)
	return DefectNone
}

// judgeHost applies RFC 9112 section 3.2: exactly one Host in HTTP/1.1, never two, never a malformed one.
func (r *Request) judgeHost(buf []byte) Defect {
	host, ok := r.Field(Host)
	if !ok {
		if r.Minor >= 1 && !r.hostOptional {
			return MissingHost
		}
		return DefectNone
	}
	if r.Repeated(Host) {
		return BadHost
	}
	// Section 3.3 leaves it to the server whether an empty Host has a default; like nginx we have none.
	empty := host.Len == 0 && r.hostOptional
	if !empty && !validAuthority(host.Of(buf)) {
		return BadHost
	}
	if r.form == OriginForm || r.form == AsteriskForm {
		r.authority = host
	}
	return DefectNone
}

// judgeFraming applies RFC 9112 section 6.3, and refuses a message if the section permits to.
func (r *Request) judgeFraming(buf []byte) Defect {
	length, hasLength := r.Field(ContentLength)
	_, hasCoding := r.Field(TransferEncoding)
	if hasCoding {
		if hasLength || r.Minor == 0 {
			return BadFraming
		}
		return r.judgeCodings(buf)
	}
	if !hasLength {
		return DefectNone
	}
	n, ok := parseLength(length.Of(buf))
	if !ok || r.Repeated(ContentLength) {
		return BadFraming
	}
	r.bodyBytes = n
	return DefectNone
}

// judgeCodings checks the transfer codings: only chunked is supported, and it must be last. A second line
// and an empty element are refused, although RFC 9110 sections 5.3 and 5.6.1.2 permit them: only attackers
// send them, so that one recipient sees chunked and another does not.
func (r *Request) judgeCodings(buf []byte) Defect {
	if r.Repeated(TransferEncoding) {
		return BadFraming
	}
	unknown := false
	for list := r.fields[TransferEncoding].Of(buf); ; {
		coding, rest := nextElement(list)
		switch {
		case len(coding) == 0 || r.chunked:
			return BadFraming
		case equalFold(coding, "chunked"):
			r.chunked = true
		case len(coding) > len("chunked") && equalFold(coding[:len("chunked")], "chunked") &&
			class[coding[len("chunked")]]&classToken == 0:
			return BadFraming // section 7.1: chunked has no parameters
		default:
			unknown = true
		}
		if rest == nil {
			break
		}
		list = rest
	}
	if unknown {
		return UnknownCoding
	}
	return DefectNone
}

// judgeConnection reads the connection options of all lines (RFC 9110 section 7.6.1).
func (r *Request) judgeConnection(buf []byte) {
	for l := r.Lines(Connection); l.Next(); {
		for list := l.span.Of(buf); len(list) > 0; {
			var option []byte
			option, list = nextElement(list)
			switch {
			case equalFold(option, "close"):
				r.keepAlive = false
				return
			case equalFold(option, "keep-alive"):
				r.keepAlive = true
			}
		}
	}
}

// judgeExpect reads the expectations of all lines (RFC 9110 section 10.1.1).
func (r *Request) judgeExpect(buf []byte) {
	if r.Minor == 0 {
		return
	}
	for l := r.Lines(Expect); l.Next(); {
		for list := l.span.Of(buf); len(list) > 0; {
			var expectation []byte
			expectation, list = nextElement(list)
			switch {
			case equalFold(expectation, "100-continue"):
				r.expectContinue = true
			case len(expectation) > 0:
				r.expectUnknown = true
			}
		}
	}
}

// parseLength reads 1*DIGIT (RFC 9110 section 8.6) that fits an int64.
func parseLength(value []byte) (int64, bool) {
	if len(value) == 0 {
		return 0, false
	}
	n := int64(0)
	for _, c := range value {
		if class[c]&classDigit == 0 {
			return 0, false
		}
		digit := int64(c - '0')
		if n > (math.MaxInt64-digit)/10 {
			return 0, false
		}
		n = n*10 + digit
	}
	return n, true
}
