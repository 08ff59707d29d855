package request

import "math"

// Defaults of BodyLimits, in bytes.
const (
	DefaultBodyBytesMax         = 1 << 20
	DefaultBodyOverheadBytesMax = 16 << 10
)

// BodyLimits bounds a body. A maximum of zero or less means the default.
type BodyLimits struct {
	// BytesMax bounds the content without framing. A larger body is BodyTooLarge (413).
	BytesMax int64
	// OverheadBytesMax bounds chunk extensions and trailers together. More is BodyOverhead (431).
	OverheadBytesMax int
}

type bodyState uint8

const (
	bodyLength        bodyState = iota // plain bytes, left of them
	bodySizeFirst                      // first digit of a chunk's size
	bodySize                           // further digits
	bodyBeforeExt                      // whitespace that only an extension may follow
	bodyExtBegin                       // after ';': whitespace, then the first byte of a name
	bodyExtName                        // further bytes of the name
	bodyExtNameEnd                     // whitespace after the name, which only '=' or ';' may follow
	bodyExtValueBegin                  // after '=': whitespace, then the first byte of a value
	bodyExtToken                       // further bytes of a value that is a token
	bodyExtQuoted                      // a value in quotes
	bodyExtEscaped                     // the byte after a backslash in it
	bodyExtEnd                         // after the closing quote
	bodySizeLF                         // LF that ends a chunk's size
	bodyData                           // chunk data, left of them
	bodyDataCR                         // CR after the data
	bodyDataLF                         // LF after the data
	bodyTrailer                        // first byte of a trailer line or of the last line
	bodyTrailerName                    // trailer name up to its colon
	bodyTrailerText                    // trailer value up to its CR
	bodyTrailerLF                      // LF that ends a trailer line
	bodyLastLF                         // LF that ends the body
	bodyDone
	bodyBad
)

// Body finds the end of a request body that the server discards, so that it can read the next request on the
// connection. It keeps none of the content and holds no pointer. Reset makes it ready.
type Body struct {
	left     int64 // bytes left in bodyLength and bodyData; the size so far in bodySize
	content  int64 // content bytes passed over
	bytesMax int64
	overhead int // bytes of extensions and trailers left
	state    bodyState
	defect   Defect
}

// Reset makes b ready for a body with the framing that Request.BodyLength returns. nil means the default
// limits. A Content-Length over the limit is refused by the first Next, before any byte is read.
func (b *Body) Reset(lengthBytes int64, chunked bool, l *BodyLimits) {
	*b = Body{bytesMax: DefaultBodyBytesMax, overhead: DefaultBodyOverheadBytesMax}
	if l != nil && l.BytesMax > 0 {
		b.bytesMax = l.BytesMax
	}
	if l != nil && l.OverheadBytesMax > 0 {
		b.overhead = l.OverheadBytesMax
	}
	switch {
	case chunked:
		b.state = bodySizeFirst
	case lengthBytes <= 0:
		b.state = bodyDone
	case lengthBytes > b.bytesMax:
		b.state, b.defect = bodyBad, BodyTooLarge
	default:
		b.state, b.left = bodyLength, lengthBytes
	}
}

// ContentBytes returns the number of content bytes, without framing, that Next has consumed.
func (b *Body) ContentBytes() int64 { return b.content }

// Next consumes the bytes of the body at the start of buf. It returns their number, and whether the body
// ended there; the next request follows. The caller passes each byte once: the next call continues after the
// consumed bytes. A defect other than DefectNone is final, and the caller must close the connection.
//
// Chunked framing is strict (RFC 9112 section 7.1): every line ends with CRLF. If a recipient accepts less,
// it may disagree with another recipient about the end of a chunk.
func (b *Body) Next(buf []byte) (consumedBytes int, done bool, defect Defect) {
	i := 0
	for i < len(buf) && b.state < bodyDone {
		if b.state == bodyLength || b.state == bodyData {
			n := min(int64(len(buf)-i), b.left)
			i += int(n)
			b.left -= n
			b.content += n
			if b.left == 0 {
				b.state = b.afterData()
			}
			continue
		}
		if d := b.step(buf[i]); d != DefectNone {
			b.state, b.defect = bodyBad, d
			break
		}
		i++
	}
	return i, b.state == bodyDone, b.defect
}

func (b *Body) afterData() bodyState {
	if b.state == bodyLength {
		return bodyDone
	}
	return bodyDataCR
}

// step takes one byte of chunked framing.
func (b *Body) step(c byte) Defect {
	switch b.state {
	case bodySizeFirst:
		if class[c]&classHex == 0 {
			return BadChunk
		}
		b.state, b.left = bodySize, int64(unhex(c))
		return b.checkSize()
	case bodySize:
		if class[c]&classHex == 0 {
			return b.afterSize(c)
		}
		if b.left > math.MaxInt64>>4 {
			return BodyTooLarge
		}
		b.left = b.left<<4 | int64(unhex(c))
		return b.checkSize()
	case bodyBeforeExt, bodyExtBegin, bodyExtName, bodyExtNameEnd, bodyExtValueBegin, bodyExtToken, bodyExtQuoted, bodyExtEscaped,
		bodyExtEnd:
		return b.stepExtension(c)
	case bodyTrailerText:
		if c == '\r' {
			b.state = bodyTrailerLF
			return DefectNone
		}
		return b.spend(c)
	case bodySizeLF:
		b.state = bodyData
		if b.left == 0 {
			b.state = bodyTrailer
		}
		return want(c, '\n')
	case bodyDataCR:
		b.state = bodyDataLF
		return want(c, '\r')
	case bodyDataLF:
		b.state = bodySizeFirst
		return want(c, '\n')
	case bodyTrailer:
		if c == '\r' {
			b.state = bodyLastLF
			return DefectNone
		}
		if class[c]&classToken == 0 {
			return BadChunk
		}
		b.state = bodyTrailerName
		return b.spend(c)
	case bodyTrailerName:
		if c == ':' {
			b.state = bodyTrailerText
		} else if class[c]&classToken == 0 {
			return BadChunk
		}
		return b.spend(c)
	case bodyTrailerLF:
		b.state = bodyTrailer
		return want(c, '\n')
	case bodyLastLF:
		b.state = bodyDone
		return want(c, '\n')
	case bodyLength, bodyData, bodyDone, bodyBad:
	}
	panic("request: Body.step in a state that takes no framing")
}

// afterSize takes the byte after a chunk's size, or after an extension's value.
func (b *Body) afterSize(c byte) Defect {
	switch c {
	case '\r':
		b.state = bodySizeLF
		return DefectNone
	case ';':
		b.state = bodyExtBegin
	case ' ', '\t':
		b.state = bodyBeforeExt
	default:
		return BadChunk
	}
	return b.spend(c)
}

// stepExtension takes one byte of a chunk's extensions (RFC 9112 section 7.1.1):
//
//	chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
func (b *Body) stepExtension(c byte) Defect {
	space, token := c == ' ' || c == '\t', class[c]&classToken != 0
	next := bodyBad
	switch {
	case b.state == bodyExtQuoted: // qdtext, RFC 9110 section 5.6.4; spend refuses what is in none
		switch c {
		case '\\':
			next = bodyExtEscaped
		case '"':
			next = bodyExtEnd
		default:
			next = bodyExtQuoted
		}
	case b.state == bodyExtEscaped:
		next = bodyExtQuoted
	case space && (b.state == bodyBeforeExt || b.state == bodyExtBegin || b.state == bodyExtNameEnd || b.state == bodyExtValueBegin):
		next = b.state
	case space && b.state == bodyExtName:
		next = bodyExtNameEnd
	case token && (b.state == bodyExtBegin || b.state == bodyExtName):
		next = bodyExtName
	case token && (b.state == bodyExtValueBegin || b.state == bodyExtToken):
		next = bodyExtToken
	case c == '"' && b.state == bodyExtValueBegin:
		next = bodyExtQuoted
	case c == '=' && (b.state == bodyExtName || b.state == bodyExtNameEnd):
		next = bodyExtValueBegin
	case c == ';' && (b.state == bodyBeforeExt || b.state == bodyExtNameEnd):
		next = bodyExtBegin
	case b.state == bodyExtName || b.state == bodyExtToken || b.state == bodyExtEnd:
		return b.afterSize(c)
	}
	if next == bodyBad {
		return BadChunk
	}
	b.state = next
	return b.spend(c)
}

// checkSize refuses a chunk as soon as its size would take the content over the limit.
func (b *Body) checkSize() Defect {
	if b.left > b.bytesMax-b.content {
		return BodyTooLarge
	}
	return DefectNone
}

// spend takes one byte of an extension or a trailer.
func (b *Body) spend(c byte) Defect {
	if (c < 0x20 && c != '\t') || c == 0x7f {
		return BadChunk
	}
	if b.overhead == 0 {
		return BodyOverhead
	}
	b.overhead--
	return DefectNone
}

func want(c, wanted byte) Defect {
	if c != wanted {
		return BadChunk
	}
	return DefectNone
}
