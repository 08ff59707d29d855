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

// verified remembers credentials that were right, by their digest, so that each is compared with its hash once, which takes a
// tenth of a second. The passwords of a handler never change; a reload makes a new handler.
type verified struct {
	mu      sync.RWMutex
	digests map[[sha256.Size]byte]struct{}
}

// verifiedMax is how many digests are remembered. All are forgotten when there would be more.
const verifiedMax = 10000

func (v *verified) has(digest [sha256.Size]byte) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	_, ok := v.digests[digest]
	return ok
}

func (v *verified) add(digest [sha256.Size]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.digests == nil || len(v.digests) >= verifiedMax {
		v.digests = map[[sha256.Size]byte]struct{}{}
	}
	v.digests[digest] = struct{}{}
}

// authorize reports whether the client may have what the rule of a policy covers (RFC 7617).
func (d *decision) authorize(p *policy) (allowed, known bool) {
	rule := p.rule
	if rule == nil || rule.Users == nil {
		return true, true
	}
	d.challenge = p.challenge
	value, ok := d.single(request.Authorization)
	if !ok {
		return false, true
	}
	var memory [credentialsBytesMax]byte
	credentials, ok := basicCredentials(memory[:0], value)
	if !ok {
		return false, true
	}
	user, password, _ := bytes.Cut(credentials, colon)
	d.scratch.bytes = append(append(append(d.scratch.bytes[:0], rule.Prefix...), 0), credentials...)
	digest := sha256.Sum256(d.scratch.bytes)
	if allowed, known = d.server.verified.has(digest), true; !allowed {
		allowed, known = d.verify(rule, digest, string(user), string(password))
	}
	if allowed {
		d.response.User = append(d.response.User[:0], user...)
	}
	return allowed, known
}

// admits reports whether the client has an address that a policy admits.
func (d *decision) admits(p *policy) bool {
	return !p.restricted || p.properties.Admits(d.files.Client())
}

// refuseFile returns the status of a client who may not have the file that was found, or 0. The client may have what the
// policy of the requested path covers, but an index, or another attempt, has a path and a policy of its own.
func (d *decision) refuseFile() (s response.Status, known bool) {
	p := prepared(d.plain).policy
	if !d.policy.includesNetworks(p) && !d.admits(p) {
		return d.fail(response.Forbidden), true
	}
	if !d.policy.rule.Includes(p.rule) {
		if allowed, known := d.authorize(p); !allowed {
			return d.refuse(known)
		}
	}
	return 0, true
}

// verify has a password compared with its hash on a worker thread.
func (d *decision) verify(rule *docroot.AccessRule, digest [sha256.Size]byte, user, password string) (allowed, known bool) {
	v := &d.server.verified
	key := append([]byte{0}, hex.EncodeToString(digest[:])...) // no file has such a name
	f, outcome := d.files.Check(rule.Checks(), key, func(kernel.Directories) (kernel.Opened, kernel.Class) {
		if !rule.Users.Check(user, password) {
			return kernel.Opened{}, kernel.Denied
		}
		v.add(digest)
		return kernel.Opened{FD: -1}, kernel.Done
	})
	switch outcome {
	case handler.OutcomePending:
		return false, false
	case handler.OutcomeRefused:
		d.checksNoMore = true
		return false, true
	case handler.OutcomeDone:
	}
	allowed = f.Class == kernel.Done
	d.release(f)
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

// refuse responds with a request for credentials (RFC 9110 section 15.5.2) or, where too many of them are being
// checked, with one to come back later. Known is that of the check.
func (d *decision) refuse(known bool) (response.Status, bool) {
	switch {
	case !known:
		return 0, false
	case d.checksNoMore:
		return d.fail(response.ServiceUnavailable), true
	default:
		return d.fail(response.Unauthorized), true
	}
}
