package sites

import (
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"aws/internal/response"
)

// properties checks the properties of a site or a route.
func (c *checker) properties(of string, p *Properties) {
	if p.Root != nil && p.Root.Value.Directory == "" {
		c.refuse(p.Root.From, `root is empty; write a directory, such as "/srv/www"`)
	}
	if p.Root != nil && p.Respond != nil {
		c.refuse(p.Respond.From, "%s has root and respond, and a response without a file needs no root; remove one of them", of)
	}
	if p.Respond != nil && p.Try != nil {
		c.warn(p.Try.From, "try does nothing, because respond is set (%s)", p.Respond.From)
	}
	if p.Index != nil {
		c.index(p.Index)
	}
	if p.Archive != nil {
		c.archive(p.Archive)
	}
	if p.Try != nil {
		c.try(p.Try)
	}
	if p.Respond != nil {
		c.respond(p.Respond)
	}
	for _, e := range p.ErrorPages {
		if e.Status < 400 || e.Status > 599 || e.Status == response.RangeNotSatisfiable {
			c.refuse(e.From, "error-pages: the status %d has no error page; write one that is sent with a body of the server's, such as 404", e.Status)
		}
		if e.File == "" {
			c.refuse(e.From, `error-pages: the page of %d is empty; write a file, such as "/srv/404.html"`, e.Status)
		}
	}
	c.types(p)
	if p.Charset != nil && p.Charset.Value != "" && !response.ValidMediaType("text/plain; charset="+p.Charset.Value) {
		c.refuse(p.Charset.From, `charset = %q can't be sent; write one such as "utf-8", or "" for none`, p.Charset.Value)
	}
	if p.CacheControl != nil && !response.ValidField("Cache-Control", p.CacheControl.Value) {
		c.refuse(p.CacheControl.From, `cache-control = %q can't be sent; write one such as "public, max-age=3600"`, p.CacheControl.Value)
	}
	c.headers(p.Headers)
	if p.CORS != nil {
		c.cors(p.CORS)
	}
	if p.Realm != nil && !response.ValidField("X", p.Realm.Value) {
		c.refuse(p.Realm.From, "realm = %q can't be sent; leave control characters out", p.Realm.Value)
	}
	c.networks(p)
	c.compression(p)
}

// compression checks what is compressed.
func (c *checker) compression(p *Properties) {
	if s := p.CompressTypes; s != nil {
		if len(s.Value) == 0 {
			c.refuse(s.From, `compress-types is empty; write compress = false to compress nothing`)
		}
		for i, t := range s.Value {
			if !response.ValidTypePattern(t) {
				c.refuse(s.From, `compress-types: %q is not a media type or a pattern of media types in lower case; write one such as "text/*" or "application/json"`, t)
			} else if slices.Contains(s.Value[:i], t) {
				c.warn(s.From, "compress-types: %q is there twice", t)
			}
		}
	}
	if s := p.CompressMinBytes; s != nil && s.Value > response.CompressMaxBytes {
		c.refuse(s.From, "compress-min-bytes = %d: files of more than %d bytes are not compressed; write compress = false to compress nothing", s.Value, response.CompressMaxBytes)
	}
}

// index refuses names that no file in a directory has.
func (c *checker) index(s *Setting[[]string]) {
	for i, name := range s.Value {
		if name == "" || strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") || path.Clean(name) != name || strings.HasPrefix(name, "..") {
			c.refuse(s.From, "index: %q is not the name of a file in a directory; write one such as index.html, or [] for no index", name)
		}
		if slices.Contains(s.Value[:i], name) {
			c.warn(s.From, "index: %q is there twice", name)
		}
	}
}

// ArchiveFormats are the formats of archives.
var ArchiveFormats = []string{"tar.gz", "zip"}

// archive refuses formats that there are not.
func (c *checker) archive(s *Setting[[]string]) {
	for _, format := range s.Value {
		if !slices.Contains(ArchiveFormats, format) {
			c.refuse(s.From, "archive: %q is not a format; write %s, or [] for no archives", format, strings.Join(ArchiveFormats, " or "))
		}
	}
}

// TryPath stands for the path of the request in a try list.
const TryPath = "{path}"

// try checks the elements of a try list.
func (c *checker) try(s *Setting[[]string]) {
	if len(s.Value) == 0 {
		c.refuse(s.From, `try is empty, and finds nothing; write ["{path}"], which is the default`)
	}
	for i, element := range s.Value {
		rest, first := strings.CutPrefix(element, TryPath)
		switch {
		case strings.ContainsAny(rest, "{}"):
			c.refuse(s.From, `try: %q has another variable than {path} at the beginning; write an element such as "{path}.html" or "/index.html"`, element)
		case !first && !strings.HasPrefix(element, "/"):
			c.refuse(s.From, "try: %q begins neither with {path} nor with a slash; write %q", element, "/"+element)
		case !first:
			c.path(s.From, "try:", element)
		case strings.Contains(rest, "//") || strings.Contains(rest, "/."):
			c.refuse(s.From, `try: no file has the name %q; write an element such as "{path}/index.html"`, element)
		}
		if slices.Contains(s.Value[:i], element) {
			c.warn(s.From, "try: %q is there twice", element)
		}
	}
}

// statusesWithFields are error statuses that mean nothing without fields, or belong to the connection.
var statusesWithFields = []int{401, 405, 407, 408, 416, 421, 426}

// respond checks a response without a file.
func (c *checker) respond(s *Setting[Respond]) {
	switch status := int(s.Value.Status); {
	case status >= 300 && status < 400:
		c.refuse(s.From, "respond: the status %d redirects; write a [[site.redirect]]", status)
	case status != 200 && status != 204 && (status < 400 || status > 599) || slices.Contains(statusesWithFields, status):
		c.refuse(s.From, "respond: the status %d can't be sent without more; write 200, 204 or an error, such as 404 or 410", status)
	case s.Value.Status.Reason() == "": // metrics and logs have no name for it
		c.refuse(s.From, "respond: the server has no reason phrase for the status %d; write one such as 403, 404, 410, 429, 451 or 503", status)
	case status == 204 && s.Value.Body != "":
		c.refuse(s.From, "respond: a response with the status 204 has no body; remove the body, or write the status 200")
	}
	if s.Value.Type != "" && !response.ValidMediaType(s.Value.Type) {
		c.refuse(s.From, `respond: %q is not a media type; write one such as "text/plain"`, s.Value.Type)
	}
}

// types checks media types.
func (c *checker) types(p *Properties) {
	for i, t := range p.Types {
		if !response.ValidMediaType(t.Type) {
			c.refuse(t.From, `media-types: %q is not a media type; write one such as "text/markdown"`, t.Type)
		}
		if t.Pattern == "" || isExtension(t.Pattern) && strings.HasPrefix(t.Pattern, ".") {
			c.refuse(t.From, "media-types: %q is neither an extension nor a pattern; write %q", t.Pattern, strings.TrimPrefix(t.Pattern, "."))
		} else if !isExtension(t.Pattern) {
			c.pattern(t.From, "media-types:", t.Pattern)
		}
		if slices.ContainsFunc(p.Types[:i], func(o MediaType) bool { return o.Pattern == t.Pattern }) {
			c.refuse(t.From, "media-types: %q is there twice; remove one of them", t.Pattern)
		}
	}
}

// headers checks header fields, which must never break the framing of a message.
func (c *checker) headers(headers []Header) {
	for i, h := range headers {
		if !response.ValidField(h.Name, h.Value) {
			c.refuse(h.From, `headers.%s: %q with the value %q is not a header field; write one such as X-Robots-Tag = "noindex"`, h.Change, h.Name, h.Value)
			continue
		}
		if instead, ok := Reserved(h.Name); ok {
			if instead == "" {
				instead = "the server makes it for each response"
			}
			c.refuse(h.From, "headers.%s: %s can't be changed: %s; leave it out", h.Change, h.Name, instead)
			continue
		}
		if strings.EqualFold(h.Name, "Vary") && h.Change != HeaderAdd {
			c.refuse(h.From, `headers.%s: the server itself adds to Vary, and caches would mix up responses without that; write headers.add = { Vary = "..." }`, h.Change)
			continue
		}
		if h.Change == HeaderAdd && singular[strings.ToLower(h.Name)] {
			c.refuse(h.From, "headers.add: a response has one field %s; write headers.set = { %s = %q }", h.Name, h.Name, h.Value)
			continue
		}
		for _, o := range headers[:i] {
			if strings.EqualFold(o.Name, h.Name) && (o.Change != HeaderAdd || h.Change != HeaderAdd) {
				c.refuse(h.From, "headers: %s is in headers.%s (%s) and in headers.%s; remove one of them", h.Name, o.Change, o.From, h.Change)
				break
			}
		}
	}
}

// corsMethods are the methods that a site can permit.
var corsMethods = []string{"GET", "HEAD", "OPTIONS"}

// cors checks the origins and methods that are permitted.
func (c *checker) cors(s *Setting[CORS]) {
	for i, o := range s.Value.Origins {
		if o == "*" {
			if len(s.Value.Origins) > 1 {
				c.refuse(s.From, `cors: "*" permits all origins; remove the others, or "*"`)
			}
			if s.Value.Credentials {
				c.refuse(s.From, `cors: browsers refuse credentials together with the origin "*"; list the origins, or remove credentials`)
			}
			continue
		}
		if u, err := url.Parse(o); o != "null" && (err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != o || strings.ToLower(o) != o) {
			c.refuse(s.From, `cors: %q is not an origin; write a scheme and a host in lower case without a path, such as "https://example.org"`, o)
		}
		if slices.Contains(s.Value.Origins[:i], o) {
			c.warn(s.From, "cors: %q is there twice", o)
		}
	}
	if len(s.Value.Origins) == 0 && (len(s.Value.Methods) > 0 || s.Value.Credentials || s.Value.MaxAge != 0) {
		c.refuse(s.From, `cors has no origins, and permits nothing; write origins = ["https://example.org"], or ["*"] for all`)
	}
	for _, m := range s.Value.Methods {
		if !slices.Contains(corsMethods, m) {
			c.refuse(s.From, "cors: the method %q is not supported; write some of %s", m, strings.Join(corsMethods, ", "))
		}
	}
	if s.Value.MaxAge < 0 {
		c.refuse(s.From, "cors: max-age is less than 0; write a duration, such as 1h")
	}
}

// networks checks the addresses of clients.
func (c *checker) networks(p *Properties) {
	if p.Allow != nil && len(p.Allow.Value) == 0 {
		c.refuse(p.Allow.From, `allow is empty; write allow = ["all"] for all clients, or deny = ["all"] for none`)
	}
	for _, s := range []struct {
		key string
		set *Setting[[]netip.Prefix]
	}{{"allow", p.Allow}, {"deny", p.Deny}} {
		if s.set == nil {
			continue
		}
		for i, n := range s.set.Value {
			for k, o := range s.set.Value {
				if k != i && within(n, o) && (n != o || k < i) {
					c.warn(s.set.From, "%s: %s is part of %s; remove it", s.key, n, o)
				}
			}
		}
	}
}

// within reports whether all addresses of a network are in another one.
func within(n, other netip.Prefix) bool { return other.Bits() <= n.Bits() && other.Contains(n.Addr()) }

// all are the networks with all addresses.
var all = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// ParseNetworks reads networks such as 10.0.0.0/8, addresses, and "all". bad is the first text that is neither, or empty.
func ParseNetworks(texts []string) (parsed []netip.Prefix, bad string) {
	parsed = []netip.Prefix{}
	for _, text := range texts {
		if text == "all" {
			parsed = append(parsed, all...)
			continue
		}
		if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
			address = address.Unmap()
			parsed = append(parsed, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		n, err := netip.ParsePrefix(text)
		if err != nil || n.Addr().Is4In6() {
			return nil, text
		}
		parsed = append(parsed, n.Masked())
	}
	return parsed, ""
}

// ParseStatus reads a status code.
func ParseStatus(text string) (response.Status, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return response.Status(n), err == nil && n >= 100 && n < response.StatusCount
}
