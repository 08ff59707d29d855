package conformance

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// The comparison sends the same bytes to aws and to a server of net/http that responds with ServeContent:
// for the same file with the same validators both must give the same status, fields and bytes. Where
// they don't, the reason must be in the table of differences, and the case must be one that it explains.

const (
	comparisons     = 20_000
	comparisonsSeed = 1
	perConnection   = 250
)

// compared is a file that both servers have.
type compared struct {
	name    string
	content string
	at      time.Time
	tag     string
}

// question is a request of the comparison.
type question struct {
	file   *compared
	path   string // static or dynamic
	method string
	fields []field
	text   string
}

func (q *question) String() string {
	return fmt.Sprintf("%q of %d bytes, modified %v, tag %s", q.text, len(q.file.content), q.file.at, q.file.tag)
}

// get returns the value of a field, "" without one; of two, the first.
func (q *question) get(name string) string {
	for _, f := range q.fields {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// reply is what a response is reduced to.
type reply struct {
	status       int
	tag          string
	modified     string
	mediaType    string // of a whole response
	contentRange string
	ranges       []piece // of all parts, or of the one range
	length       int64   // without the boundaries of parts, whose lengths differ
	body         string  // the bytes of all parts, one behind the other
}

func (r reply) equal(o reply) bool {
	return r.status == o.status && r.tag == o.tag && r.modified == o.modified && r.mediaType == o.mediaType &&
		r.contentRange == o.contentRange && r.length == o.length && r.body == o.body && slices.Equal(r.ranges, o.ranges)
}

func (r reply) String() string {
	return fmt.Sprintf("%d tag %s modified %q type %q Content-Range %q ranges %v length %d body %d bytes",
		r.status, r.tag, r.modified, r.mediaType, r.contentRange, r.ranges, r.length, len(r.body))
}

// reduce takes a response to its essentials, and refuses one that does not fit the file.
func reduce(status int, header http.Header, body string, q *question) (reply, error) {
	r := reply{status: status, contentRange: header.Get("Content-Range")}
	if status != 200 && status != 206 && status != 304 {
		return r, nil
	}
	r.tag = header.Get("ETag")
	if status == 304 { // where the library leaves Last-Modified out, as RFC 9110 section 15.4.5 allows
		return r, nil
	}
	r.modified = header.Get("Last-Modified")
	length, err := strconv.ParseInt(header.Get("Content-Length"), 10, 64)
	if err != nil || q.method == "GET" && length != int64(len(body)) {
		return r, fmt.Errorf("Content-Length %q, %d bytes", header.Get("Content-Length"), len(body))
	}
	r.length, r.mediaType, r.body = length, header.Get("Content-Type"), body
	kind, params, err := mime.ParseMediaType(r.mediaType)
	if err != nil {
		return r, err
	}
	if kind == "multipart/byteranges" {
		r.mediaType = kind
		if q.method == "HEAD" {
			r.length = 0
			return r, nil
		}
		return r, r.takeParts(body, params["boundary"], q)
	}
	if r.contentRange != "" {
		p, err := q.checkPart(r.contentRange, body)
		r.ranges = []piece{p}
		return r, err
	}
	if q.method == "GET" && body != q.file.content {
		return r, fmt.Errorf("other bytes")
	}
	return r, nil
}

func (r *reply) takeParts(body, boundary string, q *question) error {
	reader := multipart.NewReader(strings.NewReader(body), boundary)
	var all strings.Builder
	for {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return err
		}
		p, err := q.checkPart(part.Header.Get("Content-Range"), string(text))
		if err != nil {
			return err
		}
		if part.Header.Get("Content-Type") != mediaTypeCompared {
			return fmt.Errorf("part of type %q", part.Header.Get("Content-Type"))
		}
		r.ranges = append(r.ranges, p)
		all.Write(text)
	}
	r.body = all.String()
	// Boundaries differ in length, and an empty line before the first part is as good as none.
	r.length = int64(len(strings.TrimPrefix(body, "\r\n"))) - int64(len(r.ranges)+1)*int64(len(boundary))
	return nil
}

// checkPart holds a part against the file.
func (q *question) checkPart(contentRange, text string) (piece, error) {
	match := rangeField.FindStringSubmatch(contentRange)
	if match == nil {
		return piece{}, nil // of an empty file, by the library; the table has it
	}
	first, _ := strconv.Atoi(match[1])
	last, _ := strconv.Atoi(match[2])
	if q.method == "GET" && text != q.file.content[first:min(last+1, len(q.file.content))] {
		return piece{}, fmt.Errorf("%s with other bytes", contentRange)
	}
	return piece{first, last}, nil
}

const mediaTypeCompared = "text/plain; charset=utf-8"

// libraryServer responses for the files as net/http does.
func libraryServer(t *testing.T, files []*compared) string {
	byName := map[string]*compared{}
	for _, f := range files {
		byName["/"+f.name] = f
		byName["/dynamic/"+f.name] = f
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := byName[r.URL.Path]
		w.Header().Set("Content-Type", mediaTypeCompared)
		w.Header().Set("ETag", f.tag)
		http.ServeContent(w, r, "", f.at, strings.NewReader(f.content))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// library reads a response of the library's.
func library(r *bufio.Reader, q *question) (reply, error) {
	req, err := http.NewRequest(q.method, "/", nil)
	if err != nil {
		return reply{}, err
	}
	resp, err := http.ReadResponse(r, req)
	if err != nil {
		return reply{}, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, err
	}
	return reduce(resp.StatusCode, resp.Header, string(body), q)
}

func ours(r *bufio.Reader, q *question) (reply, error) {
	a, err := readResponse(r, q.method)
	if err != nil {
		return reply{}, err
	}
	header := http.Header{}
	for _, f := range a.fields {
		header.Add(f.name, f.value)
	}
	return reduce(a.status, header, a.body, q)
}

// specs are the ranges as they are written, trimmed; nil where the unit is not bytes.
func (q *question) specs() (specs []string) {
	value := q.get("Range")
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

// named are the ranges that the request names and that the file has. ok is false where one is malformed.
func (q *question) named() (pieces []piece, ok bool) {
	size := len(q.file.content)
	for _, spec := range q.specs() {
		before, after, found := strings.Cut(spec, "-")
		digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
		if !found || !digits(before) || !digits(after) || before == "" && after == "" {
			return nil, false
		}
		number := func(s string) int {
			n, err := strconv.Atoi(s)
			if err != nil {
				return 1 << 62
			}
			return n
		}
		switch {
		case before == "":
			if n := min(number(after), size); n > 0 {
				pieces = append(pieces, piece{size - n, size - 1})
			}
		case after != "" && number(after) < number(before):
			return nil, false
		case number(before) < size:
			last := size - 1
			if after != "" {
				last = min(last, number(after))
			}
			pieces = append(pieces, piece{number(before), last})
		}
	}
	return pieces, len(q.specs()) > 0
}

// covers reports whether the ranges hold the bytes that the request names, no more and no less.
func (q *question) covers(pieces []piece) bool {
	want, got := make([]bool, len(q.file.content)), make([]bool, len(q.file.content))
	mark := func(list []bool, pieces []piece) {
		for _, p := range pieces {
			for i := p.first; i <= p.last; i++ {
				list[i] = true
			}
		}
	}
	named, _ := q.named()
	mark(want, named)
	mark(got, pieces)
	return slices.Equal(want, got)
}

func (q *question) anyMeet() bool {
	pieces, _ := q.named()
	for i, a := range pieces {
		for _, b := range pieces[:i] {
			if a.first <= b.last+1 && b.first <= a.last+1 {
				return true
			}
		}
	}
	return false
}

func (q *question) twice(name string) bool {
	n := 0
	for _, f := range q.fields {
		if f.name == name {
			n++
		}
	}
	return n > 1
}

// A comparedDifference is a kind of request that we mean to respond to otherwise. It explains a case where the
// statuses are the given ones (0 for any) and applies says so.
type comparedDifference struct {
	name, reason string
	ours, theirs int
	applies      func(q *question, ours, theirs reply) bool
}

var comparedDifferences = []comparedDifference{
	{
		name: "HEAD with Range", ours: 200, reason: "RFC 9110 14.2: Range has a meaning in GET alone; the library answers HEAD with 206 and 416",
		applies: func(q *question, _, theirs reply) bool {
			return q.method == "HEAD" && (theirs.status == 206 || theirs.status == 416)
		},
	},
	{
		name: "a field that came twice", reason: "RFC 9110 5.3: a list in two lines is one list, and what is not a list has no meaning then; the library looks at the first line",
		applies: func(q *question, _, _ reply) bool {
			return slices.ContainsFunc(q.fields, func(f field) bool { return q.twice(f.name) })
		},
	},
	{
		name: "malformed Range", ours: 200, theirs: 416, reason: "RFC 9110 14.2: what is malformed or in another unit may be ignored, and a whole file is never wrong",
		applies: func(q *question, _, _ reply) bool { _, ok := q.named(); return !ok },
	},
	{
		name: "sign or space in a range", ours: 200, theirs: 206, reason: "RFC 9110 14.1.1 has digits only; the library's parser takes a sign, and trims around the dash",
		applies: func(q *question, _, _ reply) bool {
			return slices.ContainsFunc(q.specs(), func(s string) bool { return strings.ContainsAny(s, "+ ") })
		},
	},
	{
		name: "unit in capitals", theirs: 416, reason: "RFC 9110 14.1: units are case-insensitive; the library takes small letters only",
		applies: func(q *question, _, _ reply) bool {
			return q.specs() != nil && !strings.HasPrefix(q.get("Range"), "bytes=")
		},
	},
	{
		name: "number beyond an int64", theirs: 416, reason: "RFC 9110 14.1.2 sets no bound to positions; the library calls the range malformed",
		applies: func(q *question, _, _ reply) bool {
			return slices.ContainsFunc(q.specs(), func(s string) bool { return len(s) > 19 })
		},
	},
	{
		name: "suffix of no bytes", reason: "RFC 9110 14.1.2: -0 can't be satisfied; the library sends an empty part whose Content-Range is impossible",
		applies: func(q *question, _, _ reply) bool {
			return slices.ContainsFunc(q.specs(), func(s string) bool { return s != "-" && strings.Trim(s, "0") == "-" })
		},
	},
	{
		name: "suffix of an empty file", ours: 200, theirs: 206, reason: "no Content-Range can say it: Range is ignored, as the library does for the other ranges of an empty file",
		applies: func(q *question, _, _ reply) bool { return len(q.file.content) == 0 },
	},
	{
		name: "more ranges than allowed", ours: 200, reason: "a limit of ours against amplification by the heads of parts",
		applies: func(q *question, _, theirs reply) bool { return len(q.specs()) > 5 && theirs.status != 200 },
	},
	{
		name: "ranges that meet, together more than the file", ours: 206, theirs: 200, reason: "RFC 9110 15.3.7.2: joined, each byte is sent once; the library gives up and sends all",
		applies: func(q *question, ours, _ reply) bool { return q.anyMeet() && q.covers(ours.ranges) },
	},
	{
		name: "ranges that meet", ours: 206, theirs: 206, reason: "RFC 9110 15.3.7.2: joined, each byte is sent once; the library sends each as it is written",
		applies: func(q *question, ours, theirs reply) bool {
			return q.anyMeet() && q.covers(ours.ranges) && q.covers(theirs.ranges)
		},
	},
	{
		name: "junk behind the tag of If-Range", ours: 200, reason: "RFC 9110 13.1.5 has one tag; the library looks at the first, and a whole file is right when in doubt",
		applies: func(q *question, _, _ reply) bool {
			rest, ok := strings.CutPrefix(q.get("If-Range"), q.file.tag)
			return ok && rest != ""
		},
	},
	{
		name: "list of tags that breaks the grammar", reason: "RFC 9110 13.1.1, 13.1.2: * stands alone and tags are parted by commas; the library reads over a mistake, we read up to it",
		applies: func(q *question, _, _ reply) bool {
			return slices.ContainsFunc(brokenTags, func(s string) bool {
				return s == q.get("If-Match") || s == q.get("If-None-Match")
			})
		},
	},
	{
		name: "file of 1970-01-01 00:00:00", reason: "the library takes the epoch for an unknown time; reproducible archives really have it",
		applies: func(q *question, _, _ reply) bool { return q.file.at.Unix() == 0 },
	},
	{
		name: "date in small letters", reason: "RFC 9110 5.6.7: dates are case-sensitive; the library takes names in any case",
		applies: func(q *question, _, _ reply) bool {
			return q.anyDate(func(s string) bool { return s != "" && s[0] >= 'a' && s[0] <= 'z' && strings.HasSuffix(s, "GMT") })
		},
	},
	{
		name: "leap second", reason: "RFC 9110 5.6.7 has the second 60; the library has not",
		applies: func(q *question, _, _ reply) bool {
			return q.anyDate(func(s string) bool { return strings.Contains(s, ":60 ") })
		},
	},
	{
		name: "century of a year with two digits", reason: "RFC 9110 5.6.7: the latest year not more than 50 years ahead; the library puts 69 to 99 into the last century",
		applies: func(q *question, _, _ reply) bool {
			return q.anyDate(func(s string) bool { return strings.Contains(s, "-70 ") || strings.Contains(s, "-76 ") })
		},
	},
}

var brokenTags = []string{`"y", *`, `*, "y"`, `"y" "x"`, `x`, `"x`, `x, "x"`, `W/x`, ",", `* *`}

func (q *question) anyDate(f func(value string) bool) bool {
	return slices.ContainsFunc([]string{"If-Modified-Since", "If-Unmodified-Since", "If-Range"},
		func(name string) bool { return f(q.get(name)) })
}

// newQuestion draws a request that is likely to hit an edge: times, tags and positions are close to the
// file's, and one value in twenty is malformed.
func newQuestion(random *rand.Rand, files []*compared) *question {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	chance := func(percent int) bool { return random.IntN(100) < percent }
	q := &question{file: files[random.IntN(len(files))], path: pick("/", "/dynamic/"), method: pick("GET", "GET", "GET", "HEAD")}
	date := func() string {
		at := q.file.at.Add(time.Duration(random.IntN(3)-1) * time.Second).UTC()
		switch random.IntN(40) {
		case 0:
			return strings.ToLower(at.Format("Mon, 02 Jan 2006 15:04:05 ")) + "GMT"
		case 1:
			return pick("x", "Sun, 31 Nov 1994 08:49:37 GMT", "784111777", at.Format(time.RFC1123))
		case 2:
			return pick("Sun, 06 Nov 1994 08:48:60 GMT", "Fri, 06 Nov 2026 08:49:60 GMT")
		case 3:
			return pick("Friday, 07-Nov-70 08:49:37 GMT", "Friday, 06-Nov-76 08:49:37 GMT")
		case 4, 5:
			return at.Format("Monday, 02-Jan-06 15:04:05 GMT")
		case 6, 7:
			return at.Format(time.ANSIC)
		}
		return at.Format(http.TimeFormat)
	}
	tag := func() string {
		return pick(q.file.tag, q.file.tag, "W/"+q.file.tag, files[0].tag, `"y"`, `""`)
	}
	tags := func() string {
		if chance(5) {
			return pick(brokenTags...)
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
	add := func(percent int, name string, value func() string) {
		if chance(percent) {
			q.fields = append(q.fields, field{name, value()})
			if chance(2) {
				q.fields = append(q.fields, field{name, value()})
			}
		}
	}
	add(15, "If-Match", tags)
	add(25, "If-None-Match", tags)
	add(25, "If-Modified-Since", date)
	add(15, "If-Unmodified-Since", date)
	add(85, "Range", func() string { return someRanges(random, len(q.file.content)) })
	add(30, "If-Range", func() string {
		if chance(40) {
			return date()
		}
		return tag() + pick("", "", "", "", "", `, "x"`, "x")
	})
	random.Shuffle(len(q.fields), func(i, j int) { q.fields[i], q.fields[j] = q.fields[j], q.fields[i] })
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s%s HTTP/1.1\r\nHost: x\r\n", q.method, q.path, q.file.name)
	for _, f := range q.fields {
		fmt.Fprintf(&b, "%s: %s\r\n", f.name, f.value)
	}
	b.WriteString("\r\n")
	q.text = b.String()
	return q
}

func someRanges(random *rand.Rand, size int) string {
	if random.IntN(20) == 0 {
		malformed := []string{
			"bytes", "bytes=", "bytes=,", "bytes=-", "bytes=1", "bytes=x-", "bytes=2-1", "bytes=1-2-3", "lines=0-1", "bytes =0-1", "bytes=0-1;2-3",
			"bytes=+1-2", "bytes=1 -2", "0-1", "bytes=--1", "BYTES=0-3", "Bytes=-3", "bytes=-0", "bytes=0-1,-0",
			"bytes=99999999999999999999-", "bytes=0-99999999999999999999", "bytes=-99999999999999999999",
		}
		return malformed[random.IntN(len(malformed))]
	}
	position := func() int { return random.IntN(size + 3) }
	var specs []string
	for {
		first := position()
		switch random.IntN(5) {
		case 0:
			specs = append(specs, fmt.Sprintf("-%d", position()))
		case 1:
			specs = append(specs, fmt.Sprintf("%d-", first))
		default:
			specs = append(specs, fmt.Sprintf("%d-%d", first, first+random.IntN(size/3+2)))
		}
		if random.IntN(100) < 55 {
			break
		}
	}
	return "bytes=" + strings.Join(specs, []string{",", ", ", ",,", " ,\t"}[random.IntN(4)])
}

// comparedFiles makes the files: empty, short, and around the sizes of pages and buffers; of now, of the
// epoch, of before it and of times with fractions of a second.
func comparedFiles(t *testing.T, random *rand.Rand, directory string) (files []*compared) {
	if err := os.Mkdir(filepath.Join(directory, "dynamic"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i, size := range []int{0, 1, 2, 5, 10, 17, 39, 512, 4095, 4096, 4097, 8192, 65_537, 131_072, 140_000} {
		f := &compared{name: fmt.Sprintf("file%d.txt", i), content: string(harness.Content(size, random.Uint64()))}
		switch i % 5 {
		case 0:
			f.at = time.Unix(1_700_000_000, 0)
		case 1:
			f.at = time.Unix(1_580_702_706, 789_000_001)
		case 2:
			f.at = time.Unix(1_700_000_001, 999_999_999)
		case 3:
			f.at = time.Unix(1_764_000_000, 5)
		case 4:
			f.at = time.Unix(0, 0)
		}
		f.tag = fmt.Sprintf(`"%x-%x"`, f.at.UnixNano(), size)
		path := filepath.Join(directory, f.name)
		harness.WriteFile(t, path, []byte(f.content))
		if err := os.Chtimes(path, f.at, f.at); err != nil {
			t.Fatal(err)
		}
		// The same file, so that its number and its change of time are the same, too.
		if err := os.Link(path, filepath.Join(directory, "dynamic", f.name)); err != nil {
			t.Fatal(err)
		}
		if f.at.Unix() == 0 { // which says nothing, so the tag has more in it
			var stat syscall.Stat_t
			if err := syscall.Stat(path, &stat); err != nil {
				t.Fatal(err)
			}
			f.tag = fmt.Sprintf(`"0-%x-%x-%x"`, size, stat.Ctim.Nano(), stat.Ino)
		}
		files = append(files, f)
	}
	return files
}

func TestAgainstServeContent(t *testing.T) {
	random := rand.New(rand.NewPCG(comparisonsSeed, 0))
	site := t.TempDir()
	files := comparedFiles(t, random, site)
	server := harness.StartServe(t, harness.Options{}, site, "--max-ranges", "5")
	libraryAddress := libraryServer(t, files)
	count := comparisons
	if testing.Short() {
		count /= 10
	}
	explained := make([]int, len(comparedDifferences))
	statuses := map[int]int{}
	var us, them *client
	for i := range count {
		if i%perConnection == 0 {
			if us != nil {
				_, _ = us.Close(), them.Close()
			}
			us, them = dial(t, server.Address), dial(t, libraryAddress)
		}
		q := newQuestion(random, files)
		us.send(q.text)
		them.send(q.text)
		mine, err := ours(us.r, q)
		if err != nil {
			t.Fatalf("seed %d, case %d: %v: aws: %v", comparisonsSeed, i, q, err)
		}
		other, err := library(them.r, q)
		if err != nil {
			t.Fatalf("seed %d, case %d: %v: the library: %v", comparisonsSeed, i, q, err)
		}
		statuses[mine.status]++
		if mine.equal(other) {
			continue
		}
		at := slices.IndexFunc(comparedDifferences, func(d comparedDifference) bool {
			return (d.ours == 0 || d.ours == mine.status) && (d.theirs == 0 || d.theirs == other.status) && d.applies(q, mine, other)
		})
		if at < 0 {
			t.Fatalf("seed %d, case %d: %v\n   ours %v\ntheirs %v", comparisonsSeed, i, q, mine, other)
		}
		explained[at]++
	}
	total := 0
	for i, d := range comparedDifferences {
		t.Logf("%6d times: %s: %s", explained[i], d.name, d.reason)
		total += explained[i]
		if explained[i] == 0 && !testing.Short() {
			t.Errorf("no case shows the difference %q: drop it from the table", d.name)
		}
	}
	fmt.Printf("conformance: %d requests compared with ServeContent, by status %v: %d differ, all for one of %d reasons\n",
		count, statuses, total, len(comparedDifferences))
}
