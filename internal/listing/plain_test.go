package listing

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// checkText fails unless the plain text has a line for each entry, which is its name as far as it can be.
func checkText(t *testing.T, name string) {
	t.Helper()
	text := string(page("/"+name+"/", bothKinds(name)...).AppendText(nil))
	lines := strings.Split(text, "\n")
	if len(lines) != 3 || lines[2] != "" || lines[0] != lines[1]+"/" || strings.Contains(lines[1], "/") {
		t.Fatalf("%q: %q", name, text)
	}
	harmless := true
	for _, r := range name {
		harmless = harmless && !unicode.IsControl(r) && r != '/'
	}
	if harmless != (lines[1] == name) {
		t.Errorf("%q: %q", name, lines[1])
	}
	for _, r := range lines[1] {
		if unicode.IsControl(r) {
			t.Errorf("%q: %q has a control character", name, lines[1])
		}
	}
	if utf8.RuneCountInString(lines[1]) != utf8.RuneCountInString(name) {
		t.Errorf("%q: %q has another length", name, lines[1])
	}
}

func TestTextFormat(t *testing.T) {
	p := page("/a/", Entry{Name: "sub dir", Directory: true}, Entry{Name: "b.iso", Size: 1}, Entry{Name: "ü\xff"},
		Entry{Name: "line\nfeed\x1b[31m\x7f\u0085"}, Entry{Name: "a/b"})
	p.Readme = Readme{"README", []byte("not in the text")}
	const want = "sub dir/\nb.iso\nü\xff\nline␊feed␛[31m␡\ufffd\na\ufffdb\n"
	if got := string(p.AppendText(nil)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p.Truncated = 1200
	if got := string(p.AppendText([]byte("x"))); got != "x"+want+"/ 1200 more names are not listed\n" {
		t.Errorf("truncated: %q", got)
	}
	if got := page("/").AppendText(nil); len(got) != 0 {
		t.Errorf("an empty directory: %q", got)
	}
}

// TestFormats: each format is negotiated, and has an extension and a rendering of its own.
func TestFormats(t *testing.T) {
	p := page("/a/", bothKinds("x")...)
	for _, c := range []struct {
		accept    string
		format    Format
		extension string
		render    []byte
	}{
		{"*/*", HTML, ".html", p.AppendHTML(nil)},
		{"text/plain;q=0.5, text/html", HTML, ".html", p.AppendHTML(nil)},
		{"application/json, text/plain, */*", JSON, ".json", p.AppendJSON(nil)},
		{"text/plain, text/html;q=0.9", Text, ".txt", p.AppendText(nil)},
	} {
		f := NegotiateFormat([][]byte{[]byte(c.accept)})
		if f != c.format || f.Extension() != c.extension || string(p.Append(nil, f)) != string(c.render) {
			t.Errorf("%s: format %d, extension %s", c.accept, f, f.Extension())
		}
	}
	if f := NegotiateFormat(nil); f != HTML {
		t.Errorf("without Accept: %d", f)
	}
}
