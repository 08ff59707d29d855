package tlsconfig

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"
)

// clientRoots are the CA certificates of client certificates.
type clientRoots struct {
	pool   *x509.CertPool
	digest string
}

// loading is a load of all files.
type loading struct {
	store      *Store
	before     *snapshot // nil: there is none
	next       *snapshot
	ticketKeys []ticketKey // nil: there are none, or they can't be used
	warnings   []string
	warned     map[string]bool
	errs       []error
}

// load reads all files. What can't be used is as before, if there was something.
func (s *Store) load(before *snapshot) *loading {
	s.loaded = statesOf(s.settings.Files())
	l := &loading{store: s, before: before, warned: map[string]bool{}, next: &snapshot{
		sites: newHostIndex[*site](), groups: map[string]*group{}, certificates: map[Pair]*certificate{}, roots: map[string]*clientRoots{},
	}}
	for i := range s.settings.Sites {
		l.site(&s.settings.Sites[i])
	}
	if keys, warnings, err := readTicketKeys(s.settings.TicketKeys); err != nil {
		l.fail("--tls-ticket-keys", err)
	} else {
		l.ticketKeys = keys
		l.warn(warnings...)
	}
	return l
}

// warn adds warnings, each once.
func (l *loading) warn(warnings ...string) {
	for _, w := range warnings {
		if !l.warned[w] {
			l.warned[w] = true
			l.warnings = append(l.warnings, w)
		}
	}
}

// site loads a site.
func (l *loading) site(from *Site) {
	var certificates []*certificate
	for _, p := range from.Pairs {
		if c := l.certificate(p); c != nil {
			certificates = append(certificates, c)
		}
	}
	if len(certificates) == len(from.Pairs) && len(certificates) > 0 {
		for _, host := range uncovered(from.Hosts, certificates) {
			l.warn(fmt.Sprintf("%s: no certificate covers the host %s; clients refuse it there", certificates[0].pair.Certificate, host))
		}
	}
	g := l.group(from)
	if g == nil || len(certificates) == 0 && from.Obtained == nil {
		return // an error has been reported
	}
	at := &site{name: from.Name, certificates: newCertificateIndex(certificates), obtained: from.Obtained, group: g}
	for _, host := range from.Hosts {
		values, key := l.next.sites.slot(host)
		values[key] = at
	}
	if from.Default {
		l.next.fallback = at
	}
}

// certificate loads a certificate, once for all sites that have it. If its files are those of before, so is the certificate.
func (l *loading) certificate(p Pair) *certificate {
	id, now := p.id(), l.store.settings.now()
	if c, ok := l.next.certificates[id]; ok {
		return c
	}
	var before *certificate
	if l.before != nil {
		before = l.before.certificates[id]
	}
	if before != nil && before.isCurrent() {
		if text := validity(before.leaf(), now); text != "" {
			l.warn(p.Certificate + ": " + text)
		}
		l.next.certificates[id] = before
		return before
	}
	c, warnings, err := loadPair(id, now)
	l.warn(warnings...)
	if err != nil {
		l.fail(p.From, err)
		c = before
	}
	l.next.certificates[id] = c
	return c
}

// fail adds an error. from is where the file was named, or empty.
func (l *loading) fail(from string, err error) {
	if from != "" {
		err = fmt.Errorf("%s: %w", from, err)
	}
	l.errs = append(l.errs, err)
}

// group returns the group of a site, or nil if its CA certificates can't be used.
func (l *loading) group(from *Site) *group {
	name := from.Policy.String() + " " + from.ClientAuth.String()
	var roots *clientRoots
	if from.ClientAuth != ClientAuthOff {
		if roots = l.clientRoots(from.ClientRoots, from.ClientRootsFrom); roots == nil {
			return nil
		}
		name += " " + roots.digest
	}
	if g, ok := l.next.groups[name]; ok {
		return g
	}
	c := from.Policy.config()
	c.NextProtos, c.Time = l.store.settings.Protocols, l.store.settings.now
	if roots != nil {
		c.ClientAuth, c.ClientCAs = from.ClientAuth.auth(), roots.pool
	}
	g := &group{name: name, config: c}
	l.next.groups[name] = g
	return g
}

// clientRoots loads CA certificates, once for all sites that have them.
func (l *loading) clientRoots(file, from string) *clientRoots {
	if r, ok := l.next.roots[file]; ok {
		return r
	}
	r, warnings, err := readClientRoots(file, l.store.settings.now())
	l.warn(warnings...)
	if err != nil {
		l.fail(from, err)
		if l.before != nil {
			r = l.before.roots[file]
		}
	}
	l.next.roots[file] = r
	return r
}

// readClientRoots reads the CA certificates of client certificates.
func readClientRoots(file string, now time.Time) (*clientRoots, []string, error) {
	list, err := readChain(file)
	if err != nil {
		return nil, nil, err
	}
	r, hash := &clientRoots{pool: x509.NewCertPool()}, sha256.New()
	var warnings []string
	for i, x := range list {
		if !x.IsCA {
			return nil, nil, fmt.Errorf("%s: certificate %d (%s) is not that of a CA; name the file of the CA that issues the client certificates", file, i+1, subjectOf(x))
		}
		if now.After(x.NotAfter) {
			warnings = append(warnings, fmt.Sprintf("%s: the CA certificate %s has expired on %s", file, subjectOf(x), day(x.NotAfter)))
		}
		r.pool.AddCert(x)
		hash.Write(x.Raw)
	}
	r.digest = hex.EncodeToString(hash.Sum(nil))
	return r, warnings, nil
}
