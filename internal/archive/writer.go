package archive

import (
	"archive/tar"
	"archive/zip"
	"compress/flate"
	"compress/gzip"
	"io"
	"io/fs"
	"time"
)

// entry is what an archive says of a file or a directory. Owners and permissions of the files are not part of it.
type entry struct {
	name      string // with a slash at the end if it is a directory
	directory bool
	size      int64
	modified  time.Time
}

const (
	fileMode      = 0o644
	directoryMode = 0o755
)

// writer writes the format of an archive. Begin begins an entry, whose content Write has. Close writes the end.
type writer interface {
	begin(e *entry) error
	io.Writer
	io.Closer
}

// newWriter returns a writer of a format, which writes to out.
func newWriter(f Format, out io.Writer) writer {
	if f == Zip {
		return newZipWriter(out)
	}
	z, _ := gzip.NewWriterLevel(out, gzip.BestSpeed) // the level is valid
	return &tarWriter{Writer: tar.NewWriter(z), gzip: z}
}

// tarWriter writes a tar in gzip. Names that are long or not ASCII, and sizes from 8 GiB on, have PAX records (POSIX.1-2001).
type tarWriter struct {
	*tar.Writer
	gzip *gzip.Writer
}

func (w *tarWriter) begin(e *entry) error {
	h := tar.Header{Typeflag: tar.TypeReg, Name: e.name, Size: e.size, Mode: fileMode, ModTime: e.modified}
	if e.directory {
		h.Typeflag, h.Mode = tar.TypeDir, directoryMode
	}
	return w.WriteHeader(&h)
}

// Close ends the tar, then the gzip.
func (w *tarWriter) Close() error {
	if err := w.Writer.Close(); err != nil {
		return err
	}
	return w.gzip.Close()
}

// zipWriter writes a zip. Sizes and checksums follow the content, and what is from 4 GiB on, or more than 65,535 entries, is in
// Zip64 records.
type zipWriter struct {
	*zip.Writer
	entry io.Writer // that of the current entry
}

// newZipWriter returns a writer that uses one compressor for all entries: each takes about 1 MiB.
func newZipWriter(out io.Writer) *zipWriter {
	w := &zipWriter{Writer: zip.NewWriter(out)}
	var deflate *flate.Writer
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		if deflate != nil {
			deflate.Reset(out)
			return deflate, nil
		}
		var err error
		deflate, err = flate.NewWriter(out, flate.BestSpeed)
		return deflate, err
	})
	return w
}

func (w *zipWriter) begin(e *entry) (err error) {
	h := zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: e.modified}
	h.SetMode(fileMode)
	if e.directory {
		h.Method = zip.Store
		h.SetMode(fs.ModeDir | directoryMode)
	}
	w.entry, err = w.CreateHeader(&h)
	return err
}

// Write writes content of the current entry.
func (w *zipWriter) Write(b []byte) (int, error) { return w.entry.Write(b) }

// Close ends the zip.
func (w *zipWriter) Close() error { return w.Writer.Close() }
