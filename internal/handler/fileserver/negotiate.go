package fileserver

import (
	"aws/internal/request"
	"aws/internal/response"
)

// siblingCodings are the codings of a file's precompressed siblings, in the order in which these are looked up.
var siblingCodings = [...]response.Coding{response.Zstd, response.Brotli, response.Gzip}

// siblingSuffixes are what the names of siblings end with.
var siblingSuffixes = func() (suffixes []string) {
	for _, c := range siblingCodings {
		suffixes = append(suffixes, c.Suffix())
	}
	return suffixes
}()

// negotiate chooses between the file and its siblings (RFC 9110 section 12.5.3). A sibling that is older than the
// file is stale, and one that fewer people may have is not sent to the others.
func (d *decision) negotiate() {
	if !prepared(d.plain).policy.precompress || d.plain.Made {
		return
	}
	siblings := d.scratch.lookup.Siblings
	if len(siblings) == 0 { // not looked up, as the request does not have Accept-Encoding
		d.varies = d.plain.HasForms()
		return
	}
	available := response.Codings(0).With(response.Identity)
	for i, c := range siblingCodings {
		f := siblings[i]
		//mutation:stale-sibling
		if f != nil && response.FormIsCurrent(d.plain.MtimeNs, f.MtimeNs) && prepared(d.plain).policy.mayHave(prepared(f).policy) {
			available = available.With(c)
			d.varies = true
		}
	}
	d.plain.SetForms(d.varies, d.now.Monotonic)
	if !d.varies {
		return
	}
	d.scratch.lines = d.request.AppendLines(d.scratch.lines[:0], request.AcceptEncoding, d.head)
	chosen, acceptable := response.NegotiateCoding(d.scratch.lines, available)
	for i, c := range siblingCodings {
		if acceptable && c == chosen {
			d.coding, d.file = c, siblings[i]
			siblings[i] = nil // the reference is that of d.file
		}
	}
}
