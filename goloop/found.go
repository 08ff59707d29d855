package goloop

import "aws/internal/docroot"

// A request may need several names, each of which only a worker thread can determine. What worker threads have found is held until the
// request is answered: in the cache it may be out of date, or evicted, before the last of them is known, and the first
// one would be asked for again.

// foundMax bounds what one request holds; an index with more names than that relies on the cache.
const foundMax = 16

// holds returns what was found for the connection's request under a name, with a reference, or nil.
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

// refusalsMax is how often a request may be refused a descriptor in a row before it gives back those that it holds: all of
// them may be with requests that wait for another one.
const refusalsMax = 16

// openRefused lets a request that needs a descriptor, of which there is none left, ask again in a moment, when others have been
// closed. From then on it holds what it is given.
func (l *Loop) openRefused(c *conn) {
	l.closing = l.cache.Reclaim(reclaimMax, l.closing)
	if c.refusals++; c.refusals > refusalsMax {
		l.dropFound(c)
		c.refusals = 1
	}
	l.retry(c)
}
