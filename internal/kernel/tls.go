package kernel

import (
	"encoding/binary"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// TLS in the kernel. The struct that a TLS_TX is given (linux/tls.h, struct tls12_crypto_info_aes_gcm_128 and others) is the version, the
// number of the cipher, the end of the IV, the key, the beginning of the IV, which is called salt, and the number of the next record.
const (
	tlsIVBytes   = 12
	versionTLS13 = 0x0304
)

// tlsCipher is a cipher that the kernel knows.
type tlsCipher struct {
	suite     uint16 // by RFC 8446, appendix B.4: AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305
	number    uint16
	keyBytes  int
	saltBytes int
}

var tlsCiphers = [...]tlsCipher{
	{0x1301, 51, 16, 4},
	{0x1302, 52, 32, 4},
	{0x1303, 54, 32, 0},
}

// TLSKeysMax is the size of the largest keys that AppendTLSKeys appends.
const TLSKeysMax = 64

// AppendTLSKeys appends what an OpTLSSend needs: the keys for the records of TLS 1.3 with a cipher suite, and the number of the next
// record. It returns false for a suite that the kernel does not have, or keys of a wrong size.
func AppendTLSKeys(dst []byte, suite uint16, key, iv []byte, sequence uint64) ([]byte, bool) {
	for _, c := range tlsCiphers {
		if c.suite != suite || c.keyBytes != len(key) || len(iv) != tlsIVBytes {
			continue
		}
		dst = binary.NativeEndian.AppendUint16(dst, versionTLS13)
		dst = binary.NativeEndian.AppendUint16(dst, c.number)
		dst = append(dst, iv[c.saltBytes:]...)
		dst = append(dst, key...)
		dst = append(dst, iv[:c.saltBytes]...)
		return binary.BigEndian.AppendUint64(dst, sequence), true
	}
	return dst, false
}

// ParseTLSKeys is the reverse of AppendTLSKeys.
func ParseTLSKeys(b []byte) (suite uint16, key, iv []byte, sequence uint64, ok bool) {
	const head, tail = 4, 8
	for _, c := range tlsCiphers {
		if len(b) != head+tlsIVBytes+c.keyBytes+tail || binary.NativeEndian.Uint16(b[2:]) != c.number {
			continue
		}
		rest := b[head:]
		end := rest[:tlsIVBytes-c.saltBytes]
		rest = rest[len(end):]
		key, rest = rest[:c.keyBytes], rest[c.keyBytes:]
		iv = append(append(iv, rest[:c.saltBytes]...), end...)
		return c.suite, key, iv, binary.BigEndian.Uint64(rest[c.saltBytes:]), true
	}
	return 0, nil, nil, 0, false
}

// TryTLS returns why the kernel can't make records of TLS, or nil. It tries that on a connection on loopback.
func TryTLS() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	if err := raw.Control(func(fd uintptr) {
		failure = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_ULP, "tls")
	}); err != nil {
		return err
	}
	return os.NewSyscallError("setsockopt", failure)
}
