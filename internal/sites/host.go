package sites

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// Limits of domain names (RFC 1035 section 2.3.4).
const (
	hostBytesMax  = 253
	labelBytesMax = 63
)

// hostKey returns the form of a host in which the table has it: in lower case, with A-labels (RFC 5890) and without a final
// dot. A wildcard is the part from its first dot on. An IPv6 address is in brackets and in the form of RFC 5952.
func hostKey(name string) (key string, wildcard bool, err error) {
	if strings.Contains(name, "://") || strings.Contains(name, "/") {
		return "", false, fmt.Errorf("%q is not a host; write its name alone, such as example.org", name)
	}
	if address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")); err == nil {
		if address.Is6() {
			return "[" + address.WithZone("").String() + "]", false, nil
		}
		return address.String(), false, nil
	}
	if host, port, ok := strings.Cut(name, ":"); ok {
		return "", false, fmt.Errorf("the host %q has a port %q, and a site has all ports that the server listens at; write %q", name, port, host)
	}
	rest := strings.TrimSuffix(name, ".")
	if strings.HasPrefix(rest, "*.") {
		rest, wildcard = rest[2:], true
	}
	if rest == "" || strings.Contains(rest, "*") {
		return "", false, fmt.Errorf(`%q is not a host; an asterisk stands for the first labels of a name, as in *.example.org (default = true is the site of all other hosts)`, name)
	}
	if key, err = asciiHost(rest); err != nil {
		return "", false, fmt.Errorf("%q is not a host: %w; write a name such as example.org", name, err)
	}
	if wildcard {
		key = "." + key
	}
	return key, wildcard, nil
}

// CanonicalHost returns a host of a site in lower case, with A-labels and without a final dot: a name, "*." and a name, an
// IPv4 address, or an IPv6 address in brackets. The error says why it is not a host.
func CanonicalHost(name string) (string, error) {
	key, wildcard, err := hostKey(name)
	if wildcard {
		key = "*" + key
	}
	return key, err
}

// asciiHost returns the A-label form of a domain name in lower case.
func asciiHost(name string) (string, error) {
	for i := range len(name) {
		if name[i] >= 0x80 {
			ascii, err := idna.Lookup.ToASCII(name)
			if err != nil {
				return "", errors.New("it is not an internationalised domain name")
			}
			name = ascii
			break
		}
	}
	if len(name) > hostBytesMax {
		return "", fmt.Errorf("it has more than %d bytes", hostBytesMax)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > labelBytesMax {
			return "", fmt.Errorf("a label of a name has 1 to %d bytes", labelBytesMax)
		}
		for i := range len(label) {
			c := lower(label[i])
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return "", fmt.Errorf("%q can't be part of a name", label[i:i+1])
			}
		}
	}
	return strings.ToLower(name), nil
}

// Site returns the site of an authority, which is the value of Host or :authority. The port, a final dot and letter case
// are ignored. It returns nil if no site has the host and there is no default site; the response is 421 then. It does not
// allocate memory, except for an IPv6 address that is not in the form of RFC 5952.
func (t *Table) Site(authority []byte) *CompiledSite {
	if t.only != nil {
		return t.only
	}
	var buf [hostBytesMax]byte
	host, ok := appendHost(buf[:0], authority)
	if !ok {
		return t.fallback
	}
	if s := t.exact[string(host)]; s != nil {
		return s
	}
	if host[0] == '[' {
		if address, err := netip.ParseAddr(string(host[1 : len(host)-1])); err == nil {
			if s := t.exact["["+address.String()+"]"]; s != nil {
				return s
			}
		}
		return t.fallback
	}
	if len(t.wildcards) == 0 {
		return t.fallback
	}
	for i := max(1, len(host)-t.wildcardBytesMax); i < len(host); i++ {
		if host[i] != '.' {
			continue
		}
		if s := t.wildcards[string(host[i:])]; s != nil {
			return s
		}
	}
	return t.fallback
}

// appendHost appends the host of an authority in lower case, without a final dot. ok is false if it can't be a host of a
// site.
func appendHost(dst, authority []byte) (host []byte, ok bool) {
	end := len(authority)
	if end > 0 && authority[0] == '[' {
		for end = 1; end < len(authority) && authority[end] != ']'; end++ {
		}
		if end == len(authority) {
			return dst, false
		}
		end++
	} else {
		for i, c := range authority {
			if c == ':' {
				end = i
				break
			}
		}
	}
	if end > 0 && authority[end-1] == '.' {
		end--
	}
	if end == 0 || end > hostBytesMax {
		return dst, false
	}
	for _, c := range authority[:end] {
		dst = append(dst, lower(c))
	}
	return dst, true
}

// lower returns the lower-case form of an ASCII letter, and other bytes unchanged.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}
