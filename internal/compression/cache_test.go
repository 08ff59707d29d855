package compression

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/response"
)

// disk implements what Make uses of kernel.Directories.
type disk struct {
	kernel.Directories
	class  kernel.Class // of ReadWhole
	memory kernel.Class // of MemoryFile
	read   atomic.Int64
}

func (d *disk) ReadWhole(int32, *kernel.Info, []byte) kernel.Class {
	d.read.Add(1)
	return d.class
}

func (d *disk) MemoryFile(content []byte) (kernel.Opened, kernel.Class) {
	return kernel.Opened{FD: -1, Info: kernel.Info{Size: int64(len(content))}}, d.memory
}

// halves is an encoder whose forms have half of the size. Contents of an odd size have none.
var halves = Encoder{Version: 3, Encode: func(content []byte, _ response.Coding) ([]byte, bool) {
	return content[:len(content)/2], len(content)%2 == 0
}}

func limits() Limits {
	return Limits{MemoryBytesMax: 1 << 20, FilesMax: 100, Running: 1, PendingMax: 4}
}

func keyOf(number, size int) *Key {
	return &Key{Info: kernel.Info{Ino: uint64(number), Size: int64(size), MtimeNs: 7, CtimeNs: 8, Dev: 9}, Coding: response.Gzip}
}

// want gets a form, which must have a state, and releases it.
func want(t *testing.T, c *Cache, key *Key, now time.Duration, state State) {
	t.Helper()
	file, got := c.Get(key, now)
	if got != state {
		t.Errorf("the form of %d is %d, want %d", key.Ino, got, state)
	}
	if file != nil {
		file.Release(nil)
	}
}

// begin begins the making of a form, which must be admitted or not.
func begin(t *testing.T, c *Cache, key *Key, state State) {
	t.Helper()
	if got, _ := c.Begin(key, 0, nil); got != state {
		t.Errorf("the making of the form of %d is %d, want %d", key.Ino, got, state)
	}
}

// TestLife makes forms with each outcome.
func TestLife(t *testing.T) {
	for _, test := range []struct {
		name         string
		disk         *disk
		size         int
		state, later State // after the making, and after failedFor
		stats        Stats
	}{
		{"made", &disk{}, 100, Ready, Ready, Stats{Made: 1, Files: 1}},
		{"not smaller", &disk{}, 101, Never, Never, Stats{NotSmaller: 1}},
		{"changed", &disk{class: kernel.Absent}, 100, Absent, Absent, Stats{Changed: 1}},
		{"can't be read", &disk{class: kernel.Fault}, 100, Never, Absent, Stats{Failed: 1}},
		{"no memory", &disk{memory: kernel.Exhausted}, 100, Never, Absent, Stats{Failed: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := NewCache(limits(), halves, nil)
			key := keyOf(1, test.size)
			want(t, c, key, 0, Absent)
			begin(t, c, key, Soon)
			want(t, c, key, 0, Soon)
			c.Make(test.disk, 3, key)
			want(t, c, key, failedFor-1, test.state)
			want(t, c, key, failedFor, test.later)
			got := c.Stats()
			test.stats.Bytes, test.stats.Hits = got.Bytes, got.Hits
			if got != test.stats {
				t.Errorf("%+v, want %+v", got, test.stats)
			}
			if n := test.disk.read.Load(); n != 1 {
				t.Errorf("the file is read %d times", n)
			}
			c.Clear(nil)
			if got := c.Stats(); got.Bytes != 0 || got.Files != 0 {
				t.Errorf("afterwards there are %d bytes in %d files", got.Bytes, got.Files)
			}
		})
	}
}

// TestBeginOnce has two loops find that there is no form, and begin to make it.
func TestBeginOnce(t *testing.T) {
	c := NewCache(limits(), halves, nil)
	for _, key := range []*Key{keyOf(1, 100), keyOf(2, 101)} {
		begin(t, c, key, Soon)
		begin(t, c, key, Never)
		c.Make(&disk{}, 3, key)
		begin(t, c, key, Never)
	}
	failed := keyOf(3, 100)
	begin(t, c, failed, Soon)
	c.Make(&disk{class: kernel.Fault}, 3, failed)
	begin(t, c, failed, Never)
	if s, _ := c.Begin(failed, failedFor, nil); s != Soon {
		t.Errorf("after a failure: %d", s)
	}
	c.Make(&disk{}, 3, failed)
	want(t, c, failed, failedFor, Ready)
	if s := c.Stats(); s.Made != 2 || s.Refused != 0 || s.Pending != 0 {
		t.Errorf("%+v", s)
	}
}

// TestVersionOfForm sees a form have the validators of the file, and another version.
func TestVersionOfForm(t *testing.T) {
	c := NewCache(limits(), halves, nil)
	key := keyOf(1, 100)
	begin(t, c, key, Soon)
	c.Make(&disk{}, 3, key)
	file, _ := c.Get(key, 0)
	wantVersion := response.Version{SizeBytes: 100, ModifiedNs: 7, ChangedNs: 8, Inode: 1, Form: 3}
	if v := file.Version(); v != wantVersion || file.Size != 50 || file.Loads() {
		t.Errorf("version %+v, %d bytes", v, file.Size)
	}
	for _, other := range []*Key{keyOf(2, 100), keyOf(1, 102)} {
		want(t, c, other, 0, Absent)
	}
	changed := *key
	changed.CtimeNs++
	want(t, c, &changed, 0, Absent)
	changed = *key
	changed.Coding = response.Zstd
	want(t, c, &changed, 0, Absent)
}

// TestPendingIsBounded asks for more forms at once than may be pending.
func TestPendingIsBounded(t *testing.T) {
	c := NewCache(limits(), halves, nil)
	begin(t, c, keyOf(1, 100), Soon)
	for i := 2; i <= 4; i++ {
		begin(t, c, keyOf(i, 100), Pending)
		want(t, c, keyOf(i, 100), 0, Pending)
	}
	begin(t, c, keyOf(5, 100), Never)
	want(t, c, keyOf(5, 100), 0, Absent)
	c.Cancel(keyOf(4, 100))
	want(t, c, keyOf(4, 100), 0, Absent)
	begin(t, c, keyOf(5, 100), Pending)
	c.Stop()
	d := &disk{}
	c.Make(d, 3, keyOf(5, 100))
	if d.read.Load() > 0 {
		t.Error("a form is made after the end")
	}
	begin(t, c, keyOf(6, 100), Never)
	if s := c.Stats(); s.Refused != 2 || s.Pending != 3 {
		t.Errorf("%+v", s)
	}
}

// TestOldestUse fills the memory: the form that was not used for the longest time is removed, but not one that is in use.
func TestOldestUse(t *testing.T) {
	l := limits()
	l.MemoryBytesMax = 10 * weigh(pageBytes)
	c := NewCache(l, halves, nil)
	size := 2 * pageBytes // the form is one page; while it is made, two are reserved
	made := func(i int) {
		t.Helper()
		if state, _ := c.Begin(keyOf(i, size), 0, nil); state == Never {
			t.Fatalf("form %d is refused", i)
		}
		c.Make(&disk{}, 3, keyOf(i, size))
	}
	for i := range 8 {
		made(i)
	}
	used, _ := c.Get(keyOf(0, size), 0) // in use, and the latest
	want(t, c, keyOf(2, size), 0, Ready)
	held, _ := c.Get(keyOf(1, size), 0)
	want(t, c, keyOf(2, size), 0, Ready)
	for i := 10; i < 14; i++ {
		made(i)
	}
	for i, state := range map[int]State{0: Ready, 1: Ready, 2: Ready, 3: Absent, 4: Absent, 5: Absent, 13: Ready} {
		want(t, c, keyOf(i, size), 0, state)
	}
	used.Release(nil)
	held.Release(nil)
}

// TestMemoryIsBounded has many clients ask for many files at once, and hold forms. No bound is exceeded at any time.
func TestMemoryIsBounded(t *testing.T) {
	l := Limits{MemoryBytesMax: 1 << 20, FilesMax: 40, Running: 2, PendingMax: 8}
	c := NewCache(l, halves, nil)
	d := &disk{}
	var group sync.WaitGroup
	var making atomic.Int64
	for client := range 8 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(client), 1))
			var held []*docroot.File
			for range 3000 {
				key := keyOf(random.IntN(2000), 2*random.IntN(40_000))
				if random.IntN(4) == 0 {
					key.Size++
				}
				file, state := c.Get(key, 0)
				if state == Ready {
					held = append(held, file)
				}
				begun := Never
				if state == Absent {
					begun, _ = c.Begin(key, 0, nil)
				}
				if begun != Never {
					if n := making.Add(1); n > int64(l.PendingMax) {
						t.Errorf("%d forms are made at once", n)
					}
					c.Make(d, 3, key)
					making.Add(-1)
				}
				if s := c.Stats(); s.Bytes > l.MemoryBytesMax || s.Files > l.FilesMax {
					t.Errorf("%d bytes in %d files", s.Bytes, s.Files)
				}
				if len(held) > 3 {
					held[0].Release(nil)
					held = held[1:]
				}
			}
			for _, f := range held {
				f.Release(nil)
			}
		})
	}
	group.Wait()
	if s := c.Stats(); s.Made == 0 || s.Pending != 0 {
		t.Errorf("%+v", s)
	}
	c.Clear(nil)
	if s := c.Stats(); s.Bytes != 0 || s.Files != 0 {
		t.Errorf("afterwards there are %d bytes in %d files", s.Bytes, s.Files)
	}
}

// TestEntriesAreBoundedInBytes compares the memory of entries without a form with what is counted.
func TestEntriesAreBoundedInBytes(t *testing.T) {
	l := Limits{MemoryBytesMax: 20 << 20, FilesMax: 1, Running: 1, PendingMax: 1}
	c := NewCache(l, halves, nil)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	const count = 20_000
	for i := range count {
		begin(t, c, keyOf(i, 1), Soon)
		c.Make(&disk{}, 3, keyOf(i, 1))
	}
	if each := (heap() - before) / count; each > entryBytes {
		t.Errorf("an entry takes %d bytes, and %d are counted", each, entryBytes)
	}
	if s := c.Stats(); s.Bytes != count*entryBytes {
		t.Errorf("%d bytes are counted", s.Bytes)
	}
	runtime.KeepAlive(c)
}

// TestGetDoesNotAllocate looks for forms that are there, and for those that are not.
func TestGetDoesNotAllocate(t *testing.T) {
	c := NewCache(limits(), halves, nil)
	there, none := keyOf(1, 100), keyOf(2, 101)
	for _, key := range []*Key{there, none} {
		begin(t, c, key, Soon)
		c.Make(&disk{}, 3, key)
	}
	if n := testing.AllocsPerRun(100, func() {
		if f, _ := c.Get(there, 0); f != nil {
			f.Release(nil)
		}
		c.Get(none, 0)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// sameForm reports whether the directory has a form with these bytes.
func sameForm(d *Directory, key *Key, form []byte) bool {
	got, ok := d.load(key)
	return ok && bytes.Equal(got, form)
}
