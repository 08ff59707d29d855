package fileserver

import (
	"strings"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/listing"
	"aws/internal/request"
	"aws/internal/sites"
)

var contentSecurityPolicy = listing.ContentSecurityPolicy

// list makes the listing of a directory the request's file. It is read and rendered on a worker thread.
func (d *decision) list(mount *docroot.Mount, name, path []byte) (class kernel.Class, known bool) {
	query := d.request.Query()
	d.scratch.lines = d.request.AppendLines(d.scratch.lines[:0], request.Accept, d.head)
	page := &listingJob{
		server: d.server, site: d.site, root: mount.Root, order: listing.ParseOrder(query.Of(d.head)), format: listing.NegotiateFormat(d.scratch.lines),
		directory: string(name), path: string(path), unix: d.now.Unix,
	}
	d.scratch.bytes = page.appendKey(d.scratch.bytes[:0])
	f, outcome := d.files.Make(mount, d.scratch.bytes, page.render)
	switch {
	case outcome == handler.OutcomePending:
		return kernel.Again, false
	case outcome == handler.OutcomeRefused:
		return kernel.Exhausted, true
	case f.Class != kernel.Done:
		class = f.Class
		d.release(f)
		return class, true
	}
	d.plain, d.file, d.listed = f, f, true
	return kernel.Done, true
}

// listingJob is all that a worker thread needs to render a listing: it has copies of what belongs to the request.
type listingJob struct {
	server    *fileServer
	site      *sites.CompiledSite
	root      kernel.Root
	directory string // beneath root
	path      string // of the directory
	order     listing.Order
	format    listing.Format
	unix      int64
}

// appendKey appends what a listing is cached under: the directory's name, a NUL, which no name of a file has, and the format
// of the listing. It ends like the name of a file of its media type.
func (j *listingJob) appendKey(b []byte) []byte {
	b = append(append(b, j.directory...), 0)
	return append(append(b, j.order.String()...), j.format.Extension()...)
}

// render reads the directory and renders its listing into a file in memory.
func (j *listingJob) render(k kernel.Directories) (kernel.Opened, kernel.Class) {
	var names listing.ReadmeNames
	choose := collectReadmes(&names, j.server.entryChooser(j.site, j.path, j.root))
	entries, truncated, class := k.ReadDirectory(j.root, j.directory, j.server.listMax, choose)
	if class != kernel.Done {
		return kernel.Opened{}, class
	}
	page := listing.Page{Path: j.path, Order: j.order, Truncated: truncated, NowUnix: j.unix}
	for f := range j.server.policyOf(j.site, []byte(j.path)).archives.All {
		page.Archives = append(page.Archives, f.String())
	}
	for _, e := range entries {
		page.Entries = append(page.Entries, listing.Entry{
			Name: e.Name, Directory: e.Directory, Size: e.Size, ModifiedNs: e.MtimeNs,
		})
	}
	page.Sort()
	if j.format == listing.HTML {
		if page.Readme, class = readReadme(k, choose, j.directory, &names); class != kernel.Done {
			return kernel.Opened{}, class
		}
	}
	return k.MemoryFile(page.Append(nil, j.format))
}

// chooser reports whether a name in a directory is shown, and below which root it is looked up.
type chooser = func(name string) (kernel.Root, bool)

// entryChooser returns the chooser of a directory below a root. A dot file is not shown, and neither is what not everybody who may
// have the directory may have. A name whose route has another policy of links is looked up by that.
func (s *fileServer) entryChooser(site *sites.CompiledSite, path string, root kernel.Root) chooser {
	p := s.policyOf(site, []byte(path))
	return func(name string) (kernel.Root, bool) {
		if strings.HasPrefix(name, ".") && !p.dotFiles {
			return root, false
		}
		q := s.policyOf(site, []byte(path+name))
		if q.symlinks != p.symlinks && q.mount != nil && q.properties.Root == p.properties.Root {
			return q.mount.Root, p.includes(q)
		}
		return root, p.includes(q)
	}
}
