package fileserver

import (
	"sync/atomic"

	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/request"
	"aws/internal/response"
	"aws/internal/sites"
)

// fileServer implements handler.Handler.
type fileServer struct {
	limits     request.Limits
	body       request.BodyLimits
	rangesMax  int
	listMax    int
	types      *response.MediaTypes
	httpsPort  uint16
	challenges Challenges

	table    *sites.Table
	policies []policy // by the numbers of routes
	fallback *policy  // of requests that belong to no site
	mounts   []*docroot.Mount
	siteOf   map[*docroot.Mount]*sites.CompiledSite
	verified verified
	archives atomic.Int64 // in progress
}

// Mounts implements handler.Handler.
func (s *fileServer) Mounts() []*docroot.Mount { return s.mounts }

// Limits implements handler.Handler.
func (s *fileServer) Limits() *request.Limits { return &s.limits }

// NewResponder implements handler.Handler.
func (s *fileServer) NewResponder() handler.Responder { return &responder{server: s} }

// responder implements handler.Responder.
type responder struct {
	server  *fileServer
	scratch scratch
}

// scratch is memory that the requests of a loop use one after the other, so that none of them allocates.
type scratch struct {
	path, bytes   []byte
	candidate     []byte // the path of an attempt
	lines, others [][]byte
	ranges        []response.Range
	lookup        handler.Lookup
}

func (s *responder) decision(r *handler.Response, req *request.Request, head []byte, files handler.Files) decision {
	s.scratch.lookup.Reset()
	return decision{server: s.server, scratch: &s.scratch, response: r, request: req, head: head, files: files, now: files.Moment(), policy: s.server.fallback}
}

// Respond implements handler.Responder.
func (s *responder) Respond(r *handler.Response, req *request.Request, head []byte, files handler.Files) bool {
	d := s.decision(r, req, head, files)
	r.KeepAlive = req.KeepAlive() && !d.now.Ending
	d.chooseSite()
	if status := d.examineBody(); status != 0 {
		d.takeSitePolicy()
		r.Status = d.fail(status)
		return true
	}
	if status := d.respondToChallenge(); status != 0 {
		r.Status = status
		return true
	}
	status, known := d.decide()
	if !known {
		d.releaseFiles()
		return false
	}
	r.Status = status
	d.handOver()
	return true
}

// Refuse implements handler.Responder. Where a malformed head ends is not known, so what follows it is discarded.
func (s *responder) Refuse(r *handler.Response, req *request.Request, files handler.Files) {
	s.failAndClose(r, response.Status(req.Defect().Status()), req, files)
}

// Busy implements handler.Responder. No request has been read. It may be a HEAD, whose response has no body, so that
// of this one is empty.
func (s *responder) Busy(r *handler.Response, files handler.Files) bool {
	r.Linger = true
	d := s.decision(r, &request.Request{Method: request.MethodHead}, nil, files)
	d.bodiless = true
	r.Status = d.fail(response.ServiceUnavailable)
	return true
}

// Expire implements handler.Responder.
func (s *responder) Expire(r *handler.Response, in connstate.State, req *request.Request, files handler.Files) bool {
	status := response.RequestTimeout
	if in == connstate.StateOpening {
		status = response.ServiceUnavailable
	}
	s.failAndClose(r, status, req, files)
	return true
}

// failAndClose responds with an error, whatever the request is, and closes the connection.
func (s *responder) failAndClose(r *handler.Response, status response.Status, req *request.Request, files handler.Files) {
	r.Linger = true
	d := s.decision(r, req, nil, files)
	r.Status = d.fail(status)
}
