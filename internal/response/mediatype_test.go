package response

import (
	"strings"
	"testing"
)

func TestLookup_9110_8_3(t *testing.T) {
	m := NewMediaTypes()
	if len(m.byExtension) < 150 {
		t.Errorf("%d extensions", len(m.byExtension))
	}
	for _, c := range []struct{ name, want string }{
		{"index.html", "text/html; charset=utf-8"},
		{"/a.b/index.HTML", "text/html; charset=utf-8"},
		{"a.js", "text/javascript; charset=utf-8"},
		{"a.json", "application/json"},
		{"a.svg", "image/svg+xml"},
		{"a.tar.gz", "application/gzip"},
		{"a.mp4", "video/mp4"},
		{"a", DefaultMediaType},
		{"", DefaultMediaType},
		{".", DefaultMediaType},
		{"a.", DefaultMediaType},
		{"a.unheard-of", DefaultMediaType},
		{".html", DefaultMediaType},
		{"/.html", DefaultMediaType},
		{"/a/.html", DefaultMediaType},
		{"..html", "text/html; charset=utf-8"},
		{"a.html/b", DefaultMediaType},
		{"a." + strings.Repeat("x", extensionBytesMax), DefaultMediaType},
		{"a." + strings.Repeat("x", extensionBytesMax+1), DefaultMediaType},
		{strings.Repeat("x", 300), DefaultMediaType},
	} {
		if got := m.Lookup(c.name); got != c.want {
			t.Errorf("%q: %q, want %q", c.name, got, c.want)
		}
	}
	if m.Set(strings.Repeat("x", extensionBytesMax), "a/b"); m.Lookup("a."+strings.Repeat("x", extensionBytesMax)) != "a/b" {
		t.Error("the longest extension is not found")
	}
}

func TestLoad(t *testing.T) {
	m := NewMediaTypes()
	count := m.Load([]byte("# types\n" +
		"text/x-new new .newer # not this\n" +
		"text/html\n" +
		"\n" +
		"image/x-html\thtml\r\n" +
		"text/x-c++src C cxx\n" +
		"nonsense a1\n" +
		"a/b/c a2\n" +
		"text/plain; a3\n" +
		"a/b a/b a.b\n" +
		"application/x-last last"))
	want := map[string]string{
		"x.new":   "text/x-new; charset=utf-8",
		"x.newer": "text/x-new; charset=utf-8",
		"x.not":   DefaultMediaType,
		"x.html":  "image/x-html",
		"x.c":     "text/plain; charset=utf-8",
		"x.cxx":   "text/x-c++src; charset=utf-8",
		"x.a1":    DefaultMediaType,
		"x.a2":    DefaultMediaType,
		"x.last":  "application/x-last",
		"x.a3":    DefaultMediaType,
	}
	for name, mediaType := range want {
		if got := m.Lookup(name); got != mediaType {
			t.Errorf("%q: %q, want %q", name, got, mediaType)
		}
	}
	if count != 5 {
		t.Errorf("%d extensions", count)
	}
}

func TestSet_9110_8_3_1(t *testing.T) {
	m := NewMediaTypes()
	for _, c := range []struct {
		extension, mediaType string
		ok                   bool
		want                 string
	}{
		{"foo", "text/foo", true, "text/foo; charset=utf-8"},
		{".foo", "TEXT/foo", true, "TEXT/foo; charset=utf-8"},
		{"FOO", "text/foo; charset=latin1", true, "text/foo; charset=latin1"},
		{"foo", "text/foo;CHARSET=latin1", true, "text/foo;CHARSET=latin1"},
		{"foo", "application/foo ; a=b", true, "application/foo ; a=b"},
		{"foo", "foo", false, ""},
		{"foo", "/foo", false, ""},
		{"foo", "foo/", false, ""},
		{"foo", "a/b\r\nc: d", false, ""},
		{"foo", "a/b;c\r\nd: e", false, ""},
		{"foo", "text/foo;", false, ""},
		{"foo", "", false, ""},
		{"", "a/b", false, ""},
		{".", "a/b", false, ""},
		{"a.b", "a/b", false, ""},
		{"a b", "a/b", false, ""},
	} {
		delete(m.byExtension, "foo")
		if ok := m.Set(c.extension, c.mediaType); ok != c.ok {
			t.Errorf("Set(%q, %q) is %t", c.extension, c.mediaType, ok)
		}
		if c.ok && m.Lookup("x.foo") != c.want {
			t.Errorf("Set(%q, %q): %q, want %q", c.extension, c.mediaType, m.Lookup("x.foo"), c.want)
		}
	}
}

// FuzzLoad: whatever a file holds, its types may stand in a field.
func FuzzLoad(f *testing.F) {
	f.Add([]byte("text/html html htm # comment\nimage/png png"), "a.html")
	f.Add([]byte("a/b;c\r\n .x"), ".x")
	f.Fuzz(func(t *testing.T, file []byte, name string) {
		m := NewMediaTypes()
		m.Load(file)
		if got := m.Lookup(name); !ValidField("Content-Type", got) || !ValidMediaType(got) {
			t.Fatalf("%q has the type %q", name, got)
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	m := NewMediaTypes()
	b.ReportAllocs()
	for b.Loop() {
		m.Lookup("/static/images/photo-0042.jpg")
	}
}
