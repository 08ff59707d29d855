package http2

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	peer "golang.org/x/net/http2"
)

// TestParsePriority reads values of Priority (RFC 9218, section 4).
func TestParsePriority(t *testing.T) {
	for value, want := range map[string]priority{
		"": {3, false}, "u=0": {0, false}, "u=7, i": {7, true}, "i": {3, true}, "i=?1,u=1": {1, true}, "i=?0": {3, false}, "u=8": {3, false},
		"u=-1": {3, false}, "u=1;a=b, x=y, i;q": {1, true}, "  u=2": {2, false}, "u=\"1\"": {3, false}, ",,,": {3, false}, "u=1, u=5": {5, false},
	} {
		if got := parsePriority([]byte(value)); got != want {
			t.Errorf("%q: %+v, want %+v", value, got, want)
		}
	}
}

// begun returns a client with streams whose HEADERS have been made, one for each priority.
func begun(t *testing.T, priorities ...string) *client {
	cl := newClient(t, DefaultLimits())
	cl.begin()
	for i, p := range priorities {
		cl.get(uint32(2*i+1), "priority= "+p)
	}
	cl.send(whole)
	cl.control()
	for i := range priorities {
		s := cl.streams[uint32(2*i+1)]
		cl.conn.AppendHeaders(nil, s, okHead, false)
		cl.conn.Ready(s)
	}
	return cl
}

// turns takes n bytes for the next stream, so often, and returns their numbers.
func (c *client) turns(count, n int) string {
	var list []string
	for range count {
		s := c.conn.Next()
		if s == nil {
			list = append(list, "none")
			break
		}
		list = append(list, fmt.Sprint(s.ID))
		c.conn.Take(s, min(n, c.conn.WindowOf(s)))
	}
	return strings.Join(list, " ")
}

// TestOrder looks at the order in which streams send (RFC 9218, section 10).
func TestOrder(t *testing.T) {
	cl := begun(t, "u=5", "", "u=0,i", "u=0,i", "", "u=0,i")
	if got, want := cl.turns(7, 100), "5 7 11 5 7 11 5"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, id := range []uint32{5, 11} {
		cl.conn.Unready(cl.streams[id])
	}
	if got, want := cl.turns(2, 100), "7 7"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	cl.conn.Unready(cl.streams[7])
	if got, want := cl.turns(3, 100), "3 3 3"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	cl.conn.Unready(cl.streams[3])
	cl.must(cl.framer.WriteRawFrame(0x10, 0, 0, []byte("\x00\x00\x00\x01u=1")))
	cl.send(whole)
	cl.conn.Ready(cl.streams[3])
	if got, want := cl.turns(1, 100), "1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestEarlyPriorities sends priorities before the requests that they are about (RFC 9218, section 7.1): the latest counts, and more than that of the request.
func TestEarlyPriorities(t *testing.T) {
	cl := begun(t, "u=5")
	update := func(id uint32, value string) {
		cl.must(cl.framer.WriteRawFrame(0x10, 0, 0, append(binary.BigEndian.AppendUint32(nil, id), value...)))
	}
	update(3, "u=2")
	update(5, "u=1")
	update(7, "u=1")
	update(3, "u=6")
	update(5, "u=0, i")
	cl.get(3, "priority= u=0")
	cl.get(9)
	cl.get(11, "priority= u=4")
	update(1, "u=7")
	cl.send(whole)
	if n := len(cl.conn.early); n != 0 { // streams 5 and 7 can not begin any more
		t.Errorf("%d priorities are kept", n)
	}
	for id, want := range map[uint32]priority{1: {urgency: 7}, 3: {urgency: 6}, 9: priorityDefault, 11: {urgency: 4}} {
		if got := cl.streams[id].priority; got != want {
			t.Errorf("stream %d: %v, want %v", id, got, want)
		}
	}
	limits := DefaultLimits()
	for id := uint32(13); len(cl.conn.early)+len(cl.conn.streams) < limits.StreamsMax; id += 2 {
		update(id, "u=1")
		if !cl.send(whole) {
			t.Fatalf("the priority of stream %d: %s", id, cl.control())
		}
	}
	update(13, "u=4, i")
	if cl.get(13); !cl.send(whole) || cl.streams[13].priority != (priority{urgency: 4, incremental: true}) {
		t.Errorf("stream 13: %v", cl.streams[13].priority)
	}
	if update(1001, "u=1"); cl.send(whole) {
		t.Error("more priorities are kept than streams could begin")
	}
	if got, want := cl.control(), "GOAWAY 13 PROTOCOL_ERROR"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestWindows lets streams wait for their windows: none holds the others up, and one whose HEADERS have not been made needs none.
func TestWindows(t *testing.T) {
	cl := begun(t, "u=0", "u=1", "u=2")
	cl.conn.window = 200_000
	if got, want := cl.turns(7, 30_000), "1 1 1 3 3 3 5"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	cl.must(cl.framer.WriteWindowUpdate(1, 10))
	cl.send(whole)
	if got, want := cl.turns(2, 10), "1 5"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	cl.conn.window = 0
	if got := cl.turns(1, 1); got != "none" {
		t.Errorf("%s with an empty window of the connection", got)
	}
	cl.get(7)
	cl.send(whole)
	cl.conn.Ready(cl.streams[7])
	if got := cl.turns(1, 0); got != "7" {
		t.Errorf("%s, want the HEADERS of 7", got)
	}
	cl.conn.AppendHeaders(nil, cl.streams[7], okHead, false)
	if got := cl.turns(1, 1); got != "none" {
		t.Errorf("%s with an empty window of the connection", got)
	}
	cl.must(cl.framer.WriteWindowUpdate(0, 100))
	cl.must(cl.framer.WriteSettings(peer.Setting{ID: peer.SettingInitialWindowSize, Val: 0}))
	cl.send(whole)
	if s := cl.streams[7]; s.window != 0 || cl.streams[5].window >= 0 {
		t.Errorf("windows %d and %d", s.window, cl.streams[5].window)
	}
	if got := cl.turns(1, 1); got != "none" {
		t.Errorf("%s with empty windows", got)
	}
	cl.must(cl.framer.WriteSettings(peer.Setting{ID: peer.SettingInitialWindowSize, Val: 65535}))
	cl.send(whole)
	if got, want := cl.turns(2, 50), "5 5"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	cl.conn.GiveBack(cl.streams[5], 50)
	if got := cl.turns(1, 50); got != "5" {
		t.Errorf("%s after bytes were given back", got)
	}
}

// TestReadyLists compares the lists with a plain search, over random changes.
func TestReadyLists(t *testing.T) {
	rnd := newRand()
	var priorities []string
	for range 40 {
		priorities = append(priorities, fmt.Sprintf("u=%d%s", rnd.IntN(8), []string{"", ",i"}[rnd.IntN(2)]))
	}
	cl := begun(t, priorities...)
	cl.conn.window = 1 << 30
	for range 20_000 {
		s := cl.streams[uint32(2*rnd.IntN(40)+1)]
		switch rnd.IntN(5) {
		case 0:
			cl.conn.Ready(s)
		case 1:
			cl.conn.Unready(s)
		case 2:
			if s.window > 0 {
				cl.conn.Take(s, int(s.window))
			}
		case 3:
			cl.conn.GiveBack(s, 10)
		case 4:
			cl.conn.reprioritize(s, priority{uint8(rnd.IntN(8)), rnd.IntN(2) == 0})
		}
		got := cl.conn.Next()
		var can []*Stream
		for _, s := range cl.conn.streams {
			if s.ready && s.window > 0 {
				can = append(can, s)
			}
		}
		slices.SortStableFunc(can, func(a, b *Stream) int { return int(a.priority.urgency) - int(b.priority.urgency) })
		if len(can) == 0 != (got == nil) || got != nil && (got.priority.urgency != can[0].priority.urgency || !slices.Contains(can, got)) {
			t.Fatalf("%+v of %d", got, len(can))
		}
	}
}
