package fileserver

import (
	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/request"
)

// lookUp finds what is at a path: a file, an index, a listing, or the fallback. It does not look whether the client
// may have the file; authorizeFile does. A directory whose name lacks its last slash is kernel.Directory.
func (d *decision) lookUp(path []byte) (class kernel.Class, known bool) {
	s := d.server
	mount := s.table.Match(path)
	d.response.Mount = mount
	isMount := s.isMount(path)
	if mount == nil {
		if isMount {
			return kernel.Directory, true
		}
		return d.find(true)
	}
	name := mount.Name(path)
	if docroot.IsDirectoryName(name) {
		return d.lookUpDirectory(mount, name, path)
	}
	d.scratch.lookup.Add(mount, name, true)
	class, known = d.find(!isMount)
	if class == kernel.Absent && isMount {
		class = kernel.Directory
	}
	return class, known
}

// lookUpDirectory finds what stands for a directory.
func (d *decision) lookUpDirectory(mount *docroot.Mount, name, path []byte) (class kernel.Class, known bool) {
	s := d.server
	for _, index := range s.options.Index {
		d.scratch.bytes = append(append(d.scratch.bytes[:0], path...), index...)
		at := s.table.Match(d.scratch.bytes) // not mount, where the index is in a directory of its own with a nearer mount
		d.scratch.lookup.Add(at, at.Name(d.scratch.bytes), false)
	}
	if !s.options.List {
		return d.find(true)
	}
	if class, known = d.find(false); !known || class != kernel.Absent {
		return class, known
	}
	if class, known = d.list(mount, name, path); !known || class != kernel.Absent {
		return class, known
	}
	d.scratch.lookup.Reset()
	return d.find(true)
}

// find looks up the names that were added to the lookup, and behind them the fallback, and makes the file that is there
// the request's.
func (d *decision) find(fallback bool) (class kernel.Class, known bool) {
	s, l := d.server, &d.scratch.lookup
	if fallback && s.fallbackMount != nil {
		// That of a directory does not count: a redirection there would never end.
		l.Add(s.fallbackMount, s.fallbackMount.Name(s.fallback), false)
	}
	if d.request.Method != request.MethodOptions {
		l.Suffixes, l.SiblingsIfUnknown = s.suffixes, !d.request.HasAny(request.AcceptEncoding)
	}
	if !d.files.LookUp(l) {
		return kernel.Again, false
	}
	d.plain, d.file = l.File, l.File
	return l.Class, true
}

// isMount reports whether a path with a slash behind it is the prefix of a mount, which makes it a directory.
func (s *fileServer) isMount(path []byte) bool {
	for _, m := range s.table.Mounts() {
		if len(m.Prefix) == len(path)+1 && m.Prefix[:len(path)] == string(path) {
			return m.HasOwnRoot()
		}
	}
	return false
}
