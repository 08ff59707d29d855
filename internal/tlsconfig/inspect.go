package tlsconfig

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// expiryWarning is how long before the end of a certificate a warning is due. For a certificate of less than six weeks it is
// a third of its time.
const expiryWarning = 14 * 24 * time.Hour

// inspectKeyFile warns of a key that everybody can read.
func inspectKeyFile(file string) []string {
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm()&0o004 == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: every user of the machine can read the private key (%04o); chmod o= %s", file, info.Mode().Perm(), file)}
}

// inspectChain warns of what clients may refuse.
func inspectChain(file string, chain []*x509.Certificate, now time.Time) (warnings []string) {
	warn := func(format string, args ...any) { warnings = append(warnings, file+": "+fmt.Sprintf(format, args...)) }
	if text := validity(chain[0], now); text != "" {
		warn("%s", text)
	}
	for i, x := range chain[1:] {
		if now.After(x.NotAfter) {
			warn("certificate %d of the chain (%s) has expired on %s", i+2, subjectOf(x), day(x.NotAfter))
		}
	}
	if len(namesOf(chain[0])) == 0 {
		warn("the certificate has no subjectAltName, and clients do not look at the common name")
	}
	for i, x := range chain {
		if isWeakSignature(x.SignatureAlgorithm) && !isSelfIssued(x) {
			warn("certificate %d of the chain (%s) is signed with %s, which clients refuse", i+1, subjectOf(x), x.SignatureAlgorithm)
		}
	}
	for i, x := range chain[1:] {
		if chain[i].CheckSignatureFrom(x) != nil {
			warn("the chain is out of order: certificate %d (%s) has not issued certificate %d (%s), whose issuer is %s; put each issuer after the certificate that it has issued",
				i+2, subjectOf(x), i+1, subjectOf(chain[i]), chain[i].Issuer)
			return warnings
		}
	}
	if last := chain[len(chain)-1]; lacksIssuer(last) {
		warn("the chain is incomplete: the issuer of certificate %d (%s) is neither in the file nor a root of this system; append it: %s",
			len(chain), last.Issuer, last.IssuingCertificateURL[0])
	}
	return warnings
}

// validity returns what is to be said about the time of a certificate, or "".
func validity(x *x509.Certificate, now time.Time) string {
	left, notice := x.NotAfter.Sub(now), min(expiryWarning, x.NotAfter.Sub(x.NotBefore)/3)
	switch {
	case left < 0:
		return fmt.Sprintf("the certificate has expired on %s; clients refuse it", day(x.NotAfter))
	case now.Before(x.NotBefore):
		return fmt.Sprintf("the certificate is not valid before %s; clients refuse it (the clock of this machine says %s)", day(x.NotBefore), day(now))
	case left < notice:
		return fmt.Sprintf("the certificate expires on %s, in %d days; renew it", day(x.NotAfter), int(left.Hours()/24))
	default:
		return ""
	}
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func isSelfIssued(x *x509.Certificate) bool { return bytes.Equal(x.RawIssuer, x.RawSubject) }

func isWeakSignature(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	default:
		return false
	}
}

// systemRoots returns the roots that this system trusts, or nil.
var systemRoots = sync.OnceValue(func() *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil
	}
	return pool
})

// lacksIssuer reports whether clients need the issuer of the last certificate of a chain. Only the certificate of a public
// CA has the address of its issuer; those of a private one are often issued by the root itself.
func lacksIssuer(last *x509.Certificate) bool {
	if isSelfIssued(last) || len(last.IssuingCertificateURL) == 0 {
		return false
	}
	roots := systemRoots()
	if roots == nil {
		return true
	}
	_, err := last.Verify(x509.VerifyOptions{
		Roots: roots, CurrentTime: last.NotBefore.Add(time.Second), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err != nil
}

// uncovered returns the hosts of a site that no certificate covers.
func uncovered(hosts []string, certificates []*certificate) (missing []string) {
	for _, host := range hosts {
		covered := false
		for _, c := range certificates {
			covered = covered || covers(c.leaf(), host)
		}
		if !covered {
			missing = append(missing, host)
		}
	}
	return missing
}

// covers reports whether a certificate is valid for a host of a site. A wildcard of a site needs the same wildcard.
func covers(x *x509.Certificate, host string) bool {
	if strings.HasPrefix(host, "*.") {
		for _, name := range x.DNSNames {
			if normalise(name) == host {
				return true
			}
		}
		return false
	}
	if address, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		host = address.String()
	}
	return x.VerifyHostname(host) == nil
}
