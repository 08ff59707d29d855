package request

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
