package fileserver

import (
	"strings"

	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/listing"
	"aws/internal/request"
)

const listMaxDefault = 10000

// list makes the directory's listing the request's file. It is read and rendered off the loop. Its key in the cache is the
// directory's name, a NUL, which no name has, and how it is listed; the key's ending gives the listing its media type.
func (q *query) list(m *docroot.Mount, name, p []byte) (kernel.Class, bool) {
	if q.find.Full() {
		return kernel.Exhausted, true
	}
	query := q.req.Query()
	order := listing.ParseOrder(query.Of(q.head))
	q.s.lines = q.req.AppendLines(q.s.lines[:0], request.Accept, q.head)
	format := listing.NegotiateFormat(q.s.lines)
	key := append(append(q.s.bytes[:0], name...), 0)
	key = append(append(key, order.String()...), format.Extension()...)
	q.s.bytes = key
	directory, path, now, k := string(name), string(p), q.find.Unix(), q.find.Directories()
	d := q.d // the query is the next request's while a worker thread renders
	f, ok := q.find.Make(m, key, func() (kernel.Opened, kernel.Class) {
		return d.renderList(k, m.Root, directory, path, order, format, now)
	})
	if !ok {
		return 0, false
	}
	if f.Class != kernel.Done {
		class := f.Class
		q.release(f)
		return class, true
	}
	q.plain, q.file, q.listed = f, f, true
	return kernel.Done, true
}

// renderList reads a directory and renders its listing into a file in memory. It touches nothing of
// the loop.
func (d *fileServer) renderList(k kernel.Directories, root kernel.Root, directory, path string, order listing.Order, format listing.Format, now int64) (kernel.Opened, kernel.Class) {
	most := d.ListMax
	if most <= 0 {
		most = listMaxDefault
	}
	rule := d.access.Match([]byte(path))
	hide := func(name string) bool {
		return strings.HasPrefix(name, ".") && !d.DotFiles || !rule.Includes(d.access.Match([]byte(path+name)))
	}
	var names listing.ReadmeNames
	entries, more, class := k.ReadDirectory(root, directory, most, collectReadmes(&names, hide))
	if class != kernel.Done {
		return kernel.Opened{}, class
	}
	page := listing.Page{Path: path, Order: order, Truncated: more, NowUnix: now}
	for _, e := range entries {
		page.Entries = append(page.Entries, listing.Entry{
			Name: e.Name, Directory: e.Directory, Size: e.Size, ModifiedNs: e.MtimeNs,
		})
	}
	page.Sort()
	if format == listing.HTML {
		if page.Readme, class = readReadme(k, root, directory, &names); class != kernel.Done {
			return kernel.Opened{}, class
		}
	}
	return k.MemoryFile(page.Append(nil, format))
}
