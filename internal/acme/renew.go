package acme

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	acmeapi "github.com/mholt/acmez/v3/acme"
)

// The times between attempts. Let's Encrypt permits five failed validations of a name per hour.
const (
	retryFirst     = 5 * time.Minute
	retryMax       = 6 * time.Hour
	retryLimited   = time.Hour // at least, after a rate limit was exceeded
	infoInterval   = 6 * time.Hour
	restartRetries = 2 // failed attempts after which a process that starts does not try at once
	renewalsApart  = time.Hour
	idleMax        = time.Hour
)

// Run obtains and renews certificates, one after the other, until the context ends. It waits for an order that is under way
// to be given up. It is called once.
func (m *Manager) Run(ctx context.Context) {
	m.schedule()
	for ctx.Err() == nil {
		next := time.Now().Add(idleMax) // the clock may be set while it sleeps
		for _, name := range m.options.Names {
			c := m.certs[normalName(name)]
			if !time.Now().Before(c.due) {
				m.attend(ctx, c)
			}
			if ctx.Err() != nil {
				return
			}
			if c.due.Before(next) {
				next = c.due
			}
		}
		_ = sleep(ctx, time.Until(next)) // the loop looks at the context
	}
}

// schedule decides when each name is first attended to: at once, unless attempts have failed before.
func (m *Manager) schedule() {
	for _, c := range m.certs {
		c.due = time.Now()
		if c.attempts.Failed > restartRetries && c.attempts.RetryAt.After(c.due) && c.attempts.RetryAt.Before(c.due.Add(2*retryMax)) && c.needed(c.due) {
			c.due = c.attempts.RetryAt
			m.log.Warn(fmt.Sprintf("a certificate for %s is asked for at %s, because %d attempts have failed (remove %s to ask at once)",
				c.name, c.due.Format(time.DateTime), c.attempts.Failed, m.storage.attemptPath(c.name)), "name", c.name, "failed", c.attempts.Failed)
		}
	}
}

// needed reports whether a certificate has to be obtained.
func (c *managed) needed(now time.Time) bool {
	return c.current.Load() == nil || !now.Before(c.renewAt)
}

// attend does what is due for a name, and decides when the next thing is.
func (m *Manager) attend(ctx context.Context, c *managed) {
	if c.current.Load() != nil {
		m.askRenewalTime(ctx, c)
	}
	if ctx.Err() != nil || !c.needed(time.Now()) {
		return
	}
	obtained, err := m.renew(ctx, c)
	switch {
	case ctx.Err() != nil: // an order that is given up is not a failed one
	case err != nil:
		m.failed(c, err)
	default:
		m.succeeded(c, obtained)
	}
}

// askRenewalTime asks the CA when to renew, if it has not been asked lately. A CA that does not know leaves the time as it is.
func (m *Manager) askRenewalTime(ctx context.Context, c *managed) {
	leaf, now := c.current.Load().Leaf, time.Now()
	if now.Sub(c.askedAt) < infoInterval && !c.askedAt.IsZero() {
		c.due = earlier(c.renewAt, c.askedAt.Add(infoInterval))
		return
	}
	c.askedAt = now
	c.due = earlier(c.renewAt, now.Add(infoInterval))
	if !now.Before(leaf.NotAfter) {
		return
	}
	renewAt, askAt, err := m.authority.renewalInfo(ctx, leaf)
	if err != nil {
		if c.replaces = c.replaces && !errors.Is(err, acmeapi.ErrUnsupported); ctx.Err() == nil {
			m.log.Debug(fmt.Sprintf("the CA did not say when to renew the certificate for %s: %v", c.name, err), "name", c.name)
		}
		return
	}
	c.replaces = true
	c.renewAt = earlier(later(renewAt, c.notBefore), leaf.NotAfter)
	c.due = earlier(c.renewAt, now.Add(infoInterval))
	if askAt.After(now) {
		c.due = earlier(c.renewAt, askAt)
		c.askedAt = askAt.Add(-infoInterval)
	}
}

// renew obtains a certificate and takes it over. obtained is false if another process has done that meanwhile.
func (m *Manager) renew(ctx context.Context, c *managed) (obtained bool, err error) {
	unlock, err := m.storage.lock(ctx, m.challenges.follow)
	if err != nil {
		return false, err
	}
	defer unlock()
	m.challenges.unfollow()
	old := c.current.Load()
	if err := m.load(c); err == nil && c.current.Load() != old && !c.needed(time.Now()) {
		return false, nil
	}
	var replaces *x509.Certificate
	if cert := c.current.Load(); cert != nil && c.replaces {
		replaces = cert.Leaf
	}
	content, err := m.authority.obtain(ctx, c.name, replaces)
	if err != nil {
		return false, err
	}
	cert, err := parseCertificate(content, c.name)
	if err != nil {
		return false, fmt.Errorf("the CA has sent a certificate that can't be used: %w", err)
	}
	c.current.Store(cert) // it serves, even if it can't be stored
	c.renewAt, c.askedAt = renewalTime(cert.Leaf), time.Time{}
	c.notBefore = time.Now().Add(min(renewalsApart, cert.Leaf.NotAfter.Sub(cert.Leaf.NotBefore)/4))
	if err := m.storage.write(m.storage.certPath(c.name), content); err != nil {
		m.log.Error(fmt.Sprintf("the certificate for %s can't be stored, so it will be lost when the process ends: %v", c.name, err), "name", c.name)
	}
	return true, nil
}

// succeeded reports a certificate and looks for its time of renewal next.
func (m *Manager) succeeded(c *managed, obtained bool) {
	leaf := c.current.Load().Leaf
	c.due = time.Now() // to ask the CA for the time of renewal
	c.attempts = attempts{}
	if err := os.Remove(m.storage.attemptPath(c.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.log.Warn(fmt.Sprintf("the failed attempts for %s can't be forgotten: %v", c.name, err), "name", c.name)
	}
	until := leaf.NotAfter.Format(time.DateTime)
	if !obtained {
		m.log.Info(fmt.Sprintf("another process has obtained a certificate for %s, valid until %s", c.name, until),
			"name", c.name, "not_after", leaf.NotAfter)
		return
	}
	m.log.Info(fmt.Sprintf("a certificate for %s is obtained by %s, valid until %s", c.name, m.authority.used, until),
		"name", c.name, "challenge", m.authority.used, "not_after", leaf.NotAfter)
}

// failed reports an attempt and decides when the next one is.
func (m *Manager) failed(c *managed, err error) {
	now := time.Now()
	c.attempts.Failed++
	wait := backoff(c.attempts.Failed)
	var problem acmeapi.Problem
	if errors.As(err, &problem) && problem.Type == acmeapi.ProblemTypeRateLimited {
		wait = max(wait, retryLimited)
	}
	c.due = now.Add(wait)
	if until := time.Unix(0, m.authority.throttle.until.Load()); until.After(c.due) && until.Before(now.Add(7*24*time.Hour)) {
		c.due = until
	}
	c.attempts.RetryAt = c.due
	if storeErr := m.storage.writeJSON(m.storage.attemptPath(c.name), &c.attempts); storeErr != nil {
		err = errors.Join(err, storeErr)
	}
	text := strings.Join(strings.Fields(err.Error()), " ") // a CA may send several lines
	state := "there is none yet"
	if cert := c.current.Load(); cert != nil {
		state = "the present one is valid until " + cert.Leaf.NotAfter.Format(time.DateTime)
	}
	m.log.Error(fmt.Sprintf("no certificate for %s was obtained (%s; the next attempt is at %s): %s",
		c.name, state, c.due.Format(time.DateTime), text), "name", c.name, "failed", c.attempts.Failed, "retry_at", c.due)
}

// backoff returns how long to wait after a number of failed attempts: twice as long each time, give or take a tenth.
func backoff(failed int) time.Duration {
	wait := retryMax
	if failed < 8 {
		wait = min(retryMax, retryFirst<<(failed-1))
	}
	return wait + time.Duration((rand.Float64()-0.5)*0.2*float64(wait))
}

// renewalTime returns when to renew a certificate if the CA does not say: after two thirds of its life, or half of one of less
// than ten days; earlier by up to a thirtieth, so that not all are renewed at once.
func renewalTime(leaf *x509.Certificate) time.Time {
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	use := life * 2 / 3
	if life < 10*24*time.Hour {
		use = life / 2
	}
	return leaf.NotBefore.Add(use - time.Duration(rand.Float64()*float64(life)/30))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
