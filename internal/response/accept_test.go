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
		if coding, ok := NegotiateCoding(splitLines(c.accept), set(c.available), 0); ok {
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

// listingTypes are three types as a listing has them.
var listingTypes = []string{"text/html", "application/json", "text/plain"}

func TestNegotiateType_9110_12_5_1(t *testing.T) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	const html, json, plain = 0, 1, 2
	for _, c := range []struct {
		accept string
		want   int
	}{
		// The first type, if the client has no preference or accepts none.
		{"absent", html},
		{"", html},
		{"*/*", html},
		{"*/*;q=0.1", html},
		{"text/*", html},
		{"*/*;q=0", html},
		{"image/png", html},
		{"text/html;q=0", html},
		{"text/*;q=0, application/*;q=0", html},
		{browser, html},
		// One type.
		{"text/html", html},
		{"application/json", json},
		{"Application/JSON", json},
		{"application/json; charset=utf-8", json},
		{"application/*", json},
		{"text/plain", plain},
		{"TEXT/Plain", plain},
		{"text/plain;charset=utf-8", plain},
		{"text/plain;q=0.001", plain},
		// By weight.
		{"application/json, text/html;q=0.9", json},
		{"application/json;q=0.5, text/html", html},
		{"application/json;q=0.5, */*", html},
		{"text/plain, text/html;q=0.9", plain},
		{"text/plain;q=0.9, text/html", html},
		{"text/plain;q=0.9, text/html;q=0.8, application/json;q=0.7", plain},
		{"text/plain;q=0.7, text/html;q=0.8, application/json;q=0.9", json},
		{"text/plain;q=0.8, text/html;q=0.9, application/json;q=0.7", html},
		{"text/plain;q=0.5, */*;q=0.1", plain},
		{"text/plain;q=0.5, */*", html},
		{"text/*;q=0.5, application/json;q=0.4", html},
		{"text/*, text/html;q=0.5", plain},
		{"text/*;q=0.3, text/html;q=0, application/json;q=0.2", plain},
		// By the more specific range, if the weights are equal.
		{"application/json, */*", json},
		{"text/plain, */*", plain},
		{"text/plain, text/*", plain},
		{"text/*, application/json", json},
		{"text/*, */*", html},
		{"application/*, text/plain", plain},
		// By the order of the types, if the ranges are equally specific.
		{"application/json, text/html", html},
		{"application/*, text/*", html},
		{"text/plain, text/html", html},
		{"application/json, text/plain, */*", json},
		{"text/plain, application/json", json},
		// Types that are excluded.
		{"text/html;q=0, */*", json},
		{"text/html;q=0, text/*", plain},
		{"text/html;q=0, application/json;q=0, */*", plain},
		{"application/json;q=0, */*", html},
		{"application/json;q=0", html},
		{"text/plain;q=0, text/html;q=0.1", html},
		{"application/problem+json", html},
		{"text/plaintext", html},
		// Lines and grammar.
		{"text/html|application/json;q=0.9", html},
		{"text/html;q=0.8|application/json;q=0.9", json},
		{"text/html;q=0.8|application/json;q=0.9|text/plain", plain},
		{`text/html;a="b,application/json;q=1", application/json;q=0.1`, html},
		{`application/json;a="\"", text/html;q=0.1`, json},
		{"application/json;q=x", html},
		{"text/plain;q=2, application/json;q=0.1", json},
		{"json", html},
		{"plain", html},
		{"text/", html},
	} {
		if got := NegotiateType(splitLines(c.accept), listingTypes); got != c.want {
			t.Errorf("%q: %s, want %s", c.accept, listingTypes[got], listingTypes[c.want])
		}
	}
	if got := NegotiateType(splitLines("text/plain"), nil); got != 0 {
		t.Errorf("without types: %d", got)
	}
}

// FuzzNegotiateType: the chosen type is also preferred to each of the others alone.
func FuzzNegotiateType(f *testing.F) {
	for _, s := range []string{"text/plain, */*;q=0.1", "text/*;q=0.5, application/json", "", "*/*;q=0", `text/html;a="b,c";q=0.1`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		lines := [][]byte{line}
		choice := NegotiateType(lines, listingTypes)
		for i, other := range listingTypes {
			pair, want := []string{listingTypes[choice], other}, 0
			if i < choice {
				pair, want = []string{other, listingTypes[choice]}, 1
			}
			if NegotiateType(lines, pair) != want {
				t.Fatalf("%q: %s is chosen, but %s is preferred", line, listingTypes[choice], other)
			}
		}
	})
}

// FuzzNegotiateCoding: the choice is available, and refusing it makes another choice.
func FuzzNegotiateCoding(f *testing.F) {
	for _, s := range []string{"gzip, br;q=0.5", "*;q=0", "identity;q=0, *", "", "zstd;q=1.0;x=\"a,b\""} {
		f.Add([]byte(s), uint8(15))
	}
	f.Fuzz(func(t *testing.T, line []byte, available uint8) {
		lines := [][]byte{line}
		c, ok := NegotiateCoding(lines, Codings(available), 0)
		if !ok {
			return
		}
		if !Codings(available).Has(c) {
			t.Fatalf("%q: %v is not available", line, c)
		}
		refusal := []byte(c.String() + ";q=0")
		if again, ok := NegotiateCoding(append(lines, refusal), Codings(available), 0); ok && again == c {
			t.Fatalf("%q: %v although refused", line, c)
		}
	})
}

func BenchmarkNegotiateCoding(b *testing.B) {
	lines := [][]byte{[]byte("gzip, deflate, br, zstd")}
	available := Codings(0).With(Identity).With(Gzip)
	b.ReportAllocs()
	for b.Loop() {
		NegotiateCoding(lines, available, 0)
	}
}
