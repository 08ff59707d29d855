package request

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestResolvePath(t *testing.T) {
	for _, c := range []struct {
		name, raw, want string
		verdict         PathVerdict
	}{
		{"9112/3.2.2 empty", "", "/", PathOK},
		{"3986/5.2.4 root", "/", "/", PathOK},
		{"3986/5.2.4 plain", "/a/b.txt", "/a/b.txt", PathOK},
		{"3986/5.2.4 directory", "/a/b/", "/a/b/", PathOK},
		{"3986/5.2.4 dot", "/a/./b", "/a/b", PathOK},
		{"3986/5.2.4 last dot", "/a/.", "/a/", PathOK},
		{"3986/5.2.4 only dot", "/.", "/", PathOK},
		{"3986/5.2.4 dot dot", "/a/../b", "/b", PathOK},
		{"3986/5.2.4 last dot dot", "/a/b/..", "/a/", PathOK},
		{"3986/5.2.4 down to the root", "/a/..", "/", PathOK},
		{"3986/5.2.4 two up", "/a/b/../../c", "/c", PathOK},
		{"3986/5.2.4 example", "/a/b/c/./../../g", "/a/g", PathOK},
		{"names that open with dots", "/.a/..b/...", "/.a/..b/...", PathOK},
		{"names that end with dots", "/a./b..", "/a./b..", PathOK},
		{"climb", "/..", "", PathClimbs},
		{"climb and return", "/../a", "", PathClimbs},
		{"climb from a directory", "/a/../../b", "", PathClimbs},
		{"climb by empty segments", "/a//..//../b", "", PathClimbs},
		{"merged slashes", "//a///b//", "/a/b/", PathOK},
		{"merged slashes do not count as directories", "/a//../b", "/b", PathOK},
		{"3986/2.1 escape", "/a%20b", "/a b", PathOK},
		{"3986/2.1 both cases", "/%c3%A9", "/\xc3\xa9", PathOK},
		{"3986/2.1 plus is a plus", "/a+b%2b", "/a+b+", PathOK},
		{"3986/2.1 decoded once", "/%2541", "/%41", PathOK},
		{"3986/2.1 not UTF-8", "/%ff", "/\xff", PathOK},
		{"3986/2.1 line end in a name", "/a%0ab", "/a\nb", PathOK},
		{"3986/2.1 question mark in a name", "/a%3fb", "/a?b", PathOK},
		{"3986/2.1 no digits", "/%", "", PathBadEscape},
		{"3986/2.1 one digit", "/%4", "", PathBadEscape},
		{"3986/2.1 not hexadecimal", "/%4g", "", PathBadEscape},
		{"3986/2.1 first not hexadecimal", "/%g4", "", PathBadEscape},
		{"3986/2.1 IIS escape", "/%u0041", "", PathBadEscape},
		{"encoded dots", "/a/%2e%2E/b", "/b", PathOK},
		{"encoded dot and dot", "/a/.%2e/b", "/b", PathOK},
		{"encoded dots climb", "/%2e%2e/b", "", PathClimbs},
		{"encoded slash", "/a%2fb", "/a/b", PathOK},
		{"encoded slash and dots", "/a%2f..%2fb", "/b", PathOK},
		{"encoded slash and dots climb", "/..%2fb", "", PathClimbs},
		{"encoded dots twice stay a name", "/%252e%252e/b", "/%2e%2e/b", PathOK},
		{"NUL", "/a\x00b", "", PathNUL},
		{"encoded NUL", "/a%00b", "", PathNUL},
		{"backslash is a letter", "/..\\a", "/..\\a", PathOK},
		{"not absolute", "a/b", "", PathNotAbsolute},
		{"encoded slash is not a root", "%2fa", "", PathNotAbsolute},
		{"asterisk", "*", "", PathNotAbsolute},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, verdict := ResolvePath([]byte("/kept"), []byte(c.raw))
			if verdict != c.verdict || string(got) != "/kept"+c.want {
				t.Errorf("%q: %q, %v; want %q, %v", c.raw, got, verdict, "/kept"+c.want, c.verdict)
			}
		})
	}
}

// resolveByLibrary is ResolvePath written with the standard library. It reports false where a dot segment
// climbs or an escape is broken.
func resolveByLibrary(raw string) (string, bool) {
	decoded, err := url.PathUnescape(raw)
	if err != nil || strings.Contains(decoded, "\x00") {
		return "", false
	}
	depth := 0
	for segment := range strings.SplitSeq(decoded, "/") {
		switch segment {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return "", false
			}
		default:
			depth++
		}
	}
	cleaned := path.Clean("/" + decoded)
	last := decoded[strings.LastIndexByte(decoded, '/')+1:]
	if cleaned != "/" && (last == "" || last == "." || last == "..") {
		cleaned += "/"
	}
	return cleaned, true
}

// FuzzResolvePath compares with path.Clean over url.PathUnescape.
func FuzzResolvePath(f *testing.F) {
	for _, s := range []string{
		"/", "/a/b", "/a/../b/", "/%2e%2e/", "/a%2f..%2f..", "//a/./b//", "/%", "/%00", "/...", "/a/..",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, verdict := ResolvePath(nil, []byte(raw))
		if raw == "" || raw[0] != '/' {
			return
		}
		want, ok := resolveByLibrary(raw)
		if (verdict == PathOK) != ok || (ok && string(got) != want) {
			t.Fatalf("%q: %q, %v; the library says %q, %t", raw, got, verdict, want, ok)
		}
		if !ok {
			return
		}
		for segment := range strings.SplitSeq(strings.Trim(string(got), "/"), "/") {
			if segment == "." || segment == ".." || (segment == "" && string(got) != "/") {
				t.Fatalf("%q: %q has a segment %q", raw, got, segment)
			}
		}
	})
}

func TestPathVerdictWords(t *testing.T) {
	seen := map[string]bool{}
	for v := PathOK; v <= PathClimbs+1; v++ {
		if seen[v.String()] {
			t.Errorf("%d is %q again", v, v)
		}
		seen[v.String()] = true
	}
}
