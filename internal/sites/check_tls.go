package sites

import (
	"net/netip"
	"strings"

	"aws/internal/response"
)

// tls checks the keys for https of a site.
func (c *checker) tls(t *TLS, from Origin) {
	c.pairs("key", t.Keys, t)
	c.pairs("ocsp", t.OCSP, t)
	switch auth := t.ClientCertificates.Or(clientCertificatesOff); {
	case auth == clientCertificatesOff && t.ClientRoots != nil:
		c.warn(t.ClientRoots.From, `client-ca does nothing; add client-certificates = "required" or "optional"`)
	case auth != clientCertificatesOff && t.ClientRoots == nil:
		c.refuse(t.ClientCertificates.From, `client-certificates = %q needs the CA certificates that it is checked with; add client-ca = "/etc/aws/clients.pem"`, auth)
	}
	if t.HSTS != nil && t.HSTS.Value != "" {
		if text := HSTSDefect(t.HSTS.Value); text != "" {
			c.refuse(t.HSTS.From, "hsts %s", text)
		}
	}
	if len(t.Certificates) > 0 {
		return
	}
	refuse := func(set bool, from Origin, key string) {
		if set {
			c.refuse(from, "%s is for https, and the site has no certificate; add certificate = \"/etc/aws/example.org.pem\"", key)
		}
	}
	refuse(t.Policy != nil, place(t.Policy), "tls-policy")
	refuse(t.ClientCertificates != nil, place(t.ClientCertificates), "client-certificates")
	refuse(t.RedirectHTTP.Or(false), place(t.RedirectHTTP), "redirect-to-https")
	refuse(t.HSTS.Or("") != "", place(t.HSTS), "hsts")
}

// acme checks a site whose certificates are obtained from a CA.
func (c *checker) acme(s *Site) {
	for i, f := range s.TLS.Certificates {
		if f.Name == ACME && i > 0 || s.TLS.ACME() && i > 0 {
			c.refuse(f.From, "certificate = %q is for all hosts of the site; write the hosts that have a certificate in a file as a site of their own", ACME)
			return
		}
	}
	if !s.TLS.ACME() {
		return
	}
	from := s.TLS.Certificates[0].From
	if len(s.TLS.Keys) > 0 || len(s.TLS.OCSP) > 0 {
		c.refuse(from, "certificate = %q goes without key and ocsp; remove them", ACME)
	}
	if len(s.Hosts) == 0 {
		c.refuse(from, `certificate = %q needs to know the names; add hosts = ["example.org"]`, ACME)
	}
	for _, h := range s.Hosts {
		switch {
		case strings.Contains(h.Name, "*"):
			c.refuse(h.From, "a certificate for %s needs the challenge dns-01, which this server does not have; list the names, or name the file of a certificate", h.Name)
		case isAddress(h.Name):
			c.refuse(h.From, "certificates are obtained for host names, and %s is an address; write it as a site of its own", h.Name)
		}
	}
}

// isAddress reports whether a host is an IP address.
func isAddress(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// place returns the place of a setting.
func place[T any](s *Setting[T]) Origin {
	if s == nil {
		return Origin{}
	}
	return s.From
}

// pairs refuses files that belong to no certificate.
func (c *checker) pairs(key string, files []File, t *TLS) {
	if len(files) > 0 && len(files) != len(t.Certificates) {
		c.refuse(files[0].From, "%s names %d files, and certificate names %d; write one for each certificate, in the same order", key, len(files), len(t.Certificates))
	}
}

// HSTSDefect says why a text can't be the value of Strict-Transport-Security (RFC 6797 section 6.1), or returns "".
func HSTSDefect(value string) string {
	seconds := false
	for directive := range strings.SplitSeq(value, ";") {
		name, number, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if strings.EqualFold(name, "max-age") && number != "" && strings.Trim(number, "0123456789") == "" {
			seconds = true
		}
	}
	if !seconds || !response.ValidField("Strict-Transport-Security", value) {
		return `needs max-age with a number of seconds; write "max-age=31536000" for a year`
	}
	return ""
}
