package encoders

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"aws/internal/response"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// codings are those of the forms.
var codings = []response.Coding{response.Gzip, response.Brotli, response.Zstd}

// decode returns the content of a form. The decoder of gzip is that of the standard library, that of zstd accepts no larger window than clients
// do (RFC 9659).
func decode(form []byte, c response.Coding) ([]byte, error) {
	var r io.Reader
	var err error
	switch c {
	case response.Identity:
		return form, nil
	case response.Gzip:
		r, err = gzip.NewReader(bytes.NewReader(form))
	case response.Brotli:
		r = brotli.NewReader(bytes.NewReader(form))
	case response.Zstd:
		var z *zstd.Decoder
		if z, err = zstd.NewReader(bytes.NewReader(form), zstd.WithDecoderMaxWindow(8<<20)); err == nil {
			defer z.Close()
		}
		r = z
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// text returns compressible content.
func text(size int, seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, "<p class=%q>line %d of %s</p>\n", strings.Repeat("x", random.IntN(9)), random.IntN(1000), []string{"alpha", "beta", "gamma"}[random.IntN(3)])
	}
	return b.Bytes()[:size]
}

// TestEncode encodes contents of all kinds and sizes.
func TestEncode(t *testing.T) {
	noise := make([]byte, 100_000)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(noise)
	largest := int(response.CompressMaxBytes)
	if testing.Short() {
		largest /= 8
	}
	for _, test := range []struct {
		name    string
		content []byte
		smaller bool
	}{
		{"nothing", nil, false},
		{"a byte", []byte("x"), false},
		{"noise", noise, false},
		{"zeros", make([]byte, 70_000), true},
		{"1 KiB of text", text(1<<10, 1), true},
		{"text", text(100_000, 2), true},
		{"text, then noise", append(text(300_000, 3), noise...), true},
		{"the largest", text(largest, 4), true},
	} {
		for _, c := range codings {
			form, ok := Encode(test.content, c)
			if ok != test.smaller {
				t.Errorf("%s, %v: smaller is %v", test.name, c, ok)
			}
			if !ok {
				continue
			}
			got, err := decode(form, c)
			if err != nil || !bytes.Equal(got, test.content) {
				t.Errorf("%s, %v: the content is another one: %v", test.name, c, err)
			}
			Encode(noise, c) // what was encoded before makes no difference
			if again, _ := Encode(test.content, c); !bytes.Equal(again, form) {
				t.Errorf("%s, %v: the forms differ", test.name, c)
			}
		}
	}
}

// TestVersion compares forms with those of the Version. If a digest differs, the compressors make other bytes: increase Version, or
// replicas with different releases have the same entity tag for different bytes.
func TestVersion(t *testing.T) {
	content := text(500_000, 5)
	digests := map[response.Coding]string{}
	for _, c := range codings {
		form, _ := Encode(content, c)
		sum := sha256.Sum256(form)
		digests[c] = hex.EncodeToString(sum[:8])
	}
	want := map[response.Coding]string{response.Gzip: "6065165acaa8dcef", response.Brotli: "b19cb37c230fc3f9", response.Zstd: "0d8fde33d21208a4"}
	for _, c := range codings {
		if digests[c] != want[c] {
			t.Errorf("version %d, %v: the digest is %s, want %s", Version, c, digests[c], want[c])
		}
	}
}

// FuzzEncode decodes what was encoded.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("abcabcabcabcabcabcabcabcabcabc"), uint8(0))
	f.Add(make([]byte, 1000), uint8(1))
	f.Add(text(3000, 6), uint8(2))
	f.Fuzz(func(t *testing.T, content []byte, number uint8) {
		c := codings[int(number)%len(codings)]
		form, ok := Encode(content, c)
		if !ok {
			return
		}
		if len(form) >= len(content) {
			t.Errorf("%v: %d bytes of %d", c, len(form), len(content))
		}
		if got, err := decode(form, c); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%v: the content is another one: %v", c, err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	content := text(200_000, 7)
	for _, c := range codings {
		b.Run(c.String(), func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				Encode(content, c)
			}
		})
	}
}
