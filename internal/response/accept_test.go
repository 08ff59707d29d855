package response

import (
	"strings"
	"testing"
)

func splitLines(s string) (lines [][]byte) {
	if s == "absent" {
		return nil
	}
	for line := range strings.SplitSeq(s, "|") {
		lines = append(lines, []byte(line))
	}
	return lines
}

func TestNegotiateCoding_9110_12_5_3(t *testing.T) {
	set := func(names string) (s Codings) {
		for c := range Coding(CodingCount) {
			if strings.Contains(names, c.String()) {
				s = s.With(c)
			}
		}
		return s
	}
	const all = "identity gzip br zstd"
	for _, c := range []struct{ accept, available, want string }{
		{"absent", all, "identity"},
		{"", all, "identity"},
		{"gzip", all, "gzip"},
		{"gzip, deflate, br", all, "br"},
		{"gzip, deflate, br, zstd", all, "zstd"},
		{"gzip|br", all, "br"},
		{"gzip, deflate, br, zstd", "identity gzip", "gzip"},
		{"gzip, deflate, br, zstd", "identity", "identity"},
		{"GZIP", all, "gzip"},
		{"x-gzip", all, "gzip"},
		{"br;q=0.9, gzip;q=1.0", all, "gzip"},
		{"br;q=0.9, gzip;q=0.9", all, "br"},
		{"br;q=0.001, gzip;q=0", all, "br"},
		{"identity, gzip;q=0.5", all, "identity"},
		{"identity, gzip", all, "gzip"},
		{"identity;q=0.5, gzip;q=0.4", all, "identity"},
		{"gzip;q=0", all, "identity"},
		{"deflate", all, "identity"},
		{"*", all, "zstd"},
		{"*", "identity", "identity"},
		{"*;q=0.1, gzip", all, "gzip"},
		{"zstd;q=0, *", all, "br"},
		{"*;q=0", all, "none"},
		{"*;q=0, gzip", all, "gzip"},
		{"*;q=0, gzip", "identity br", "none"},
		{"*;q=0, identity", all, "identity"},
		{"identity;q=0", "identity", "none"},
		{"identity;q=0", all, "none"},
		{"identity;q=0, gzip", all, "gzip"},
		{"identity;q=0, *", all, "zstd"},
		{"gzip", "gzip", "gzip"},
		{"br", "gzip", "none"},
		{"absent", "gzip", "none"},
		// Whitespace and grammar.
		{"gzip ; q=0.5 , br;q=0.4", all, "gzip"},
		{"gzip;Q=0.5, br;q=0.4", all, "gzip"},
		{",,gzip,,", all, "gzip"},
		{"gzip;q=2", all, "identity"},
		{"gzip;q=1.001", all, "identity"},
		{"gzip;q=0.1234", all, "identity"},
		{"gzip;q=.5", all, "identity"},
		{"gzip;q=-1", all, "identity"},
		{"gzip;q=", all, "identity"},
		{"gzip;q=1.", all, "gzip"},
		{"gzip;q=1.000", all, "gzip"},
		{"gzip;q=0.000", all, "identity"},
		{"gzip;level=9", all, "gzip"},
		{";q=1", all, "identity"},
		{"gzip br", all, "identity"},
	} {
		got := "none"
		if coding, ok := NegotiateCoding(splitLines(c.accept), set(c.available)); ok {
			got = coding.String()
		}
		if got != c.want {
			t.Errorf("%q of %s: %s, want %s", c.accept, c.available, got, c.want)
		}
	}
}

func TestCodingNames_9110_8_4_1(t *testing.T) {
	got := ""
	for c := range Coding(CodingCount + 1) {
		got += c.String() + c.Suffix() + " "
	}
	if want := "identity gzip.gz br.br zstd.zst unknown "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestPrefersJSON_9110_12_5_1(t *testing.T) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	for _, c := range []struct {
		accept string
		want   bool
	}{
		{"absent", false},
		{"", false},
		{"*/*", false},
		{browser, false},
		{"application/json", true},
		{"Application/JSON", true},
		{"application/json; charset=utf-8", true},
		{"application/json, */*", true},
		{"application/json, text/plain, */*", true},
		{"application/json, text/html", false},
		{"application/json, text/html;q=0.9", true},
		{"application/json;q=0.5, text/html", false},
		{"application/json;q=0.5, */*", false},
		{"application/*", true},
		{"application/*, text/*", false},
		{"text/*, application/json", true},
		{"text/html;q=0, */*", true},
		{"application/json;q=0, */*", false},
		{"application/json;q=0", false},
		{"application/problem+json", false},
		{"text/html|application/json;q=0.9", false},
		{"text/html;q=0.8|application/json;q=0.9", true},
		{`text/html;a="b,application/json;q=1", application/json;q=0.1`, false},
		{`application/json;a="\"", text/html;q=0.1`, true},
		{"application/json;q=x", false},
		{"json", false},
	} {
		if got := PrefersJSON(splitLines(c.accept)); got != c.want {
			t.Errorf("%q: %t", c.accept, got)
		}
	}
}

// FuzzNegotiateCoding: the choice is available, and refusing it makes another choice.
func FuzzNegotiateCoding(f *testing.F) {
	for _, s := range []string{"gzip, br;q=0.5", "*;q=0", "identity;q=0, *", "", "zstd;q=1.0;x=\"a,b\""} {
		f.Add([]byte(s), uint8(15))
	}
	f.Fuzz(func(t *testing.T, line []byte, available uint8) {
		lines := [][]byte{line}
		c, ok := NegotiateCoding(lines, Codings(available))
		if !ok {
			return
		}
		if !Codings(available).Has(c) {
			t.Fatalf("%q: %v is not available", line, c)
		}
		refusal := []byte(c.String() + ";q=0")
		if again, ok := NegotiateCoding(append(lines, refusal), Codings(available)); ok && again == c {
			t.Fatalf("%q: %v although refused", line, c)
		}
		PrefersJSON(lines)
	})
}

func BenchmarkNegotiateCoding(b *testing.B) {
	lines := [][]byte{[]byte("gzip, deflate, br, zstd")}
	available := Codings(0).With(Identity).With(Gzip)
	b.ReportAllocs()
	for b.Loop() {
		NegotiateCoding(lines, available)
	}
}
