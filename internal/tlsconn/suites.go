package tlsconn

import "crypto/tls"

// suiteIDs are the cipher suites that a handshake may end with by the policies of package tlsconfig. Those of TLS 1.3 come first.
var suiteIDs = [SuiteCount]uint16{
	0,
	tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// SuiteCount is the number of slots that SlotOfSuite returns.
const SuiteCount = 10

// SlotOfSuite returns a small number for a cipher suite: 0 for one that no policy has.
func SlotOfSuite(id uint16) int {
	for i, s := range suiteIDs {
		if s == id {
			return i
		}
	}
	return 0
}

// suiteNames are the names by slot: tls.CipherSuiteName allocates.
var suiteNames = func() (names [SuiteCount]string) {
	for slot, id := range suiteIDs {
		names[slot] = tls.CipherSuiteName(id)
	}
	return names
}()

// SuiteName returns the name of the cipher suite with a slot, and the version of TLS that it belongs to; "other" and "" for slot 0.
func SuiteName(slot int) (suite, version string) {
	switch {
	case slot == 0:
		return "other", ""
	case slot <= 3:
		version = tls.VersionName(tls.VersionTLS13)
	default:
		version = tls.VersionName(tls.VersionTLS12)
	}
	return suiteNames[slot], version
}
