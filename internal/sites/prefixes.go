package sites

import (
	"bytes"
	"slices"
	"strings"
)

// prefixes finds the longest of several prefixes of a path, in a time that grows with the logarithm of their number. With
// many sites, most of that time is for memory that is not in the processor's caches, so what is compared lies close together.
type prefixes struct {
	keys []prefixKey // sorted, and one more, where the text ends
	text []byte      // of all keys
}

// prefixKey is a prefix. It begins and ends with a slash.
type prefixKey struct {
	from   uint32 // where the key begins in the text
	parent int32  // the index of the longest other key that is a prefix of this one, or -1
}

// newPrefixes sorts keys and removes repeated ones.
func newPrefixes(keys []string) prefixes {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	keys = slices.Compact(keys)
	p := prefixes{keys: make([]prefixKey, len(keys)+1), text: []byte(strings.Join(keys, ""))}
	from := 0
	for i, key := range keys { // the key before begins with each prefix of the key, if it is not one itself
		parent := int32(i - 1)
		for parent >= 0 && !strings.HasPrefix(key, keys[parent]) {
			parent = p.keys[parent].parent
		}
		p.keys[i] = prefixKey{uint32(from), parent}
		from += len(key)
	}
	p.keys[len(keys)].from = uint32(from)
	return p
}

// count returns the number of keys.
func (p *prefixes) count() int { return max(0, len(p.keys)-1) }

// key returns a key by its index.
func (p *prefixes) key(i int) []byte { return p.text[p.keys[i].from:p.keys[i+1].from] }

// find returns the index of the longest key that covers a path, or -1. The last key that is not after the path begins with
// each key that covers the path, so the result is among that key and its parents.
func (p *prefixes) find(path []byte) int {
	low, high := 0, p.count()
	for low < high { // the keys before low are not after the path, those from high on are
		middle := int(uint(low+high) >> 1)
		if keyAfter(p.key(middle), path) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	i := low - 1
	for i >= 0 && !covers(p.key(i), path) {
		i = int(p.keys[i].parent)
	}
	return i
}

// keyAfter reports whether a key is after a path in lexical order, if the path ended with a slash.
func keyAfter(key, path []byte) bool {
	n := min(len(key), len(path))
	if order := bytes.Compare(key[:n], path[:n]); order != 0 {
		return order > 0
	}
	switch {
	case len(key) <= len(path):
		return false
	case n > 0 && path[n-1] == '/':
		return true
	default: // the rest of the key is compared with the slash
		return key[n] > '/' || key[n] == '/' && len(key) > n+1
	}
}

// covers reports whether a path is at a prefix, with its last slash or without, or below it.
func covers(key, path []byte) bool {
	n := len(key)
	return len(path) >= n && bytes.Equal(path[:n], key) || len(path) == n-1 && bytes.Equal(path, key[:n-1])
}

// routeKey returns the prefix of a path with a slash at the end.
func routeKey(path string) string { return strings.TrimSuffix(path, "/") + "/" }
