package tlsconfig

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rsaBitsMin is the smallest RSA key that clients accept (CA/Browser Forum, Baseline Requirements 6.1.5).
const rsaBitsMin = 2048

// fileBytesMax bounds a file of certificates or keys.
const fileBytesMax = 4 << 20

// Types of PEM blocks (RFC 7468).
const (
	blockCertificate  = "CERTIFICATE"
	blockEncryptedKey = "ENCRYPTED PRIVATE KEY"
	blockECParameters = "EC PARAMETERS"
	keySuffix         = "PRIVATE KEY"
)

// certificate is a certificate that was loaded. It does not change.
type certificate struct {
	pair        Pair
	plain       tls.Certificate
	stapled     *tls.Certificate // plain with the OCSP response; nil: there is none
	stapleUntil time.Time        // when the OCSP response expires
	states      []fileState      // of the files, from before they were read
}

// leaf returns the certificate of the server itself.
func (c *certificate) leaf() *x509.Certificate { return c.plain.Leaf }

// current returns the certificate for a handshake at a time.
func (c *certificate) current(now time.Time) *tls.Certificate {
	if c.stapled != nil && now.Before(c.stapleUntil) {
		return c.stapled
	}
	return &c.plain
}

// loadPair reads a certificate with its key and OCSP response. The error names the file, the reason and the remedy. A
// warning is about what is served all the same.
func loadPair(p Pair, now time.Time) (c *certificate, warnings []string, err error) {
	states := statesOf(p.files())
	chain, err := readChain(p.Certificate)
	if err != nil {
		return nil, nil, err
	}
	key, err := readKey(p.keyFile())
	if err != nil {
		return nil, nil, err
	}
	if err := checkKey(p, chain, key); err != nil {
		return nil, nil, err
	}
	c = &certificate{pair: p, states: states, plain: tls.Certificate{PrivateKey: key, Leaf: chain[0]}}
	for _, x := range chain {
		c.plain.Certificate = append(c.plain.Certificate, x.Raw)
	}
	warnings = append(inspectKeyFile(p.keyFile()), inspectChain(p.Certificate, chain, now)...)
	if p.OCSP != "" {
		if err := c.staple(chain, now); err != nil {
			warnings = append(warnings, err.Error())
		}
	}
	return c, warnings, nil
}

// isCurrent reports whether reading the files again would give the same certificate.
func (c *certificate) isCurrent() bool {
	return (c.pair.OCSP == "" || c.stapled != nil) && slices.EqualFunc(c.states, statesOf(c.pair.files()), fileState.equal)
}

// readFile reads a file. The error says who may not read it.
func readFile(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory; name a file in it", file)
	case info.Size() > fileBytesMax:
		return nil, fmt.Errorf("%s has %d bytes, more than a certificate or key can have", file, info.Size())
	default:
		var text []byte
		if text, err = os.ReadFile(file); err == nil {
			return text, nil
		}
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s: %w (user %d may not read it; namei -l %s shows the permissions)", file, err, os.Geteuid(), file)
	case errors.Is(err, fs.ErrNotExist):
		if target, linkErr := os.Readlink(file); linkErr == nil {
			return nil, fmt.Errorf("%s: %w (it is a symbolic link to %s)", file, err, target)
		}
	}
	return nil, fmt.Errorf("%s: %w", file, err)
}

// readChain reads the certificates of a file. There is at least one.
func readChain(file string) ([]*x509.Certificate, error) {
	text, err := readFile(file)
	if err != nil {
		return nil, err
	}
	return parseChain(file, text)
}

// parseChain parses the content of a file of certificates.
func parseChain(file string, text []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	var others []string
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != blockCertificate {
			others = append(others, block.Type)
			continue
		}
		x, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d is malformed: %w", file, len(chain)+1, err)
		}
		chain = append(chain, x)
	}
	if len(chain) == 0 {
		return nil, fmt.Errorf("%s %s", file, missingBlock(text, others, "a certificate (-----BEGIN CERTIFICATE-----)",
			"openssl x509 -inform DER -in "+file+" -out "+file+".pem"))
	}
	return chain, nil
}

// missingBlock says what a file has in place of the block that is wanted.
func missingBlock(text []byte, others []string, wanted, convert string) string {
	switch {
	case len(others) > 0:
		return fmt.Sprintf("has no %s; its blocks are %s", strings.TrimPrefix(wanted, "a "), strings.Join(others, ", "))
	case len(bytes.TrimSpace(text)) == 0:
		return "is empty; it should have " + wanted
	case text[0] == 0x30: // a SEQUENCE of DER
		return "is in DER form and not in PEM form; convert it: " + convert
	default:
		return "has no PEM block; it should have " + wanted
	}
}

// readKey reads the first private key of a file: PKCS#8, PKCS#1 or SEC 1.
func readKey(file string) (crypto.Signer, error) {
	text, err := readFile(file)
	if err != nil {
		return nil, err
	}
	return findKey(file, text)
}

// findKey parses the first private key in the content of a file.
func findKey(file string, text []byte) (crypto.Signer, error) {
	var others []string
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == blockEncryptedKey || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return nil, fmt.Errorf("%s: the private key is encrypted; decrypt it: openssl pkey -in %s -out %s.plain (and chmod 600 %s.plain)",
				file, file, file, file)
		}
		if strings.HasSuffix(block.Type, keySuffix) {
			return parseKey(file, block)
		}
		if block.Type != blockECParameters {
			others = append(others, block.Type)
		}
	}
	return nil, fmt.Errorf("%s %s", file, missingBlock(text, others, "a private key (-----BEGIN PRIVATE KEY-----)",
		"openssl pkey -inform DER -in "+file+" -out "+file+".pem"))
}

// parseKey parses the private key of a block.
func parseKey(file string, block *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case keySuffix:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("%s: a key in a block %q can't be used; openssl pkey -in %s -out %s.pem converts it", file, block.Type, file, file)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: the private key is malformed: %w", file, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: TLS can't sign with a key of this type (%T)", file, key)
	}
	return signer, nil
}

// equaler is what all public keys of the standard library implement.
type equaler interface {
	Equal(other crypto.PublicKey) bool
}

// checkKey refuses a key that does not belong to the certificate, and one that clients refuse.
func checkKey(p Pair, chain []*x509.Certificate, key crypto.Signer) error {
	public, ok := key.Public().(equaler)
	if !ok {
		return fmt.Errorf("%s: TLS can't sign with a key of this type (%T)", p.keyFile(), key)
	}
	for i, x := range chain {
		if !public.Equal(x.PublicKey) {
			continue
		}
		if i == 0 {
			return checkStrength(p, key)
		}
		return fmt.Errorf("%s: the chain is out of order: the certificate of the key is number %d; put it first, and each issuer after the certificate that it has issued",
			p.Certificate, i+1)
	}
	return fmt.Errorf("%s: the private key is not that of the certificate %s (%s)", p.keyFile(), p.Certificate, subjectOf(chain[0]))
}

// checkStrength refuses a weak key.
func checkStrength(p Pair, key crypto.Signer) error {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < rsaBitsMin {
			return fmt.Errorf("%s: the RSA key has %d bits, and clients refuse fewer than %d; make another one: openssl ecparam -name prime256v1 -genkey -noout",
				p.keyFile(), bits, rsaBitsMin)
		}
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P224() {
			return fmt.Errorf("%s: TLS does not have the curve %s of the key; use P-256", p.keyFile(), k.Curve.Params().Name)
		}
	case ed25519.PrivateKey:
	default:
		return fmt.Errorf("%s: TLS can't sign with a key of this type (%T)", p.keyFile(), key)
	}
	return nil
}

// keyType returns the type and the size of a public key, such as "RSA 2048".
func keyType(x *x509.Certificate) string {
	switch k := x.PublicKey.(type) {
	case *rsa.PublicKey:
		return "RSA " + strconv.Itoa(k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	default:
		return x.PublicKeyAlgorithm.String()
	}
}

// subjectOf names a certificate.
func subjectOf(x *x509.Certificate) string {
	if s := x.Subject.String(); s != "" {
		return s
	}
	if names := namesOf(x); len(names) > 0 {
		return names[0]
	}
	return "serial number " + x.SerialNumber.String()
}
