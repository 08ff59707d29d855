package tlsconfig

import "crypto/tls"

// Policy is a set of versions and cipher suites: those of Mozilla's guidelines for server-side TLS, as far as crypto/tls
// has them. It has no finite-field Diffie-Hellman, renegotiation, compression or 0-RTT.
type Policy uint8

// The policies.
const (
	PolicyIntermediate Policy = iota // TLS 1.2 and 1.3
	PolicyModern                     // TLS 1.3
)

var policyNames = []string{"intermediate", "modern"}

// String returns the value of the key in a configuration.
func (p Policy) String() string { return policyNames[p] }

// PolicyNames returns the values of the key, in the order of the constants.
func PolicyNames() []string { return policyNames }

// intermediateSuites are the cipher suites of TLS 1.2. crypto/tls determines their order, and the suites of TLS 1.3.
var intermediateSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// config returns a new configuration. The groups of the key exchange are the defaults of crypto/tls, which include
// X25519MLKEM768.
func (p Policy) config() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13, CipherSuites: intermediateSuites}
	if p == PolicyModern {
		c.MinVersion = tls.VersionTLS13
	}
	return c
}
