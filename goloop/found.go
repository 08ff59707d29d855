package goloop

import "aws/internal/docroot"

// What worker threads have found for a request is held until the request is decided. In the cache it may be out of date, or
// evicted, before the request is decided again, and would have to be looked up again.

// foundMax bounds what one request holds. A request with more alternatives than that relies on the cache.
const foundMax = 16

// holds returns what was found for the connection's request by a name, with a reference, or nil.
func (c *conn) holds(m *docroot.Mount, name []byte) *docroot.File {
	for _, f := range c.found {
		if f.Mount == m && f.Name == string(name) {
			f.Hold()
			return f
		}
	}
	return nil
}

// hold keeps what was found for the connection's request, with the reference.
func (l *Loop) hold(c *conn, file *docroot.File) {
	if len(c.found) == foundMax {
		l.dropFound(c)
	}
	c.found, c.refusals = append(c.found, file), min(c.refusals, 1)
}

// dropFound gives back what was found for the connection's request.
func (l *Loop) dropFound(c *conn) {
	for i := range c.found {
		l.dropFile(&c.found[i])
	}
	c.found, c.refusals = c.found[:0], 0
}

// refusalsMax is how often a request may be refused a descriptor in a row before it gives back those that it holds: requests
// that wait for another descriptor may hold all that there are.
const refusalsMax = 16

// openRefused retries a request for which no descriptor is left, in a moment, when others have been closed. From then on it
// holds what it is given.
func (l *Loop) openRefused(c *conn) {
	l.closing = l.cache.Reclaim(reclaimMax, l.closing)
	if c.refusals++; c.refusals > refusalsMax {
		l.dropFound(c)
		c.refusals = 1
	}
	l.retry(c)
}
