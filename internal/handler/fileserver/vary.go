package fileserver

import (
	"slices"
	"strings"

	"aws/internal/response"
)

// varyValues are the values of Vary by what the choice of a response has depended on, which is a sum of the constants below. They
// contain what the configuration adds, and Origin if that decides about fields of every response. A response has one field line.
type varyValues [4]string

const (
	varyByCoding = 1 // Accept-Encoding
	varyByType   = 2 // Accept
)

// newVaryValues returns the values for the lists of field names that a configuration adds.
func newVaryValues(added []string, byOrigin bool) *varyValues {
	var v varyValues
	for i := range v {
		names := []string{}
		add := func(name string) {
			if name != "" && !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
				names = append(names, name)
			}
		}
		for _, list := range added {
			for name := range strings.SplitSeq(list, ",") {
				add(strings.TrimSpace(name))
			}
		}
		if i&varyByCoding != 0 {
			add("Accept-Encoding")
		}
		if i&varyByType != 0 {
			add("Accept")
		}
		if byOrigin {
			add("Origin")
		}
		if slices.Contains(names, "*") {
			names = []string{"*"}
		}
		v[i] = strings.Join(names, ", ")
	}
	return &v
}

// splitVary removes Vary from fields and returns its values.
func splitVary(fields []Field) (others []Field, values []string) {
	for _, f := range fields {
		if strings.EqualFold(f.Name, "Vary") {
			values = append(values, f.Value)
		} else {
			others = append(others, f)
		}
	}
	return others, values
}

// appendVary appends the fields of requests that the response depends on (RFC 9110 section 12.5.5). p is the policy whose common
// fields the response has.
func (d *decision) appendVary(p *policy) {
	by := 0
	if d.varies {
		by |= varyByCoding
	}
	if d.listed {
		by |= varyByType
	}
	if value := p.vary[by]; value != "" {
		d.response.Head = response.AppendField(d.response.Head, "Vary", value)
	}
}
