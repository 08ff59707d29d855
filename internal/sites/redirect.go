package sites

import (
	"maps"
	"slices"
	"strings"

	"aws/internal/response"
)

// CompiledRedirect is a redirect of a site.
type CompiledRedirect struct {
	Redirect
	prefix bool   // Path covers what is below it
	key    string // the exact path, or the prefix with a slash at the end
	head   string // To without asterisk, query and fragment
	query  string // of To, without the question mark
	tail   string // the fragment of To, with its sharp sign
	rest   bool   // the rest of the path follows after head
}

// DefaultRedirectStatus is the status of a redirect that names none.
const DefaultRedirectStatus = 308

// Redirect returns the redirect of a normalised path, and the part of the path that an asterisk stands for. It returns nil if
// there is none. It does not allocate memory.
func (s *CompiledSite) Redirect(path []byte) (r *CompiledRedirect, rest []byte) {
	if r := s.exactRedirects[string(path)]; r != nil {
		return r, nil
	}
	i := s.redirectPrefixes.find(path)
	if i < 0 {
		return nil, nil
	}
	r = s.prefixRedirects[i]
	return r, path[min(len(r.key), len(path)):]
}

// AppendLocation appends the value of Location for the rest of a path and the query of a request, which is as it was sent and
// has no question mark.
func (r *CompiledRedirect) AppendLocation(dst, rest, query []byte) []byte {
	dst = append(dst, r.head...)
	if r.rest { // head ends with a slash
		dst = response.AppendEscapedPath(dst[:len(dst)-1], "/"+string(rest))
	}
	separator := byte('?')
	if r.query != "" {
		dst = append(append(dst, separator), r.query...)
		separator = '&'
	}
	if !r.DropQuery && len(query) > 0 {
		dst = append(append(dst, separator), query...)
	}
	return append(dst, r.tail...)
}

// newRedirect compiles a redirect that has no problems.
func newRedirect(r Redirect) *CompiledRedirect {
	if r.Status == 0 {
		r.Status = DefaultRedirectStatus
	}
	c := &CompiledRedirect{Redirect: r, key: r.Path}
	if prefix, ok := strings.CutSuffix(r.Path, "/*"); ok {
		c.prefix, c.key = true, prefix+"/"
	}
	to := r.To
	if i := strings.IndexByte(to, '#'); i >= 0 {
		to, c.tail = to[:i], to[i:]
	}
	to, c.query, _ = strings.Cut(to, "?")
	if head, ok := strings.CutSuffix(to, "*"); ok && c.prefix {
		to, c.rest = head, true
	}
	c.head = to
	return c
}

// compileRedirects makes the look-up of a site's redirects.
func (s *CompiledSite) compileRedirects(redirects []Redirect) {
	byKey := map[string]*CompiledRedirect{}
	for _, r := range redirects {
		if c := newRedirect(r); c.prefix {
			byKey[c.key] = c
		} else {
			if s.exactRedirects == nil { // most sites have none, and do without a look-up then
				s.exactRedirects = map[string]*CompiledRedirect{}
			}
			s.exactRedirects[c.key] = c
		}
	}
	s.redirectPrefixes = newPrefixes(slices.Collect(maps.Keys(byKey)))
	for i := range s.redirectPrefixes.count() {
		s.prefixRedirects = append(s.prefixRedirects, byKey[string(s.redirectPrefixes.key(i))])
	}
}

// Redirects returns the redirects, sorted by their paths.
func (s *CompiledSite) Redirects() []*CompiledRedirect {
	list := append(slices.Collect(maps.Values(s.exactRedirects)), s.prefixRedirects...)
	slices.SortFunc(list, func(a, b *CompiledRedirect) int { return strings.Compare(a.Path, b.Path) })
	return list
}
