package tlsconn

import (
	"crypto/tls"
	"testing"
)

// TestSuites compares the table with that of crypto/tls.
func TestSuites(t *testing.T) {
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if VersionName(v) != tls.VersionName(v) {
			t.Errorf("version %#x is %s", v, VersionName(v))
		}
	}
	for slot := range SuiteCount {
		name, version := SuiteName(slot)
		if slot == 0 {
			if name != "other" || version != "" || SlotOfSuite(0x1234) != 0 {
				t.Errorf("slot 0 is %q of %q", name, version)
			}
			continue
		}
		id := suites[slot].id
		if name != tls.CipherSuiteName(id) || SlotOfSuite(id) != slot {
			t.Errorf("slot %d, %#x, is %s; crypto/tls has %s", slot, id, name, tls.CipherSuiteName(id))
		}
		for _, s := range tls.CipherSuites() {
			if s.ID == id && tls.VersionName(s.SupportedVersions[len(s.SupportedVersions)-1]) != version {
				t.Errorf("%s is of %s", name, version)
			}
		}
	}
}
