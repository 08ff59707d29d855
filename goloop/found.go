package goloop

import "aws/internal/docroot"

// What worker threads have found for a request is held until the request is decided. In the cache it may be out of date, or
// evicted, before the request is decided again, and would have to be looked up again.

// foundMax bounds what one request holds. A request with more alternatives than that relies on the cache.
const foundMax = 16

// holds returns what was found for the request by a name, with a reference, or nil.
func (x *exchange) holds(m *docroot.Mount, name []byte) *docroot.File {
	for _, f := range x.found {
		if f.Mount == m && f.Name == string(name) {
			f.Hold()
			return f
		}
	}
	return nil
}

// hold keeps what was found for the request, with the reference.
func (x *exchange) hold(file *docroot.File) {
	//mutation:found-files-dropped
	if len(x.found) == foundMax {
		x.dropFound()
	}
	x.found, x.refusals = append(x.found, file), min(x.refusals, 1)
}

// dropFound gives back what was found for the request.
func (x *exchange) dropFound() {
	for i := range x.found {
		x.loop.dropFile(&x.found[i])
	}
	x.found, x.refusals = x.found[:0], 0
}

// refusalsMax is how often a request may be refused a descriptor in a row before it gives back those that it holds: requests
// that wait for another descriptor may hold all that there are.
const refusalsMax = 16

// openRefused retries a request for which no descriptor is left, in a moment, when others have been closed. From then on it
// holds what it is given.
func (x *exchange) openRefused() {
	l := x.loop
	l.closer.files = l.cache.Reclaim(reclaimMax, l.closer.files)
	if x.refusals++; x.refusals > refusalsMax {
		x.dropFound()
		x.refusals = 1
	}
	l.retry(x.conn)
}
