package main

import (
	"errors"
	"io"

	"aws/internal/serveconfig"
	"aws/internal/tlsconfig"
)

// errNoTransport keeps a socket for https from being served without TLS.
var errNoTransport = errors.New("--listen-tls: this version checks the configuration of https, and does not serve it")

// certificates loads what https needs. It returns nil if no site has a certificate. Only with serves it opens the key log.
func (s *fileServer) certificates(serves bool) (*tlsconfig.Store, error) {
	settings := s.options.TLS(s.report.Logger)
	if settings == nil {
		return nil, nil
	}
	if !serves {
		settings.KeyLogFile = ""
	}
	s.doing("reading the certificates")
	store, warnings, err := tlsconfig.New(*settings)
	for _, w := range warnings {
		s.report.Warn(w)
	}
	return store, err
}

// checkCertificates returns all that is wrong with certificates. It prints those that can be used, unless a URL is explained.
func (s *fileServer) checkCertificates(explained string, stdout io.Writer) error {
	store, err := s.certificates(false)
	if store == nil || err != nil {
		return err
	}
	if explained == "" {
		_, err = io.WriteString(stdout, serveconfig.DescribeCertificates(store))
	}
	return errors.Join(err, store.Close())
}
