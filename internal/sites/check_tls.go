package sites

import (
	"net/netip"
	"strings"

	"aws/internal/response"
)

// inheritTLS returns how a site is served by https: its own keys, and those of the defaults that it does not set. Certificates, keys and
// OCSP responses belong together. A site without certificate inherits nothing.
func inheritTLS(defaults, own *TLS) TLS {
	t := *own
	if t.Certificates == nil {
		t.Certificates, t.Keys, t.OCSP = defaults.Certificates, defaults.Keys, defaults.OCSP
	}
	if len(t.Certificates) == 0 {
		return *own
	}
	t.Policy, t.ClientCertificates = or(own.Policy, defaults.Policy), or(own.ClientCertificates, defaults.ClientCertificates)
	t.ClientRoots, t.RedirectHTTP, t.HSTS = or(own.ClientRoots, defaults.ClientRoots), or(own.RedirectHTTP, defaults.RedirectHTTP), or(own.HSTS, defaults.HSTS)
	return t
}

// defaultTLS checks the keys for https of [defaults] that do not depend on a site.
func (c *checker) defaultTLS(t *TLS, sites []Site) {
	c.pairs(t)
	c.hsts(t)
	secure, asking := false, false
	for i := range sites {
		effective := inheritTLS(t, &sites[i].TLS)
		secure = secure || len(effective.Certificates) > 0
		asking = asking || effective.ClientRoots == t.ClientRoots && effective.ClientCertificates.Or(clientCertificatesOff) != clientCertificatesOff
	}
	for _, p := range t.All() {
		switch {
		case p.Key == "key" || p.Key == "ocsp": // see pairs
		case !secure:
			c.warn(p.From, "%s is for https, and no site has a certificate", p.Key)
		case p.Key == "client-ca" && !asking:
			c.warn(p.From, `client-ca does nothing; add client-certificates = "required" or "optional"`)
		}
	}
}

// tls checks the keys for https of a site.
func (c *checker) tls(s *Site, defaults *TLS) {
	own, t := &s.TLS, inheritTLS(defaults, &s.TLS)
	switch auth := t.ClientCertificates.Or(clientCertificatesOff); {
	case auth == clientCertificatesOff && own.ClientRoots != nil:
		c.warn(own.ClientRoots.From, `client-ca does nothing; add client-certificates = "required" or "optional"`)
	case auth != clientCertificatesOff && t.ClientRoots == nil:
		c.refuse(t.ClientCertificates.From, `client-certificates = %q needs the CA certificates that it is checked with; add client-ca = "/etc/aws/clients.pem"`, auth)
	}
	c.hsts(own)
	if len(t.Certificates) > 0 {
		return
	}
	refuse := func(set bool, from Origin, key string) {
		if set {
			c.refuse(from, "%s is for https, and the site has no certificate; add certificate = \"/etc/aws/example.org.pem\"", key)
		}
	}
	refuse(own.Policy != nil, place(own.Policy), "tls-policy")
	refuse(own.ClientCertificates.Or(clientCertificatesOff) != clientCertificatesOff, place(own.ClientCertificates), "client-certificates")
	refuse(own.RedirectHTTP.Or(false), place(own.RedirectHTTP), "redirect-to-https")
	refuse(own.HSTS.Or("") != "", place(own.HSTS), "hsts")
	if own.ClientCertificates == nil && defaults.ClientCertificates.Or(clientCertificatesOff) == clientCertificatesRequired {
		c.refuse(s.From, `the site has no certificate, so its clients can't be asked for theirs, as [defaults] demands it (%s); add certificate = "/etc/aws/example.org.pem", or client-certificates = "off"`,
			defaults.ClientCertificates.From)
	}
}

// hsts checks the value of Strict-Transport-Security.
func (c *checker) hsts(t *TLS) {
	if t.HSTS != nil && t.HSTS.Value != "" {
		if text := HSTSDefect(t.HSTS.Value); text != "" {
			c.refuse(t.HSTS.From, "hsts %s", text)
		}
	}
}

// acme checks a site whose certificates are obtained from a CA.
func (c *checker) acme(s *Site, defaults *TLS) {
	t := inheritTLS(defaults, &s.TLS)
	if !t.ACME() {
		return
	}
	from := t.Certificates[0].From
	if s.TLS.Certificates == nil {
		from = s.From
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

// pairs refuses files that belong to no certificate of the same table.
func (c *checker) pairs(t *TLS) {
	for _, p := range []struct {
		key   string
		files []File
	}{{"key", t.Keys}, {"ocsp", t.OCSP}} {
		switch n := len(p.files); {
		case n == 0:
		case t.ACME():
			c.refuse(t.Certificates[0].From, "certificate = %q goes without key and ocsp; remove them", ACME)
			return
		case n != len(t.Certificates):
			c.refuse(p.files[0].From, "%s names %d files, and certificate names %d; write one for each certificate, in the same order", p.key, n, len(t.Certificates))
		}
	}
	for i, f := range t.Certificates {
		if i > 0 && (f.Name == ACME || t.ACME()) {
			c.refuse(f.From, "certificate = %q is for all hosts of the site; write the hosts that have a certificate in a file as a site of their own", ACME)
			return
		}
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
