package serveconfig

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"aws/goloop"
	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/kernel"
	"aws/internal/sites"
	"aws/internal/tlsconfig"
)

// https holds the options for TLS. Those of a single site do not apply if there are sites.
type https struct {
	addresses  []string
	ticketKeys []string
	keyLog     string
	kernelTLS  string

	certificates []string
	keys         []string
	ocsp         []string
	policy       string
	clientAuth   string
	clientRoots  string
	redirect     bool
	hsts         string
}

func (t *https) table() config.Group {
	return config.Group{Name: "HTTPS", Options: []config.Option{
		{
			Name: "listen-tls", Into: &t.addresses,
			Usage:  "listen on `ADDRESS` for https: IP:PORT, :PORT for all addresses, or unix:/path (repeatable)",
			Advice: "A site needs a certificate besides. Sockets that systemd passes replace this option; those with FileDescriptorName=https are for https.",
		},
		{
			Name: "certificate", Into: &t.certificates,
			Usage:  "use the certificate, with its chain, in the PEM file `FILE` (repeatable)",
			Advice: "The certificate of the server is first in the file, and each issuer follows what it has issued. Changed files are loaded within half a minute. A client gets the first certificate for its name that it supports, ECDSA before RSA.",
		},
		{
			Name: "key", Into: &t.keys,
			Usage:  "use the private key in the PEM file `FILE` (repeatable)",
			Advice: "Name one for each --certificate, in the same order. Without this option, the key is in the file of the certificate.",
		},
		{
			Name: "ocsp", Into: &t.ocsp,
			Usage:  "staple the OCSP response in the DER file `FILE` (repeatable)",
			Advice: "Name one for each --certificate, in the same order. A response that is not valid for the certificate, or has expired, is not sent.",
		},
		{
			Name: "tls-policy", Into: &t.policy, Default: tlsconfig.PolicyIntermediate.String(), OneOf: tlsconfig.PolicyNames(),
			Usage:  "TLS versions and cipher suites, as `POLICY`",
			Advice: "intermediate is TLS 1.2 and 1.3 with the cipher suites that Mozilla recommends, modern is TLS 1.3 alone.",
		},
		{
			Name: "client-certificates", Into: &t.clientAuth, Default: tlsconfig.ClientAuthOff.String(), OneOf: tlsconfig.ClientAuthNames(),
			Usage:  "whether clients must have a certificate, as `MODE`",
			Advice: "With optional, a certificate that is sent must be valid. With required, nothing is served by http.",
		},
		{
			Name: "client-ca", Into: &t.clientRoots,
			Usage:  "accept client certificates of the CAs in the PEM file `FILE`",
			Advice: "Needed with --client-certificates. Name a CA of your own: everybody to whom it issues a certificate is admitted.",
		},
		{
			Name: "redirect-to-https", Into: &t.redirect,
			Usage:  "redirect http:// to https://",
			Advice: "Turn it on if clients should use https only. The status is 308.",
		},
		{
			Name: "hsts", Into: &t.hsts,
			Usage:  "send `VALUE` as Strict-Transport-Security over https",
			Advice: "max-age=31536000 has browsers use https alone for a year. Begin with a short time: it can't be taken back.",
		},
		{
			Name: "tls-ticket-keys", Into: &t.ticketKeys,
			Usage:  "encrypt session tickets with the key in `FILE` (repeatable)",
			Advice: "For several servers behind one address, so that each can resume the sessions of the others. A file has 48 or 80 random bytes (openssl rand 80), as for ssl_session_ticket_key of nginx. The first file encrypts, all decrypt: put a new key behind the others on all servers first, and then in front. Without this option, keys are random, and a new one is made every twelve hours.",
		},
		{
			Name: "ktls", Into: &t.kernelTLS, Default: kernelTLSAuto, OneOf: []string{kernelTLSAuto, kernelTLSOff},
			Usage:  "whether the kernel encrypts large responses over https, as `MODE`",
			Advice: "With auto, a connection of TLS 1.3 is handed to the kernel before the first response that sends 64 KiB or more of a file. Needs the kernel module tls (modprobe tls); without it, off is the same. Set off if downloads over https fail.",
		},
		{
			Name: "tls-key-log", Into: &t.keyLog,
			Usage:  "write the secrets of all TLS connections to `FILE`",
			Advice: "For debugging with Wireshark only: anyone who can read the file can decrypt all connections. The variable SSLKEYLOGFILE has no effect.",
		},
	}}
}

// The values of --ktls.
const (
	kernelTLSAuto = "auto"
	kernelTLSOff  = "off"
)

// kernelTLSBytes is from how many bytes of a file on the kernel encrypts. Below that, the calls that hand a connection over cost more than
// they save.
const kernelTLSBytes = 64 << 10

// addTo puts what concerns connections into the server's configuration.
func (t *https) addTo(cfg *goloop.ServerConfig) {
	if t.kernelTLS == kernelTLSAuto {
		cfg.Loop.KernelTLSBytes = kernelTLSBytes
	}
}

// listen reads --listen-tls.
func (t *https) listen(file func() (kernel.SocketAccess, error)) ([]kernel.Address, error) {
	var addrs []kernel.Address
	for _, s := range t.addresses {
		addr, err := kernel.ParseAddress(s)
		if err != nil {
			return nil, command.UsageError(fmt.Errorf("--listen-tls: %w", err))
		}
		if addr.Path != "" {
			if addr.File, err = file(); err != nil {
				return nil, command.UsageError(err)
			}
		}
		addr.TLS = true
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// port returns the port that http:// is redirected to: that of the first TCP address, or 0 for the default.
func (t *https) port() uint16 {
	for _, s := range t.addresses {
		if addr, err := kernel.ParseAddress(s); err == nil && addr.Path == "" {
			return addr.TCP.Port()
		}
	}
	return 0
}

// site returns the rules for https of a server with a single site.
func (t *https) site() *sites.TLS {
	from := func(flag string) sites.Origin { return sites.Origin{Source: "--" + flag} }
	list := func(flag string, names []string) (files []sites.File) {
		for _, name := range names {
			files = append(files, sites.File{Name: name, From: from(flag)})
		}
		return files
	}
	s := &sites.TLS{
		Certificates: list("certificate", t.certificates), Keys: list("key", t.keys), OCSP: list("ocsp", t.ocsp),
		Policy: sites.Set(t.policy, from("tls-policy")), ClientCertificates: sites.Set(t.clientAuth, from("client-certificates")),
		RedirectHTTP: sites.Set(t.redirect, from("redirect-to-https")), HSTS: sites.Set(t.hsts, from("hsts")),
	}
	if t.clientRoots != "" {
		s.ClientRoots = sites.Set(t.clientRoots, from("client-ca"))
	}
	return s
}

// effects refuses options that do not fit together, and warns of those that do nothing.
func (t *https) effects(e *effects, table *sites.Table) error {
	for _, p := range []struct {
		flag  string
		files []string
	}{{"key", t.keys}, {"ocsp", t.ocsp}} {
		if len(p.files) > 0 && len(p.files) != len(t.certificates) {
			return command.UsageError(fmt.Errorf("--%s names %d files, and --certificate %d; name one for each certificate, in the same order", p.flag, len(p.files), len(t.certificates)))
		}
	}
	auth := t.clientAuth != tlsconfig.ClientAuthOff.String()
	if auth && t.clientRoots == "" {
		return command.UsageError(errors.New("--client-certificates needs --client-ca FILE, with the CA certificates that client certificates are checked with"))
	}
	if t.hsts != "" {
		if text := sites.HSTSDefect(t.hsts); text != "" {
			return command.UsageError(fmt.Errorf("--hsts %q %s", t.hsts, text))
		}
	}
	if table != nil {
		if len(t.addresses) > 0 && !slices.ContainsFunc(table.Sites(), func(s *sites.CompiledSite) bool { return len(s.TLS.Certificates) > 0 }) {
			return command.UsageError(errors.New(`--listen-tls needs a certificate; add certificate = "/etc/aws/example.org.pem" to a [[site]] or to [defaults]`))
		}
		return nil
	}
	if len(t.addresses) > 0 && len(t.certificates) == 0 {
		return command.UsageError(errors.New("--listen-tls needs a certificate; add --certificate FILE and --key FILE"))
	}
	for _, needs := range []struct {
		option, needed string
		have           bool
	}{
		{"client-ca", "--client-certificates", auth},
		{"tls-policy", "--certificate", len(t.certificates) > 0},
		{"client-certificates", "--certificate", len(t.certificates) > 0},
		{"redirect-to-https", "--certificate", len(t.certificates) > 0},
		{"hsts", "--certificate", len(t.certificates) > 0},
	} {
		if e.set(needs.option) && !needs.have {
			e.warn("--%s does nothing without %s", needs.option, needs.needed)
		}
	}
	return nil
}

// CheckCertificates refuses addresses for https of a server without certificates, as sockets of systemd may be. hasCertificates says
// whether it has any.
func CheckCertificates(addrs []kernel.Address, hasCertificates bool) error {
	for _, a := range addrs {
		if a.TLS && !hasCertificates {
			return command.UsageError(fmt.Errorf("%s is for https, and there is no certificate; add --certificate FILE and --key FILE, or certificate to a [[site]]", a))
		}
	}
	return nil
}

// TLS returns what is to be loaded for https, or nil if no site has a certificate.
func (o *Options) TLS(log *slog.Logger) *tlsconfig.Settings {
	s := &tlsconfig.Settings{TicketKeys: o.https.ticketKeys, KeyLogFile: o.https.keyLog, Log: log}
	if o.Sites == nil {
		if len(o.https.certificates) > 0 {
			s.Sites = append(s.Sites, tlsSite("default", nil, true, o.https.site()))
		}
	} else {
		for _, site := range o.Sites.Sites() {
			if len(site.TLS.Certificates) > 0 {
				t := tlsSite(site.Name, site.Hosts, o.Sites.Site(nil) == site, site.TLS)
				if site.TLS.ACME() {
					t.Pairs, t.Obtained = nil, o.obtained
				}
				s.Sites = append(s.Sites, t)
			}
		}
	}
	if len(s.Sites) == 0 {
		return nil
	}
	if o.Issued != nil {
		s.Challenge = o.Issued.Challenge
	}
	return s
}

// fromKey returns where the value of a key was written, for messages: a flag, or a place in a file with the key.
func fromKey(from sites.Origin, key string) string {
	if from.Line == 0 {
		return from.String()
	}
	return from.Position() + ": " + key
}

// tlsSite returns what is to be loaded for a site.
func tlsSite(name string, hosts []sites.Host, isDefault bool, from *sites.TLS) tlsconfig.Site {
	s := tlsconfig.Site{Name: name, Default: isDefault, ClientRoots: from.ClientRoots.Or("")}
	if from.ClientRoots != nil {
		s.ClientRootsFrom = fromKey(from.ClientRoots.From, "client-ca")
	}
	for _, h := range hosts {
		if key, err := sites.CanonicalHost(h.Name); err == nil {
			s.Hosts = append(s.Hosts, key)
		}
	}
	for i, c := range from.Certificates {
		p := tlsconfig.Pair{Certificate: c.Name, From: fromKey(c.From, "certificate")}
		if i < len(from.Keys) {
			p.Key = from.Keys[i].Name
		}
		if i < len(from.OCSP) {
			p.OCSP = from.OCSP[i].Name
		}
		s.Pairs = append(s.Pairs, p)
	}
	s.Policy = tlsconfig.Policy(max(0, slices.Index(tlsconfig.PolicyNames(), from.Policy.Or(""))))
	s.ClientAuth = tlsconfig.ClientAuth(max(0, slices.Index(tlsconfig.ClientAuthNames(), from.ClientCertificates.Or(""))))
	return s
}

// DescribeCertificates returns the certificates with their names and the day on which they expire, as comments of a file.
func DescribeCertificates(store *tlsconfig.Store) string {
	var b strings.Builder
	for _, c := range store.Certificates() {
		fmt.Fprintf(&b, "\n# certificate %s: %s\n#   %s, issued by %s, expires on %s", c.Files.Certificate, strings.Join(c.Names, ", "), c.Key, c.Issuer, c.NotAfter.UTC().Format("2006-01-02"))
		if c.Stapled {
			b.WriteString(", with an OCSP response")
		}
		b.WriteByte('\n')
	}
	return b.String()
}
