// Package certtest makes certificates for tests.
//
// # Caveats
//
// The files that it writes are in directories of the test, and are removed with it. Keys of RSA are made once per size.
package certtest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// KeyType is the type of a key.
type KeyType int

// The types of keys.
const (
	ECDSA   KeyType = iota // P-256
	RSA                    // 2048 bits
	RSAWeak                // 1024 bits
)

var rsaKeys sync.Map // by bits

// newKey returns a key of a type.
func newKey(t testing.TB, kind KeyType) crypto.Signer {
	t.Helper()
	if kind == ECDSA {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		check(t, err)
		return key
	}
	bits := 2048
	if kind == RSAWeak {
		bits = 1024
	}
	if key, ok := rsaKeys.Load(bits); ok {
		return key.(*rsa.PrivateKey)
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	check(t, err)
	rsaKeys.Store(bits, key)
	return key
}

// Template says what a certificate has. The zero value is that of a server that is valid for three months.
type Template struct {
	Name      string   // common name
	Hosts     []string // names and addresses
	Key       KeyType
	NotBefore time.Time
	NotAfter  time.Time
	Client    bool   // for a client
	CA        bool   // for an intermediate CA
	IssuerURL string // where the issuer's certificate is
}

// Certificate is a certificate with its key and its issuer.
type Certificate struct {
	X509   *x509.Certificate
	Key    crypto.Signer
	Issuer *Certificate // itself for a root
}

var serials struct {
	sync.Mutex
	last int64
}

func serial() *big.Int {
	serials.Lock()
	defer serials.Unlock()
	serials.last++
	return big.NewInt(serials.last)
}

// NewCA returns a root.
func NewCA(t testing.TB, name string) *Certificate {
	t.Helper()
	return issue(t, nil, Template{Name: name, CA: true})
}

// Issue returns a certificate that this CA has issued.
func (c *Certificate) Issue(t testing.TB, from Template) *Certificate {
	t.Helper()
	return issue(t, c, from)
}

func issue(t testing.TB, ca *Certificate, from Template) *Certificate {
	t.Helper()
	c := &Certificate{Key: newKey(t, from.Key), Issuer: ca}
	if from.NotBefore.IsZero() {
		from.NotBefore = time.Now().Add(-24 * time.Hour)
	}
	if from.NotAfter.IsZero() {
		from.NotAfter = from.NotBefore.Add(90 * 24 * time.Hour)
	}
	x := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: from.Name}, NotBefore: from.NotBefore, NotAfter: from.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	if from.Client {
		x.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	if from.CA {
		x.IsCA, x.KeyUsage, x.ExtKeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature, nil
	}
	if from.IssuerURL != "" {
		x.IssuingCertificateURL = []string{from.IssuerURL}
	}
	for _, h := range from.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			x.IPAddresses = append(x.IPAddresses, ip)
		} else {
			x.DNSNames = append(x.DNSNames, h)
		}
	}
	parent, signer := x, c.Key
	if ca != nil {
		parent, signer = ca.X509, ca.Key
	} else {
		c.Issuer = c
	}
	der, err := x509.CreateCertificate(rand.Reader, x, parent, c.Key.Public(), signer)
	check(t, err)
	c.X509, err = x509.ParseCertificate(der)
	check(t, err)
	return c
}

// Pool returns a pool with this certificate alone.
func (c *Certificate) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.X509)
	return pool
}

// PEM returns the block of the certificate.
func (c *Certificate) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.X509.Raw})
}

// Chain returns the blocks of the certificate and of its issuers, without the root.
func (c *Certificate) Chain() []byte {
	var b bytes.Buffer
	for at := c; at.Issuer != at; at = at.Issuer {
		b.Write(at.PEM())
	}
	return b.Bytes()
}

// KeyPEM returns the key in the form of PKCS#8.
func (c *Certificate) KeyPEM(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	check(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// OldKeyPEM returns the key in the form of PKCS#1 or SEC 1.
func (c *Certificate) OldKeyPEM(t testing.TB) []byte {
	t.Helper()
	if key, ok := c.Key.(*rsa.PrivateKey); ok {
		return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	}
	der, err := x509.MarshalECPrivateKey(c.Key.(*ecdsa.PrivateKey))
	check(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// OCSP returns a response of the issuer about this certificate.
func (c *Certificate) OCSP(t testing.TB, status int, next time.Time) []byte {
	t.Helper()
	der, err := ocsp.CreateResponse(c.Issuer.X509, c.Issuer.X509, ocsp.Response{
		Status: status, SerialNumber: c.X509.SerialNumber, ThisUpdate: next.Add(-48 * time.Hour), NextUpdate: next,
		RevokedAt: next.Add(-72 * time.Hour),
	}, c.Issuer.Key)
	check(t, err)
	return der
}

// Write writes a file that only this user can read, and returns its path.
func Write(t testing.TB, dir, name string, parts ...[]byte) string {
	t.Helper()
	file := filepath.Join(dir, name)
	check(t, os.WriteFile(file, bytes.Join(parts, nil), 0o600))
	return file
}

// WritePair writes NAME.pem with the chain, and NAME.key with the key.
func (c *Certificate) WritePair(t testing.TB, dir, name string) (certificate, key string) {
	t.Helper()
	return Write(t, dir, name+".pem", c.Chain()), Write(t, dir, name+".key", c.KeyPEM(t))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
