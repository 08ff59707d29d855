package goloop

import (
	"fmt"
	"reflect"
)

// Counts are a loop's counters since its start.
type Counts struct {
	Turns         uint64
	Events        uint64
	StaleEvents   uint64 // events of connections that were over, dropped
	Crossings     uint64 // batches run, besides the waits
	Accepted      uint64
	AcceptPauses  uint64 // descriptors or connections were used up
	Crowded       uint64 // connections closed because their address had too many
	Requests      uint64
	Refused       uint64 // malformed heads
	BytesSent     uint64 // headers and bodies
	PeersGone     uint64 // clients that left before their answer was complete
	Resets        uint64 // connections that we reset
	Truncated     uint64 // files that became shorter while they were sent
	DiskFaults    uint64
	Expired       uint64 // deadlines
	WatchesFailed uint64 // epoll_ctl refused a connection

	OpensCached  uint64 // files opened, or looked up again, on the loop
	OpensHelped  uint64 // files opened by a helper, because a disk might have been waited for
	ChunksWarmed uint64 // parts of static files that a helper brought into memory: stalls avoided

	ReadsNoWait  uint64 // rung 1 of the ladder: RWF_NOWAIT from the page cache
	ReadsDirect  uint64 // rung 2: O_DIRECT
	ReadsHelped  uint64 // rung 3: a helper
	ReadsMissed  uint64 // rung 1 said that the pages were not there after all
	ReadsShort   uint64
	ReadsRefused uint64 // io_submit took none for now
	PoolWaits    uint64 // connections that waited for buffers
	BuffersLent  uint64 // buffers taken back from clients that took nothing
	InState      [stateCount]int
}

// String returns the counters as lines of name and value.
func (n *Counts) String() string {
	return fmt.Sprintf(`turns %d, events %d (stale %d), crossings %d
accepted %d (pauses %d, crowded %d), requests %d (refused %d), bytes sent %d
peers gone %d, resets %d, truncated %d, disk faults %d, expired %d, watches failed %d
opens: on the loop %d, by helpers %d; static chunks warmed %d
reads: RWF_NOWAIT %d (missed %d), O_DIRECT %d, by helpers %d; short %d, refused for now %d
buffers: waits %d, lent %d
`,
		n.Turns, n.Events, n.StaleEvents, n.Crossings,
		n.Accepted, n.AcceptPauses, n.Crowded, n.Requests, n.Refused, n.BytesSent,
		n.PeersGone, n.Resets, n.Truncated, n.DiskFaults, n.Expired, n.WatchesFailed,
		n.OpensCached, n.OpensHelped, n.ChunksWarmed,
		n.ReadsNoWait, n.ReadsMissed, n.ReadsDirect, n.ReadsHelped, n.ReadsShort, n.ReadsRefused,
		n.PoolWaits, n.BuffersLent)
}

// Counts returns a copy of the counters. It is meant for after Run, or for the loop's goroutine.
func (l *Loop) Counts() Counts { return l.counts }

// add adds another loop's counters. Every field is a number, so that none can be forgotten here.
func (n *Counts) add(o *Counts) {
	to, from := reflect.ValueOf(n).Elem(), reflect.ValueOf(o).Elem()
	for i := range to.NumField() {
		switch f := to.Field(i); f.Kind() {
		case reflect.Uint64:
			f.SetUint(f.Uint() + from.Field(i).Uint())
		default:
			for j := range f.Len() {
				f.Index(j).SetInt(f.Index(j).Int() + from.Field(i).Index(j).Int())
			}
		}
	}
}
