// Package direct has a handler decide about a single request without a server. It opens files at once, and waits for disks.
//
// # Ownership
//
// A Decision has no open file and no generator any more: its File says which one would be sent.
//
// # Caveats
//
// It is for diagnosis. What a server decides under load, such as 503, does not occur.
package direct

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"time"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"
)

// Decision is the response to a request.
type Decision struct {
	handler.Response
	Defect request.Defect // why the request is malformed, and belongs to no site; or request.DefectNone
}

// Client is who sends a request.
type Client struct {
	Address netip.Addr
	TLS     *handler.TLS // nil: without TLS
}

// Respond returns the response of a handler to a request of a client, which has no body, at a time. The error says why the
// request can't be sent.
func Respond(h handler.Handler, head []byte, client Client, now time.Time) (*Decision, error) {
	var req request.Request
	req.Reset(h.Limits())
	f := &files{handler: h, client: client.Address, tls: client.TLS, now: now.Unix()}
	defer f.close()
	d := &Decision{}
	r := &d.Response
	r.Reset()
	responder := h.NewResponder()
	switch req.Parse(head) {
	case request.Incomplete:
		return nil, errors.New("the request is not complete")
	case request.Complete:
		if !responder.Respond(r, &req, head, f) {
			return nil, errors.New("the files can't be looked up")
		}
		if r.Generator != nil {
			r.Generator.Close(&kernel.Linux{})
			r.Generator = nil
		}
	default:
		d.Defect = req.Defect()
		responder.Refuse(r, &req, f)
	}
	return d, nil
}

// files implements handler.Files.
type files struct {
	handler handler.Handler
	client  netip.Addr
	tls     *handler.TLS
	now     int64 // in seconds since 1970
	opened  []int32
}

// close closes all that was opened.
func (f *files) close() { _ = kernel.CloseAll(f.opened) }

// keep prepares a file as a server does.
func (f *files) keep(m *docroot.Mount, name string, class kernel.Class, opened *kernel.Opened, made bool) *docroot.File {
	file := docroot.NewFile(m, name, class, opened)
	file.Made = made
	if class == kernel.Done {
		if opened.FD >= 0 {
			f.opened = append(f.opened, opened.FD)
		}
		f.handler.Prepare(file)
	}
	return file
}

func (f *files) find(m *docroot.Mount, name []byte) *docroot.File {
	if file := docroot.Impossible(m, name); file != nil {
		return file
	}
	var opened kernel.Opened
	class := kernel.OpenFile(m.Root, string(name), &opened)
	return f.keep(m, string(name), class, &opened, false)
}

// LookUp implements handler.Files.
func (f *files) LookUp(l *handler.Lookup) bool {
	l.Class, l.File, l.Siblings = kernel.Absent, nil, l.Siblings[:0]
	for i := range l.Len() {
		a := l.At(i)
		file := f.find(a.Mount, a.Name)
		if !a.IsThere(file.Class) {
			continue
		}
		if l.Class = file.Class; file.Class != kernel.Done {
			return true
		}
		l.File = file
		for _, suffix := range l.Suffixes {
			sibling := f.find(a.Mount, l.SiblingName(a.Name, suffix))
			if sibling.Class != kernel.Done {
				sibling = nil
			}
			l.Siblings = append(l.Siblings, sibling)
		}
		return true
	}
	return true
}

// Make implements handler.Files.
func (f *files) Make(m *docroot.Mount, key []byte, build handler.Build) (*docroot.File, handler.Outcome) {
	opened, class := build(&kernel.Linux{})
	return f.keep(m, string(key), class, &opened, true), handler.OutcomeDone
}

// Compressed implements handler.Files. Nothing has been compressed.
func (f *files) Compressed(*docroot.File, response.Coding) (*docroot.File, handler.Outcome) {
	return nil, handler.OutcomeRefused
}

// Check implements handler.Files.
func (f *files) Check(m *docroot.Mount, key []byte, build handler.Build) (*docroot.File, handler.Outcome) {
	opened, class := build(nil)
	return f.keep(m, string(key), class, &opened, false), handler.OutcomeDone
}

// Small implements handler.Files.
func (f *files) Small(*docroot.File) []byte { return nil }

// Release implements handler.Files.
func (f *files) Release(*docroot.File) {}

// Moment implements handler.Files.
func (f *files) Moment() handler.Moment {
	return handler.Moment{Date: response.AppendDate(nil, f.now), Unix: f.now, Monotonic: time.Hour}
}

// Client implements handler.Files.
func (f *files) Client() netip.Addr { return f.client }

// TLS implements handler.Files.
func (f *files) TLS() *handler.TLS { return f.tls }

// Random implements handler.Files.
func (f *files) Random() uint64 { return rand.Uint64() }
