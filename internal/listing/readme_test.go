package listing

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// isText reports whether the page shows a README with this content.
func isText(readme []byte) bool {
	return !bytes.Contains(readme[:min(len(readme), ReadmeBytesMax)], []byte{0})
}

// shownText is what the page shows of a README, by the letter of the package's comment.
func shownText(readme []byte) string {
	if len(readme) > ReadmeBytesMax {
		whole := ReadmeBytesMax
		for back := 1; back < utf8.UTFMax; back++ {
			if start := ReadmeBytesMax - back; utf8.RuneStart(readme[start]) && !utf8.FullRune(readme[start:ReadmeBytesMax]) {
				whole = start
			}
		}
		readme = readme[:whole]
	}
	text := strings.TrimPrefix(string(readme), "\ufeff")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		cells := strings.Split(line, "\t")
		for j, cell := range cells {
			cells[j] = shownName(cell)
		}
		lines[i] = strings.Join(cells, "\t")
	}
	return strings.Join(lines, "\n")
}

func TestReadmeNames(t *testing.T) {
	for _, c := range []struct{ names, want string }{
		{"", ""},
		{"a b.md index.html", ""},
		{"README", "README"},
		{"readme", "readme"},
		{"README.md", "README.md"},
		{"ReadMe.TXT", "ReadMe.TXT"},
		{"README README.txt README.md", "README.md README.txt README"},
		{"README.md README.txt README", "README.md README.txt README"},
		{"readme.md README.md Readme.md", "README.md"},
		{"Readme.md readme.md", "Readme.md"},
		{"readme README.txt", "README.txt readme"},
		{"README.markdown README.html README~ .README README.md.bak xREADME READMEx README.", ""},
		{"rea\u212ame READ\u017fME", ""}, // letters that only look alike, or whose lower case has another length
	} {
		var names ReadmeNames
		for _, name := range strings.Fields(c.names) {
			names.Add(name)
		}
		if got := slices.Collect(names.All); !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%q: %q, want %q", c.names, got, c.want)
		}
		for name := range names.All {
			if first, _, _ := strings.Cut(c.want, " "); name != first {
				t.Errorf("%q: %q is the first", c.names, name)
			}
			break
		}
	}
}

func TestReadme(t *testing.T) {
	full := strings.Repeat("x", ReadmeBytesMax)
	const cut = "Only the first 64 KiB of the file are shown."
	for _, c := range []struct {
		name, text string
		shown      string // "absent" if it is not shown
		cut        bool
	}{
		{"", "text", "absent", false},
		{"README", "", "", false},
		{"README", "one\ntwo\n", "one\ntwo\n", false},
		{"README", "\n\nlines first", "\n\nlines first", false},
		{"README", "\ufeffBOM", "BOM", false},
		{"README", "a\r\nb\rc\r\r\nd\r", "a\nb\nc\n\nd\n", false},
		{"README", "\tindented\t\tcell", "\tindented\t\tcell", false},
		{"README", "# *Markdown* <b>&amp;</b> ![](https://example.org/x.png)", "# *Markdown* <b>&amp;</b> ![](https://example.org/x.png)", false},
		{"README", "</pre></section><script>alert(1)</script>", "</pre></section><script>alert(1)</script>", false},
		{"README", "form\ffeed \x1b[31m red", "form\u240cfeed \u241b[31m red", false},
		{"README", "caf\xe9", "caf\ufffd", false},
		{"README", "nul\x00", "absent", false},
		{"README", full, full, false},
		{"README", full + "y", full, true},
		{"README", full + "\x00", full, true}, // it is not looked at so far
		{"README", full[1:] + "é", full[1:], true},
		{"README", full[2:] + "é", full[2:] + "é", false},
		{"README", full[2:] + "é.", full[2:] + "é", true},
		{"README", full[3:] + "😀", full[3:], true},
		{"README", full[1:] + "\xff\xff", full[1:] + "\ufffd", true},
		{"README", full[3:] + "\x80\x80\x80\x80", full[3:] + "\ufffd\ufffd\ufffd", true},
	} {
		p := page("/", bothKinds("x")...)
		p.Readme = Readme{c.name, []byte(c.text)}
		html := p.AppendHTML(nil)
		d := parse(t, html)
		if got := strings.Contains(string(html), "<section"); got != (c.shown != "absent") {
			t.Errorf("%.40q: shown is %v", c.text, got)
			continue
		}
		if c.shown == "absent" {
			c.shown = ""
		}
		if d.readme != c.shown {
			t.Errorf("%.40q: %.40q with %d bytes, want %.40q with %d", c.text, d.readme, len(d.readme), c.shown, len(c.shown))
		}
		if got := strings.Contains(string(html), cut); got != c.cut {
			t.Errorf("%.40q: cut is %v", c.text, got)
		}
		for _, other := range [][]byte{p.AppendJSON(nil), p.AppendText(nil)} {
			if bytes.Contains(other, []byte("README")) {
				t.Errorf("the README is in %q", other)
			}
		}
	}
}
