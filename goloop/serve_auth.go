package goloop

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"sync"

	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"
)

// verified remembers credentials that were right, by their digest, so that bcrypt's tenth of a second
// is spent once. A dialect's passwords never change; a reload makes a new dialect.
type verified struct {
	mu  sync.RWMutex
	who map[[sha256.Size]byte]struct{}
}

const verifiedMax = 10000

func (v *verified) has(key [sha256.Size]byte) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	_, ok := v.who[key]
	return ok
}

func (v *verified) add(key [sha256.Size]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.who == nil || len(v.who) >= verifiedMax {
		v.who = map[[sha256.Size]byte]struct{}{}
	}
	v.who[key] = struct{}{}
}

// authorize reports whether the request may have the files of a mount (RFC 7617). known is false when
// that is being found out off the loop.
func (q *query) authorize(m *docroot.Mount) (allowed, known bool) {
	if m == nil || m.Auth == nil {
		return true, true
	}
	value, ok := q.single(request.Authorization)
	if !ok {
		return false, true
	}
	credentials, ok := basicCredentials(value)
	if !ok {
		return false, true
	}
	digest := sha256.New()
	digest.Write([]byte(m.Prefix))
	digest.Write([]byte{0})
	digest.Write(credentials)
	var key [sha256.Size]byte
	digest.Sum(key[:0])
	if q.d.verified.has(key) {
		return true, true
	}
	user, password, _ := bytes.Cut(credentials, []byte{':'})
	who, secret, v := string(user), string(password), &q.d.verified
	name := append([]byte{0}, hex.EncodeToString(key[:])...) // no file has such a name
	f, ok := q.find.Make(m, name, func() (kernel.Opened, kernel.Class) {
		if !m.Auth.Check(who, secret) {
			return kernel.Opened{}, kernel.Denied
		}
		v.add(key)
		return kernel.Opened{FD: -1}, kernel.Done
	})
	if !ok {
		return false, false
	}
	allowed = f.Class == kernel.Done
	q.release(f)
	return allowed, true
}

// credentialsBytesMax bounds what is decoded; bcrypt takes 72 bytes of a password.
const credentialsBytesMax = 512

// basicCredentials decodes the value of Authorization in the Basic scheme.
func basicCredentials(value []byte) ([]byte, bool) {
	const scheme = "basic "
	if len(value) <= len(scheme) || len(value) > credentialsBytesMax ||
		!bytes.EqualFold(value[:len(scheme)], []byte(scheme)) {
		return nil, false
	}
	decoded, err := base64.StdEncoding.AppendDecode(nil, bytes.TrimSpace(value[len(scheme):]))
	if err != nil || !bytes.Contains(decoded, []byte{':'}) {
		return nil, false
	}
	return decoded, true
}

// challenge answers with a request for credentials (RFC 9110 section 15.5.2).
func (q *query) challenge() response.Status { return q.fail(response.Unauthorized) }
