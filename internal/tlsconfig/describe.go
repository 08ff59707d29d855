package tlsconfig

import (
	"net"
	"net/netip"
	"time"
)

// localHost returns the address that a client without SNI has connected to, as a host of a site.
func localHost(a net.Addr) string {
	if a == nil {
		return ""
	}
	local, err := netip.ParseAddrPort(a.String())
	switch address := local.Addr().Unmap().WithZone(""); {
	case err != nil:
		return ""
	case address.Is6():
		return "[" + address.String() + "]"
	default:
		return address.String()
	}
}

// CertificateInfo describes a certificate that is in use.
type CertificateInfo struct {
	Files     Pair
	Names     []string
	Key       string // type and size of the key, such as "RSA 2048"
	Issuer    string
	NotBefore time.Time
	NotAfter  time.Time
	Stapled   bool // an OCSP response is stapled
}

// Certificates returns the certificates in the order of the settings, each once.
func (s *Store) Certificates() []CertificateInfo {
	now, loaded := s.settings.now(), s.current.Load().certificates
	var list []CertificateInfo
	seen := map[Pair]bool{}
	for i := range s.settings.Sites {
		for _, p := range s.settings.Sites[i].Pairs {
			c := loaded[p.id()]
			if c == nil || seen[p.id()] {
				continue
			}
			seen[p.id()] = true
			x := c.leaf()
			list = append(list, CertificateInfo{
				Files: p, Names: namesOf(x), Key: keyType(x), Issuer: x.Issuer.String(),
				NotBefore: x.NotBefore, NotAfter: x.NotAfter, Stapled: c.stapled != nil && now.Before(c.stapleUntil),
			})
		}
	}
	return list
}

// PairFor returns the site of a handshake, as SiteOf, and the files of the certificate that a client gets which supports all of
// them. ok is false if the client gets the alert unrecognized_name.
func (s *Store) PairFor(serverName string, local net.Addr) (site string, p Pair, ok bool) {
	at := s.current.Load().siteOf(serverName, local)
	if at == nil {
		return "", Pair{}, false
	}
	if at.obtained != nil {
		return at.name, Pair{Certificate: obtainedName}, true
	}
	return at.name, at.certificates.candidates(serverName)[0].pair, true
}

// EarliestExpiry returns when the first of all certificates expires, or the zero time if there are none.
func (s *Store) EarliestExpiry() time.Time {
	var first time.Time
	for _, c := range s.current.Load().certificates {
		if end := c.leaf().NotAfter; first.IsZero() || end.Before(first) {
			first = end
		}
	}
	return first
}

// obtainedName stands for the files of a certificate that is obtained from a CA.
const obtainedName = "acme"
