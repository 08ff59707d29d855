package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
)

func TestMakeCertificate(t *testing.T) {
	certificate, key, err := makeCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	if pair.Leaf.PublicKeyAlgorithm != x509.ECDSA {
		t.Errorf("the key is one of %v", pair.Leaf.PublicKeyAlgorithm)
	}
	for _, host := range []string{"localhost", loopbackHost, vethServer} {
		if err := pair.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	if stat, err := os.Stat(key); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", stat.Mode(), err)
	}
}
