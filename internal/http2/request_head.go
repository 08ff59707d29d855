package http2

// requestHead makes the head of a request in the form of HTTP/1.1 from its fields (RFC 9113, section 8.3). Its memory is used again.
type requestHead struct {
	most      int
	trailers  bool
	malformed bool
	lined     bool // the request line has been made
	over      bool // the head exceeds the limit
	hasHost   bool
	head      []byte
	length    int64 // Content-Length; -1 if there is none
	priority  priority

	texts                           [2][]byte // of fields
	seen                            pseudo
	method, path, authority, scheme []byte
}

// pseudo is a set of pseudo fields.
type pseudo uint8

const (
	pseudoMethod pseudo = 1 << iota
	pseudoScheme
	pseudoAuthority
	pseudoPath
)

func (r *requestHead) reset(most int, trailers bool) {
	*r = requestHead{
		most: most, trailers: trailers, length: -1, priority: priorityDefault,
		head: r.head[:0], method: r.method[:0], path: r.path[:0], authority: r.authority[:0], scheme: r.scheme[:0], texts: r.texts,
	}
}

// scratch implements fieldSink.
func (r *requestHead) scratch() *[2][]byte { return &r.texts }

// add implements fieldSink.
func (r *requestHead) add(name, value []byte, checked check) {
	if r.malformed || r.over {
		return
	}
	switch {
	case len(name) > 0 && name[0] == ':':
		r.addPseudo(name, value, checked&checkedVisible != 0)
	case checked&checkedField == 0:
		r.malformed = true
	default:
		if !r.lined && !r.trailers {
			r.addLine()
		}
		r.addField(name, value)
	}
}

// addPseudo takes in a pseudo field: none may come twice, or behind another field, or within trailers (RFC 9113, section 8.3).
func (r *requestHead) addPseudo(name, value []byte, visible bool) {
	var which pseudo
	var to *[]byte
	switch string(name) {
	case ":method":
		which, to = pseudoMethod, &r.method
	case ":scheme":
		which, to = pseudoScheme, &r.scheme
	case ":authority":
		which, to = pseudoAuthority, &r.authority
	case ":path":
		which, to = pseudoPath, &r.path
	}
	if to == nil || r.seen&which != 0 || r.lined || r.trailers || !visible {
		r.malformed = true
		return
	}
	r.seen |= which
	*to = append(*to, value[:min(len(value), r.most+1)]...)
}

// addLine makes the request line and Host of the pseudo fields.
func (r *requestHead) addLine() {
	r.lined = true
	target := r.path
	switch {
	case string(r.method) == "CONNECT": // RFC 9113, section 8.5
		if r.seen != pseudoMethod|pseudoAuthority {
			r.malformed = true
			return
		}
		target = r.authority
	case r.seen&^pseudoAuthority != pseudoMethod|pseudoScheme|pseudoPath:
		r.malformed = true
		return
	case len(target) == 0 || target[0] != '/' && (string(target) != "*" || string(r.method) != "OPTIONS"):
		r.malformed = true
		return
	}
	if len(r.method) == 0 || r.seen&pseudoAuthority != 0 && len(r.authority) == 0 {
		r.malformed = true
		return
	}
	r.head = append(append(append(append(r.head, r.method...), ' '), target...), " HTTP/1.1\r\n"...)
	if r.seen&pseudoAuthority != 0 {
		r.head = append(append(append(r.head, "Host: "...), r.authority...), "\r\n"...)
		r.hasHost = true
	}
	r.over = len(r.head) > r.most
}

// addField takes in a field that is not a pseudo field.
func (r *requestHead) addField(name, value []byte) {
	switch string(name) {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade": // RFC 9113, section 8.2.2
		r.malformed = true
		return
	case "te":
		r.malformed = string(value) != "trailers"
		return
	case "host":
		if r.hasHost {
			r.malformed = string(value) != string(r.authority)
			return
		}
		r.hasHost = true
		r.authority = append(r.authority[:0], value...)
	case "content-length":
		n, ok := parseLength(value)
		if !ok || r.length >= 0 && r.length != n {
			r.malformed = true
			return
		}
		again := r.length >= 0
		if r.length = n; again {
			return
		}
	case "priority":
		if !r.trailers { // of which there may be any number
			r.priority = parsePriority(value)
		}
	}
	if r.trailers || r.malformed {
		return
	}
	r.head = append(append(append(append(r.head, name...), ": "...), value...), "\r\n"...)
	r.over = len(r.head) > r.most
}

// finish completes the head. ends says that there is no content. It returns false if the request is malformed.
func (r *requestHead) finish(ends bool) bool {
	if !r.lined && !r.malformed {
		r.addLine()
	}
	if r.malformed {
		return false
	}
	if r.over {
		r.head = r.head[:r.most+1]
		return true
	}
	if !ends && r.length < 0 {
		r.head = append(r.head, "Transfer-Encoding: chunked\r\n"...)
	}
	r.head = append(r.head, "\r\n"...)
	return true
}

// parseLength reads a Content-Length (RFC 9110, section 8.6).
func parseLength(b []byte) (n int64, ok bool) {
	const digitsMax = 18
	if len(b) == 0 || len(b) > digitsMax {
		return 0, false
	}
	for _, ch := range b {
		if ch < '0' || ch > '9' {
			return 0, false
		}
		n = 10*n + int64(ch-'0')
	}
	return n, true
}

// Classes of characters.
const (
	className    = 1 << iota // of a field's name in HTTP/2: those of a token (RFC 9110, section 5.6.2), without upper case
	classValue               // of a value (RFC 9110, section 5.5)
	classVisible             // of what goes into a request line
)

var classes = func() (table [256]uint8) {
	for ch := range table {
		if ch >= 0x20 && ch != 0x7f || ch == '\t' {
			table[ch] |= classValue
		}
		if ch > 0x20 && ch != 0x7f {
			table[ch] |= classVisible
		}
	}
	for _, ch := range "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz" {
		table[ch] |= className
	}
	return table
}()

func consistsOf(b []byte, class uint8) bool {
	for _, ch := range b {
		if classes[ch]&class == 0 {
			return false
		}
	}
	return true
}

func validName(b []byte) bool { return len(b) > 0 && consistsOf(b, className) }

// validValue reports whether b may be the value of a field (RFC 9113, section 8.2.1).
func validValue(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	first, last := b[0], b[len(b)-1]
	return first != ' ' && first != '\t' && last != ' ' && last != '\t' && consistsOf(b, classValue)
}

// check is what is known of a field. It is found out once for each that goes into a table.
type check uint8

const (
	checkedField   check = 1 << iota // the name and the value are valid, and it is not a pseudo field
	checkedVisible                   // the value may stand in a request line
)

func checkField(name, value []byte) (c check) {
	if validName(name) && validValue(value) {
		c |= checkedField
	}
	if consistsOf(value, classVisible) {
		c |= checkedVisible
	}
	return c
}
