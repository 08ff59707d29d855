package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mholt/acmez/v3"
	acmeapi "github.com/mholt/acmez/v3/acme"
)

// Protocol is the ALPN protocol of the challenge TLS-ALPN-01 (RFC 8737 section 6.2). A server that has it among its protocols
// closes a connection after the handshake if that has chosen it.
const Protocol = acmez.ACMETLS1Protocol

// HTTP01Prefix begins the paths of the challenge HTTP-01.
const HTTP01Prefix = "/.well-known/acme-challenge/"

// challenge is what a CA is going to ask for.
type challenge struct {
	Type          string
	Host          string // in lower case
	Token         string
	Authorization string           // the key authorization (RFC 8555 section 8.1)
	cert          *tls.Certificate // of TLS-ALPN-01
}

// challenges are those that are under way, of this process and of others with the same storage. Readers do not wait.
type challenges struct {
	storage *storage
	current atomic.Pointer[map[string]*challenge] // by token; the map is replaced and not changed
	mutex   sync.Mutex                            // of writers
	own     map[string]*challenge
	settle  time.Duration // how long other processes may take to notice a challenge
}

func newChallenges(s *storage) *challenges {
	c := &challenges{storage: s, own: map[string]*challenge{}, settle: 2 * lockPollInterval}
	c.current.Store(&map[string]*challenge{})
	return c
}

// http01 returns the body of the response to a request of the challenge HTTP-01.
func (c *challenges) http01(host, path string) (body string, ok bool) {
	token, isChallenge := strings.CutPrefix(path, HTTP01Prefix)
	if !isChallenge {
		return "", false
	}
	found := (*c.current.Load())[token]
	if found == nil || found.Type != acmeapi.ChallengeTypeHTTP01 || found.Host != normalName(withoutPort(host)) {
		return "", false
	}
	return found.Authorization, true
}

// withoutPort returns the host of an authority.
func withoutPort(authority string) string {
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		return authority[:i]
	}
	return authority
}

// certificate returns that of the challenge TLS-ALPN-01 of a host, or nil.
func (c *challenges) certificate(host string) *tls.Certificate {
	for _, found := range *c.current.Load() {
		if found.cert != nil && found.Host == host {
			return found.cert
		}
	}
	return nil
}

// publish makes a challenge of this process known to its readers and to other processes.
func (c *challenges) publish(of *acmeapi.Challenge) error {
	if !isToken(of.Token) {
		return errors.New("the CA has sent a token that is not base64url (RFC 8555 section 8)")
	}
	found := &challenge{
		Type: of.Type, Host: normalName(of.Identifier.Value), Token: of.Token, Authorization: of.KeyAuthorization,
	}
	if err := found.complete(); err != nil {
		return err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.own[found.Token] = found
	c.setCurrent(nil)
	return c.storage.writeJSON(filepath.Join(c.storage.challenges, found.Token), found)
}

// complete makes the certificate of a challenge that has one.
func (c *challenge) complete() (err error) {
	if c.Type == acmeapi.ChallengeTypeTLSALPN01 {
		c.cert, err = acmez.TLSALPN01ChallengeCert(acmeapi.Challenge{
			Type: c.Type, Token: c.Token, KeyAuthorization: c.Authorization, Identifier: acmeapi.Identifier{Type: "dns", Value: c.Host},
		})
	}
	return err
}

// withdraw ends a challenge of this process.
func (c *challenges) withdraw(of *acmeapi.Challenge) error {
	if !isToken(of.Token) {
		return nil
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.own, of.Token)
	c.setCurrent(nil)
	err := os.Remove(filepath.Join(c.storage.challenges, of.Token))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return err
}

// setCurrent lets readers see the challenges of this process and of others. The mutex is held.
func (c *challenges) setCurrent(others map[string]*challenge) {
	all := maps.Clone(c.own)
	maps.Copy(all, others)
	c.current.Store(&all)
}

// follow takes over the challenges of other processes. What can't be read is skipped: it may just be removed.
func (c *challenges) follow() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	entries, err := os.ReadDir(c.storage.challenges)
	if err != nil {
		return
	}
	known, others := *c.current.Load(), map[string]*challenge{}
	for _, e := range entries {
		if !isToken(e.Name()) {
			continue
		}
		if found := known[e.Name()]; found != nil {
			others[e.Name()] = found
			continue
		}
		var found challenge
		if c.storage.readJSON(filepath.Join(c.storage.challenges, e.Name()), &found) == nil && found.complete() == nil {
			others[e.Name()] = &found
		}
	}
	c.setCurrent(others)
}

// unfollow forgets the challenges of other processes, and removes what a process has left behind that was killed. The lock of the storage is held.
func (c *challenges) unfollow() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.setCurrent(nil)
	entries, _ := os.ReadDir(c.storage.challenges) // without a list nothing is removed
	for _, e := range entries {
		if c.own[e.Name()] == nil {
			_ = os.Remove(filepath.Join(c.storage.challenges, e.Name())) // the next attempt tries again
		}
	}
}

// isToken reports whether a name is base64url, as tokens are, so that it can be the name of a file.
func isToken(name string) bool {
	if name == "" || len(name) > 200 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// solver implements acmez.Solver and acmez.Waiter.
type solver struct {
	challenges *challenges
	used       *string // the type of the latest challenge, for messages
}

// Present implements acmez.Solver.
func (s *solver) Present(_ context.Context, of acmeapi.Challenge) error {
	*s.used = of.Type
	return s.challenges.publish(&of)
}

// Wait implements acmez.Waiter: it gives other processes the time to notice the challenge.
func (s *solver) Wait(ctx context.Context, _ acmeapi.Challenge) error {
	return sleep(ctx, s.challenges.settle)
}

// CleanUp implements acmez.Solver.
func (s *solver) CleanUp(_ context.Context, of acmeapi.Challenge) error {
	return s.challenges.withdraw(&of)
}
