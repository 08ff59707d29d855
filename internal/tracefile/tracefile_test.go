package tracefile

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"

	"aws/internal/connstate"
)

// element is an element of the array.
type element struct {
	Ph   string
	Name string
	Pid  int
	Tid  int64
	Ts   float64
	Dur  float64
	Args map[string]any
}

// parse reads a trace, and sees that no two spans of a track overlap.
func parse(t *testing.T, text []byte) []element {
	t.Helper()
	var list []element
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	type track struct {
		pid int
		tid int64
	}
	spans := map[track][]element{}
	for _, e := range list {
		if e.Ph == "X" {
			spans[track{e.Pid, e.Tid}] = append(spans[track{e.Pid, e.Tid}], e)
		}
	}
	for at, list := range spans {
		sort.SliceStable(list, func(i, j int) bool { return list[i].Ts < list[j].Ts })
		for i := 1; i < len(list); i++ {
			if list[i].Ts < list[i-1].Ts+list[i-1].Dur-0.0015 {
				t.Errorf("track %v: %+v begins within %+v", at, list[i], list[i-1])
			}
		}
	}
	return list
}

func spans(list []element, name string) (found []element) {
	for _, e := range list {
		if e.Ph == "X" && e.Name == name {
			found = append(found, e)
		}
	}
	return found
}

func TestLifeOfAConnection(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trace.json")
	if err := os.WriteFile(name, []byte("of another run, and longer than this one"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(name, 2, 0, func(m string) { t.Error(m) })
	if err != nil {
		t.Fatal(err)
	}
	f.IterationBegin(1)
	f.State(1, 7, connstate.StateFree, connstate.StateInit)
	f.State(1, 7, connstate.StateInit, connstate.StateReading)
	f.State(1, 7, connstate.StateReading, connstate.StateWReady)
	f.ReadBegin(1, 7, 40, 0, 4096)
	f.ReadBegin(1, 7, 41, 4096, 100)
	f.State(1, 7, connstate.StateWReady, connstate.StateReadingAsync)
	f.IterationEnd(1, 3)
	f.IterationBegin(1)
	f.ReadEnd(1, 7, 41, 100)
	f.ReadEnd(1, 7, 40, -5)
	f.State(1, 7, connstate.StateReadingAsync, connstate.StateSending)
	f.State(1, 7, connstate.StateSending, connstate.StateFree)
	f.State(0, 7, connstate.StateFree, connstate.StateInit) // of another loop, and open at the end
	f.IterationEnd(1, 2)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	list := parse(t, text)
	for state, want := range map[string]int{
		"CONN_INIT": 2, "CONN_READING": 1, "CONN_WREADY": 1, "CONN_READING_ASYNC": 1, "CONN_SENDING": 1, "CONN_FREE": 0, "iteration": 2, "read": 2,
	} {
		if got := spans(list, state); len(got) != want {
			t.Errorf("%d spans of %s, not %d", len(got), state, want)
		}
	}
	async := spans(list, "CONN_READING_ASYNC")[0]
	lanes := map[int64]bool{}
	for _, r := range spans(list, "read") {
		if r.Tid <= async.Tid || r.Tid > async.Tid+lanesMax || r.Pid != async.Pid || lanes[r.Tid] {
			t.Errorf("a read on track %d, its connection is on %d", r.Tid, async.Tid)
		}
		lanes[r.Tid] = true
		if r.Args["offset"] == 0.0 && r.Args["result"] != -5.0 {
			t.Errorf("%+v", r)
		}
	}
	if turn := spans(list, "iteration")[0]; turn.Tid != 0 || turn.Args["events"] != 3.0 {
		t.Errorf("%+v", turn)
	}
	if !strings.Contains(string(text), `"conn 7 read 2"`) {
		t.Error("the track of the second read has no name")
	}
}

// TestManyLoopsAtOnce is for the race detector, and for rings that overflow.
func TestManyLoopsAtOnce(t *testing.T) {
	var text syncBuffer
	var said []string
	const loops, conns = 3, 20000
	f := newFile(&text, func() error { return nil }, "x", loops, 0, func(m string) { said = append(said, m) })
	var group sync.WaitGroup
	for i := range loops {
		group.Go(func() {
			for c := range uint64(conns) {
				f.State(i, c, connstate.StateFree, connstate.StateInit)
				f.ReadBegin(i, c, int(c%4), 0, 1)
				f.ReadEnd(i, c, int(c%4), 1)
				f.State(i, c, connstate.StateInit, connstate.StateFree)
			}
		})
	}
	group.Wait()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	list := parse(t, []byte(text.String()))
	var dropped uint64
	for _, r := range f.rings {
		dropped += r.dropped.Load()
	}
	if n := len(spans(list, "CONN_INIT")); n != loops*conns && dropped == 0 {
		t.Errorf("%d spans", n)
	}
	if (dropped > 0) != (len(said) > 0) {
		t.Errorf("%d dropped, said %q", dropped, said)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.Write(p)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestFullDiskIsSaidOnce(t *testing.T) {
	var said []string
	f := newFile(failing{}, func() error { return nil }, "x", 1, 0, func(m string) { said = append(said, m) })
	for i := range uint64(10000) {
		f.State(0, i, connstate.StateFree, connstate.StateInit)
	}
	if err := f.Close(); err != nil || len(said) != 1 || !strings.Contains(said[0], "no space left") {
		t.Errorf("%v, said %q", err, said)
	}
}

func TestNoAllocation(t *testing.T) {
	f := newFile(io.Discard, func() error { return nil }, "x", 1, 0, func(string) {})
	f.stop <- struct{}{} // the writer ends, and what is put stays
	<-f.ended
	if n := testing.AllocsPerRun(1000, func() {
		f.IterationBegin(0)
		f.State(0, 1, connstate.StateInit, connstate.StateReading)
		f.IterationEnd(0, 1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestBytesMax fills a file up to its bound, and finds it whole while the loops go on.
func TestBytesMax(t *testing.T) {
	for _, most := range []int64{1, 200, 1000, 12345, 100000} {
		name := filepath.Join(t.TempDir(), "trace.json")
		said := make(chan string, 10)
		f, err := Open(name, 1, most, func(m string) { said <- m })
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint64(10000) {
			f.State(0, i, connstate.StateFree, connstate.StateInit)
			f.State(0, i, connstate.StateInit, connstate.StateFree)
		}
		if m := <-said; !strings.Contains(m, "ends here") || !strings.Contains(m, strconv.FormatInt(most, 10)) {
			t.Errorf("said %q", m)
		}
		whole := func() {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			n := len(parse(t, text))
			if int64(len(text)) > max(most, int64(len(opening+closing))) || n > 0 && int64(len(text)) < most-300 {
				t.Errorf("%d bytes, %d elements; %d were allowed", len(text), n, most)
			}
		}
		whole()
		for i := range uint64(ringSize + 1) {
			f.State(0, i, connstate.StateFree, connstate.StateInit)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		whole()
		if len(said) != 0 {
			t.Errorf("said %q, too", <-said)
		}
	}
}
