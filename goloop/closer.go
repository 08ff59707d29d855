package goloop

import (
	"aws/internal/docroot"
	"aws/internal/handler"
)

// closer holds the descriptors that are to be closed, or shut for sending, by the next batch or by a worker thread.
type closer struct {
	generators []overGenerator      // closed by a worker thread
	sockets    []socketEnd          // of connections and listeners; one may be shut first and then closed
	taken      int                  // of sockets, the first ones
	files      []docroot.Descriptor // of files without references
	slow       []docroot.Descriptor // of files whose close may wait: worker threads close them
	kernel     []kernelEnd          // sockets whose records TCP may not have taken
}

// overGenerator is a generator that is over.
type overGenerator struct {
	handler.Generator
	remote bool // as exchange.remote
}

// socketEnd is a socket with the operation that ends it: OpClose, OpReset or OpShutdown.
type socketEnd struct {
	kind  netKind
	fd    int32
	alert []byte // that is sent before, or nil
}

// add lets a socket be ended.
func (s *closer) add(kind netKind, fd int32) { s.addWith(kind, fd, nil) }

// addWith lets a socket be ended after an alert, if that is not nil.
func (s *closer) addWith(kind netKind, fd int32, alert []byte) {
	s.sockets = append(s.sockets, socketEnd{kind, fd, alert})
}

// takeFile takes a file that the batch can close, or returns false when there is none. Those whose close may wait are put aside.
func (s *closer) takeFile() (int32, bool) {
	for n := len(s.files); n > 0; n = len(s.files) {
		d := s.files[n-1]
		s.files = s.files[:n-1]
		if !d.Slow {
			return d.FD, true
		}
		s.slow = append(s.slow, d)
	}
	return -1, false
}

// takeSocket takes the socket that has waited longest, or returns false when there is none.
func (s *closer) takeSocket() (socketEnd, bool) {
	if s.taken == len(s.sockets) {
		return socketEnd{}, false
	}
	end := s.sockets[s.taken]
	if s.taken++; s.taken == len(s.sockets) {
		s.sockets, s.taken = s.sockets[:0], 0
	}
	return end, true
}

// isEmpty reports whether there is nothing for a batch to do.
func (s *closer) isEmpty() bool { return len(s.sockets) == 0 && len(s.files) == 0 }
