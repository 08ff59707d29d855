package fileserver

import (
	"aws/internal/handler"
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

// allForms are the codings of the forms that the server makes.
var allForms = response.Codings(0).With(response.Gzip).With(response.Brotli).With(response.Zstd)

// negotiate chooses between the file, its siblings, and the forms that the server makes (RFC 9110 section 12.5.3). With equal
// weights a sibling precedes a form. Where the form is not there, the choice is between the file and its siblings. The response
// depends on Accept-Encoding also where there is no form, because there may be one later.
func (d *decision) negotiate() (known bool) {
	if d.plain.Made {
		return true
	}
	p := prepared(d.plain)
	siblings := d.availableSiblings(p.policy)
	var forms response.Codings
	if p.notCompressed == "" {
		forms, d.varies = allForms, true
	}
	if !d.varies {
		return true
	}
	d.scratch.lines = d.request.AppendLines(d.scratch.lines[:0], request.AcceptEncoding, d.head)
	chosen, acceptable := response.NegotiateCoding(d.scratch.lines, siblings.Union(forms).With(response.Identity), siblings)
	if acceptable && forms.Has(chosen) && !siblings.Has(chosen) {
		form, outcome := d.files.Compressed(d.plain, chosen)
		switch outcome {
		case handler.OutcomePending:
			return false
		case handler.OutcomeDone:
			d.coding, d.file = chosen, form
			return true
		case handler.OutcomeRefused:
			chosen, acceptable = response.NegotiateCoding(d.scratch.lines, siblings.With(response.Identity), siblings)
		}
	}
	if acceptable && siblings.Has(chosen) {
		d.takeSibling(chosen)
	}
	return true
}

// availableSiblings returns the codings of the siblings that may be sent. A sibling that is older than the file is stale, and one
// that fewer people may have is not sent to the others.
func (d *decision) availableSiblings(p *policy) (available response.Codings) {
	if !p.precompress {
		return 0
	}
	siblings := d.scratch.lookup.Siblings
	if len(siblings) == 0 { // not looked up, as the request does not have Accept-Encoding
		d.varies = d.plain.HasForms()
		return 0
	}
	for i, c := range siblingCodings {
		f := siblings[i]
		//mutation:stale-sibling
		if f != nil && response.FormIsCurrent(d.plain.MtimeNs, f.MtimeNs) && p.mayHave(prepared(f).policy) {
			available = available.With(c)
			d.varies = true
		}
	}
	d.plain.SetForms(d.varies, d.now.Monotonic)
	return available
}

// takeSibling makes the sibling in a coding what is sent.
func (d *decision) takeSibling(chosen response.Coding) {
	siblings := d.scratch.lookup.Siblings
	for i, c := range siblingCodings {
		if c == chosen {
			d.coding, d.file = c, siblings[i]
			siblings[i] = nil // the reference is that of d.file
		}
	}
}
