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
		connstate.DeadlineHandshake: cfg.HandshakeTimeout,
		connstate.DeadlineIdle:      cfg.IdleTimeout,
		//mutation:head-deadline-forgotten
		connstate.DeadlineHead: cfg.HeadTimeout,
		//mutation:send-deadline-forgotten
		connstate.DeadlineSend:   cfg.SendTimeout,
		connstate.DeadlineDisk:   cfg.DiskTimeout,
		connstate.DeadlineLinger: cfg.LingerTimeout,
	}}
}

// arm puts a connection under its deadline, if it has one. One that is under it already stays where it is unless it has made
// progress.
func (d *deadlineLists) arm(c *conn, now time.Duration) {
	kind := c.deadlineOf()
	if kind == c.deadline.kind && !c.deadline.restart {
		return
	}
	c.deadline.restart = false
	d.disarm(c)
	if kind == connstate.DeadlineNone {
		return
	}
	c.deadline.kind = kind
	c.deadline.at = now + d.allows[kind]
	list := &d.lists[kind]
	c.deadline.prev = list.last
	if list.last != nil {
		list.last.deadline.next = c
	} else {
		list.first = c
	}
	list.last = c
}

// disarm takes a connection out of its list.
func (d *deadlineLists) disarm(c *conn) {
	if c.deadline.kind == connstate.DeadlineNone {
		return
	}
	list := &d.lists[c.deadline.kind]
	if c.deadline.prev != nil {
		c.deadline.prev.deadline.next = c.deadline.next
	} else {
		list.first = c.deadline.next
	}
	if c.deadline.next != nil {
		c.deadline.next.deadline.prev = c.deadline.prev
	} else {
		list.last = c.deadline.prev
	}
	c.deadline.next, c.deadline.prev = nil, nil
	c.deadline.kind = connstate.DeadlineNone
}

// first returns the connection that has been under a deadline longest, or nil. The others follow by nextOfList.
func (d *deadlineLists) first(kind connstate.Deadline) *conn { return d.lists[kind].first }

// armedAt returns since when a connection is under its deadline.
func (d *deadlineLists) armedAt(c *conn) time.Duration {
	return c.deadline.at - d.allows[c.deadline.kind]
}

// dueAt returns when the first connection expires.
func (d *deadlineLists) dueAt() time.Duration {
	at := never
	for i := range d.lists {
		if c := d.lists[i].first; c != nil {
			at = min(at, c.deadline.at)
		}
	}
	return at
}
