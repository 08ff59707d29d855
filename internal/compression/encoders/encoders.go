// Package encoders compresses the contents of files with gzip, brotli and zstd.
//
// It is apart from package compression because the compressors import net/http, which the drop-in does without.
package encoders

import (
	"errors"
	"io"
	"math/bits"
	"sync"

	"aws/internal/response"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Version is the version of the bytes that Encode returns for the same content. It has to be increased when they change, because
// it is part of entity tags and of the names in a compression.Directory.
const Version = 1

// The levels. A form is made once and sent often, so they are higher than those of servers that compress each response. The next
// higher one of brotli takes 1.3 times as long for 1% less, that of zstd needs 50 MiB.
const (
	gzipLevel   = gzip.BestCompression
	brotliLevel = 6
	zstdLevel   = zstd.SpeedBetterCompression

	// Windows. That of zstd is at most 8 MiB for all clients to decode it (RFC 9659); an encoder with this one keeps 9 MiB. That of
	// brotli is a power of two, and follows the content, because the memory of an encoder follows it.
	zstdWindowBytes              = 4 << 20
	brotliBitsMin, brotliBitsMax = 16, 22
)

// Encoders that are not in use. There are as many as worker threads have compressed at once. They are not left to the garbage
// collector, which would find new ones in each cycle.
var (
	gzips = freeEncoders[*gzip.Writer]{make: func() *gzip.Writer {
		e, _ := gzip.NewWriterLevel(nil, gzipLevel) // the error is about the level
		return e
	}}
	zstds = freeEncoders[*zstd.Encoder]{make: func() *zstd.Encoder {
		e, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstdLevel), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindowBytes),
			zstd.WithLowerEncoderMem(true)) // as above
		return e
	}}
)

// freeEncoders is a list of encoders that any goroutine may take from and give back to.
type freeEncoders[T any] struct {
	mu   sync.Mutex
	free []T
	make func() T
}

func (f *freeEncoders[T]) take() T {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.free)
	if n == 0 {
		return f.make()
	}
	e := f.free[n-1]
	f.free = f.free[:n-1]
	return e
}

func (f *freeEncoders[T]) give(e T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.free = append(f.free, e)
}

// Encode returns the content in a coding other than Identity. ok is false if the form would not be smaller than the content. The
// form depends on nothing but the content and the coding.
func Encode(content []byte, c response.Coding) (form []byte, ok bool) {
	w := boundedWriter{bytesMax: len(content) - 1}
	switch c {
	case response.Identity: // there is no form
	case response.Gzip:
		e := gzips.take()
		e.Reset(&w)
		ok = encodeTo(e, content)
		e.Reset(nil) // it keeps no reference of the form
		gzips.give(e)
	case response.Brotli:
		o := brotli.WriterOptions{Quality: brotliLevel, LGWin: min(max(bits.Len(uint(len(content))), brotliBitsMin), brotliBitsMax)}
		ok = encodeTo(brotli.NewWriterOptions(&w, o), content) // one that is used again makes other bytes of large contents
	case response.Zstd:
		e := zstds.take()
		w.form = e.EncodeAll(content, nil)
		zstds.give(e)
		ok = len(w.form) < len(content)
	}
	if !ok {
		return nil, false
	}
	return w.form, true
}

// encodeTo writes all of the content. It returns false if the form is not smaller.
func encodeTo(e io.WriteCloser, content []byte) bool {
	if _, err := e.Write(content); err != nil {
		return false
	}
	return e.Close() == nil
}

// boundedWriter collects a form. It fails as soon as the form is not smaller than the content.
type boundedWriter struct {
	form     []byte
	bytesMax int
}

var errNotSmaller = errors.New("the form is not smaller")

// Write implements io.Writer.
func (w *boundedWriter) Write(b []byte) (int, error) {
	if len(w.form)+len(b) > w.bytesMax {
		return 0, errNotSmaller
	}
	w.form = append(w.form, b...)
	return len(b), nil
}
