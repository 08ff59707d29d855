package goloop

import (
	"time"

	"aws/internal/connstate"
)

// deadlineLists holds the connections by their deadlines. All members of a list have the same time, so they expire in the order
// in which they came in.
type deadlineLists struct {
	allows [connstate.DeadlineCount]time.Duration
	lists  [connstate.DeadlineCount]deadlineList
}

type deadlineList struct{ first, last *conn }

func newDeadlineLists(cfg *Config) deadlineLists {
	return deadlineLists{allows: [connstate.DeadlineCount]time.Duration{
		connstate.DeadlineIdle: cfg.IdleTimeout,
		//mutation:head-deadline-forgotten
		connstate.DeadlineHead: cfg.HeadTimeout,
		//mutation:send-deadline-forgotten
		connstate.DeadlineSend:   cfg.SendTimeout,
		connstate.DeadlineDisk:   cfg.DiskTimeout,
		connstate.DeadlineLinger: cfg.LingerTimeout,
	}}
}

// arm puts a connection under the deadline of its state. One that is under it already stays where it is unless it has made
// progress.
func (d *deadlineLists) arm(c *conn, now time.Duration) {
	kind := c.state().Deadline()
	if kind == c.armed && !c.refresh {
		return
	}
	c.refresh = false
	d.disarm(c)
	c.armed = kind
	c.expiresAt = now + d.allows[kind]
	list := &d.lists[kind]
	c.prevOfList = list.last
	if list.last != nil {
		list.last.nextOfList = c
	} else {
		list.first = c
	}
	list.last = c
}

// disarm takes a connection out of its list.
func (d *deadlineLists) disarm(c *conn) {
	if c.armed == connstate.DeadlineNone {
		return
	}
	list := &d.lists[c.armed]
	if c.prevOfList != nil {
		c.prevOfList.nextOfList = c.nextOfList
	} else {
		list.first = c.nextOfList
	}
	if c.nextOfList != nil {
		c.nextOfList.prevOfList = c.prevOfList
	} else {
		list.last = c.prevOfList
	}
	c.nextOfList, c.prevOfList = nil, nil
	c.armed = connstate.DeadlineNone
}

// first returns the connection that has been under a deadline longest, or nil. The others follow by nextOfList.
func (d *deadlineLists) first(kind connstate.Deadline) *conn { return d.lists[kind].first }

// armedAt returns since when a connection is under its deadline.
func (d *deadlineLists) armedAt(c *conn) time.Duration { return c.expiresAt - d.allows[c.armed] }

// dueAt returns when the first connection expires.
func (d *deadlineLists) dueAt() time.Duration {
	at := never
	for i := range d.lists {
		if c := d.lists[i].first; c != nil {
			at = min(at, c.expiresAt)
		}
	}
	return at
}
