package kernel

import (
	"bytes"
	"crypto/tls"
	"testing"
)

// TestTLSKeys has the sizes of the structs of linux/tls.h, and the way back.
func TestTLSKeys(t *testing.T) {
	iv := []byte("salt&last iv")
	for suite, want := range map[uint16]struct{ key, bytes int }{
		tls.TLS_AES_128_GCM_SHA256:       {16, 40},
		tls.TLS_AES_256_GCM_SHA384:       {32, 56},
		tls.TLS_CHACHA20_POLY1305_SHA256: {32, 56},
	} {
		key := bytes.Repeat([]byte{7}, want.key)
		b, ok := AppendTLSKeys(nil, suite, key, iv, 300)
		if !ok || len(b) != want.bytes || len(b) > TLSKeysMax || !bytes.HasSuffix(b, []byte{0, 0, 0, 0, 0, 0, 1, 44}) {
			t.Errorf("%s: %v, %d bytes: %x", tls.CipherSuiteName(suite), ok, len(b), b)
			continue
		}
		if gcm := suite != tls.TLS_CHACHA20_POLY1305_SHA256; gcm && !bytes.Equal(b[4+8+want.key:][:4], iv[:4]) {
			t.Errorf("%s: no salt in %x", tls.CipherSuiteName(suite), b)
		}
		gotSuite, gotKey, gotIV, sequence, ok := ParseTLSKeys(b)
		if !ok || gotSuite != suite || !bytes.Equal(gotKey, key) || !bytes.Equal(gotIV, iv) || sequence != 300 {
			t.Errorf("%s comes back as %x, %x, %x, %d, %v", tls.CipherSuiteName(suite), gotSuite, gotKey, gotIV, sequence, ok)
		}
	}
	if _, ok := AppendTLSKeys(nil, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, iv, iv, 0); ok {
		t.Error("there are keys for a suite of TLS 1.2")
	}
	if _, _, _, _, ok := ParseTLSKeys(iv); ok {
		t.Error("there are keys in an IV")
	}
}
