package serveconfig

import (
	"slices"

	"aws/internal/config"
	"aws/internal/sites"
	"aws/internal/tlsconfig"
)

// fileNames reads a list of files.
func fileNames(at func(t *sites.TLS) *[]sites.File, example string) func(*siteReader, *config.Node, *sites.TLS) {
	return func(r *siteReader, n *config.Node, t *sites.TLS) {
		*at(t) = []sites.File{} // set, and none
		for _, e := range r.list(n, example) {
			if e.Text == "" {
				r.fail(e, "%s is empty; write a file, such as %s", n.Key, example)
			}
			*at(t) = append(*at(t), sites.File{Name: e.Text, From: r.from(e)})
		}
	}
}

// oneOfNames reads one of several strings.
func oneOfNames(at func(t *sites.TLS) **sites.Setting[string], values []string) func(*siteReader, *config.Node, *sites.TLS) {
	return func(r *siteReader, n *config.Node, t *sites.TLS) {
		if i := r.oneOf(n, values); i >= 0 {
			*at(t) = sites.Set(values[i], r.from(n))
		}
	}
}

// tlsKeys are the keys of [[site]] and [defaults] for https.
var tlsKeys = []siteKey[sites.TLS]{
	{
		"certificate", "file or list of files", "certificate for https, with its chain, in PEM form",
		"The certificate of the site is first, and each issuer follows what it has issued. Several files are for several names, or for ECDSA and RSA keys of the same name: a client gets the first that it supports, ECDSA before RSA. The value acme stands for certificates that are obtained from a CA, one for each host. A site without this key has certificate, key and ocsp of [defaults]; [] is none.",
		`certificate = "/etc/aws/example.org.pem"`,
		fileNames(func(t *sites.TLS) *[]sites.File { return &t.Certificates }, `"/etc/aws/example.org.pem"`),
	},
	{
		"key", "file or list of files", "private key of the certificate, in PEM form",
		"One for each certificate, in the same order. Without it, the key is in the file of the certificate.", `key = "/etc/aws/example.org.key"`,
		fileNames(func(t *sites.TLS) *[]sites.File { return &t.Keys }, `"/etc/aws/example.org.key"`),
	},
	{
		"ocsp", "file or list of files", "OCSP response that is stapled, in DER form",
		"One for each certificate, in the same order. A response that is not valid for its certificate, or has expired, is not sent.", `ocsp = "/etc/aws/example.org.ocsp"`,
		fileNames(func(t *sites.TLS) *[]sites.File { return &t.OCSP }, `"/etc/aws/example.org.ocsp"`),
	},
	{
		"tls-policy", "intermediate or modern", "TLS versions and cipher suites",
		"The default is intermediate: TLS 1.2 and 1.3. modern is TLS 1.3 alone.", `tls-policy = "modern"`,
		oneOfNames(func(t *sites.TLS) **sites.Setting[string] { return &t.Policy }, tlsconfig.PolicyNames()),
	},
	{
		"client-certificates", "off, optional or required", "whether clients must have a certificate",
		"The default is off. With optional, a certificate that is sent must be valid. A site with required is not served by http.", `client-certificates = "required"`,
		oneOfNames(func(t *sites.TLS) **sites.Setting[string] { return &t.ClientCertificates }, tlsconfig.ClientAuthNames()),
	},
	{
		"client-ca", "file", "certificates of the CAs that issue client certificates, in PEM form", "", `client-ca = "/etc/aws/clients.pem"`,
		func(r *siteReader, n *config.Node, t *sites.TLS) {
			if text, ok := r.text(n, `"/etc/aws/clients.pem"`); ok {
				t.ClientRoots = sites.Set(text, r.from(n))
			}
		},
	},
	{
		"redirect-to-https", "true or false", "redirect http:// to https://", "The default is false. The status is 308.", `redirect-to-https = true`,
		func(r *siteReader, n *config.Node, t *sites.TLS) {
			if v, ok := r.boolean(n); ok {
				t.RedirectHTTP = sites.Set(v, r.from(n))
			}
		},
	},
	{
		"hsts", "string", "value of Strict-Transport-Security in responses over https",
		"Browsers that have seen it use https alone for this time, in seconds. The default is none.", `hsts = "max-age=31536000; includeSubDomains"`,
		func(r *siteReader, n *config.Node, t *sites.TLS) {
			if text, ok := r.text(n, `"max-age=31536000"`); ok {
				t.HSTS = sites.Set(text, r.from(n))
			}
		},
	},
}

// allSiteKeys returns the keys of [[site]] apart from properties.
func allSiteKeys() []siteKey[sites.Site] {
	keys := slices.Clone(siteKeys)
	for _, k := range tlsKeys {
		keys = append(keys, siteKey[sites.Site]{
			k.Name, k.Form, k.Usage, k.Advice, k.Example,
			func(r *siteReader, n *config.Node, s *sites.Site) { k.read(r, n, &s.TLS) },
		})
	}
	return keys
}
