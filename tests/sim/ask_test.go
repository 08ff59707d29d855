package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"aws/internal/request"
)

// ask is one request of a session, and what is known about its response.
type ask struct {
	text   string
	method string
	name   string // beneath the root; a directory's ends with a slash
	specs  []spec // of Range
	coded  int    // the line of acceptLines that was sent; -1: none
	query  string // of a directory
	json   bool   // a directory is asked for as JSON
	status int    // what has to be answered, whatever the file is; 0: that depends
	doubt  bool   // the request's body is beyond a limit or broken, which may be found out late
	ends   bool   // the server ends the connection behind the response, though it was not asked to
}

// hasBody reports whether the request has a body.
func (a *ask) hasBody() bool {
	return strings.Contains(a.text, "Content-Length:") || strings.Contains(a.text, "Transfer-Encoding:")
}

// spec is one range: from to to, from on (to < 0), or the last -from bytes.
type spec struct{ from, to int64 }

// String writes the range as a Range field has it.
func (s spec) String() string {
	switch {
	case s.from < 0:
		return fmt.Sprint(s.from)
	case s.to < 0:
		return fmt.Sprintf("%d-", s.from)
	default:
		return fmt.Sprintf("%d-%d", s.from, s.to)
	}
}

// codings are those that files may be stored in, by the names that HTTP has for them.
var (
	codings  = []string{"gzip", "br", "zstd"}
	suffixes = map[string]string{"gzip": ".gz", "br": ".br", "zstd": ".zst", "": ""}
)

// acceptLines are values of Accept-Encoding, and the codings that they ask for, best first. Behind them
// is the plain form.
var acceptLines = []struct {
	value string
	best  []string
}{
	{"gzip", []string{"gzip"}},
	{"gzip, br", []string{"br", "gzip"}},
	{"gzip, deflate, br, zstd", []string{"zstd", "br", "gzip"}},
	{"zstd;q=0.1, br;q=0.2, gzip;q=0.3", []string{"gzip", "br", "zstd"}},
	{"zstd;q=0, *", []string{"br", "gzip"}},
	{"identity;q=0.9, gzip;q=0.5", nil},
	{"identity", nil},
	{"", nil},
}

// drawAsk draws a request. The last one closes the connection.
func (w *world) drawAsk(rnd *rand.Rand, last bool) ask {
	a := ask{name: pick(rnd, w.site...).name, method: "GET", coded: -1}
	var fields, body strings.Builder
	switch rnd.IntN(20) {
	case 0, 1:
		a.name = "static/absent"
	case 2, 3:
		a.drawDirectory(rnd, &fields)
	case 4:
		a.name, a.status = "static", 301
	}
	switch rnd.IntN(16) {
	case 0, 1:
		a.method = "HEAD"
	case 2:
		a.method, a.status = "POST", 405
	case 3:
		if a.method = "OPTIONS"; a.status == 0 {
			a.status = -1 // 204, or 404
		}
	}
	if rnd.IntN(3) == 0 {
		a.drawSpecs(rnd)
		var list []string
		for _, s := range a.specs {
			list = append(list, s.String())
		}
		fmt.Fprintf(&fields, "Range: bytes=%s\r\n", strings.Join(list, pick(rnd, ",", ", ")))
	}
	if rnd.IntN(3) == 0 {
		a.coded = rnd.IntN(len(acceptLines))
		fmt.Fprintf(&fields, "Accept-Encoding: %s\r\n", acceptLines[a.coded].value)
	}
	if rnd.IntN(6) == 0 {
		a.drawBody(w, rnd, last, &fields, &body)
	}
	if last && !a.ends {
		fields.WriteString("Connection: close\r\n")
	}
	a.text = a.method + " /" + a.name + a.query + " HTTP/1.1\r\nHost: example.org\r\n" + fields.String() + "\r\n" + body.String()
	return a
}

func (a *ask) drawDirectory(rnd *rand.Rand, fields *strings.Builder) {
	a.name = pick(rnd, "static/", "static/", "dynamic/", "", "static/absent/")
	a.query = pick(rnd, "", "", "?sort=size", "?sort=time&order=desc")
	if a.json = rnd.IntN(2) == 0; a.json {
		fields.WriteString("Accept: application/json\r\n")
	}
}

// drawSpecs draws ranges, which often overlap or touch.
func (a *ask) drawSpecs(rnd *rand.Rand) {
	before := int64(0)
	for range 1 + rnd.IntN(pick(rnd, 1, 1, 3, 6)) {
		s := spec{from: rnd.Int64N(pick(rnd, int64(100), 5000, 20000))}
		switch rnd.IntN(6) {
		case 0:
			s.from = before + rnd.Int64N(3)
		case 1:
			s.from = -1 - rnd.Int64N(3000)
		}
		if s.to = s.from + rnd.Int64N(pick(rnd, int64(10), 2000, 20000)); rnd.IntN(8) == 0 {
			s.to = -1
		}
		before = max(s.to, 0)
		a.specs = append(a.specs, s)
	}
}

// drawBody draws a body for the request to be thrown away: one that the limits allow, or, as the last on
// its connection, one that they do not.
func (a *ask) drawBody(w *world, rnd *rand.Rand, last bool, fields, body *strings.Builder) {
	most := w.options.Body.BytesMax
	if most == 0 {
		most = request.DefaultBodyBytesMax
	}
	size := rnd.Int64N(min(most, 20_000) + 1)
	beyond := last && most < 20_000 && rnd.IntN(2) == 0
	if beyond {
		size = most + 1 + rnd.Int64N(3000)
	}
	const bait = "GET /static/secret HTTP/1.1\r\nHost: example.org\r\n\r\n"
	content := strings.Repeat(bait, int(size)/len(bait)+1)[:size]
	if rnd.IntN(2) == 0 {
		fmt.Fprintf(fields, "Content-Length: %d\r\n", size)
		body.WriteString(content)
		if beyond {
			a.status, a.ends = 413, true
		}
		return
	}
	fields.WriteString("Transfer-Encoding: chunked\r\n")
	for extensions := 0; len(content) > 0; {
		n := 1 + rnd.IntN(len(content))
		extension := ""
		if extensions < 10 && rnd.IntN(8) == 0 {
			extension = ";a=b"
			extensions++
		}
		fmt.Fprintf(body, "%x%s\r\n%s\r\n", n, extension, content[:n])
		content = content[n:]
	}
	if beyond || last && rnd.IntN(8) == 0 {
		a.doubt, a.ends = true, true
	}
	switch {
	case a.doubt && !beyond:
		body.WriteString("no chunk")
	case rnd.IntN(4) == 0:
		body.WriteString("0\r\nX-Trailer: value\r\n\r\n")
	default:
		body.WriteString("0\r\n\r\n")
	}
}

// names returns the names that the response may come from.
func (a *ask) names() []string {
	names := []string{a.name}
	if a.coded >= 0 {
		for _, c := range acceptLines[a.coded].best {
			names = append(names, a.name+suffixes[c])
		}
	}
	return names
}
