package response

import "testing"

func TestTypeMatches(t *testing.T) {
	own := []string{"text/*", "application/*+json", "*/x"}
	for _, c := range []struct {
		patterns  []string
		mediaType string
		want      bool
	}{
		{DefaultCompressTypes, "text/html; charset=utf-8", true},
		{DefaultCompressTypes, "TEXT/Plain", true},
		{DefaultCompressTypes, "text/javascript", true},
		{DefaultCompressTypes, "application/json", true},
		{DefaultCompressTypes, "application/ld+json;profile=x", true},
		{DefaultCompressTypes, "application/x-ndjson", true},
		{DefaultCompressTypes, "application/atom+xml", true},
		{DefaultCompressTypes, "application/wasm", true},
		{DefaultCompressTypes, "image/svg+xml", true},
		{DefaultCompressTypes, "font/ttf", true},
		{DefaultCompressTypes, "font/woff2", false},
		{DefaultCompressTypes, "image/png", false},
		{DefaultCompressTypes, "application/gzip", false},
		{DefaultCompressTypes, "application/zip", false},
		{DefaultCompressTypes, "application/pdf", false},
		{DefaultCompressTypes, "application/octet-stream", false},
		{DefaultCompressTypes, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", false},
		{DefaultCompressTypes, "video/mp4", false},
		{DefaultCompressTypes, "", false},
		{own, "text/css", true},
		{own, "application/geo+json", true},
		{own, "application/json", false},
		{own, "audio/x", true},
		{own, "text/a/b", false},
		{nil, "text/css", false},
	} {
		if got := TypeMatches(c.patterns, c.mediaType); got != c.want {
			t.Errorf("%q: %v", c.mediaType, got)
		}
	}
	for _, p := range DefaultCompressTypes {
		if !ValidTypePattern(p) {
			t.Errorf("the pattern %q is not valid", p)
		}
	}
}

func TestValidTypePattern(t *testing.T) {
	for pattern, want := range map[string]bool{
		"text/*": true, "*/*": true, "application/[a-z]*+json": true, "text": false, "": false, "text/a/b": false, "text/[": false,
		"Text/*": false, "text/x\n": false, " text/x": false,
	} {
		if got := ValidTypePattern(pattern); got != want {
			t.Errorf("%q: %v", pattern, got)
		}
	}
}

func TestForbidsTransforming(t *testing.T) {
	for value, want := range map[string]bool{
		"": false, "no-transform": true, "public, No-Transform , max-age=1": true, "max-age=1,no-transform": true, "no-transform=1": false,
		"private": false, "x-no-transform": false,
	} {
		if got := ForbidsTransforming(value); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

// TestPreferredCodings negotiates between siblings, which are preferred, and forms that the server makes.
func TestPreferredCodings(t *testing.T) {
	all := Codings(0).With(Identity).With(Gzip).With(Brotli).With(Zstd)
	gzip, none := Codings(0).With(Gzip), Codings(0)
	for _, c := range []struct {
		accept    string
		preferred Codings
		want      Coding
		ok        bool
	}{
		{"gzip, br, zstd", none, Zstd, true},
		{"gzip, br, zstd", gzip, Gzip, true},
		{"gzip, br, zstd", gzip.With(Brotli), Brotli, true},
		{"gzip;q=0.5, br", gzip, Brotli, true},
		{"gzip;q=0.5, br;q=0.5", gzip, Gzip, true},
		{"gzip;q=0, br", gzip, Brotli, true},
		{"gzip;q=0", gzip, Identity, true},
		{"*", gzip, Gzip, true},
		{"*;q=0", gzip, Identity, false},
		{"identity;q=0, br;q=0.1", gzip, Brotli, true},
		{"identity;q=0", gzip, Identity, false},
		{"identity, gzip", gzip, Gzip, true},
		{"identity, gzip;q=0.9", gzip, Identity, true},
		{"identity, br", Codings(0).With(Identity), Brotli, true},
		{"", gzip, Identity, true},
	} {
		got, ok := NegotiateCoding([][]byte{[]byte(c.accept)}, all, c.preferred)
		if got != c.want || ok != c.ok {
			t.Errorf("%q: %v, %v; want %v, %v", c.accept, got, ok, c.want, c.ok)
		}
	}
}

// TestETagOfForm has the tags of forms that the server makes differ from those of siblings and of other versions.
func TestETagOfForm(t *testing.T) {
	v := Version{SizeBytes: 0x100, ModifiedNs: datedFromNs, ChangedNs: 2, Inode: 3}
	plain, sibling := string(AppendETag(nil, &v, Identity)), string(AppendETag(nil, &v, Brotli))
	v.Form = 1
	if got, want := string(AppendETag(nil, &v, Brotli)), plain[:len(plain)-1]+`-br1"`; got != want || got == sibling {
		t.Errorf("the tag is %s, want %s", got, want)
	}
	v = Version{SizeBytes: -1, ModifiedNs: -1, ChangedNs: -1, Inode: 1<<64 - 1, Form: 255}
	if got := AppendETag(nil, &v, Zstd); len(got) > ETagBytesMax {
		t.Errorf("the tag %s has %d bytes", got, len(got))
	}
}
