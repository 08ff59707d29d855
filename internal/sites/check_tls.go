package sites

import (
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
