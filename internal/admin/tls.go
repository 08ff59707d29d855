package admin

import (
	"slices"
	"strings"
	"time"

	"aws/internal/stats"
	"aws/internal/tlsconn"

	"github.com/prometheus/client_golang/prometheus"
)

// Certificate is a certificate that clients get, or one that is still to be obtained.
type Certificate struct {
	Name     string    // the first name that it is for
	File     string    // that it was read from; "acme" if the server obtains it
	NotAfter time.Time // zero: there is none yet
}

// certificatesMax is the number of certificates that are reported: those that expire first.
const certificatesMax = 100

var (
	handshakesDesc = desc("awsd_tls_handshakes_total", "TLS handshakes that were completed, by version, cipher suite, and whether a session was resumed.", "version", "cipher", "resumed")
	failuresDesc   = desc("awsd_tls_handshake_failures_total", "TLS handshakes that failed, by reason: mostly the alert that was sent, or received (remote_).", "reason")
	expiryDesc     = desc("awsd_tls_certificate_expiry_timestamp_seconds", "When a certificate expires, in seconds since 1970, by its first name and its file; 0 if there is none yet. Those that expire first are reported, up to 100.", "name", "file")
)

// certificates returns the certificates that are to be reported, those that expire first in front. No two have the same name and
// file.
func (a *Admin) certificates() []Certificate {
	if a.o.Certificates == nil {
		return nil
	}
	type series struct{ name, file string }
	var list []Certificate
	seen := map[series]bool{}
	all := a.o.Certificates()
	slices.SortStableFunc(all, func(x, y Certificate) int { return x.NotAfter.Compare(y.NotAfter) })
	for _, c := range all {
		c.Name, c.File = strings.ToValidUTF8(c.Name, "\ufffd"), strings.ToValidUTF8(c.File, "\ufffd")
		if s := (series{c.Name, c.File}); !seen[s] && len(list) < certificatesMax {
			seen[s] = true
			list = append(list, c)
		}
	}
	return list
}

// expiry returns when a certificate expires, in seconds since 1970; 0 if there is none yet.
func (c *Certificate) expiry() int64 {
	if c.NotAfter.IsZero() {
		return 0
	}
	return c.NotAfter.Unix()
}

// collectTLS reports what handshakes have come to, and the certificates.
func (a *Admin) collectTLS(n *stats.Counters, counter, level func(*prometheus.Desc, float64, ...string)) {
	for slot := range n.Handshakes {
		suite, version := tlsconn.SuiteName(slot)
		if slot == 0 && handshakes(n, slot) == 0 {
			continue
		}
		counter(handshakesDesc, float64(n.Handshakes[slot][0]), version, suite, "false")
		counter(handshakesDesc, float64(n.Handshakes[slot][1]), version, suite, "true")
	}
	for f, v := range n.HandshakesFailed {
		counter(failuresDesc, float64(v), tlsconn.Failure(f).String())
	}
	for _, c := range a.certificates() {
		level(expiryDesc, float64(c.expiry()), c.Name, c.File)
	}
}

// handshakes returns the number of completed handshakes with the cipher suite of a slot.
func handshakes(n *stats.Counters, slot int) uint64 {
	return n.Handshakes[slot][0] + n.Handshakes[slot][1]
}

// tlsNews is what the page shows of TLS.
type tlsNews struct {
	Full         namedCount       `json:"full"`
	Resumed      namedCount       `json:"resumed"`
	Failed       namedCount       `json:"failed"`
	Suites       []namedCount     `json:"suites"`   // that were used, by "version, cipher suite"
	Failures     []namedCount     `json:"failures"` // that have occurred, by reason
	Certificates []certificateRow `json:"certificates"`
}

// certificateRow is a line of the table of certificates.
type certificateRow struct {
	Name   string `json:"name"`
	File   string `json:"file"`
	Expiry int64  `json:"expiry"` // seconds since 1970; 0: there is none yet
}

// certificateRowsMax is the number of certificates that the page shows.
const certificateRowsMax = 10

// tlsNews returns what the page shows of TLS, or nil if the server does not speak it. line makes a line of a counter.
func (a *Admin) tlsNews(n *stats.Counters, line func(string, func(*stats.Counters) uint64) namedCount) *tlsNews {
	if a.o.Certificates == nil {
		return nil
	}
	out := &tlsNews{
		Full:    line("full", func(n *stats.Counters) uint64 { full, _ := n.HandshakeSums(); return full }),
		Resumed: line("resumed", func(n *stats.Counters) uint64 { _, resumed := n.HandshakeSums(); return resumed }),
		Failed:  line("failed", (*stats.Counters).HandshakesFailedSum),
	}
	for slot := range n.Handshakes {
		if handshakes(n, slot) > 0 {
			suite, version := tlsconn.SuiteName(slot)
			name := strings.TrimPrefix(version+", "+suite, ", ")
			out.Suites = append(out.Suites, line(name, func(n *stats.Counters) uint64 { return handshakes(n, slot) }))
		}
	}
	for f, v := range n.HandshakesFailed {
		if v > 0 {
			out.Failures = append(out.Failures, line(tlsconn.Failure(f).String(), func(n *stats.Counters) uint64 { return n.HandshakesFailed[f] }))
		}
	}
	certificates := a.certificates()
	for _, c := range certificates[:min(len(certificates), certificateRowsMax)] {
		out.Certificates = append(out.Certificates, certificateRow{c.Name, c.File, c.expiry()})
	}
	return out
}
