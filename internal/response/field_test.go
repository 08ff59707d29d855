package response

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
)

func TestAppendField_9112_5(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"Server", "aws", "Server: aws\r\n"},
		{"X", "", "X: \r\n"},
		{"X", "a\tb", "X: a\tb\r\n"},
		{"X", "caf\xc3\xa9", "X: caf\xc3\xa9\r\n"},
		{"X", "a\r\nSet-Cookie: b", "X: a  Set-Cookie: b\r\n"},
		{"X", "a\x00b\x7fc\x1bd", "X: a b c d\r\n"},
		{"X\r\nY", "a", ""},
		{"X Y", "a", ""},
		{"X:", "a", ""},
		{"", "a", ""},
	} {
		if got := string(AppendField([]byte("-"), c.name, c.value)); got != "-"+c.want {
			t.Errorf("%q, %q: %q, want %q", c.name, c.value, got, c.want)
		}
		if got := string(AppendFieldBytes(nil, c.name, []byte(c.value))); got != c.want {
			t.Errorf("bytes %q, %q: %q, want %q", c.name, c.value, got, c.want)
		}
		clean := c.want == c.name+": "+c.value+"\r\n"
		if got := ValidField(c.name, c.value); got != clean {
			t.Errorf("ValidField(%q, %q) is %t", c.name, c.value, got)
		}
	}
	if ValidField("X", " a") || ValidField("X", "a\t") {
		t.Error("ValidField takes whitespace around a value")
	}
}

func TestAppendFieldNumbers(t *testing.T) {
	got := string(AppendFieldInt(nil, "Content-Length", 1<<40))
	got += string(AppendFieldDate(nil, "Date", 784111777))
	got += string(AppendFieldInt(nil, "a b", 1)) + string(AppendFieldDate(nil, "a b", 1))
	got += string(AppendEnd(AppendInt(nil, -5)))
	const want = "Content-Length: 1099511627776\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n-5\r\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAppendStatusLine_9112_4(t *testing.T) {
	known := 0
	for s := Status(100); s < 600; s++ {
		got := string(AppendStatusLine(nil, s))
		if got != "HTTP/1.1 "+s.String()+"\r\n" {
			t.Errorf("%d: %q", s, got)
		}
		if s.Reason() != "" {
			known++
		}
	}
	if known != 30 {
		t.Errorf("%d reason phrases", known)
	}
}

func TestAppendEscapedPath_3986_3_3(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{"/a/b.txt", "/a/b.txt"},
		{"/a b", "/a%20b"},
		{"/100%", "/100%25"},
		{"/a?b#c", "/a%3Fb%23c"},
		{"/a+b&c;d", "/a%2Bb%26c%3Bd"},
		{"/\"<'>\\", "/%22%3C%27%3E%5C"},
		{"/caf\xc3\xa9\xff\n", "/caf%C3%A9%FF%0A"},
		{"//host/x", "/host/x"},
		{"///", "/"},
		{"a:b", "./a:b"},
		{"~a", "./~a"},
		{"a~", "a~"},
		{"/~a", "/~a"},
		{"a/b:c", "a/b:c"},
		{"/a:b", "/a:b"},
		{"", ""},
	} {
		if got := string(AppendEscapedPath(nil, c.path)); got != c.want {
			t.Errorf("%q: %q, want %q", c.path, got, c.want)
		}
	}
}

// FuzzAppendField: whatever is appended, the result is one line at most.
func FuzzAppendField(f *testing.F) {
	f.Add("Server", "aws")
	f.Add("X\r\n", "a\r\nb: c")
	f.Add("X", "\x00\x7f\xff")
	f.Fuzz(func(t *testing.T, name, value string) {
		line := AppendField(nil, name, value)
		if len(line) == 0 {
			return
		}
		body, ok := bytes.CutSuffix(line, []byte("\r\n"))
		if !ok || bytes.ContainsAny(body, "\r\n\x00") || len(body) != len(name)+2+len(value) {
			t.Fatalf("%q, %q: %q", name, value, line)
		}
	})
}

// FuzzAppendEscapedPath: the escaped path is a relative reference of a path alone, and means the path.
func FuzzAppendEscapedPath(f *testing.F) {
	f.Add("/a b/c")
	f.Add("//a/b")
	f.Add("javascript:alert(1)")
	f.Fuzz(func(t *testing.T, path string) {
		escaped := string(AppendEscapedPath(nil, path))
		u, err := url.Parse(escaped)
		if err != nil || u.Scheme != "" || u.Host != "" || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("%q: %q: %v, %#v", path, escaped, err, u)
		}
		want := path
		for strings.HasPrefix(want, "//") {
			want = want[1:]
		}
		if strings.TrimPrefix(u.Path, "./") != strings.TrimPrefix(want, "./") {
			t.Fatalf("%q: %q means %q", path, escaped, u.Path)
		}
	})
}
