package listing

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestParseOrder(t *testing.T) {
	for _, c := range []struct {
		query string
		want  Order
	}{
		{"", ByName},
		{"sort=name", ByName},
		{"sort=size", BySize},
		{"sort=time", ByTime},
		{"sort=name&order=asc", ByName},
		{"sort=size&order=asc", BySize},
		{"order=desc", ByName | Descending},
		{"sort=size&order=desc", BySize | Descending},
		{"order=desc&sort=time", ByTime | Descending},
		{"x=1&sort=size&&y&order=desc&", BySize | Descending},
		{"sort=size&sort=time", BySize},
		{"order=asc&order=desc", ByName},
		{"sort=&sort=size", ByName},
		{"sort=SIZE", ByName},
		{"sort=%73ize", ByName},
		{"sort=size&order=up", BySize},
		{"sort=owner&order=desc", ByName | Descending},
		{"sort=size;order=desc", ByName},
		{"sort", ByName},
		{"sort==size", ByName},
		{"\x00\xff&=&", ByName},
	} {
		if got := ParseOrder([]byte(c.query)); got != c.want {
			t.Errorf("%q: %v, want %v", c.query, got, c.want)
		}
	}
}

// TestOrderOfNoKey: a value that is none of the orders is the default.
func TestOrderOfNoKey(t *testing.T) {
	if got := (Order(77) | Descending).String(); got != "name, descending" {
		t.Error(got)
	}
}

func TestSort(t *testing.T) {
	entries := []Entry{
		{Name: "b10", Size: 5, ModifiedNs: 3},
		{Name: "B9", Size: 5, ModifiedNs: 1},
		{Name: "a", Size: 100, ModifiedNs: 1},
		{Name: "zoo", Directory: true, Size: 1, ModifiedNs: 9},
		{Name: "Ape", Directory: true, Size: 2, ModifiedNs: 8},
		{Name: "cat", Directory: true, Size: 3, ModifiedNs: 10},
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		order Order
		want  string
	}{
		{ByName, "Ape cat zoo a B9 b10"},
		{ByName | Descending, "zoo cat Ape b10 B9 a"},
		{BySize, "Ape cat zoo B9 b10 a"},
		{BySize | Descending, "Ape cat zoo a B9 b10"},
		{ByTime, "Ape zoo cat a B9 b10"},
		{ByTime | Descending, "cat zoo Ape b10 a B9"},
	} {
		for range 20 {
			p := Page{Entries: slices.Clone(entries), Order: c.order}
			random.Shuffle(len(entries), func(i, j int) { p.Entries[i], p.Entries[j] = p.Entries[j], p.Entries[i] })
			p.Sort()
			var names []string
			for _, e := range p.Entries {
				names = append(names, e.Name)
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Fatalf("%v: %s, want %s", c.order, got, c.want)
			}
		}
	}
}

// sortedNames are in order. '_' stands before all letters, for letters are compared as small ones.
var sortedNames = []string{
	"", " ", "!", "0", "00", "01", "1", "1 a", "1a", "01b", "2", "9", "0010", "010", "10", "10.5", "10.10", "99999999999999999999998", "99999999999999999999999",
	"_", "A", "a", "a ", "a.txt", "A1", "a1", "a1b", "A2", "a10", "a10b2", "a10b10", "aa", "B", "b",
	"file-1", "file-2", "file-10", "IMG_9.jpg", "img_10.jpg", "v1.2.9", "v1.2.10", "v1.10.0", "É", "é", "ÉA", "éb", "中", "\ufffd", "\xfe", "\xff", "😀",
}

func TestCompareNames(t *testing.T) {
	names := slices.Clone(sortedNames)
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	slices.SortFunc(names, compareNames)
	if !slices.Equal(names, sortedNames) {
		t.Errorf("got  %q\nwant %q", names, sortedNames)
	}
	for _, a := range sortedNames {
		for _, b := range sortedNames {
			for _, c := range sortedNames {
				checkOrder(t, a, b, c)
			}
		}
	}
}

// checkOrder fails unless compareNames is a total order on the three.
func checkOrder(t *testing.T, a, b, c string) {
	t.Helper()
	ab, ba, bc, ac := compareNames(a, b), compareNames(b, a), compareNames(b, c), compareNames(a, c)
	if cmp.Compare(ab, 0) != -cmp.Compare(ba, 0) {
		t.Errorf("%q against %q: %d and %d", a, b, ab, ba)
	}
	if (ab == 0) != (a == b) {
		t.Errorf("%q against %q: %d", a, b, ab)
	}
	if ab < 0 && bc < 0 && ac >= 0 {
		t.Errorf("%q < %q < %q, but not the first and the last", a, b, c)
	}
}

// FuzzCompareNames: the order of names is total, so sorting has one result.
func FuzzCompareNames(f *testing.F) {
	f.Add("a10", "A9", "a09")
	f.Add("1", "01", "1a")
	f.Add("\xff", "\xfe", "\ufffd")
	f.Add("İ", "i̇", "I")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		checkOrder(t, a, b, c)
		checkOrder(t, b, c, a)
		checkOrder(t, c, a, b)
	})
}

// FuzzParseOrder: every query has an order, and it is one of the six.
func FuzzParseOrder(f *testing.F) {
	f.Add([]byte("sort=size&order=desc"))
	f.Add([]byte("&&order=&sort=time"))
	f.Fuzz(func(t *testing.T, query []byte) {
		if o := ParseOrder(query); o&^Descending > ByTime {
			t.Errorf("%q: %d", query, o)
		}
	})
}
