package response

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The differential test holds Evaluate, ParseRanges and the multipart arithmetic against
// net/http.ServeContent: the same file and the same request fields must give the same status, the same
// ranges and the same length. Where they don't, the reason must be in the table of differences.

const (
	differentialCases = 200_000
	differentialNow   = 1_760_000_000
	rangesMaxInTest   = 5
	mediaTypeInTest   = "text/plain; charset=utf-8"
)

// A differentialCase is one request for one file. Fields are absent when they are empty.
type differentialCase struct {
	size     int64
	modified int64
	etag     string
	method   string
	fields   map[string]string
}

func (c *differentialCase) String() string {
	return fmt.Sprintf("%s of %d bytes, modified %d, %s, %q", c.method, c.size, c.modified, c.etag, c.fields)
}

// A response is what both sides are reduced to.
type response struct {
	status int
	ranges []Range
	// contentRange is the field of a whole response; those of parts are in ranges.
	contentRange string
	// length is Content-Length, for several parts without the boundaries, whose lengths differ.
	length int64
}

func (a response) equal(b response) bool {
	return a.status == b.status && a.contentRange == b.contentRange && a.length == b.length &&
		slices.Equal(a.ranges, b.ranges)
}

// ours responds with this package, as the loop does.
func ours(c *differentialCase) response {
	list := func(name string) [][]byte {
		if c.fields[name] == "" {
			return nil
		}
		return [][]byte{[]byte(c.fields[name])}
	}
	conditions := Conditions{
		IfMatch: list("If-Match"), IfNoneMatch: list("If-None-Match"),
		IfModifiedSince:   []byte(c.fields["If-Modified-Since"]),
		IfUnmodifiedSince: []byte(c.fields["If-Unmodified-Since"]),
		IfRange:           []byte(c.fields["If-Range"]),
	}
	validators := Validators{ETag: []byte(c.etag), ModifiedSeconds: c.modified}
	var ranges []Range
	verdict := RangesIgnored
	switch Evaluate(&conditions, &validators, true, differentialNow) {
	case OutcomeNotModified:
		return response{status: int(NotModified)}
	case OutcomePreconditionFailed:
		return response{status: int(PreconditionFailed)}
	case Proceed:
		ranges, verdict = ParseRanges(nil, []byte(c.fields["Range"]), c.size, rangesMaxInTest)
	case ProceedWhole:
	}
	switch {
	case verdict == RangesUnsatisfiable:
		return response{
			status:       int(RangeNotSatisfiable),
			contentRange: string(AppendUnsatisfiedRange(nil, c.size)),
		}
	case verdict == RangesIgnored:
		return response{status: int(OK), length: c.size}
	case len(ranges) == 1:
		return response{
			int(PartialContent), ranges,
			string(AppendContentRange(nil, ranges[0], c.size)), ranges[0].Length,
		}
	}
	length := MultipartBytes(ranges, mediaTypeInTest, c.size)
	// The library sends no empty line before the first part.
	return response{int(PartialContent), ranges, "", length - int64((len(ranges)+1)*BoundaryBytes) - int64(len("\r\n"))}
}

// theirs responds with net/http.
func theirs(t *testing.T, c *differentialCase, content []byte) response {
	t.Helper()
	r := httptest.NewRequest(c.method, "/", nil)
	for name, value := range c.fields {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", mediaTypeInTest)
	if c.etag != "" {
		w.Header().Set("ETag", c.etag)
	}
	http.ServeContent(w, r, "", time.Unix(c.modified, 0), bytes.NewReader(content[:c.size]))
	a := response{status: w.Code, contentRange: w.Header().Get("Content-Range")}
	if w.Code != http.StatusOK && w.Code != http.StatusPartialContent {
		return a
	}
	n, err := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64)
	if err != nil {
		t.Fatalf("%v: the library's length: %v", c, err)
	}
	a.length = n
	if c.method == "GET" && int64(w.Body.Len()) != n {
		t.Fatalf("%v: the library sends %d bytes and says %d", c, w.Body.Len(), n)
	}
	if w.Code == http.StatusOK {
		return a
	}
	if a.contentRange != "" {
		a.ranges = []Range{parseContentRange(t, a.contentRange)}
		return a
	}
	_, params, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil {
		t.Fatalf("%v: the library's type: %v", c, err)
	}
	boundary := params["boundary"]
	if c.method == "HEAD" { // the parts can only be seen in the body
		get := *c
		get.method = "GET"
		b := theirs(t, &get, content)
		a.ranges = b.ranges
		a.length -= int64((len(a.ranges) + 1) * len(boundary))
		return a
	}
	reader := multipart.NewReader(w.Body, boundary)
	for {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v: the library's parts: %v", c, err)
		}
		a.ranges = append(a.ranges, parseContentRange(t, part.Header.Get("Content-Range")))
	}
	a.length -= int64((len(a.ranges) + 1) * len(boundary))
	return a
}

func parseContentRange(t *testing.T, value string) Range {
	t.Helper()
	var first, last, size int64
	if _, err := fmt.Sscanf(value, "bytes %d-%d/%d", &first, &last, &size); err != nil {
		t.Fatalf("%q: %v", value, err)
	}
	return Range{first, last - first + 1}
}

// A difference is a kind of case in which we mean to respond to otherwise. It applies to a case where our status
// and the library's are the given ones (0 for any) and applies says so.
type difference struct {
	name   string
	reason string
	ours   int
	theirs int
	// applies looks at the request; ours and theirs are the responses.
	applies func(c *differentialCase, ours, theirs response) bool
}

// specs returns the trimmed, non-empty range specifications, or nothing where the unit is not bytes.
func (c *differentialCase) specs() (specs []string) {
	value := c.fields["Range"]
	if len(value) < 6 || !strings.EqualFold(value[:6], "bytes=") {
		return nil
	}
	for spec := range strings.SplitSeq(value[6:], ",") {
		if spec = strings.Trim(spec, " \t"); spec != "" {
			specs = append(specs, spec)
		}
	}
	return specs
}

func (c *differentialCase) anySpec(f func(spec string) bool) bool {
	return slices.ContainsFunc(c.specs(), f)
}

// named are the ranges as they are written, without joining.
func (c *differentialCase) named() (ranges []Range, ok bool) {
	for _, spec := range c.specs() {
		r, ok := parseRange([]byte(spec), c.size)
		if !ok {
			return nil, false
		}
		if r.Length > 0 {
			ranges = append(ranges, r)
		}
	}
	return ranges, len(c.specs()) > 0
}

func (c *differentialCase) anyMeet() bool {
	ranges, _ := c.named()
	for i, r := range ranges {
		for _, other := range ranges[:i] {
			if meets(r, other) {
				return true
			}
		}
	}
	return false
}

var differences = []difference{
	{
		name:   "malformed Range",
		reason: "RFC 9110 14.2 lets a server ignore what is malformed or in another unit; a whole file is never wrong, while 416 says that the range lies outside it",
		ours:   200, theirs: 416,
		applies: func(c *differentialCase, _, _ response) bool {
			_, ok := c.named()
			return !ok
		},
	},
	{
		name:   "sign or space in a range",
		reason: "RFC 9110 14.1.1 has digits only; the library's number parser takes a sign, and it trims around the dash",
		ours:   200, theirs: 206,
		applies: func(c *differentialCase, _, _ response) bool {
			return c.anySpec(func(spec string) bool { return strings.ContainsAny(spec, "+ ") })
		},
	},
	{
		name:   "unit in capitals",
		reason: "RFC 9110 14.1: range units are case-insensitive; the library takes lower case only",
		theirs: 416,
		applies: func(c *differentialCase, _, _ response) bool {
			return c.specs() != nil && !strings.HasPrefix(c.fields["Range"], "bytes=")
		},
	},
	{
		name:   "number beyond an int64",
		reason: "RFC 9110 14.1.2 sets no bound to positions; the library calls the range malformed",
		theirs: 416,
		applies: func(c *differentialCase, _, _ response) bool {
			return c.anySpec(func(spec string) bool { return len(spec) > 19 })
		},
	},
	{
		name:   "suffix of no bytes",
		reason: "RFC 9110 14.1.2: `-0` is not satisfiable; the library sends an empty part with an impossible Content-Range",
		applies: func(c *differentialCase, ours, _ response) bool {
			return c.anySpec(func(spec string) bool { return strings.Trim(spec, "0") == "-" && spec != "-" })
		},
	},
	{
		name:   "suffix of an empty file",
		reason: "no Content-Range can say it; the library sends 206 with `bytes 0--1/0`, we ignore Range as it does for the other ranges of an empty file",
		ours:   200, theirs: 206,
		applies: func(c *differentialCase, _, _ response) bool { return c.size == 0 },
	},
	{
		name:   "more ranges than allowed",
		reason: "a limit of ours against amplification by part heads; the library has none",
		ours:   200,
		applies: func(c *differentialCase, _, theirs response) bool {
			return len(c.specs()) > rangesMaxInTest && (theirs.status == 206 || theirs.status == 416)
		},
	},
	{
		name:   "ranges that meet, together more than the file",
		reason: "RFC 9110 15.3.7.2: we join them and send each byte once; the library gives up and sends all",
		ours:   206, theirs: 200,
		applies: func(c *differentialCase, ours, _ response) bool { return c.anyMeet() && sameBytes(c, ours.ranges) },
	},
	{
		name:   "ranges that meet",
		reason: "RFC 9110 15.3.7.2: we join them and send each byte once; the library sends each as it is written",
		ours:   206, theirs: 206,
		applies: func(c *differentialCase, ours, theirs response) bool {
			return c.anyMeet() && sameBytes(c, ours.ranges) && sameBytes(c, theirs.ranges)
		},
	},
	{
		name:   "junk after the tag of If-Range",
		reason: "RFC 9110 13.1.5 has one tag; the library looks at the first, we send the whole file when in doubt",
		ours:   200,
		applies: func(c *differentialCase, _, _ response) bool {
			tag := c.fields["If-Range"]
			_, _, rest, ok := nextETag([]byte(tag))
			return ok && len(rest) > 0
		},
	},
	{
		name:   "list of tags that breaks the grammar",
		reason: "RFC 9110 13.1.1, 13.1.2: `*` stands alone and tags are parted by commas; we read up to the mistake, the library reads over it",
		applies: func(c *differentialCase, ours, theirs response) bool {
			broken := func(name string) bool { return !wellFormedTags(c.fields[name]) }
			return broken("If-Match") || broken("If-None-Match")
		},
	},
	{
		name:   "file of 1970-01-01 00:00:00",
		reason: "the library takes the epoch for an unknown time; reproducible archives really have it",
		applies: func(c *differentialCase, _, _ response) bool {
			return c.modified == 0
		},
	},
	{
		name:   "date that breaks the grammar",
		reason: "RFC 9110 5.6.7: dates are case-sensitive; the library takes names in any case",
		applies: func(c *differentialCase, _, _ response) bool {
			return c.anyDate(func(value string) bool {
				_, err := http.ParseTime(value)
				_, ok := ParseDate([]byte(value), differentialNow)
				return err == nil && !ok
			})
		},
	},
	{
		name:   "leap second",
		reason: "RFC 9110 5.6.7 has the second 60; the library does not",
		applies: func(c *differentialCase, _, _ response) bool {
			return c.anyDate(func(value string) bool { return strings.Contains(value, ":60 ") })
		},
	},
	{
		name:   "century of a year with two digits",
		reason: "RFC 9110 5.6.7: the latest year not more than 50 years ahead; the library puts 69 to 99 into the last century",
		applies: func(c *differentialCase, _, _ response) bool {
			return c.anyDate(func(value string) bool {
				t, err := http.ParseTime(value)
				seconds, ok := ParseDate([]byte(value), differentialNow)
				return err == nil && ok && strings.Contains(value, "day, ") && t.Unix() != seconds
			})
		},
	},
}

func (c *differentialCase) anyDate(f func(value string) bool) bool {
	return slices.ContainsFunc([]string{"If-Modified-Since", "If-Unmodified-Since", "If-Range"},
		func(name string) bool { return f(c.fields[name]) })
}

// wellFormedTags reports whether value is `*` or 1#entity-tag with nothing amiss.
func wellFormedTags(value string) bool {
	list := trim([]byte(value))
	if string(list) == "*" {
		return true
	}
	for len(list) > 0 {
		_, _, rest, ok := nextETag(list)
		list = trim(rest)
		if !ok || (len(list) > 0 && list[0] != ',') {
			return false
		}
		for len(list) > 0 && (list[0] == ',' || isSpace(list[0])) {
			list = list[1:]
		}
	}
	return true
}

// sameBytes reports whether the ranges hold the bytes that the request names, no more and no less.
func sameBytes(c *differentialCase, ranges []Range) bool {
	want, got := make([]bool, c.size), make([]bool, c.size)
	named, _ := c.named()
	for _, r := range named {
		for i := range r.Length {
			want[r.Start+i] = true
		}
	}
	for _, r := range ranges {
		for i := range r.Length {
			got[r.Start+i] = true
		}
	}
	return slices.Equal(want, got)
}

// randomCase draws a request that is likely to hit an edge: times and positions are close to each other and to
// the file's end, and one value in twenty is malformed.
func randomCase(random *rand.Rand) *differentialCase {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	chance := func(percent int) bool { return random.IntN(100) < percent }
	const base = 784111777
	c := &differentialCase{
		size:     int64(random.IntN(40)),
		modified: base + int64(random.IntN(3)),
		etag:     pick(`"x"`, `"x"`, `"x-1"`, `W/"x"`, ""),
		method:   pick("GET", "GET", "GET", "HEAD"),
		fields:   map[string]string{},
	}
	if chance(10) {
		c.size = int64(random.IntN(5000))
	}
	if chance(3) {
		c.modified = 0
	}
	date := func() string {
		at := time.Unix(base+int64(random.IntN(3)), 0).UTC()
		switch random.IntN(40) {
		case 0:
			return strings.ToLower(at.Format("Mon, 02 Jan 2006 15:04:05 ")) + "GMT"
		case 1:
			return pick("", "x", "Sun, 31 Nov 1994 08:49:37 GMT", "784111777", at.Format(time.RFC1123))
		case 2:
			return pick("Sun, 06 Nov 1994 08:48:60 GMT", "Sun, 06 Nov 1994 08:49:60 GMT")
		case 3:
			return pick("Monday, 07-Nov-70 08:49:37 GMT", "Friday, 06-Nov-68 08:49:37 GMT", "Friday, 06-Nov-76 08:49:37 GMT")
		case 4, 5:
			return at.Format("Monday, 02-Jan-06 15:04:05 GMT")
		case 6, 7:
			return at.Format(time.ANSIC)
		}
		return at.Format(http.TimeFormat)
	}
	tag := func() string {
		return pick(`"x"`, `"x"`, `W/"x"`, `"x-1"`, `"y"`, `""`)
	}
	tags := func() string {
		if chance(5) {
			return pick(`"y", *`, `"y" "x"`, `x`, `"x`, `x, "x"`, `"x" y`, `,`, `W/x`)
		}
		if chance(10) {
			return "*"
		}
		list := tag()
		for chance(40) {
			list += pick(",", ", ", " , ", ",,") + tag()
		}
		return list
	}
	if chance(15) {
		c.fields["If-Match"] = tags()
	}
	if chance(25) {
		c.fields["If-None-Match"] = tags()
	}
	if chance(25) {
		c.fields["If-Modified-Since"] = date()
	}
	if chance(15) {
		c.fields["If-Unmodified-Since"] = date()
	}
	if chance(85) {
		c.fields["Range"] = randomRanges(random, c.size)
	}
	if chance(30) {
		c.fields["If-Range"] = date()
		if chance(60) {
			c.fields["If-Range"] = tag() + pick("", "", "", "", "", `, "x"`, " ", "x")
		}
	}
	return c
}

func randomRanges(random *rand.Rand, size int64) string {
	if random.IntN(20) == 0 {
		malformed := []string{
			"bytes", "bytes=", "bytes=,", "bytes=-", "bytes=1", "bytes=x-", "bytes=2-1", "bytes=1-2-3", "lines=0-1",
			"bytes =0-1", "bytes=0-1;2-3", "bytes=+1-2", "bytes=1 -2", "0-1", "bytes=--1", "BYTES=0-3", "Bytes=-3", "bytes=-0",
			"bytes=99999999999999999999-", "bytes=0-99999999999999999999", "bytes=-99999999999999999999",
		}
		return malformed[random.IntN(len(malformed))]
	}
	position := func() int64 { return random.Int64N(size + 3) }
	var specs []string
	for {
		first := position()
		switch random.IntN(5) {
		case 0:
			specs = append(specs, fmt.Sprintf("-%d", position()))
		case 1:
			specs = append(specs, fmt.Sprintf("%d-", first))
		default:
			specs = append(specs, fmt.Sprintf("%d-%d", first, first+random.Int64N(size/3+2)))
		}
		if random.IntN(100) < 55 {
			break
		}
	}
	return "bytes=" + strings.Join(specs, []string{",", ", ", ",,", " ,\t"}[random.IntN(4)])
}

func TestServeContent(t *testing.T) {
	cases, seed := differentialCases, uint64(1)
	if testing.Short() {
		cases /= 10
	}
	random := rand.New(rand.NewPCG(seed, 0))
	content := make([]byte, 5000)
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	counts := make([]int, len(differences))
	statuses := map[int]int{}
	for i := range cases {
		c := randomCase(random)
		mine, library := ours(c), theirs(t, c, content)
		statuses[mine.status]++
		if mine.equal(library) {
			continue
		}
		at := slices.IndexFunc(differences, func(d difference) bool {
			return (d.ours == 0 || d.ours == mine.status) && (d.theirs == 0 || d.theirs == library.status) &&
				d.applies(c, mine, library)
		})
		if at < 0 {
			t.Fatalf("seed %d, case %d: %v\n   ours %+v\ntheirs %+v", seed, i, c, mine, library)
		}
		counts[at]++
	}
	t.Logf("%d cases, by status %v", cases, statuses)
	for i, d := range differences {
		t.Logf("%6d times: %s: %s", counts[i], d.name, d.reason)
		if counts[i] == 0 {
			t.Errorf("no case shows the difference %q: drop it from the table", d.name)
		}
	}
}
