package sites

import (
	"cmp"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
)

// inherit returns the properties of a route with a prefix: its own, and those of the enclosing route that it does not set.
// A route that sets a root does not inherit Respond.
func inherit(enclosing, own Properties, prefix string) Properties {
	p := Properties{
		Root: own.Root, Dynamic: or(own.Dynamic, enclosing.Dynamic), Index: or(own.Index, enclosing.Index),
		List: or(own.List, enclosing.List), DotFiles: or(own.DotFiles, enclosing.DotFiles),
		Archive: or(own.Archive, enclosing.Archive),
		Try:     or(own.Try, enclosing.Try), Respond: own.Respond, Charset: or(own.Charset, enclosing.Charset),
		CacheControl: or(own.CacheControl, enclosing.CacheControl), CORS: or(own.CORS, enclosing.CORS), Auth: or(own.Auth, enclosing.Auth),
		Realm: or(own.Realm, enclosing.Realm), Allow: or(own.Allow, enclosing.Allow), Deny: or(own.Deny, enclosing.Deny),
		Precompressed: or(own.Precompressed, enclosing.Precompressed), LimitRate: or(own.LimitRate, enclosing.LimitRate),
		TotalRate: or(own.TotalRate, enclosing.TotalRate), Symlinks: or(own.Symlinks, enclosing.Symlinks),
		Compress: or(own.Compress, enclosing.Compress), CompressTypes: or(own.CompressTypes, enclosing.CompressTypes),
		CompressMinBytes: or(own.CompressMinBytes, enclosing.CompressMinBytes),
	}
	if own.Root != nil {
		p.Root = Set(Root{own.Root.Value.Directory, prefix}, own.Root.From)
	} else {
		p.Root, p.Respond = enclosing.Root, or(own.Respond, enclosing.Respond)
	}
	p.Headers = merge(own.Headers, enclosing.Headers, func(h Header) string { return strings.ToLower(h.Name) }, compareHeaders)
	p.ErrorPages = merge(own.ErrorPages, enclosing.ErrorPages, func(e ErrorPage) string { return strconv.Itoa(int(e.Status)) },
		func(a, b ErrorPage) int { return cmp.Compare(a.Status, b.Status) })
	p.Types = mergeTypes(own.Types, enclosing.Types)
	return p
}

func or[T any](own, enclosing *Setting[T]) *Setting[T] {
	if own != nil {
		return own
	}
	return enclosing
}

// merge returns own and those of the inherited elements whose key no own element has, sorted.
func merge[T any](own, inherited []T, key func(T) string, compare func(a, b T) int) []T {
	if len(own) == 0 {
		return inherited
	}
	merged := slices.Clone(own)
	for _, i := range inherited {
		if !slices.ContainsFunc(own, func(o T) bool { return key(o) == key(i) }) {
			merged = append(merged, i)
		}
	}
	slices.SortStableFunc(merged, compare)
	return merged
}

// compareHeaders sorts by name. Several field lines of one name stay in the order in which they were written.
func compareHeaders(a, b Header) int {
	return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
}

// mergeTypes returns own types, then those of the inherited ones that have another pattern. Of the own types, patterns are
// before extensions, and the more literal pattern is before the other.
func mergeTypes(own, inherited []MediaType) []MediaType {
	if len(own) == 0 {
		return inherited
	}
	merged := slices.Clone(own)
	slices.SortFunc(merged, func(a, b MediaType) int {
		return cmp.Or(cmp.Compare(rank(a.Pattern), rank(b.Pattern)), cmp.Compare(literalCount(b.Pattern), literalCount(a.Pattern)),
			strings.Compare(a.Pattern, b.Pattern))
	})
	for _, i := range inherited {
		if !slices.ContainsFunc(own, func(o MediaType) bool { return o.Pattern == i.Pattern }) {
			merged = append(merged, i)
		}
	}
	return merged
}

// rank returns 0 for a pattern and 1 for an extension.
func rank(pattern string) int {
	if isExtension(pattern) {
		return 1
	}
	return 0
}

// isExtension reports whether the pattern of a media type is an extension.
func isExtension(pattern string) bool { return !strings.ContainsAny(pattern, "*?[/") }

// MediaType returns the media type that the properties give to a file with this path. ok is false if they do not.
func (p *Properties) MediaType(file string) (mediaType string, ok bool) {
	name := path.Base(file)
	for _, t := range p.Types {
		if isExtension(t.Pattern) {
			if n := len(name) - len(t.Pattern); n > 0 && name[n-1] == '.' && strings.EqualFold(name[n:], t.Pattern) {
				return t.Type, true
			}
			continue
		}
		if g := newGlob(t.Pattern); g.matches([]byte(file), []byte(name)) {
			return t.Type, true
		}
	}
	return "", false
}

// Admits reports whether a client with this address may have a response. An IPv4 address in an IPv6 address is an IPv4
// address. Clients without an address, which are those of a Unix socket, have the zero Addr: they are admitted unless there
// is an Allow.
func (p *Properties) Admits(client netip.Addr) bool {
	client = client.Unmap().WithZone("")
	if p.Deny != nil && contains(p.Deny.Value, client) {
		return false
	}
	return p.Allow == nil || contains(p.Allow.Value, client)
}

func contains(networks []netip.Prefix, client netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(client) {
			return true
		}
	}
	return false
}

// Permits reports whether a CORS setting permits an origin, the value of the request's Origin.
func (c *CORS) Permits(origin []byte) bool {
	for _, o := range c.Origins {
		if o == "*" || o == string(origin) {
			return true
		}
	}
	return false
}
