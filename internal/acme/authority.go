package acme

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mholt/acmez/v3"
	acmeapi "github.com/mholt/acmez/v3/acme"
)

// authority is the CA, with the account there. All of its methods but renewalInfo are called with the lock of the storage held.
type authority struct {
	options    *Options
	client     *acmez.Client
	challenges *challenges
	storage    *storage
	throttle   *throttle
	used       string // the type of the latest challenge
}

// requestTimeout bounds a request to the CA, and orderTimeout a whole order: CAs may validate from several places, and wait for logs.
const (
	requestTimeout = time.Minute
	orderTimeout   = 10 * time.Minute
)

func newAuthority(o *Options, c *challenges) (*authority, error) {
	roots, err := o.roots()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: 30 * time.Second,
		TLSHandshakeTimeout: 20 * time.Second, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
	a := &authority{options: o, challenges: c, storage: c.storage, throttle: &throttle{next: transport}}
	// acmez logs what it does and each failure more than once; the errors that it returns say the same.
	a.client = &acmez.Client{
		Client: &acmeapi.Client{
			Directory: o.directory(), UserAgent: o.UserAgent, PollTimeout: orderTimeout,
			HTTPClient: &http.Client{Transport: a.throttle, Timeout: requestTimeout},
		},
		ChallengeSolvers: map[string]acmez.Solver{},
	}
	if o.HTTP01 {
		a.client.ChallengeSolvers[acmeapi.ChallengeTypeHTTP01] = &solver{challenges: c, used: &a.used}
	}
	if o.TLSALPN01 {
		a.client.ChallengeSolvers[acmeapi.ChallengeTypeTLSALPN01] = &solver{challenges: c, used: &a.used}
	}
	return a, nil
}

// obtain orders a certificate for a name and returns it with its private key, in PEM. replaces is the certificate that it
// replaces, or nil if there is none or if the CA does not want to know.
func (a *authority) obtain(ctx context.Context, name string, replaces *x509.Certificate) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	account, err := a.account(ctx)
	if err != nil {
		return nil, err
	}
	key, keyPEM, err := newKey()
	if err != nil {
		return nil, err
	}
	csr, err := acmez.NewCSR(key, []string{name})
	if err != nil {
		return nil, err
	}
	params, err := acmez.OrderParametersFromCSR(account, csr)
	if err != nil {
		return nil, err
	}
	params.Replaces = replaces
	chains, err := a.client.ObtainCertificate(ctx, params)
	if err != nil {
		return nil, a.forgetAccount(err)
	}
	if len(chains) == 0 {
		return nil, errors.New("the CA has sent no certificate")
	}
	return append(keyPEM, bytes.TrimLeft(chains[0].ChainPEM, "\n")...), nil
}

// forgetAccount removes an account that the CA does not know, so that the next attempt makes it again. It returns the error.
func (a *authority) forgetAccount(err error) error {
	var problem acmeapi.Problem
	if errors.As(err, &problem) && problem.Type == acmeapi.ProblemTypeAccountDoesNotExist {
		return errors.Join(err, os.Remove(a.storage.accountPath()))
	}
	return err
}

// account returns the account at the CA. It makes one if there is none, and changes its address if the options have another one.
func (a *authority) account(ctx context.Context) (acmeapi.Account, error) {
	var account acmeapi.Account
	var contact []string
	if a.options.Email != "" {
		contact = []string{"mailto:" + a.options.Email}
	}
	key, err := a.accountKey()
	if err != nil {
		return account, err
	}
	err = a.storage.readJSON(a.storage.accountPath(), &account)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return account, err
	}
	account.PrivateKey = key
	known := account.Location != ""
	if known && slices.Equal(account.Contact, contact) && account.Status == acmeapi.StatusValid {
		return account, nil
	}
	account.Contact = contact
	if known {
		account, err = a.client.UpdateAccount(ctx, account)
		err = a.forgetAccount(err)
	} else {
		account, err = a.register(ctx, account)
	}
	if err != nil {
		return account, fmt.Errorf("account: %w", err)
	}
	account.PrivateKey, account.Contact = key, contact
	return account, a.storage.writeJSON(a.storage.accountPath(), account)
}

// register makes an account.
func (a *authority) register(ctx context.Context, account acmeapi.Account) (acmeapi.Account, error) {
	account.TermsOfServiceAgreed = a.options.AgreeTerms
	if a.options.KeyID != "" {
		binding := acmeapi.EAB{KeyID: a.options.KeyID, MACKey: a.options.MACKey}
		if err := account.SetExternalAccountBinding(ctx, a.client.Client, binding); err != nil {
			return account, err
		}
	}
	return a.client.NewAccount(ctx, account)
}

// accountKey returns the private key of the account, which is made once.
func (a *authority) accountKey() (crypto.Signer, error) {
	content, err := os.ReadFile(a.storage.accountKeyPath())
	if errors.Is(err, fs.ErrNotExist) {
		key, content, err := newKey()
		if err != nil {
			return nil, err
		}
		return key, a.storage.write(a.storage.accountKeyPath(), content)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s has no key in PEM", a.storage.accountKeyPath())
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.storage.accountKeyPath(), err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s has a key that can't sign", a.storage.accountKeyPath())
	}
	return signer, nil
}

// newKey makes a private key and returns it in PEM as well.
func newKey() (crypto.Signer, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// renewalInfo asks the CA when a certificate should be renewed (RFC 9773), and when to ask again.
func (a *authority) renewalInfo(ctx context.Context, leaf *x509.Certificate) (renewAt, askAt time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*requestTimeout)
	defer cancel()
	info, err := a.client.GetRenewalInfo(ctx, leaf)
	if err != nil {
		return renewAt, askAt, err
	}
	if info.RetryAfter != nil {
		askAt = *info.RetryAfter
	}
	return info.SelectedTime, askAt, nil
}

// throttle implements http.RoundTripper: it notes when a CA wants to be asked again that has refused a request.
type throttle struct {
	next  http.RoundTripper
	until atomic.Int64 // in nanoseconds since 1970
}

// RoundTrip implements http.RoundTripper.
func (t *throttle) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(r)
	if err == nil && (response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable) {
		t.note(response.Header.Get("Retry-After"))
	}
	return response, err
}

// note takes over a value of Retry-After (RFC 9110 section 10.2.3).
func (t *throttle) note(value string) {
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
		t.until.Store(time.Now().Add(time.Duration(seconds) * time.Second).UnixNano())
	} else if at, err := http.ParseTime(value); err == nil {
		t.until.Store(at.UnixNano())
	}
}
