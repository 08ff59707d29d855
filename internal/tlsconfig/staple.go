package tlsconfig

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

// ocspStatuses are the names of ocsp.Response.Status.
var ocspStatuses = map[int]string{ocsp.Good: "good", ocsp.Revoked: "revoked", ocsp.Unknown: "unknown"}

// stapleUnlimited is how long a response without nextUpdate counts.
const stapleUnlimited = 7 * 24 * time.Hour

// staple reads the OCSP response (RFC 6960, DER) for the certificate. With an error there is no staple.
func (c *certificate) staple(chain []*x509.Certificate, now time.Time) error {
	file := c.pair.OCSP
	der, err := readFile(file)
	if err != nil {
		return fmt.Errorf("%w; no OCSP response is stapled", err)
	}
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s; it is not stapled", file, fmt.Sprintf(format, args...))
	}
	if len(chain) < 2 {
		return refuse("the OCSP response can't be verified, because %s does not have the issuer of the certificate", c.pair.Certificate)
	}
	r, err := ocsp.ParseResponseForCert(der, chain[0], chain[1])
	if err != nil {
		return refuse("it is not a valid OCSP response for %s: %v", c.pair.Certificate, err)
	}
	until := r.NextUpdate
	if until.IsZero() {
		until = r.ThisUpdate.Add(stapleUnlimited)
	}
	switch {
	case r.Status != ocsp.Good:
		return refuse("the OCSP response says that %s is %s", c.pair.Certificate, ocspStatuses[r.Status])
	case !now.Before(until):
		return refuse("the OCSP response has expired on %s", day(until))
	case now.Before(r.ThisUpdate.Add(-time.Hour)): // clocks differ
		return refuse("the OCSP response is not valid before %s", day(r.ThisUpdate))
	}
	stapled := c.plain
	stapled.OCSPStaple = slices.Clone(der)
	c.stapled, c.stapleUntil = &stapled, until
	return nil
}
