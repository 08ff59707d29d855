package response

import (
	"bytes"
	"strings"
	"testing"
)

func TestAppendETag_9110_8_8_3(t *testing.T) {
	for _, c := range []struct {
		size, modified int64
		coding         Coding
		want           string
	}{
		{0, 0, Identity, `"0-0-5-7"`},
		{2048, 315_532_800_000_000_000, Gzip, `"460ff68eafc0000-800-5-7-gzip"`},
		{2048, 1_700_000_000_123_456_789, Identity, `"17979cfe3d85cd15-800"`},
		{2048, 1_700_000_000_123_456_789, Gzip, `"17979cfe3d85cd15-800-gzip"`},
		{1<<63 - 1, -1, Zstd, `"ffffffffffffffff-7fffffffffffffff-5-7-zstd"`},
		{1, 1<<63 - 1, Identity, `"7fffffffffffffff-1-5-7"`},
	} {
		got := AppendETag(nil, &Version{SizeBytes: c.size, ModifiedNs: c.modified, ChangedNs: 5, Inode: 7}, c.coding)
		if string(got) != c.want || len(got) > ETagBytesMax {
			t.Errorf("%d, %d: %s, want %s", c.size, c.modified, got, c.want)
		}
		if opaque, weak, rest, ok := nextETag(got); !ok || weak || len(rest) > 0 || !bytes.Equal(opaque, got) {
			t.Errorf("%s is not a strong entity tag", got)
		}
	}
}

func TestMatchETag_9110_8_8_3_2(t *testing.T) {
	for _, c := range []struct {
		lines, etag  string // lines are separated by |
		strong, weak bool   // the outcomes of the two comparisons
	}{
		// The table of section 8.8.3.2.
		{`W/"1"`, `W/"1"`, false, true},
		{`W/"1"`, `W/"2"`, false, false},
		{`W/"1"`, `"1"`, false, true},
		{`"1"`, `"1"`, true, true},
		{`"1"`, `W/"1"`, false, true},
		// Lists.
		{`*`, `"1"`, true, true},
		{` * `, `"1"`, true, true},
		{`"a", "b","c"`, `"b"`, true, true},
		{`"a", W/"b"	,"c"`, `"b"`, false, true},
		{`"a"|"b"`, `"b"`, true, true},
		{`, ,"b",`, `"b"`, true, true},
		{`"a,b"`, `"a,b"`, true, true},
		{`"a,b"`, `"b"`, false, false},
		{`""`, `""`, true, true},
		{"\"caf\xe9\"", "\"caf\xe9\"", true, true},
		// Malformed: read up to the first thing that is not a tag.
		{`"b" "c"`, `"b"`, true, true},
		{`"a" "b"`, `"b"`, false, false},
		{`a, "b"`, `"b"`, false, false},
		{`"a, "b"`, `"b"`, false, false},
		{`w/"b"`, `"b"`, false, false},
		{`"b`, `"b`, false, false},
		{`"a b"`, `"a b"`, false, false},
		{`"a", *`, `"b"`, false, false},
		{`W/`, `"b"`, false, false},
		{``, `"b"`, false, false},
		// Malformed in one line, found in another.
		{`x|"b"`, `"b"`, true, true},
	} {
		var lines [][]byte
		for line := range strings.SplitSeq(c.lines, "|") {
			lines = append(lines, []byte(line))
		}
		if got := matchETag(lines, []byte(c.etag), true); got != c.strong {
			t.Errorf("%s with %s: strongly %t", c.lines, c.etag, got)
		}
		if got := matchETag(lines, []byte(c.etag), false); got != c.weak {
			t.Errorf("%s with %s: weakly %t", c.lines, c.etag, got)
		}
	}
}

// FuzzMatchETag: a tag matches itself wherever it stands in a list, a strong match is a weak one, and
// nothing matches a list that does not contain it.
func FuzzMatchETag(f *testing.F) {
	f.Add([]byte(`"a", W/"b"`), []byte("b"))
	f.Add([]byte(`*`), []byte("b"))
	f.Add([]byte(`"a" "b`), []byte("b"))
	f.Fuzz(func(t *testing.T, list, opaque []byte) {
		etag := append(append([]byte{'"'}, opaque...), '"')
		strong, weak := matchETag([][]byte{list}, etag, true), matchETag([][]byte{list}, etag, false)
		if strong && !weak {
			t.Fatalf("%q with %q: strongly but not weakly", list, etag)
		}
		star := len(trim(list)) == 1 && trim(list)[0] == '*'
		if weak && !star && !bytes.Contains(list, etag) {
			t.Fatalf("%q with %q: matches", list, etag)
		}
		own, _, rest, ok := nextETag(etag)
		if !ok || len(rest) > 0 || !bytes.Equal(own, etag) {
			return
		}
		with := append(append(bytes.Clone(etag), ", "...), list...)
		if !matchETag([][]byte{with}, etag, true) || !matchETag([][]byte{list, etag}, etag, true) {
			t.Fatalf("%q does not match itself before or after %q", etag, list)
		}
	})
}
