package request

import (
	"bytes"
	"net/netip"
)

// TargetForm is one of the four forms of a request target (RFC 9112 section 3.2).
type TargetForm uint8

// The forms.
const (
	// OriginForm is `/path?query`, the form of nearly every request.
	OriginForm TargetForm = iota
	// AbsoluteForm is a complete http or https URI. Its authority has precedence over Host (RFC 9112 section
	// 3.2.2).
	AbsoluteForm
	// AuthorityForm is `host:port`, for CONNECT only.
	AuthorityForm
	// AsteriskForm is `*`, for OPTIONS only: the server as a whole.
	AsteriskForm
)

// String returns the form's name.
func (f TargetForm) String() string {
	switch f {
	case OriginForm:
		return "origin"
	case AbsoluteForm:
		return "absolute"
	case AuthorityForm:
		return "authority"
	case AsteriskForm:
		return "asterisk"
	}
	return "unknown"
}

// TargetForm returns the form of the request target.
func (r *Request) TargetForm() TargetForm { return r.form }

// Path returns the path of the target as sent, neither decoded nor resolved; see ResolvePath. It is empty in
// authority-form, in asterisk-form, and in an absolute-form without a path, where it means "/". An OPTIONS
// request with such an absolute-form refers to the server as a whole (RFC 9112 section 3.2.4).
func (r *Request) Path() Span { return r.path }

// Query returns the part after the first '?' of the target, or an empty Span.
func (r *Request) Query() Span { return r.query }

// Authority returns the authority of the target URI (RFC 9112 section 3.3): that of the target in
// absolute-form and authority-form, otherwise the value of Host. It may be empty.
func (r *Request) Authority() Span { return r.authority }

// splitTarget finds the form and the parts of the target.
func (r *Request) splitTarget(buf []byte) Defect {
	r.path, r.query, r.authority = Span{}, Span{}, Span{}
	target := r.Target.Of(buf)
	switch {
	case len(target) == 0:
		return BadRequestLine
	case r.Method == MethodConnect:
		r.form, r.authority = AuthorityForm, r.Target
		host, port := splitAuthority(target)
		if len(host) == 0 || len(port) < 2 || !validAuthority(target) {
			return BadTarget
		}
		return DefectNone
	case target[0] == '/':
		r.form = OriginForm
		r.splitPath(target, 0)
		return DefectNone
	case len(target) == 1 && target[0] == '*':
		r.form = AsteriskForm
		if r.Method != MethodOptions {
			return BadTarget
		}
		return DefectNone
	}
	return r.splitAbsolute(target)
}

var schemeEnd = []byte("://")

// splitAbsolute reads `scheme "://" authority path-abempty ["?" query]` for http and https.
func (r *Request) splitAbsolute(target []byte) Defect {
	r.form = AbsoluteForm
	// The first colon is the scheme's end: a scheme has none (RFC 3986 section 3.1).
	at := bytes.IndexByte(target, ':')
	if at < 0 || !bytes.HasPrefix(target[at:], schemeEnd) || !(equalFold(target[:at], "http") || equalFold(target[:at], "https")) {
		return BadTarget
	}
	from := at + len(schemeEnd)
	to := from
	for to < len(target) && target[to] != '/' && target[to] != '?' {
		to++
	}
	if to == from || !validAuthority(target[from:to]) {
		return BadHost
	}
	r.authority = Span{r.Target.Off + uint32(from), uint32(to - from)}
	r.splitPath(target, to)
	return DefectNone
}

// splitPath sets path and query from target[from:].
func (r *Request) splitPath(target []byte, from int) {
	end := len(target)
	if i := bytes.IndexByte(target[from:], '?'); i >= 0 {
		end = from + i
		r.query = Span{r.Target.Off + uint32(end) + 1, uint32(len(target) - end - 1)}
	}
	r.path = Span{r.Target.Off + uint32(from), uint32(end - from)}
}

// splitAuthority splits `uri-host [":" port]`. port includes its colon, and is empty if there is none.
func splitAuthority(authority []byte) (host, port []byte) {
	if len(authority) > 0 && authority[0] == '[' {
		if i := bytes.IndexByte(authority, ']'); i >= 0 {
			return authority[:i+1], authority[i+1:]
		}
		return authority, nil
	}
	if i := bytes.IndexByte(authority, ':'); i >= 0 {
		return authority[:i], authority[i:]
	}
	return authority, nil
}

// validAuthority reports whether authority is `uri-host [":" port]` with a host (RFC 9110 section 4.2.1,
// RFC 3986 section 3.2.2). '@' is in no class, so userinfo is refused (RFC 9110 section 4.2.4).
func validAuthority(authority []byte) bool {
	host, port := splitAuthority(authority)
	if len(port) > 0 && !validPort(port) {
		return false
	}
	if len(host) > 0 && host[0] == '[' {
		return validIPLiteral(host)
	}
	label := 0 // where the label begins that host[i] is in; none is empty but after the last dot (RFC 1034 section 3.1)
	for i := 0; i < len(host); i++ {
		if host[i] == '.' {
			if i == label {
				return false
			}
			label = i + 1
		}
		if class[host[i]]&classHost != 0 {
			continue
		}
		if host[i] != '%' || i+2 >= len(host) ||
			class[host[i+1]]&class[host[i+2]]&classHex == 0 {
			return false
		}
		i += 2
	}
	return len(host) > 0
}

// validPort reports whether port is a colon, optionally with a number up to 65535 (RFC 3986 section 3.2.3).
func validPort(port []byte) bool {
	if port[0] != ':' {
		return false
	}
	n := 0
	for _, c := range port[1:] {
		if class[c]&classDigit == 0 {
			return false
		}
		if n = n*10 + int(c-'0'); n > 65535 {
			return false
		}
	}
	return true
}

// validIPLiteral reports whether host is an IPv6 address in brackets, without a zone. It does not support
// IPvFuture (RFC 3986 section 3.2.2), which is not in use.
func validIPLiteral(host []byte) bool {
	if host[len(host)-1] != ']' {
		return false
	}
	address, err := netip.ParseAddr(string(host[1 : len(host)-1]))
	return err == nil && address.Is6() && address.Zone() == ""
}
