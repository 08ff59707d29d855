package docroot

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"aws/internal/kernel"
)

func testLimits() Limits {
	return Limits{FilesMax: 2, MaxAge: time.Second, IdleMax: 5 * time.Second, AbsentMax: time.Second}
}

func add(c *Cache, m *Mount, name string, fd int32, now time.Duration) *File {
	o := kernel.Opened{FD: fd}
	o.Size = 3 * ResidentChunkBytes
	f := NewFile(m, name, kernel.Done, &o)
	c.Add(f, now, nil)
	return f
}

func TestCacheGetIsFreshThenStale(t *testing.T) {
	c, m := NewCache(testLimits()), &Mount{}
	if _, fresh := c.Get(m, []byte("a"), 0); fresh != Missing {
		t.Fatalf("an empty cache says %v", fresh)
	}
	f := add(c, m, "a", 7, 0)
	for _, tc := range []struct {
		now  time.Duration
		want Freshness
	}{{0, Fresh}, {time.Second, Fresh}, {time.Second + 1, Stale}} {
		got, fresh := c.Get(m, []byte("a"), tc.now)
		if got != f || fresh != tc.want {
			t.Errorf("at %v: %v, want %v", tc.now, fresh, tc.want)
		}
		got.Release(nil)
	}
	c.Validated(f, 2*time.Second)
	if _, fresh := c.Get(m, []byte("a"), 2*time.Second); fresh != Fresh {
		t.Errorf("after a look: %v", fresh)
	}
}

func TestCacheForgetsAbsences(t *testing.T) {
	c, m := NewCache(testLimits()), &Mount{}
	c.Add(NewFile(m, "no", kernel.Absent, nil), 0, nil)
	if f, fresh := c.Get(m, []byte("no"), time.Second); fresh != Fresh || f.Class != kernel.Absent {
		t.Fatalf("a remembered absence: %v", fresh)
	}
	if _, fresh := c.Get(m, []byte("no"), time.Second+1); fresh != Missing {
		t.Fatalf("an old absence: %v", fresh)
	}
	strict := testLimits()
	strict.AbsentMax = 0
	c = NewCache(strict)
	c.Add(NewFile(m, "no", kernel.Absent, nil), 0, nil)
	if c.Len() != 0 {
		t.Fatal("an absence is kept although none is to be")
	}
}

func TestCacheDoesNotRememberFaults(t *testing.T) {
	c, m := NewCache(testLimits()), &Mount{}
	c.Add(NewFile(m, "bad", kernel.Fault, nil), 0, nil)
	if _, fresh := c.Get(m, []byte("bad"), 0); fresh != Missing {
		t.Fatalf("a fault of the disk is %v", fresh)
	}
}

// fds returns the numbers of descriptors, in order.
func fds(list []Descriptor) []int32 {
	var numbers []int32
	for _, d := range list {
		numbers = append(numbers, d.FD)
	}
	slices.Sort(numbers)
	return numbers
}

func TestCacheClosesEachDescriptorOnce(t *testing.T) {
	c, m := NewCache(testLimits()), &Mount{}
	var closed []Descriptor
	put := func(name string, fd int32, now time.Duration) *File {
		o := kernel.Opened{FD: fd}
		f := NewFile(m, name, kernel.Done, &o)
		closed = c.Add(f, now, closed)
		return f
	}
	held := put("held", 10, 0)
	closed = put("b", 11, 1).Release(closed)
	closed = put("c", 12, 2).Release(closed)
	replaced := put("c", 13, 3)
	closed = c.AddDirect(replaced, 14, closed)
	if got := fds(closed); !slices.Equal(got, []int32{11, 12}) {
		t.Errorf("closed %v, want the replaced one and the unused one", got)
	}
	closed = c.AddDirect(replaced, 15, nil)
	if got := fds(closed); !slices.Equal(got, []int32{15}) {
		t.Errorf("closed %v: there was one for direct reads already", got)
	}
	closed = c.Clear(nil)
	closed = held.Release(closed)
	closed = replaced.Release(closed)
	if got := fds(closed); !slices.Equal(got, []int32{10, 13, 14}) {
		t.Errorf("closed %v", got)
	}
}

func TestCacheIdleFilesGo(t *testing.T) {
	c, m := NewCache(testLimits()), &Mount{}
	add(c, m, "a", 5, 0).Release(nil)
	if got, _ := c.Trim(5*time.Second, 10, nil); got != nil {
		t.Errorf("too early: %v", got)
	}
	if got, _ := c.Trim(5*time.Second+1, 10, nil); !slices.Equal(fds(got), []int32{5}) {
		t.Errorf("closed %v", got)
	}
}

func TestReclaimSparesFilesInUse(t *testing.T) {
	c, m := NewCache(testLimits()), &Mount{}
	f := add(c, m, "used", 5, 0)
	add(c, m, "unused", 6, 0).Release(nil)
	if got := c.Reclaim(10, nil); !slices.Equal(fds(got), []int32{6}) {
		t.Errorf("closed %v", got)
	}
	if got := c.Clear(nil); got != nil {
		t.Errorf("closed %v while in use", got)
	}
	if got := f.Release(nil); !slices.Equal(fds(got), []int32{5}) {
		t.Errorf("closed %v", got)
	}
}

func TestResidentIsRememberedByChunkAndForAWhile(t *testing.T) {
	c, m := NewCache(testLimits()), &Mount{}
	f := add(c, m, "a", 5, 0)
	f.SetResident(ResidentChunkBytes, ResidentChunkBytes-1, 0)
	f.SetResident(2*ResidentChunkBytes+1, ResidentChunkBytes-1, 0)
	if f.Resident(ResidentChunkBytes, 0) || f.Resident(2*ResidentChunkBytes, 0) {
		t.Error("part of a chunk counts for all of it")
	}
	f.SetResident(ResidentChunkBytes, ResidentChunkBytes, 0)
	if !f.Resident(2*ResidentChunkBytes-1, residentFor) {
		t.Error("forgotten too early")
	}
	if f.Resident(0, 0) || f.Resident(2*ResidentChunkBytes, 0) {
		t.Error("a neighbour counts as seen")
	}
	if f.Resident(ResidentChunkBytes, residentFor+time.Millisecond) {
		t.Error("remembered too long")
	}
}

func TestCacheIsSharedByLoops(t *testing.T) {
	c, m := NewCache(testLimits()), &Mount{}
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range 2000 {
				name := fmt.Sprint(i % 5)
				f, fresh := c.Get(m, []byte(name), time.Duration(i))
				if fresh == Missing {
					f = add(c, m, name, int32(g), time.Duration(i))
				}
				c.Trim(time.Duration(i), 2, nil)
				f.Release(nil)
			}
		})
	}
	group.Wait()
	c.Clear(nil)
	if c.Len() != 0 {
		t.Errorf("%d files left", c.Len())
	}
}

func TestTableMatchesTheLongestPrefix(t *testing.T) {
	all := &Mount{Prefix: "/", Strip: 1}
	dyn := &Mount{Prefix: "/dynamic/", Strip: 9, Kind: Dynamic}
	table, err := NewTable(all, dyn)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]*Mount{
		"/": all, "/x": all, "/dynamic": all, "/dynamic/": dyn, "/dynamic/x": dyn, "/dynamicx": all,
	} {
		if got := table.Match([]byte(path)); got != want {
			t.Errorf("%s: %+v", path, got)
		}
	}
	if got := string(dyn.Name([]byte("/dynamic/a/b"))); got != "a/b" {
		t.Errorf("name %q", got)
	}
	drop, _ := NewTable(dyn)
	if drop.Match([]byte("/x")) != nil {
		t.Error("matched without a mount")
	}
	for _, bad := range [][]*Mount{{all, all}, {{Prefix: "x/"}}, {{Prefix: "/x"}}} {
		if _, err := NewTable(bad...); err == nil {
			t.Errorf("%q is taken", bad[0].Prefix)
		}
	}
}

func TestGetDoesNotAllocate(t *testing.T) {
	c, m := NewCache(testLimits()), &Mount{}
	add(c, m, "a", 5, 0)
	name := []byte("a")
	if n := testing.AllocsPerRun(100, func() {
		f, _ := c.Get(m, name, 0)
		f.Release(nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
