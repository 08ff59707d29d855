package serveconfig

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"aws/internal/acme"
	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/sites"
)

// acmeOptions hold what all certificates by ACME have in common.
type acmeOptions struct {
	storage    string
	agreeTerms bool
	email      string
	directory  string
	caFile     string
	keyID      string
	keyFile    string
	challenge  string
}

// The values of --acme-challenge.
const (
	challengeAny  = "any"
	challengeHTTP = "http-01"
	challengeTLS  = "tls-alpn-01"
)

func (a *acmeOptions) table() config.Group {
	return config.Group{Name: "Certificates by ACME", Options: []config.Option{
		{
			Name: "acme-storage", Into: &a.storage,
			Usage:  "keep certificates by ACME, and their keys, in the directory `DIR`",
			Advice: "It must have the mode 0700, and be kept over restarts: a CA limits how many certificates it issues. Processes may share it.",
		},
		{
			Name: "acme-agree-terms", Into: &a.agreeTerms,
			Usage:  "agree to the terms of service of the CA",
			Advice: "Required for certificates by ACME. Those of Let's Encrypt are at letsencrypt.org/repository.",
		},
		{
			Name: "acme-email", Into: &a.email,
			Usage:  "give the CA the e-mail address `ADDRESS` for the account",
			Advice: "Optional. Some CAs warn there of problems with the account.",
		},
		{
			Name: "acme-directory", Into: &a.directory, Default: acme.LetsEncrypt,
			Usage:  "obtain certificates from the CA with the ACME directory at `URL`",
			Advice: "To try a configuration, use " + acme.LetsEncryptStaging + ", which has higher limits and whose certificates no client accepts.",
		},
		{
			Name: "acme-ca", Into: &a.caFile,
			Usage:  "accept directories with a certificate of the CAs in the PEM file `FILE`, beside those of the system",
			Advice: "For a private CA, such as step-ca.",
		},
		{
			Name: "acme-key-id", Into: &a.keyID,
			Usage:  "external account binding with the key of identifier `ID`",
			Advice: "Some CAs ask for it (RFC 8555 section 7.3.4), and give both the identifier and the key to their customers.",
		},
		{
			Name: "acme-key-file", Into: &a.keyFile,
			Usage:  "external account binding with the key in `FILE`, in base64url",
			Advice: "Needed with --acme-key-id. It is used once, when the account is made.",
		},
		{
			Name: "acme-challenge", Into: &a.challenge, Default: challengeAny, OneOf: []string{challengeAny, challengeHTTP, challengeTLS},
			Usage:  "let the CA validate host names by `CHALLENGE`",
			Advice: "http-01 needs port 80 of the names, tls-alpn-01 port 443. Choose one if the other port is not this server's.",
		},
	}}
}

// ACME returns which certificates are obtained, or nil if no site has certificate = "acme". It reads the key of an external
// account binding. What Effects refuses is not refused here.
func (o *Options) ACME(log *slog.Logger, userAgent string) (*acme.Options, error) {
	a := &o.acme
	names := o.acmeNames()
	if len(names) == 0 {
		return nil, nil
	}
	result := &acme.Options{
		Names: names, Directory: a.directory, Email: a.email, AgreeTerms: a.agreeTerms, Storage: a.storage, CAFile: a.caFile, KeyID: a.keyID,
		HTTP01: a.challenge != challengeTLS, TLSALPN01: a.challenge != challengeHTTP, UserAgent: userAgent, Log: log,
	}
	if a.keyFile != "" {
		key, err := os.ReadFile(a.keyFile)
		if err != nil {
			return nil, command.FileError("--acme-key-file", "read", err)
		}
		if info, err := os.Stat(a.keyFile); err == nil && info.Mode().Perm()&0o004 != 0 {
			log.Warn(fmt.Sprintf("%s: every user of the machine can read the key (%04o); chmod o= %s", a.keyFile, info.Mode().Perm(), a.keyFile))
		}
		result.MACKey = string(bytes.TrimSpace(key))
		if err := acme.CheckMACKey(result.MACKey); err != nil {
			return nil, fmt.Errorf("--acme-key-file: %s: %w", a.keyFile, err)
		}
	}
	return result, nil
}

// obtained returns the certificate for a handshake with a site that has certificate = "acme".
func (o *Options) obtained(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if o.Issued == nil {
		return nil, acme.ErrNotYet
	}
	return o.Issued.GetCertificate(hello)
}

// acmeNames returns the host names of all sites with certificate = "acme".
func (o *Options) acmeNames() (names []string) {
	if o.Sites == nil {
		return nil
	}
	for _, site := range o.Sites.Sites() {
		if !site.TLS.ACME() {
			continue
		}
		for _, h := range site.Hosts {
			if name, err := sites.CanonicalHost(h.Name); err == nil {
				names = append(names, name)
			}
		}
	}
	return names
}

// effects refuses what does not fit together, and warns of options that do nothing.
func (a *acmeOptions) effects(e *effects, o *Options) error {
	for _, c := range o.https.certificates {
		if c == sites.ACME && o.Sites == nil {
			return command.UsageError(errors.New(`--certificate acme needs to know the host names; write a [[site]] with hosts and certificate = "acme"`))
		}
	}
	names := o.acmeNames()
	if len(names) == 0 {
		for _, option := range a.table().Options {
			if e.set(option.Name) {
				e.warn(`--%s does nothing, because no site has certificate = "acme"`, option.Name)
			}
		}
		return nil
	}
	refuse := func(format string, args ...any) error { return command.UsageError(fmt.Errorf(format, args...)) }
	switch {
	case a.storage == "":
		return refuse(`certificate = "acme" needs a directory for keys and certificates; add acme-storage = "/var/lib/awsd/acme"`)
	case !a.agreeTerms:
		return refuse(`certificate = "acme" needs your consent to the terms of service of the CA; read them, and add acme-agree-terms = true`)
	case (a.keyID == "") != (a.keyFile == ""):
		return refuse("--acme-key-id and --acme-key-file belong together; give both or neither")
	}
	if err := acme.CheckDirectory(a.directory); err != nil {
		return refuse("--acme-directory: %w", err)
	}
	if a.email != "" {
		if err := acme.CheckEmail(a.email); err != nil {
			return refuse("--acme-email: %w", err)
		}
	}
	for _, name := range names {
		if err := acme.CheckName(name); err != nil {
			return refuse("hosts: %w", err)
		}
	}
	return nil
}
