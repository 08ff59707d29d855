package fileserver

import (
	"strings"
	"unicode/utf8"

	"aws/internal/archive"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"
	"aws/internal/sites"
)

// archivesMax is how many archives a server makes at the same time. Each takes a few megabytes, and processor time.
const archivesMax = 16

// formatsOf returns the set of formats with these names.
func formatsOf(names []string) (set archive.Formats) {
	for _, n := range names {
		if f := archive.ParseFormat(n); f != archive.None {
			set = set.With(f)
		}
	}
	return set
}

// listOrArchive makes the listing of a directory the request's file, or finds out whether the directory is there, if the request
// is for an archive of it. An archive is a form of the listing: it is at the same URL with a query, and there is none of a directory
// that is not listed.
func (d *decision) listOrArchive(mount *docroot.Mount, name, path []byte) (class kernel.Class, known bool) {
	query := d.request.Query()
	format := archive.FormatOf(query.Of(d.head))
	if !d.policy.archives.Has(format) {
		return d.list(mount, name, path)
	}
	directory := string(name)
	d.scratch.bytes = append(append(append(d.scratch.bytes[:0], name...), 0), "archive"...)
	f, outcome := d.files.Make(mount, d.scratch.bytes, func(k kernel.Directories) (kernel.Opened, kernel.Class) {
		_, _, class := k.ReadDirectory(mount.Root, directory, 0, func(string) (kernel.Root, bool) { return mount.Root, false })
		return kernel.Opened{FD: -1}, class
	})
	switch outcome {
	case handler.OutcomePending:
		return kernel.Again, false
	case handler.OutcomeRefused:
		return kernel.Exhausted, true
	case handler.OutcomeDone:
	}
	class = f.Class
	d.release(f)
	if class == kernel.Done {
		d.archive = format
	}
	return class, true
}

// sendArchive responds with an archive of the directory. It has no validators, as its bytes are not known before they are sent, so
// ranges and conditions do not apply, and caches do not store it.
func (d *decision) sendArchive(path []byte) response.Status {
	if d.request.Method == request.MethodOptions {
		return d.allowMethods()
	}
	s := d.server
	isGet := d.request.Method == request.MethodGet
	if isGet && s.archives.Add(1) > archivesMax {
		s.archives.Add(-1)
		return d.fail(response.ServiceUnavailable)
	}
	r := d.response
	chunked := d.request.Minor > 0
	if !chunked {
		r.KeepAlive = false
	}
	mount, name, _ := d.policy.mountOf(path)
	top := topOf(string(path))
	r.Head = d.policy.appendCommon(r.Head, response.OK, d.now.Date, "no-store")
	r.Head = response.AppendField(r.Head, "Content-Type", d.archive.MediaType())
	d.scratch.bytes = appendDisposition(d.scratch.bytes[:0], top+"."+d.archive.String())
	r.Head = response.AppendFieldBytes(r.Head, "Content-Disposition", d.scratch.bytes)
	r.Head = response.AppendField(r.Head, "Accept-Ranges", "none")
	if chunked {
		r.Head = response.AppendField(r.Head, "Transfer-Encoding", "chunked")
	}
	d.endHead()
	if !isGet {
		return response.OK
	}
	r.Chunked = chunked
	r.Generator = &archiveGenerator{server: s, Archive: archive.New(d.archive, archive.Tree{
		Root: mount.Root, Directory: string(name), Top: top, Choose: s.archiveChooser(d.site, d.policy, string(path), len(name), d.archive),
	})}
	return response.OK
}

// archiveGenerator implements handler.Generator.
type archiveGenerator struct {
	*archive.Archive
	server *fileServer
}

// Close implements handler.Generator.
func (a *archiveGenerator) Close(k kernel.Directories) {
	a.Archive.Close(k)
	a.server.archives.Add(-1)
}

// topOf returns the name that a directory has in its archive. That of the root of a site is files.
func topOf(path string) string {
	name := strings.Trim(path, "/")
	name = name[strings.LastIndexByte(name, '/')+1:]
	name = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`\/:"*?<>|`, r) || r == 0x7f || r == utf8.RuneError {
			return '_'
		}
		return r
	}, name)
	if strings.Trim(name, ".") == "" {
		return "files"
	}
	return name
}

// archiveChooser returns what reports whether a file or a directory below the directory at a path, whose name has so many bytes, is in
// its archive, and below which root it is looked up. It is left out if a request for it would not get it from the same directory of
// the disk, not everybody who may have the directory may have it, or its route has no listings or no such archives.
func (s *fileServer) archiveChooser(site *sites.CompiledSite, top *policy, path string, nameBytes int, f archive.Format) func(name string) (kernel.Root, bool) {
	return func(name string) (kernel.Root, bool) {
		path := []byte(path + name[nameBytes:])
		p := s.policyOf(site, path)
		if p.mount == nil || p.respond != nil || !p.hasRootOf(top) {
			return top.mount.Root, false
		}
		redirect, _ := site.Redirect(path)
		return p.mount.Root, redirect == nil && p.list && p.archives.Has(f) && !p.hides(path) && top.includes(p)
	}
}

// hasRootOf reports whether two policies that have mounts have files below the same directory. The mounts may differ in how links are
// followed and files are read.
func (p *policy) hasRootOf(other *policy) bool {
	return p.mount.Root == other.mount.Root && p.strip == other.strip || p.properties != nil && p.properties.Root == other.properties.Root
}

// appendDisposition appends a value of Content-Disposition with the name of a file: as a quoted string in ASCII, and encoded if it has other
// characters (RFC 6266 section 4.3, RFC 8187 section 3.2).
func appendDisposition(b []byte, name string) []byte {
	b = append(b, `attachment; filename="`...)
	ascii := true
	for _, c := range name {
		switch {
		case c >= utf8.RuneSelf:
			ascii = false
			b = append(b, '_')
		case c == '%': // which some clients decode
			ascii = false
			b = append(b, '_')
		default:
			b = append(b, byte(c))
		}
	}
	b = append(b, '"')
	if ascii {
		return b
	}
	b = append(b, "; filename*=UTF-8''"...)
	const hex = "0123456789ABCDEF"
	for i := range len(name) {
		if c := name[i]; isAttrChar(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}

// isAttrChar reports whether a character is an attr-char of RFC 8187.
func isAttrChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0
}
