package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"aws/internal/acme"
	"aws/internal/admin"
	"aws/internal/kernel"
	"aws/internal/serveconfig"
	"aws/internal/sites"
	"aws/internal/tlsconfig"
	"aws/internal/tlsconn"
	"aws/internal/tlsserver"
)

// certificates loads what https needs. It returns nil if no site has a certificate. Without serves it only looks whether the
// key log could be written. shared is that of a supervisor, or nil.
func (s *fileServer) certificates(serves bool, shared *os.File) (*tlsconfig.Store, error) {
	settings := s.options.TLS(s.report.Logger)
	if settings == nil {
		return nil, nil
	}
	var keyLogErr error
	if file := settings.KeyLogFile; file != "" && !serves {
		settings.KeyLogFile = ""
		if keyLogErr = kernel.MayWrite(file); keyLogErr != nil {
			keyLogErr = tlsconfig.KeyLogError(keyLogErr)
		} else {
			s.report.Warn(tlsconfig.KeyLogWarning(file))
		}
	}
	if shared != nil {
		settings.SharedKeys = shared
	}
	if err := s.options.Give.HoldSecrets(s.report); err != nil {
		return nil, err
	}
	s.doing("reading the certificates")
	store, warnings, err := tlsconfig.New(*settings)
	for _, w := range warnings {
		s.report.Warn(w)
	}
	return store, errors.Join(err, keyLogErr)
}

// reloadCertificates reads the files of certificates again, for a SIGHUP to a server without supervisor. No connection ends.
func (s *fileServer) reloadCertificates(store *tlsconfig.Store) {
	if store.Reload() != nil {
		return // the log has the reasons
	}
	s.report.Info("hangup: the files of certificates, keys and client CAs were read again; other changes need --supervise", "signal", syscall.SIGHUP.String())
}

// checkCertificates loads the certificates and returns all that is wrong with them. It prints those that can be used, unless
// a URL is explained. The store is nil if there is none.
func (s *fileServer) checkCertificates(explained string, stdout io.Writer) (*tlsconfig.Store, error) {
	store, err := s.certificates(false, nil)
	if store == nil || err != nil {
		return nil, err
	}
	if explained == "" {
		_, err = io.WriteString(stdout, serveconfig.DescribeCertificates(store))
	}
	return store, err
}

// reported returns what --admin reports of certificates: those that were read from files, and those that are obtained. It is nil if
// there are none. issued may be nil.
func reported(store *tlsconfig.Store, issued *acme.Manager) func() []admin.Certificate {
	if store == nil {
		return nil
	}
	return func() (list []admin.Certificate) {
		for _, c := range store.Certificates() {
			r := admin.Certificate{File: c.Files.Certificate, NotAfter: c.NotAfter}
			if len(c.Names) > 0 {
				r.Name = c.Names[0]
			}
			list = append(list, r)
		}
		if issued == nil {
			return list
		}
		for _, e := range issued.Expiries() {
			list = append(list, admin.Certificate{Name: e.Name, File: sites.ACME, NotAfter: e.NotAfter})
		}
		return list
	}
}

// ballastBytes is the size of memory that is never touched, and so costs none, but counts for the garbage collector. A handshake leaves some
// 50 KB of garbage; with the small heap of a file server alone, the collector would run after a hundred of them and take a
// quarter of their time.
const ballastBytes = 16 << 20

const (
	// quietEvery is how often it is looked whether handshakes have ceased.
	quietEvery = 2 * time.Second
	// handshakesKept is how many may have left their garbage when they cease.
	handshakesKept = 100
)

// transport makes the handshakes of the loops with the certificates of a store.
type transport struct {
	certificates *tlsconfig.Store
	begun        atomic.Int64 // handshakes
}

// giveBack gives the memory that many handshakes have left back to the kernel when they have ceased, until the context is done. The
// collector alone would leave it: it runs when as much has been used again.
func (t *transport) giveBack(ctx context.Context) {
	tick := time.NewTicker(quietEvery)
	defer tick.Stop()
	var before, given int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := t.begun.Load()
		if now == before && now-given >= handshakesKept {
			debug.FreeOSMemory()
			given = now
		}
		before = now
	}
}

// Handshakes implements goloop.TLS.
func (t *transport) Handshakes() tlsconn.Handshakes {
	return new(tlsserver.Coroutines).Handshakes(func(keyLog io.Writer) *tls.Config {
		t.begun.Add(1)
		return t.certificates.ConfigFor(keyLog)
	})
}

// SiteOf implements goloop.TLS.
func (t *transport) SiteOf(serverName string, local netip.AddrPort) (name string, ok bool) {
	var addr net.Addr
	if local.IsValid() {
		addr = net.TCPAddrFromAddrPort(local)
	}
	return t.certificates.SiteOf(serverName, addr)
}
