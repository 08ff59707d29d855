package request

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
