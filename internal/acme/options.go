package acme

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/url"
	"os"
	"strings"
)

// The directories of Let's Encrypt.
const (
	LetsEncrypt        = "https://acme-v02.api.letsencrypt.org/directory"
	LetsEncryptStaging = "https://acme-staging-v02.api.letsencrypt.org/directory"
)

// Options say which certificates are wanted, and of which CA.
type Options struct {
	Names      []string // the host names, in ASCII; no wildcards
	Directory  string   // the URL of the CA's directory; empty: LetsEncrypt
	Email      string   // where the CA writes to about the account; may be empty
	AgreeTerms bool     // the operator agrees to the CA's terms of service; without it nothing is obtained
	Storage    string   // a directory, which is made if its parent exists
	CAFile     string   // PEM certificates of CAs that may sign the directory's own certificate, beside those of the system
	KeyID      string   // external account binding (RFC 8555 section 7.3.4), if the CA asks for it
	MACKey     string   // its key, in base64url
	HTTP01     bool     // the server responds on port 80
	TLSALPN01  bool     // the server responds on port 443
	UserAgent  string
	Owner      *Owner // whom the storage is given to, if root opens it
	Log        *slog.Logger
}

// Owner is the user who uses the storage after the process has given up being root.
type Owner struct{ UID, GID int }

// Check reports the first thing that is wrong with the options, without any input or output.
func (o *Options) Check() error {
	if len(o.Names) == 0 {
		return errors.New("no host name is given")
	}
	for _, name := range o.Names {
		if err := CheckName(name); err != nil {
			return err
		}
	}
	if !o.AgreeTerms {
		return errors.New("a CA issues certificates only to those who agree to its terms of service")
	}
	if o.Storage == "" {
		return errors.New("no storage directory is given")
	}
	if !o.HTTP01 && !o.TLSALPN01 {
		return errors.New("at least one of the challenges http-01 and tls-alpn-01 is needed")
	}
	if err := CheckDirectory(o.directory()); err != nil {
		return err
	}
	if o.Email != "" {
		if err := CheckEmail(o.Email); err != nil {
			return err
		}
	}
	return o.checkBinding()
}

func (o *Options) directory() string {
	if o.Directory == "" {
		return LetsEncrypt
	}
	return o.Directory
}

// checkBinding reports what is wrong with the external account binding.
func (o *Options) checkBinding() error {
	if (o.KeyID == "") != (o.MACKey == "") {
		return errors.New("external account binding needs both the identifier of the key and the key")
	}
	if o.MACKey == "" {
		return nil
	}
	return CheckMACKey(o.MACKey)
}

// CheckMACKey reports what is wrong with the key of an external account binding. The error does not have the key.
func CheckMACKey(key string) error {
	if key == "" {
		return errors.New("the key of the external account binding is empty")
	}
	if _, err := base64.RawURLEncoding.DecodeString(key); err != nil {
		return errors.New("the key of the external account binding is not base64url without padding (RFC 4648 section 5)")
	}
	return nil
}

// CheckDirectory reports what is wrong with the URL of a directory.
func CheckDirectory(directory string) error {
	if u, err := url.Parse(directory); err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%q is not the https:// URL of an ACME directory", directory)
	}
	return nil
}

// CheckEmail reports what is wrong with an address for mail.
func CheckEmail(address string) error {
	if a, err := mail.ParseAddress(address); err != nil || a.Address != address {
		return fmt.Errorf("%q is not an e-mail address", address)
	}
	return nil
}

// CheckName reports why there can be no certificate for a host name.
func CheckName(name string) error {
	switch {
	case strings.Contains(name, "*"):
		return fmt.Errorf("%q: a certificate for a wildcard needs the challenge dns-01, which this server does not have: "+
			"list the names, or give a certificate from a file", name)
	case net.ParseIP(strings.Trim(name, "[]")) != nil:
		return fmt.Errorf("%q is an IP address: certificates are obtained for host names only", name)
	case !isHostName(name):
		return fmt.Errorf("%q is not a host name in ASCII (an internationalized name is given in its form with xn--)", name)
	}
	return nil
}

// isHostName reports whether a name consists of labels of letters, digits and hyphens (RFC 1123 section 2.1).
func isHostName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
				return false
			}
		}
	}
	return true
}

// roots returns the CAs that may sign the directory's certificate. nil means those of the system.
func (o *Options) roots() (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool() // now, while the process may still read the files
	if err != nil {
		pool = x509.NewCertPool()
	}
	if o.CAFile == "" {
		return pool, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("--acme-ca: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--acme-ca: %s has no certificate in PEM", o.CAFile)
	}
	return pool, nil
}
