package docroot

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"aws/internal/kernel"
)

// opener gives out descriptors, and knows which are open.
type opener struct {
	t    *testing.T
	mu   sync.Mutex
	next int32
	open map[int32]bool
}

func newOpener(t *testing.T) *opener { return &opener{t: t, next: 10, open: map[int32]bool{}} }

func (o *opener) fd() int32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next++
	o.open[o.next] = true
	return o.next
}

func (o *opener) file(m *Mount, name string, size int64) *File {
	opened := kernel.Opened{FD: o.fd()}
	opened.Size = size
	return NewFile(m, name, kernel.Done, &opened)
}

// close closes what the cache says is to be closed.
func (o *opener) close(list []Descriptor) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, d := range list {
		if !o.open[d.FD] {
			o.t.Errorf("descriptor %d is closed twice", d.FD)
		}
		delete(o.open, d.FD)
	}
}

func (o *opener) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.open)
}

func heapBytes() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestAbsencesAreBoundedInBytes asks for 20,000 made-up names within the time for which absences are remembered.
func TestAbsencesAreBoundedInBytes(t *testing.T) {
	for _, nameBytes := range []int{20, 200, 4000} {
		t.Run(fmt.Sprint(nameBytes), func(t *testing.T) {
			const bound = 1 << 20
			c, m, o := NewCache(Limits{FilesMax: 10, MaxAge: time.Hour, AbsentMax: time.Hour, AbsentBytesMax: bound}), &Mount{}, newOpener(t)
			file := o.file(m, "there", 1)
			o.close(c.Add(file, 0, nil))
			o.close(file.Release(nil))
			before := heapBytes()
			for i := range 20_000 {
				f := NewFile(m, fmt.Sprintf("%0*d", nameBytes, i), kernel.Absent, nil)
				o.close(c.Add(f, time.Duration(i), nil))
				f.Release(nil)
				if c.absent.bytes > bound {
					t.Fatalf("%d bytes after %d names", c.absent.bytes, i+1)
				}
			}
			grown := heapBytes() - before
			t.Logf("%d absences: %d bytes counted, %d on the heap", c.Len()-1, c.absent.bytes, grown)
			if grown > bound*5/4 {
				t.Errorf("the heap has grown by %d bytes, and the bound is %d", grown, bound)
			}
			if f, fresh := c.Get(m, fmt.Appendf(nil, "%0*d", nameBytes, 19_999), 20_000); fresh != Fresh || f.Class != kernel.Absent {
				t.Errorf("the latest absence is %v", fresh)
			}
			if _, fresh := c.Get(m, []byte("there"), 20_000); fresh != Fresh {
				t.Error("absences have evicted a file")
			}
			// All of them are given back in the end, though nobody asks for them again.
			for done := false; !done; {
				var fds []Descriptor
				fds, done = c.Trim(2*time.Hour, 256, nil)
				o.close(fds)
			}
			if c.absent.bytes != 0 || c.absent.oldest != nil {
				t.Errorf("%d bytes of absences are left", c.absent.bytes)
			}
		})
	}
}

// TestDescriptorsAreBoundedInTheInsert asks for many files, each of which is read directly, too.
func TestDescriptorsAreBoundedInTheInsert(t *testing.T) {
	const most = 100
	for _, direct := range []bool{false, true} {
		c, m, o := NewCache(Limits{FilesMax: most, MaxAge: time.Hour}), &Mount{}, newOpener(t)
		for i := range 20_000 {
			f := o.file(m, fmt.Sprint(i), 1)
			fds := c.Add(f, time.Duration(i), nil)
			if direct {
				fds = c.AddDirect(f, o.fd(), fds)
			}
			o.close(f.Release(fds))
			if n := o.count(); n > most {
				t.Fatalf("%d descriptors are open after %d files, direct %v", n, i+1, direct)
			}
		}
		if n := o.count(); n < most-1 {
			t.Errorf("only %d of %d descriptors are used", n, most)
		}
		o.close(c.Clear(nil))
		if n := o.count(); n != 0 {
			t.Errorf("%d descriptors are never closed", n)
		}
	}
}

// TestFilesInUseDoNotStopEviction has 70 files in use at the end that is evicted from.
func TestFilesInUseDoNotStopEviction(t *testing.T) {
	const most, inUse = 50, 70
	c, m, o := NewCache(Limits{FilesMax: most, MaxAge: time.Hour, IdleMax: time.Second}), &Mount{}, newOpener(t)
	var used []*File
	for i := range inUse {
		f := o.file(m, fmt.Sprint("used", i), 1)
		o.close(c.Add(f, 0, nil))
		used = append(used, f)
	}
	for i := range 1500 {
		f := o.file(m, fmt.Sprint(i), 1)
		o.close(f.Release(c.Add(f, 1, nil)))
		if n := o.count(); n > most+inUse {
			t.Fatalf("%d descriptors are open after %d files", n, i+1)
		}
	}
	fds, done := c.Trim(time.Minute, 10_000, nil)
	if o.close(fds); !done || o.count() != inUse {
		t.Errorf("%d descriptors are open, all idle files being trimmed; %d are in use", o.count(), inUse)
	}
	for _, f := range used {
		o.close(f.Release(nil))
	}
	if n := o.count(); n > most {
		t.Errorf("%d descriptors are open when none is in use", n)
	}
	fds, _ = c.Trim(time.Hour, 10_000, nil)
	if o.close(fds); o.count() != 0 || c.Len() != 0 {
		t.Errorf("%d descriptors and %d names are left", o.count(), c.Len())
	}
}

// TestMadeFilesAreBoundedInBytes makes listings of 300 KB.
func TestMadeFilesAreBoundedInBytes(t *testing.T) {
	const bound, size = 4 << 20, 300_000
	c, m, o := NewCache(Limits{FilesMax: 1000, MaxAge: time.Hour, MadeBytesMax: bound}), &Mount{}, newOpener(t)
	list := func(i int) *File {
		f := o.file(m, fmt.Sprint(i, "\x00name.html"), size)
		f.Made = true
		o.close(c.Add(f, 0, nil))
		return f
	}
	for i := range 240 {
		o.close(list(i).Release(nil))
		if n := int64(o.count()) * size; n > bound {
			t.Fatalf("%d bytes of %d listings", n, i+1)
		}
	}
	if c.Full() {
		t.Error("full although nothing is in use")
	}
	var used []*File
	for i := 0; !c.Full(); i++ {
		used = append(used, list(1000+i))
	}
	if n := int64(len(used)) * size; n < 2*bound || n > madeInUseFactor*bound+size {
		t.Errorf("%d bytes are in use when it is full", n)
	}
	for _, f := range used {
		o.close(f.Release(nil))
	}
	if n := int64(o.count()) * size; n > bound || c.Full() {
		t.Errorf("%d bytes are left when none is in use, full: %v", n, c.Full())
	}
	// Small ones are bounded by their descriptors: they don't take those of files.
	for i := range 2000 {
		f := o.file(m, fmt.Sprint("small", i), 10)
		f.Made = true
		o.close(f.Release(c.Add(f, 0, nil)))
	}
	if c.made.descriptors > 250 {
		t.Errorf("%d descriptors of 1000 are for listings", c.made.descriptors)
	}
	o.close(c.Clear(nil))
	if n := o.count(); n != 0 || c.making.Load() != 0 {
		t.Errorf("%d descriptors and %d bytes are left", n, c.making.Load())
	}
}

// TestFilesThatAreAskedForOftenSurvive has a client ask once for each of very many files.
func TestFilesThatAreAskedForOftenSurvive(t *testing.T) {
	c, m, o := NewCache(Limits{FilesMax: 100, MaxAge: time.Hour, IdleMax: time.Second}), &Mount{}, newOpener(t)
	var now time.Duration
	ask := func(name string) bool {
		now++
		f, fresh := c.Get(m, []byte(name), now)
		if fresh == Missing {
			f = o.file(m, name, 1)
			o.close(c.Add(f, now, nil))
		}
		o.close(f.Release(nil))
		return fresh == Fresh
	}
	for range 2 {
		for i := range 50 {
			ask(fmt.Sprint("often", i))
		}
	}
	for i := range 20_000 {
		ask(fmt.Sprint(i))
	}
	for i := range 50 {
		if !ask(fmt.Sprint("often", i)) {
			t.Fatalf("file %d of those that are asked for often was evicted", i)
		}
	}
	// Once nobody has asked for them in a while, others take their place.
	now += time.Minute
	fds, _ := c.Trim(now, 1000, nil)
	o.close(fds)
	for range 3 {
		for i := range 70 {
			ask(fmt.Sprint("new", i))
		}
	}
	for i := range 70 {
		if !ask(fmt.Sprint("new", i)) {
			t.Fatalf("file %d of those that are asked for now was evicted", i)
		}
	}
}

func TestImpossibleNames(t *testing.T) {
	m := &Mount{}
	element := strings.Repeat("e", 255)
	for name, want := range map[string]bool{
		"":                               false,
		"a/b":                            false,
		element:                          false,
		element + "/" + element + "/":    false,
		element + "e":                    true,
		"a/" + element + "e":             true,
		element + "e/a":                  true,
		strings.Repeat("a/", 2047) + "a": false,
		strings.Repeat("a/", 2048):       true,
		strings.Repeat(element+"/", 15) + element: false,
		strings.Repeat(element+"/", 16):           true,
		"a\x00b":                                  true,
	} {
		f := Impossible(m, []byte(name))
		if got := f != nil; got != want {
			t.Errorf("a name of %d bytes is impossible: %v", len(name), got)
		}
		if f != nil && (f.Class != kernel.Absent || f.Release(nil) != nil) {
			t.Errorf("a name of %d bytes is %v", len(name), f.Class)
		}
	}
	name := []byte(element + "e")
	if n := testing.AllocsPerRun(100, func() { Impossible(m, name).Release(nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestWhoseCloseMayWait(t *testing.T) {
	m := &Mount{}
	for _, tc := range []struct {
		name   string
		remote bool
		end    func(c *Cache, f *File) []Descriptor
		slow   bool
	}{
		{"evicted", false, func(c *Cache, _ *File) []Descriptor { return c.Reclaim(1, nil) }, false},
		{"remote", true, func(c *Cache, _ *File) []Descriptor { return c.Reclaim(1, nil) }, true},
		{"changed", false, func(c *Cache, f *File) []Descriptor { return c.Drop(f, nil) }, true},
	} {
		c := NewCache(testLimits())
		o := kernel.Opened{FD: 5, Remote: tc.remote}
		f := NewFile(m, "a", kernel.Done, &o)
		c.Add(f, 0, nil)
		f.Release(nil)
		if got := tc.end(c, f); len(got) != 1 || got[0].Slow != tc.slow {
			t.Errorf("%s: %+v", tc.name, got)
		}
	}
}

// TestCacheIsSharedByManyUsers lets several loops use one small cache at random, and compares what is open with what has
// been closed.
func TestCacheIsSharedByManyUsers(t *testing.T) {
	const most = 6
	c, m, o := NewCache(Limits{FilesMax: most, MaxAge: 50, IdleMax: 200, AbsentMax: 50, AbsentBytesMax: 4 * entryBytes, MadeBytesMax: 40_000}), &Mount{}, newOpener(t)
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(g)))
			var held []*File
			for i := range 20_000 {
				now := time.Duration(i)
				name := fmt.Sprint(rnd.IntN(20))
				var fds []Descriptor
				switch f, fresh := c.Get(m, []byte(name), now); {
				case fresh == Missing && rnd.IntN(4) == 0:
					f = NewFile(m, name, kernel.Absent, nil)
					held, fds = append(held, f), c.Add(f, now, fds)
				case fresh == Missing:
					f = o.file(m, name, int64(rnd.IntN(20_000)))
					f.Made = rnd.IntN(3) == 0
					held, fds = append(held, f), c.Add(f, now, fds)
				case fresh == Stale:
					fds = f.Release(c.Drop(f, fds))
				default:
					held = append(held, f)
					if f.Class == kernel.Done && f.Direct.Load() == DirectUnknown {
						fds = c.AddDirect(f, o.fd(), fds)
					}
				}
				for len(held) > rnd.IntN(8) {
					at := rnd.IntN(len(held))
					fds = held[at].Release(fds)
					held = append(held[:at], held[at+1:]...)
				}
				switch rnd.IntN(50) {
				case 0:
					fds = c.Reclaim(rnd.IntN(4), fds)
				case 1:
					fds, _ = c.Trim(now, 3, fds)
				}
				o.close(fds)
			}
			for _, f := range held {
				o.close(f.Release(nil))
			}
		})
	}
	group.Wait()
	c.mu.Lock()
	if n := c.once.descriptors + c.often.descriptors + c.made.descriptors; n > most || n != o.count() {
		t.Errorf("%d descriptors counted, %d are open, and %d may be", n, o.count(), most)
	}
	if c.made.bytes > 40_000 || c.absent.bytes > 4*entryBytes || c.making.Load() != c.made.bytes {
		t.Errorf("made %d, %d alive, absent %d bytes", c.made.bytes, c.making.Load(), c.absent.bytes)
	}
	c.mu.Unlock()
	o.close(c.Clear(nil))
	if o.count() != 0 || c.Len() != 0 || c.making.Load() != 0 {
		t.Errorf("%d descriptors, %d names, %d bytes are left", o.count(), c.Len(), c.making.Load())
	}
}
