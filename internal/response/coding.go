package response

// Coding is a content coding (RFC 9110 section 8.4.1), in ascending order of the server's preference.
type Coding uint8

// The codings of a file's precompressed forms, and Identity.
const (
	Identity Coding = iota
	Gzip
	Brotli
	Zstd
)

// CodingCount is the number of codings. They are 0 to CodingCount-1, so they can index an array.
const CodingCount = int(Zstd) + 1

// String returns the name of the coding in Content-Encoding.
func (c Coding) String() string {
	switch c {
	case Identity:
		return "identity"
	case Gzip:
		return "gzip"
	case Brotli:
		return "br"
	case Zstd:
		return "zstd"
	}
	return "unknown"
}

// Suffix returns the suffix that a file in this coding has in addition to the name of the plain form: ".gz",
// ".br", ".zst" or "".
func (c Coding) Suffix() string {
	switch c {
	case Identity:
		return ""
	case Gzip:
		return ".gz"
	case Brotli:
		return ".br"
	case Zstd:
		return ".zst"
	}
	return ""
}

// Codings is a set of codings.
type Codings uint8

// With returns the set with c added.
func (s Codings) With(c Coding) Codings { return s | 1<<c }

// Union returns the codings of both sets.
func (s Codings) Union(o Codings) Codings { return s | o }

// Has reports whether c is in the set.
func (s Codings) Has(c Coding) bool { return s>>c&1 != 0 }

// NegotiateCoding chooses one of the available codings by the lines of Accept-Encoding (RFC 9110 section
// 12.5.3): the one with the highest weight, with equal weights one that is preferred, and then zstd before br
// before gzip before identity. ok is false if none is acceptable; section 12.5.3 then permits the server to send the plain
// form.
//
// Without the field, the result is identity. A coding that is not listed has the weight of `*`. Without `*`,
// identity is acceptable after all listed codings, and other codings are not acceptable. x-gzip is gzip
// (section 8.4.1.3). A malformed element is ignored.
func NegotiateCoding(lines [][]byte, available, preferred Codings) (c Coding, ok bool) {
	if len(lines) == 0 {
		return Identity, available.Has(Identity)
	}
	var weight [CodingCount]int
	for i := range weight {
		weight[i] = unlisted
	}
	star := unlisted
	for _, line := range lines {
		for list := line; len(list) > 0; {
			var e element
			e, list = nextElement(list)
			switch {
			case !e.ok:
			case equalFold(e.name, "*"):
				star = e.weight
			case equalFold(e.name, "gzip"), equalFold(e.name, "x-gzip"):
				weight[Gzip] = e.weight
			case equalFold(e.name, "br"):
				weight[Brotli] = e.weight
			case equalFold(e.name, "zstd"):
				weight[Zstd] = e.weight
			case equalFold(e.name, "identity"):
				weight[Identity] = e.weight
			}
		}
	}
	best, bestWeight := Identity, 0
	for i := CodingCount - 1; i >= 0; i-- {
		w := weight[i]
		if w == unlisted {
			w = star
		}
		better := w > bestWeight || w == bestWeight && w > 0 && i > 0 && preferred.Has(Coding(i)) && !preferred.Has(best)
		if better && available.Has(Coding(i)) {
			best, bestWeight = Coding(i), w
		}
	}
	if bestWeight > 0 {
		return best, true
	}
	return Identity, available.Has(Identity) && weight[Identity] == unlisted && star == unlisted
}
