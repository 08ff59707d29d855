package main

import (
	"io"
	"os"

	"aws/internal/serveconfig"
	"aws/internal/tlsconfig"
)

// certificates loads what https needs. It returns nil if no site has a certificate. Only with serves it opens the key log. shared
// is that of a supervisor, or nil.
func (s *fileServer) certificates(serves bool, shared *os.File) (*tlsconfig.Store, error) {
	settings := s.options.TLS(s.report.Logger)
	if settings == nil {
		return nil, nil
	}
	if !serves {
		settings.KeyLogFile = ""
	}
	if shared != nil {
		settings.SharedKeys = shared
	}
	s.doing("reading the certificates")
	store, warnings, err := tlsconfig.New(*settings)
	for _, w := range warnings {
		s.report.Warn(w)
	}
	return store, err
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
