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
	c.Add(f, now)
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
	c.Add(NewFile(m, "no", kernel.Absent, nil), 0)
	if f, fresh := c.Get(m, []byte("no"), time.Second); fresh != Fresh || f.Class != kernel.Absent {
		t.Fatalf("a remembered absence: %v", fresh)
	}
	if _, fresh := c.Get(m, []byte("no"), time.Second+1); fresh != Missing {
		t.Fatalf("an old absence: %v", fresh)
	}
	strict := testLimits()
	strict.AbsentMax = 0
	c = NewCache(strict)
	c.Add(NewFile(m, "no", kernel.Absent, nil), 0)
	if c.Len() != 0 {
		t.Fatal("an absence is kept although none is to be")
	}
}

func TestCacheDoesNotRememberFaults(t *testing.T) {
	c, m := NewCache(testLimits()), &Mount{}
	c.Add(NewFile(m, "bad", kernel.Fault, nil), 0)
	if _, fresh := c.Get(m, []byte("bad"), 0); fresh != Missing {
		t.Fatalf("a fault of the disk is %v", fresh)
	}
}

func TestCacheClosesEachDescriptorOnce(t *testing.T) {
	c, m := NewCache(testLimits()), &Mount{}
	held := add(c, m, "held", 10, 0)
	add(c, m, "b", 11, 1).Release(nil)
	add(c, m, "c", 12, 2).Release(nil)
	replaced := add(c, m, "c", 13, 3)
	replaced.Direct.Store(14)
	if got := c.Trim(3, 10, false, nil); !slices.Equal(got, []int32{12, 11}) {
		t.Errorf("trimmed %v, want the replaced one and the oldest unused one", got)
	}
	if got := held.Release(nil); got != nil {
		t.Errorf("the cache still holds it, but %v is to be closed", got)
	}
	got := c.Clear(nil)
	got = replaced.Release(got)
	if !slices.Equal(got, []int32{10, 13, 14}) {
		t.Errorf("closed %v", got)
	}
}

func TestCacheIdleFilesGo(t *testing.T) {
	c, m := NewCache(testLimits()), &Mount{}
	add(c, m, "a", 5, 0).Release(nil)
	if got := c.Trim(5*time.Second, 10, false, nil); got != nil {
		t.Errorf("too early: %v", got)
	}
	if got := c.Trim(5*time.Second+1, 10, false, nil); !slices.Equal(got, []int32{5}) {
		t.Errorf("closed %v", got)
	}
}

func TestCacheForcedTrimSparesFilesInUse(t *testing.T) {
	c, m := NewCache(testLimits()), &Mount{}
	f := add(c, m, "used", 5, 0)
	add(c, m, "unused", 6, 0).Release(nil)
	if got := c.Trim(0, 10, true, nil); !slices.Equal(got, []int32{6}) {
		t.Errorf("closed %v", got)
	}
	if got := c.Clear(nil); got != nil {
		t.Errorf("closed %v while in use", got)
	}
	if got := f.Release(nil); !slices.Equal(got, []int32{5}) {
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
				c.Trim(time.Duration(i), 2, false, nil)
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
