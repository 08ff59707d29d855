package sites

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Property is a property as text.
type Property struct {
	Key   string // the key in a file; those of a table have a dot, such as headers.set
	Value string
	From  Origin
}

// All returns the properties that are set.
func (p *Properties) All() []Property {
	var l []Property
	if p.Root != nil {
		value := p.Root.Value.Directory
		if base := p.Root.Value.Base; base != "" && base != "/" {
			value += " at " + base
		}
		l = append(l, Property{"root", value, p.Root.From})
	}
	l = list(l, "dynamic", p.Dynamic, strconv.FormatBool)
	l = list(l, "index", p.Index, quoteAll)
	l = list(l, "list", p.List, strconv.FormatBool)
	l = list(l, "archive", p.Archive, quoteAll)
	l = list(l, "dotfiles", p.DotFiles, strconv.FormatBool)
	l = list(l, "try", p.Try, quoteAll)
	l = list(l, "respond", p.Respond, func(r Respond) string { return fmt.Sprintf("%d %q", r.Status, r.Body) })
	for _, e := range p.ErrorPages {
		l = append(l, Property{"error-pages." + strconv.Itoa(int(e.Status)), e.File, e.From})
	}
	for _, t := range p.Types {
		l = append(l, Property{"media-types." + t.Pattern, t.Type, t.From})
	}
	l = list(l, "charset", p.Charset, strconv.Quote)
	l = list(l, "cache-control", p.CacheControl, strconv.Quote)
	for _, h := range p.Headers {
		value := h.Name
		if h.Change != HeaderRemove {
			value += ": " + h.Value
		}
		l = append(l, Property{"headers." + h.Change.String(), value, h.From})
	}
	l = list(l, "cors", p.CORS, CORS.String)
	l = list(l, "auth", p.Auth, func(a Auth) string {
		if a.File == "" {
			return "off"
		}
		return a.File
	})
	l = list(l, "realm", p.Realm, strconv.Quote)
	l = list(l, "allow", p.Allow, networks)
	l = list(l, "deny", p.Deny, networks)
	l = list(l, "precompressed", p.Precompressed, strconv.FormatBool)
	l = list(l, "limit-rate", p.LimitRate, bytesPerSecond)
	l = list(l, "limit-rate-total", p.TotalRate, bytesPerSecond)
	l = list(l, "symlinks", p.Symlinks, Symlinks.String)
	l = list(l, "compress", p.Compress, strconv.FormatBool)
	l = list(l, "compress-types", p.CompressTypes, quoteAll)
	return list(l, "compress-min-bytes", p.CompressMinBytes, func(n int64) string { return strconv.FormatInt(n, 10) })
}

// All returns the keys for https that are set.
func (t *TLS) All() []Property {
	var l []Property
	files := func(key string, names []File) {
		for _, f := range names {
			l = append(l, Property{key, f.Name, f.From})
		}
	}
	files("certificate", t.Certificates)
	files("key", t.Keys)
	files("ocsp", t.OCSP)
	own := func(s string) string { return s }
	l = list(l, "tls-policy", t.Policy, own)
	l = list(l, "client-certificates", t.ClientCertificates, own)
	l = list(l, "client-ca", t.ClientRoots, own)
	l = list(l, "redirect-to-https", t.RedirectHTTP, strconv.FormatBool)
	return list(l, "hsts", t.HSTS, strconv.Quote)
}

// list appends a property if it is set.
func list[T any](l []Property, key string, s *Setting[T], text func(T) string) []Property {
	if s == nil {
		return l
	}
	return append(l, Property{key, text(s.Value), s.From})
}

// count returns the number of properties that are set.
func (p *Properties) count() int { return len(p.All()) }

// bytesPerSecond returns a rate with the largest unit that divides it, as a file may have it.
func bytesPerSecond(rate int64) string {
	for _, u := range [...]struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if rate > 0 && rate%u.bytes == 0 {
			return strconv.FormatInt(rate/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(rate, 10)
}

func quoteAll(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func networks(prefixes []netip.Prefix) string {
	texts := make([]string, len(prefixes))
	for i, p := range prefixes {
		texts[i] = p.String()
	}
	return quoteAll(texts)
}

// String returns what is permitted.
func (c CORS) String() string {
	if len(c.Origins) == 0 {
		return "off"
	}
	text := strings.Join(c.Origins, " ")
	if len(c.Methods) > 0 {
		text += ", methods " + strings.Join(c.Methods, " ")
	}
	if c.Credentials {
		text += ", with credentials"
	}
	if c.MaxAge > 0 {
		text += ", for " + c.MaxAge.String()
	}
	return text
}
