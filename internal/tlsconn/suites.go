package tlsconn

// suites are the cipher suites that a handshake may end with by the policies of package tlsconfig, by slot. Those of TLS 1.3 come first.
var suites = [SuiteCount]struct {
	id            uint16
	name, version string
}{
	{0, "other", ""},
	{0x1301, "TLS_AES_128_GCM_SHA256", version13},
	{0x1302, "TLS_AES_256_GCM_SHA384", version13},
	{0x1303, "TLS_CHACHA20_POLY1305_SHA256", version13},
	{0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", version12},
	{0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", version12},
	{0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", version12},
	{0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", version12},
	{0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", version12},
	{0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", version12},
}

// SuiteCount is the number of slots that SlotOfSuite returns.
const SuiteCount = 10

const version12, version13 = "TLS 1.2", "TLS 1.3"

// VersionName returns the name of a version of TLS that the server speaks.
func VersionName(version uint16) string {
	if version == 0x0304 {
		return version13
	}
	return version12
}

// SlotOfSuite returns a small number for a cipher suite: 0 for one that no policy has.
func SlotOfSuite(id uint16) int {
	for i := range suites {
		if suites[i].id == id {
			return i
		}
	}
	return 0
}

// SuiteName returns the name of the cipher suite with a slot, and the version of TLS that it belongs to; "other" and "" for slot 0.
func SuiteName(slot int) (suite, version string) { return suites[slot].name, suites[slot].version }
