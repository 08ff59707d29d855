package tlsrecord

import (
	"bytes"
	"encoding/hex"
	"errors"
)

// Secrets collects the traffic secrets that crypto/tls logs during a handshake (tls.Config.KeyLogWriter, in the format of
// SSLKEYLOGFILE). Those of TLS 1.2 are passed over.
type Secrets struct{ Client, Server []byte }

// Write implements io.Writer. It is called with one line at a time.
func (s *Secrets) Write(line []byte) (int, error) {
	label, rest, _ := bytes.Cut(line, []byte(" "))
	_, value, _ := bytes.Cut(rest, []byte(" "))
	to := &s.Client
	switch string(label) {
	case "CLIENT_TRAFFIC_SECRET_0":
	case "SERVER_TRAFFIC_SECRET_0":
		to = &s.Server
	default:
		return len(line), nil
	}
	secret, err := hex.AppendDecode(nil, bytes.TrimSpace(value))
	if err != nil {
		return 0, err
	}
	*to = secret
	return len(line), nil
}

// CountSealed returns how many of the records that a server has sent are protected with a traffic secret: crypto/tls sends session
// tickets at the end of the handshake. The records have to begin at the beginning of one.
func CountSealed(suite uint16, secret, wire []byte) (uint64, error) {
	var k keys
	if err := k.Init(suite, secret, 0); err != nil {
		return 0, err
	}
	var plain []byte
	for len(wire) >= HeaderBytes {
		n := HeaderBytes + int(wire[3])<<8 + int(wire[4])
		if n > len(wire) {
			break
		}
		var err error
		if plain, err = k.aead.Open(plain[:0], k.nextNonce(), wire[HeaderBytes:n], wire[:HeaderBytes]); err == nil {
			k.sequence++
		} else if k.sequence > 0 {
			return 0, errors.New("a record after the handshake does not open with the traffic secret of the server")
		}
		wire = wire[n:]
	}
	if len(wire) > 0 {
		return 0, errors.New("the last record of the handshake is not whole")
	}
	return k.sequence, nil
}
