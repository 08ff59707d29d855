package main

import (
	"context"
	"strconv"

	"aws/internal/acme"
	"aws/internal/command"
	"aws/internal/sandbox"
)

// issuer returns which certificates are obtained by ACME, or nil if there are none.
func (s *fileServer) issuer() (*acme.Options, error) {
	options, err := s.options.ACME(s.report.Logger, "aws/"+command.Version)
	if options == nil || err != nil {
		return nil, err
	}
	return options, s.options.Give.HoldSecrets(s.report)
}

// checkACME returns what would keep openACME from its work. It makes no storage.
func (s *fileServer) checkACME() error {
	options, err := s.issuer()
	if options == nil || err != nil {
		return err
	}
	return acme.Inspect(*options)
}

// openACME opens the storage of certificates by ACME, while the process may still do so, and has the handler respond to challenges. It
// returns nil if no site has certificate = "acme".
func (s *fileServer) openACME() (*acme.Manager, error) {
	o := s.options
	options, err := s.issuer()
	if options == nil || err != nil {
		return nil, err
	}
	if o.Give.User != "" {
		if options.Owner, err = ownerOf(o.Give.User); err != nil {
			return nil, err
		}
	}
	s.doing("reading the certificates in %s", options.Storage)
	m, err := acme.Open(*options)
	if err != nil {
		return nil, err
	}
	files, directories := m.Readable()
	o.Give.ReadableFiles = append(o.Give.ReadableFiles, files...)
	o.Give.Readable = append(o.Give.Readable, directories...)
	o.Give.Private = append(o.Give.Private, m.Writable()...)
	o.Issued = m
	return m, nil
}

// ownerOf returns whom a storage is given to.
func ownerOf(name string) (*acme.Owner, error) {
	u, err := sandbox.LookUpUser(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	return &acme.Owner{UID: uid, GID: gid}, err
}

// renew obtains and renews certificates until the drain begins. Then another process may go on with the same storage. m may be nil.
func renew(m *acme.Manager, drains <-chan struct{}) {
	if m == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-drains
		cancel()
	}()
	go m.Run(ctx)
}
