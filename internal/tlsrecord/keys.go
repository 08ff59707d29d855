package tlsrecord

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"
)

// suite is a cipher suite of TLS 1.3 (RFC 8446, appendix B.4).
type suite struct {
	id       uint16
	keyBytes int
	hash     func() hash.Hash
	aead     func(key []byte) (cipher.AEAD, error)
}

var suites = []suite{
	{tls.TLS_AES_128_GCM_SHA256, 16, sha256.New, newGCM},
	{tls.TLS_AES_256_GCM_SHA384, 32, sha512.New384, newGCM},
	{tls.TLS_CHACHA20_POLY1305_SHA256, chacha20poly1305.KeySize, sha256.New, chacha20poly1305.New},
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

const ivBytes = 12

// keys are the traffic keys of one direction.
type keys struct {
	suite    *suite
	secret   []byte
	aead     cipher.AEAD
	iv       [ivBytes]byte
	nonce    [ivBytes]byte // memory for the next one
	sequence uint64        // of the next record
}

// Init sets the keys of a cipher suite and a traffic secret. sequence is the number of the next record.
func (k *keys) Init(suite uint16, secret []byte, sequence uint64) error {
	for i := range suites {
		if suites[i].id == suite {
			k.suite = &suites[i]
			if n := k.suite.hash().Size(); len(secret) != n {
				return fmt.Errorf("a traffic secret of %s has %d bytes, not %d", tls.CipherSuiteName(suite), n, len(secret))
			}
			return k.set(secret, sequence)
		}
	}
	return fmt.Errorf("%s is not a cipher suite of TLS 1.3", tls.CipherSuiteName(suite))
}

// InitKeys sets keys that Export has returned. They can't be updated.
func (k *keys) InitKeys(suite uint16, key, iv []byte, sequence uint64) error {
	for i := range suites {
		if s := &suites[i]; s.id == suite && len(key) == s.keyBytes && len(iv) == ivBytes {
			k.suite, k.sequence = s, sequence
			copy(k.iv[:], iv)
			var err error
			k.aead, err = s.aead(key)
			return err
		}
	}
	return fmt.Errorf("no keys of TLS 1.3 for %s", tls.CipherSuiteName(suite))
}

// set derives the keys from a secret (RFC 8446, section 7.3).
func (k *keys) set(secret []byte, sequence uint64) error {
	key, err := k.expand(secret, "key", k.suite.keyBytes)
	if err != nil {
		return err
	}
	iv, err := k.expand(secret, "iv", ivBytes)
	if err != nil {
		return err
	}
	k.secret, k.sequence = secret, sequence
	copy(k.iv[:], iv)
	k.aead, err = k.suite.aead(key)
	return err
}

// update goes on to the keys of the next generation (RFC 8446, section 7.2).
func (k *keys) update() error {
	next, err := k.expand(k.secret, "traffic upd", len(k.secret))
	if err != nil {
		return err
	}
	return k.set(next, 0)
}

// expand is HKDF-Expand-Label with an empty context (RFC 8446, section 7.1).
func (k *keys) expand(secret []byte, label string, n int) ([]byte, error) {
	const prefix = "tls13 "
	info := make([]byte, 0, 4+len(prefix)+len(label))
	info = binary.BigEndian.AppendUint16(info, uint16(n))
	info = append(info, byte(len(prefix)+len(label)))
	info = append(append(info, prefix...), label...)
	return hkdf.Expand(k.suite.hash, secret, string(append(info, 0)), n)
}

// nextNonce returns the nonce of the next record (RFC 8446, section 5.3), good until the next call.
func (k *keys) nextNonce() []byte {
	k.nonce = k.iv
	low := k.nonce[ivBytes-8:]
	binary.BigEndian.PutUint64(low, binary.BigEndian.Uint64(low)^k.sequence)
	return k.nonce[:]
}

// Sequence returns the number of the next record.
func (k *keys) Sequence() uint64 { return k.sequence }

// Export returns what another implementation of the records needs to go on: the key, the IV and the number of the next record.
func (k *keys) Export() (key, iv []byte, sequence uint64, err error) {
	key, err = k.expand(k.secret, "key", k.suite.keyBytes)
	return key, bytes.Clone(k.iv[:]), k.sequence, err
}
