package compression

import (
	"aws/internal/docroot"
	"aws/internal/kernel"
)

// outcome is how the making of a form has ended.
type outcome uint8

const (
	outcomeMade outcome = iota
	outcomeLoaded
	outcomeNotSmaller
	outcomeChanged
	outcomeFailed
	outcomeStopped
)

// Make makes the form of the open file fd that Begin has admitted, on a worker thread.
func (c *Cache) Make(k kernel.Directories, fd int32, key *Key) {
	form, o := c.form(k, fd, key)
	var opened kernel.Opened
	if o == outcomeMade || o == outcomeLoaded {
		var class kernel.Class
		if opened, class = k.MemoryFile(form); class != kernel.Done {
			o = outcomeFailed
		}
	}
	c.end(key, o, &opened)
}

// form returns the bytes of a form, from the directory or compressed.
func (c *Cache) form(k kernel.Directories, fd int32, key *Key) ([]byte, outcome) {
	if c.stopped.Load() {
		return nil, outcomeStopped
	}
	if c.directory != nil {
		if form, ok := c.directory.load(key); ok {
			return form, outcomeLoaded
		}
	}
	content := make([]byte, key.Size)
	switch class := k.ReadWhole(fd, &key.Info, content); class {
	case kernel.Done:
	case kernel.Absent:
		return nil, outcomeChanged
	default:
		return nil, outcomeFailed
	}
	form, ok := c.encoder.Encode(content, key.Coding)
	if !ok {
		return nil, outcomeNotSmaller
	}
	if c.directory != nil {
		c.directory.store(key, form)
	}
	return form, outcomeMade
}

// end puts the outcome into the cache. What was reserved for the form becomes that of the form.
func (c *Cache) end(key *Key, o outcome, opened *kernel.Opened) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.forget(key)
	e := &entry{key: *key}
	switch o {
	case outcomeMade, outcomeLoaded:
		e.file = docroot.NewForm(opened, &key.Info, c.encoder.Version)
		e.file.CountIn(&c.open, 1)
		e.file.CountIn(&c.inUse, weigh(e.file.Size)-entryBytes)
		if o == outcomeMade {
			c.stats.Made++
		} else {
			c.stats.Loaded++
		}
	case outcomeNotSmaller:
		c.stats.NotSmaller++
	case outcomeChanged:
		c.stats.Changed++
		return // the key is that of a version that is gone
	case outcomeFailed:
		c.stats.Failed++
		e.until = p.began + failedFor
	case outcomeStopped:
		return
	}
	if old := c.byKey[*key]; old != nil { // a failure that was to be tried again, which has no descriptor
		c.remove(old, nil)
	}
	e.element = c.order.PushFront(e)
	c.byKey[*key] = e
}
