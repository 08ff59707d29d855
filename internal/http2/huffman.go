package http2

import "sync"

// huffmanLengths is the lengths of the codes of RFC 7541, appendix B, in bits. The code is canonical: codes of the same length follow each other in
// the order of their symbols, and the shorter ones come first. So the lengths say all. The last symbol is EOS.
var huffmanLengths = [257]uint8{
	13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
	28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
	6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
	5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
	13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
	15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
	6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
	20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
	24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
	22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
	21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
	26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
	19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
	20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
	26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
	30,
}

const (
	huffmanEOS    = 256
	huffmanLong   = 30 // bits of the longest codes
	huffmanDirect = 9  // bits that the table of short codes is looked up by
)

// huffmanTables is the code in the forms in which it is used.
type huffmanTables struct {
	codes  [257]uint32
	direct [1 << huffmanDirect]struct{ symbol, bits uint8 } // bits is 0 for what begins a longer code
	first  [huffmanLong + 1]uint32                          // code of each length
	count  [huffmanLong + 1]uint32
	sorted [257]uint16 // symbols in the order of their codes
	offset [huffmanLong + 1]uint32
}

// huffman returns the tables. They are made when HTTP/2 is first spoken.
var huffman = sync.OnceValue(func() *huffmanTables {
	t := &huffmanTables{}
	code, n := uint32(0), uint32(0)
	for bits := uint8(1); bits <= huffmanLong; bits++ {
		code <<= 1
		t.first[bits], t.offset[bits] = code, n
		for symbol, length := range huffmanLengths {
			if length != bits {
				continue
			}
			t.codes[symbol], t.sorted[n] = code, uint16(symbol)
			if bits <= huffmanDirect {
				from := code << (huffmanDirect - bits)
				for i := range uint32(1) << (huffmanDirect - bits) {
					t.direct[from+i].symbol, t.direct[from+i].bits = uint8(symbol), bits
				}
			}
			code++
			n++
		}
		t.count[bits] = n - t.offset[bits]
	}
	return t
})

// appendHuffman appends the code of a string.
func appendHuffman(dst []byte, s string) []byte {
	t := huffman()
	acc, bits := uint64(0), uint(0)
	for i := range len(s) {
		n := uint(huffmanLengths[s[i]])
		acc = acc<<n | uint64(t.codes[s[i]])
		for bits += n; bits >= 8; {
			bits -= 8
			dst = append(dst, byte(acc>>bits))
		}
	}
	if bits > 0 {
		dst = append(dst, byte(acc<<(8-bits))|0xff>>bits)
	}
	return dst
}

// huffmanBytes returns how long the code of a string is.
func huffmanBytes(s string) int {
	bits := 0
	for i := range len(s) {
		bits += int(huffmanLengths[s[i]])
	}
	return (bits + 7) / 8
}

// decodeHuffman appends the string that is coded in b. It returns false if b is not valid: it has EOS, or a padding that is longer than 7 bits or
// does not consist of ones (RFC 7541, section 5.2).
func decodeHuffman(dst, b []byte) ([]byte, bool) {
	t := huffman()
	acc, bits := uint64(0), uint(0)
	for {
		for bits <= 56 && len(b) > 0 {
			acc = acc<<8 | uint64(b[0])
			b = b[1:]
			bits += 8
		}
		symbol, n := t.symbol(acc, bits)
		if n == 0 {
			break
		}
		if symbol == huffmanEOS {
			return nil, false
		}
		dst = append(dst, byte(symbol))
		bits -= n
	}
	return dst, bits < 8 && acc&(1<<bits-1) == 1<<bits-1
}

// symbol returns the symbol that the last bits of acc begin with, and its length; 0 if they are too few.
func (t *huffmanTables) symbol(acc uint64, bits uint) (symbol uint16, n uint) {
	var index uint64
	if bits >= huffmanDirect {
		index = acc >> (bits - huffmanDirect)
	} else {
		index = acc<<(huffmanDirect-bits) | (1<<(huffmanDirect-bits) - 1)
	}
	if d := &t.direct[index&(1<<huffmanDirect-1)]; d.bits > 0 {
		if uint(d.bits) > bits {
			return 0, 0
		}
		return uint16(d.symbol), uint(d.bits)
	}
	for n := uint(huffmanDirect + 1); n <= min(bits, huffmanLong); n++ {
		code := uint32(acc>>(bits-n)) & (1<<n - 1)
		if at := code - t.first[n]; code >= t.first[n] && at < t.count[n] {
			return t.sorted[t.offset[n]+at], n
		}
	}
	return 0, 0
}
