package serveconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"aws/goloop"
	"aws/internal/compression"
	"aws/internal/compression/encoders"
	"aws/internal/config"
	"aws/internal/kernel"
	"aws/internal/response"
)

// compress holds the options of compression by the server.
type compress struct {
	on             bool
	memoryBytes    int64
	directory      string
	directoryBytes int64
}

func (c *compress) table() []config.Option {
	return []config.Option{
		{
			Name: "compress", Into: &c.on,
			Usage:  "compress text files for clients that accept zstd, br or gzip",
			Advice: "The server compresses each version of a file once, and keeps the result. Leave it off for pages that contain a secret next to text that others choose (BREACH).",
		},
		{
			Name: "compress-memory-bytes", Into: (*config.Size)(&c.memoryBytes), Default: config.Size(64 << 20), Least: 1 << 20, Most: 1 << 40,
			Usage:  "memory for compressed files of all loops, as `SIZE`",
			Advice: "Compressed files that have not been used for the longest time are removed. Raise it if the metric awsd_compressions_refused_total grows.",
		},
		{
			Name: "compress-cache", Into: &c.directory,
			Usage:  "keep compressed files in the directory `DIR`, too",
			Advice: "They are there after a restart, and when they do not fit the memory. The directory must belong to the user of the server, and nobody else may write to it.",
		},
		{
			Name: "compress-cache-bytes", Into: (*config.Size)(&c.directoryBytes), Default: config.Size(1 << 30), Least: 1 << 20, Most: 1 << 50,
			Usage:  "largest size of all files in --compress-cache, as `SIZE`",
			Advice: "Files that have not been used for the longest time are removed.",
		},
	}
}

// Compresses reports whether something is compressed.
func (o *Options) Compresses() bool {
	if o.Sites == nil {
		return o.responses.compress.on
	}
	for _, r := range o.Sites.Routes() {
		if r.Properties.Compress.Or(false) {
			return true
		}
	}
	return false
}

// formFilesPart is the part of the descriptors of files that compressed files get.
const formFilesPart = 4

// AddForms adds the cache of compressed files to the configuration of a server, if something is compressed. It comes after Fit,
// whose descriptors for files it shares. warn gets what the operator should know and the server can live with. The function that it returns closes the directory; it is never nil.
func (o *Options) AddForms(cfg *goloop.ServerConfig, warn func(string)) (closeDirectory func(), err error) {
	if !o.Compresses() {
		return func() {}, nil
	}
	directory, closeDirectory, err := o.openFormDirectory(warn)
	if err != nil {
		return closeDirectory, err
	}
	files := max(cfg.Cache.FilesMax/formFilesPart, 1)
	cfg.Cache.FilesMax = max(cfg.Cache.FilesMax-files, 1)
	cfg.Loop.Forms = compression.NewCache(compression.Limits{
		MemoryBytesMax: o.responses.compress.memoryBytes, FilesMax: files,
		Running: max(cfg.Loops, 1) * kernel.CompressMax, PendingMax: compression.PendingMaxDefault,
	}, compression.Encoder{Encode: encoders.Encode, Version: encoders.Version}, directory)
	return closeDirectory, nil
}

// openFormDirectory opens the directory of --compress-cache, and lets the process use it, also as another user. It returns nil if
// there is none.
func (o *Options) openFormDirectory(warn func(string)) (d *compression.Directory, closeDirectory func(), err error) {
	c := &o.responses.compress
	if c.directory == "" {
		return nil, func() {}, nil
	}
	path, err := filepath.Abs(c.directory)
	if err != nil {
		return nil, func() {}, c.cacheError(err)
	}
	_, err = os.Stat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	if d, err = compression.OpenDirectory(path, c.directoryBytes, encoders.Version, func(err error) {
		warn(c.cacheError(fmt.Errorf("%w: compressed files are kept in memory alone as long as this is so", err)).Error())
	}); err != nil {
		return nil, func() {}, c.cacheError(err)
	}
	if missing && o.Give.User != "" {
		if err := o.Give.Own(path); err != nil {
			return nil, func() {}, errors.Join(err, d.Close())
		}
	}
	o.Give.Caches = append(o.Give.Caches, path)
	return d, func() { _ = d.Close() }, nil
}

// CheckForms returns what would keep AddForms from working. It creates no directory.
func (o *Options) CheckForms() error {
	c := &o.responses.compress
	if c.directory == "" || !o.Compresses() {
		return nil
	}
	if err := compression.CheckDirectory(c.directory); err != nil {
		return c.cacheError(err)
	}
	return nil
}

// cacheError names the option that an error is about, and the remedy if one is known.
func (c *compress) cacheError(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("--compress-cache %s: %w (make it a directory of the server's user)", c.directory, err)
	}
	return fmt.Errorf("--compress-cache %s: %w", c.directory, err)
}

// compressionEffects warns of options that do nothing.
func (o *Options) compressionEffects(e *effects) {
	c := &o.responses.compress
	for _, name := range []string{"compress-memory-bytes", "compress-cache", "compress-cache-bytes"} {
		switch {
		case !e.set(name):
		case !o.Compresses():
			e.warn("--%s does nothing, because nothing is compressed (--compress, or compress = true in a site)", name)
		case name == "compress-cache-bytes" && c.directory == "":
			e.warn("--%s does nothing without --compress-cache", name)
		}
	}
	if o.Compresses() && c.memoryBytes < 2*response.CompressMaxBytes {
		e.warn("--compress-memory-bytes %d: with less than %d, the largest files that are compressed leave no room for others", c.memoryBytes, 2*response.CompressMaxBytes)
	}
}
