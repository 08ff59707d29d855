package fileserver

import (
	"bytes"

	"aws/internal/kernel"
	"aws/internal/request"
)

// lookUp finds what is at a path by the attempts of its policy: a file, an index, a listing, or nothing. It does not look
// whether the client may have the file; refuseFile does. A directory whose name lacks its last slash is kernel.Directory.
// Attempts up to a directory that may be listed become one look-up, so that a request waits for one job.
func (d *decision) lookUp(path []byte) (class kernel.Class, known bool) {
	mount, _, lacksSlash := d.policy.mountOf(path)
	d.response.Mount = mount
	for i := range d.policy.attempts {
		a := &d.policy.attempts[i]
		if a.path != nil && lacksSlash {
			continue // the client is redirected to the directory
		}
		candidate, p := d.candidate(a, path)
		if p == nil {
			continue
		}
		if !bytes.HasSuffix(candidate, rootPath) {
			d.add(p, candidate, a.directoryCounts)
			continue
		}
		if a.onlyName {
			continue
		}
		d.addIndex(p, candidate)
		listed := p.list && a.path == nil && len(candidate) == len(path) // the links of a listing are relative
		if m, name, _ := p.mountOf(candidate); m != nil && listed {
			if class, known = d.find(); !known || class != kernel.Absent {
				return class, known
			}
			if class, known = d.listOrArchive(m, name, candidate); !known || class != kernel.Absent {
				return class, known
			}
			d.scratch.lookup.Reset()
		}
	}
	if class, known = d.find(); class == kernel.Absent && lacksSlash {
		class = kernel.Directory
	}
	return class, known
}

// candidate returns the path of an attempt and the policy of that path. The policy is nil if there is no such path.
func (d *decision) candidate(a *attempt, path []byte) ([]byte, *policy) {
	if a.path != nil {
		return a.path, a.policy
	}
	suffix := a.suffix
	if suffix == "" {
		return path, d.policy
	}
	if path[len(path)-1] == '/' {
		if suffix[0] != '/' {
			return nil, nil // a directory has no extension
		}
		suffix = suffix[1:]
	}
	d.scratch.candidate = append(append(d.scratch.candidate[:0], path...), suffix...)
	return d.scratch.candidate, d.server.policyOf(d.site, d.scratch.candidate)
}

// add adds the file at a path to the look-up. p is the policy of the path.
func (d *decision) add(p *policy, path []byte, directoryCounts bool) {
	m, name, _ := p.mountOf(path)
	if m == nil || p.respond != nil {
		return
	}
	d.scratch.lookup.Add(m, name, directoryCounts)
	d.siblings = d.siblings || p.precompress
}

// addIndex adds what stands for a directory to the look-up. p is the policy of the directory.
func (d *decision) addIndex(p *policy, directory []byte) {
	for _, index := range p.index {
		d.scratch.bytes = append(append(d.scratch.bytes[:0], directory...), index...)
		d.add(d.server.policyOf(d.site, d.scratch.bytes), d.scratch.bytes, false)
	}
}

// find looks up the names that were added to the look-up, and makes the file that is there the request's.
func (d *decision) find() (class kernel.Class, known bool) {
	l := &d.scratch.lookup
	if d.siblings && d.request.Method != request.MethodOptions {
		l.Suffixes, l.SiblingsIfUnknown = siblingSuffixes, !d.request.HasAny(request.AcceptEncoding)
	}
	if !d.files.LookUp(l) {
		return kernel.Again, false
	}
	d.plain, d.file = l.File, l.File
	return l.Class, true
}
