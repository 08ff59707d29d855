package fileserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"sync"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"
)

// verified remembers credentials that were right, by their digest, so that bcrypt's tenth of a second
// is spent once. A handler's passwords never change; a reload makes a new handler.
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

// authorize reports whether the client may have what a rule is about (RFC 7617). known is false when
// that is being found out off the loop.
func (q *query) authorize(rule *docroot.AccessRule) (allowed, known bool) {
	if rule == nil || rule.Users == nil {
		return true, true
	}
	value, ok := q.single(request.Authorization)
	if !ok {
		return false, true
	}
	var decoded [credentialsBytesMax]byte
	credentials, ok := basicCredentials(decoded[:0], value)
	if !ok {
		return false, true
	}
	user, password, _ := bytes.Cut(credentials, colon)
	q.s.bytes = append(append(append(q.s.bytes[:0], rule.Prefix...), 0), credentials...)
	key := sha256.Sum256(q.s.bytes)
	if allowed, known = q.d.verified.has(key), true; !allowed {
		allowed, known = q.verify(rule, key, string(user), string(password))
	}
	if allowed {
		q.r.User = append(q.r.User[:0], user...)
	}
	return allowed, known
}

// authorizeFile reports whether the client, who may have what is covered by the rule of the path that was asked for, may
// have the file that was found as well: an index, or what is sent instead of nothing, has a path and a rule of its own.
// The file is given back unless it may be sent.
func (q *query) authorizeFile(asked *docroot.AccessRule) (allowed, known bool) {
	if rule := q.plain.Extra.(*meta).rule; !asked.Includes(rule) {
		allowed, known = q.authorize(rule)
		if !allowed {
			q.release(q.plain)
			q.plain, q.file = nil, nil
		}
		return allowed, known
	}
	return true, true
}

// verify has a password compared with its hash off the loop, which remembers it if it is right.
func (q *query) verify(rule *docroot.AccessRule, key [sha256.Size]byte, who, secret string) (allowed, known bool) {
	v := &q.d.verified
	name := append([]byte{0}, hex.EncodeToString(key[:])...) // no file has such a name
	f, outcome := q.find.Check(rule.Checks(), name, func() (kernel.Opened, kernel.Class) {
		if !rule.Users.Check(who, secret) {
			return kernel.Opened{}, kernel.Denied
		}
		v.add(key)
		return kernel.Opened{FD: -1}, kernel.Done
	})
	if outcome != handler.CheckDone {
		q.busy = outcome == handler.CheckRefused
		return false, q.busy
	}
	allowed = f.Class == kernel.Done
	q.release(f)
	return allowed, true
}

// credentialsBytesMax bounds what is decoded; bcrypt takes 72 bytes of a password.
const credentialsBytesMax = 512

var (
	basicScheme = []byte("basic ")
	colon       = []byte{':'}
)

// basicCredentials decodes the value of Authorization in the Basic scheme, into a slice that has room
// for it.
func basicCredentials(into, value []byte) ([]byte, bool) {
	if len(value) <= len(basicScheme) || len(value) > credentialsBytesMax ||
		!bytes.EqualFold(value[:len(basicScheme)], basicScheme) {
		return nil, false
	}
	decoded, err := base64.StdEncoding.AppendDecode(into, bytes.TrimSpace(value[len(basicScheme):]))
	if err != nil || !bytes.Contains(decoded, colon) {
		return nil, false
	}
	return decoded, true
}

// challenge responds with a request for credentials (RFC 9110 section 15.5.2), or, where too many of them are being
// checked, with one to come back later.
func (q *query) challenge() response.Status {
	if q.busy {
		return q.fail(response.ServiceUnavailable)
	}
	return q.fail(response.Unauthorized)
}
