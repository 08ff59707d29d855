package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"aws/internal/listing"
	"aws/internal/response"
	"aws/internal/simkernel"
)

// reply is one response of a session.
type reply struct {
	status   int
	length   int64 // of the body that follows
	reported int64 // Content-Length
	fields   map[string]string
	body     []byte // as far as it has come
}

// parseReply takes the first response off what was received and returns its length, as far as it has
// come. Without a complete header it is nil.
func parseReply(b []byte, q *ask) (*reply, int, error) {
	const start = "HTTP/1.1 "
	if n := min(len(b), len(start)); string(b[:n]) != start[:n] {
		return nil, 0, fmt.Errorf("it begins with %.40q", b)
	}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, 0, nil
	}
	r := &reply{reported: -1, fields: map[string]string{}}
	lines := strings.Split(string(b[:end]), "\r\n")
	if _, err := fmt.Sscanf(lines[0], "HTTP/1.1 %d", &r.status); err != nil {
		return nil, 0, fmt.Errorf("status line %q", lines[0])
	}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ": ")
		if _, twice := r.fields[name]; !ok || twice {
			return nil, 0, fmt.Errorf("header line %q", line)
		}
		r.fields[name] = value
	}
	if value, ok := r.fields["Content-Length"]; ok {
		var err error
		if r.reported, err = strconv.ParseInt(value, 10, 64); err != nil || r.reported < 0 {
			return nil, 0, fmt.Errorf("Content-Length %q", value)
		}
	}
	if (r.reported < 0) != (r.status == 204) {
		return nil, 0, fmt.Errorf("length %d in %q", r.reported, lines)
	}
	if r.length = max(r.reported, 0); q.method == "HEAD" {
		r.length = 0
	}
	n := end + 4 + int(min(r.length, int64(len(b)-end-4)))
	r.body = b[end+4 : n]
	return r, n, nil
}

// kinds says what is special about a response, for the tally.
func (r *reply) kinds(q *ask) []string {
	list := []string{strconv.Itoa(r.status)}
	for kind, is := range map[string]bool{
		"several ranges": strings.HasPrefix(r.fields["Content-Type"], "multipart/"),
		"listing":        r.status/100 == 2 && (q.name == "" || strings.HasSuffix(q.name, "/")),
		"compressed":     r.fields["Content-Encoding"] != "",
		"with a body":    q.hasBody(),
	} {
		if is {
			list = append(list, kind)
		}
	}
	return list
}

// checkReply checks a response against all that it may have been made of.
func (w *world) checkReply(c *session, q *ask, r *reply) error {
	if r.status == 500 && q.status <= 0 {
		if !w.openFailed(q.name, c.peer.ConnectedAt-slack, c.peer.EndedAt) {
			return fmt.Errorf("status 500, and the disk has not failed since it was asked")
		}
		return w.checkText(r)
	}
	switch {
	case q.doubt && (r.status == 413 || r.status == 400 || r.status == 431):
		return w.checkText(r)
	case q.status == 413, q.status == 405:
		if r.status != q.status {
			return fmt.Errorf("status %d, not %d", r.status, q.status)
		}
		return w.checkText(r)
	case r.status == 204 && q.method == "OPTIONS":
		if r.fields["Allow"] != "GET, HEAD, OPTIONS" {
			return fmt.Errorf("Allow: %q", r.fields["Allow"])
		}
		return nil
	case r.status == 301:
		if q.status != 301 || r.fields["Location"] != "static/" {
			return fmt.Errorf("it leads to %q", r.fields["Location"])
		}
		return w.checkText(r)
	case q.method == "OPTIONS" && r.status != 404, q.status == 301:
		return fmt.Errorf("status %d", r.status)
	}
	list, absent := w.forms(c, q)
	for _, f := range list {
		if f.fits(w, q, r) {
			return nil
		}
	}
	if r.status == 404 && absent {
		return w.checkText(r)
	}
	return fmt.Errorf("status %d with %d of %d bytes, %q, fits none of %d forms", r.status, len(r.body), r.reported, r.fields, len(list))
}

// checkText checks a response whose body is a short text.
func (w *world) checkText(r *reply) error {
	s := response.Status(r.status)
	want := fmt.Sprintf("%d %s\n", s, s.Reason())
	if r.reported != int64(len(want)) || !strings.HasPrefix(want, string(r.body)) {
		return fmt.Errorf("status %d with %d bytes, %q", r.status, r.reported, r.body)
	}
	return nil
}

// form is one of the things that a response may be made of.
type form struct {
	size      int64
	content   func(at int64, b []byte)
	mediaType string
	coding    string
	vary      string // has to be among Vary
}

// forms returns what a response may be made of, and whether there may have been nothing.
func (w *world) forms(c *session, q *ask) (list []form, absent bool) {
	asked := c.peer.ConnectedAt - maxAge - slack
	if q.name == "" || strings.HasSuffix(q.name, "/") {
		return w.listings(c, q, asked), true
	}
	plain, absent := w.versions(q.name, asked, c.peer.EndedAt)
	mediaType := response.WithCharset(response.NewMediaTypes().Lookup(q.name))
	for _, v := range plain {
		list = append(list, form{size: v.size, content: v.file.Fill, mediaType: mediaType})
	}
	if q.coded < 0 || len(plain) == 0 {
		return list, absent
	}
	coded := w.madeForms(q, plain, mediaType)
	if !w.options.Precompress {
		return append(list, coded...), absent
	}
	for _, coding := range acceptLines[q.coded].best {
		name := q.name + suffixes[coding]
		there, _ := w.versions(name, asked, c.peer.EndedAt)
		for _, v := range there {
			if !slices.ContainsFunc(plain, func(p version) bool {
				// Every run begins at an even second, so that the time since then is as good as that of a clock.
				return response.FormIsCurrent(int64(p.file.Sizes[0].From), int64(v.file.Sizes[len(v.file.Sizes)-1].From))
			}) {
				continue // it is older than the file
			}
			coded = append(coded, form{size: v.size, content: v.file.Fill, mediaType: mediaType, coding: coding, vary: "Accept-Encoding"})
			if w.calm && !w.options.Compress && !w.openFailed(name, asked, c.peer.EndedAt) {
				return coded, false // nothing behind it is right
			}
		}
	}
	return append(list, coded...), absent
}

// madeForms returns the forms that the server may have made of versions of a file.
func (w *world) madeForms(q *ask, plain []version, mediaType string) (list []form) {
	if !w.options.Compress || !strings.HasPrefix(mediaType, "text/") {
		return nil
	}
	for _, coding := range acceptLines[q.coded].best {
		for _, v := range plain {
			if v.size >= response.CompressMinBytesDefault && v.size%2 == 0 {
				list = append(list, form{size: v.size / 2, content: v.file.Fill, mediaType: mediaType, coding: coding, vary: "Accept-Encoding"})
			}
		}
	}
	return list
}

// version is a file that a name has led to, with one of its sizes.
type version struct {
	file *simkernel.File
	size int64
}

// versions returns what a name has led to within a time, and whether that was nothing at some of it.
func (w *world) versions(name string, from, to time.Duration) (list []version, absent bool) {
	past := w.tree.Past(name)
	absent = len(past) == 0
	for i, v := range past {
		switch {
		case i+1 < len(past) && past[i+1].From < from || v.From > to:
			continue
		case v.File == nil:
			absent = true
			continue
		}
		for j, x := range v.File.Sizes {
			if j+1 == len(v.File.Sizes) || v.File.Sizes[j+1].From >= from {
				list = append(list, version{v.File, x.Size})
			}
		}
	}
	return list, absent
}

// listings returns the directory as worker threads have read it. The page says when it was asked for, which may be
// as long before as a request waits for a disk.
func (w *world) listings(c *session, q *ask, asked time.Duration) (list []form) {
	if !w.options.List {
		return nil
	}
	const wallStart = 1_750_000_000
	for _, read := range w.k.DirectoryReads() {
		if read.Name != q.name || read.At < asked || read.At > c.peer.EndedAt {
			continue
		}
		page := listing.Page{Path: "/" + q.name, Order: listing.ParseOrder([]byte(strings.TrimPrefix(q.query, "?"))), Truncated: read.More}
		for _, e := range read.Entries {
			page.Entries = append(page.Entries, listing.Entry{Name: e.Name, Directory: e.Directory, Size: e.Size, ModifiedNs: e.MtimeNs})
		}
		page.Sort()
		until := int64(read.At / time.Second)
		for now := until; now >= 0 && now >= until-int64(w.cfg.DiskTimeout/time.Second); now-- {
			page.NowUnix = wallStart + now
			f := form{vary: "Accept", mediaType: "text/html; charset=utf-8"}
			var text []byte
			if q.json {
				f.mediaType, text = "application/json", page.AppendJSON(nil)
			} else {
				text = page.AppendHTML(nil)
			}
			f.size = int64(len(text))
			f.content = func(at int64, b []byte) { copy(b, text[at:]) }
			list = append(list, f)
			if q.json {
				break // which does not say when it was made
			}
		}
	}
	return list
}

// fits reports whether a response is right for a form of the file, byte for byte.
func (f *form) fits(w *world, q *ask, r *reply) bool {
	ranges, status := q.ranges(f.size, w.options.RangesMax)
	if r.status != status || r.fields["Content-Encoding"] != f.coding && status != 416 || !strings.Contains(r.fields["Vary"], f.vary) {
		return false
	}
	switch {
	case status == 416:
		return r.reported == 0 && r.fields["Content-Range"] == fmt.Sprintf("bytes */%d", f.size)
	case len(ranges) == 1:
		s := ranges[0]
		return (status == 200 || r.fields["Content-Range"] == fmt.Sprintf("bytes %d-%d/%d", s.from, s.to, f.size)) &&
			r.fields["Content-Type"] == f.mediaType && r.reported == s.to+1-s.from && f.same(r.body, nil, s)
	}
	boundary, ok := strings.CutPrefix(r.fields["Content-Type"], "multipart/byteranges; boundary=")
	if !ok || len(boundary) != 32 {
		return false
	}
	rest, length := r.body, int64(0)
	for _, s := range ranges {
		text := fmt.Appendf(nil, "\r\n--%s\r\nContent-Type: %s\r\nContent-Range: bytes %d-%d/%d\r\n\r\n", boundary, f.mediaType, s.from, s.to, f.size)
		if !f.same(rest, text, s) {
			return false
		}
		n := len(text) + int(s.to+1-s.from)
		rest, length = rest[min(n, len(rest)):], length+int64(n)
	}
	end := fmt.Sprintf("\r\n--%s--\r\n", boundary)
	return strings.HasPrefix(end, string(rest)) && r.reported == length+int64(len(end))
}

// same reports whether a body, as far as it has come, begins with a text and bytes of the file.
func (f *form) same(body, text []byte, s spec) bool {
	n := min(len(body), len(text))
	if !bytes.Equal(body[:n], text[:n]) {
		return false
	}
	body = body[n:]
	want := make([]byte, min(int64(len(body)), s.to+1-s.from))
	f.content(s.from, want)
	return bytes.Equal(body[:len(want)], want)
}

// ranges returns what is to be sent of a file of a size, and the status: the ranges that were asked for and
// can be had, those that overlap or touch made one, in the place of the first of them; or the whole file.
func (a *ask) ranges(size int64, most int) ([]spec, int) {
	whole := []spec{{0, size - 1}}
	if most == 0 {
		most = 64
	}
	if a.method == "HEAD" || len(a.specs) == 0 || len(a.specs) > most || size == 0 {
		return whole, 200
	}
	var list []spec
	for _, s := range a.specs {
		switch {
		case s.from < 0:
			s = spec{max(size+s.from, 0), size - 1}
		case s.to < 0:
			s.to = size - 1
		default:
			s.to = min(s.to, size-1)
		}
		if s.from <= s.to {
			list = append(list, s)
		}
	}
	for i := 0; i < len(list); i++ {
		for j := i + 1; j < len(list); j++ {
			if list[i].from <= list[j].to+1 && list[j].from <= list[i].to+1 {
				list[i] = spec{min(list[i].from, list[j].from), max(list[i].to, list[j].to)}
				list = slices.Delete(list, j, j+1)
				i = -1 // look at all of them again
				break
			}
		}
	}
	if len(list) == 0 {
		return nil, 416
	}
	return list, 206
}
