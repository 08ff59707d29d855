package tlsconfig

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"time"
)

// normalise returns the form in which names are compared.
func normalise(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// namesOf returns the names that a certificate has: DNS names and IP addresses.
func namesOf(x *x509.Certificate) []string {
	names := make([]string, 0, len(x.DNSNames)+len(x.IPAddresses))
	for _, n := range x.DNSNames {
		names = append(names, normalise(n))
	}
	for _, ip := range x.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// hostIndex finds the value of a host: an exact one, or that of the longest wildcard.
type hostIndex[T any] struct {
	exact     map[string]T
	wildcards map[string]T // by the part behind the asterisk, from the dot on
}

func newHostIndex[T any]() hostIndex[T] {
	return hostIndex[T]{exact: map[string]T{}, wildcards: map[string]T{}}
}

// slot returns the map and the key of a host.
func (x *hostIndex[T]) slot(host string) (values map[string]T, key string) {
	host = normalise(host)
	if rest, ok := strings.CutPrefix(host, "*"); ok {
		return x.wildcards, rest
	}
	return x.exact, host
}

// find returns the value of a normalised name. labelsMax bounds the labels that an asterisk stands for.
func (x *hostIndex[T]) find(name string, labelsMax int) (value T, ok bool) {
	if value, ok = x.exact[name]; ok || len(x.wildcards) == 0 {
		return value, ok
	}
	for at := 0; labelsMax > 0; labelsMax-- {
		dot := strings.IndexByte(name[at:], '.')
		if dot < 0 {
			break
		}
		at += dot
		if value, ok = x.wildcards[name[at:]]; ok {
			return value, true
		}
		at++
	}
	return value, false
}

const (
	labelsOfSite        = 128 // a name has fewer: the wildcard of a site stands for any number of labels
	labelsOfCertificate = 1   // RFC 6125 section 6.4.3
)

// certificateIndex chooses among the certificates of a site.
type certificateIndex struct {
	byName   hostIndex[[]*certificate]
	fallback []*certificate // the first of each key type, for names that no certificate covers
}

// newCertificateIndex takes one certificate or more. It puts ECDSA, whose signatures are small and fast, before other keys. Otherwise the order of the
// settings counts.
func newCertificateIndex(certificates []*certificate) *certificateIndex {
	x := &certificateIndex{byName: newHostIndex[[]*certificate]()}
	for _, wanted := range []bool{true, false} {
		first := true
		for _, c := range certificates {
			if hasECDSA(c) != wanted {
				continue
			}
			if first {
				x.fallback, first = append(x.fallback, c), false
			}
			for _, name := range namesOf(c.leaf()) {
				values, key := x.byName.slot(name)
				values[key] = append(values[key], c)
			}
		}
	}
	return x
}

func hasECDSA(c *certificate) bool {
	_, ok := c.leaf().PublicKey.(*ecdsa.PublicKey)
	return ok
}

// candidates returns the certificates for a name. There is at least one.
func (x *certificateIndex) candidates(name string) []*certificate {
	if list, ok := x.byName.find(normalise(name), labelsOfCertificate); ok {
		return list
	}
	return x.fallback
}

// choose returns the certificate for a client: among those that cover the name, or the fallback if none does, the first
// that the client supports, or else the first.
func (x *certificateIndex) choose(hello *tls.ClientHelloInfo, now time.Time) *tls.Certificate {
	list := x.candidates(hello.ServerName)
	if len(list) > 1 {
		nameless := *hello // the name has been compared
		nameless.ServerName = ""
		for _, c := range list {
			if nameless.SupportsCertificate(&c.plain) == nil {
				return c.current(now)
			}
		}
	}
	return list[0].current(now)
}
