package conformance

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"aws/tests/harness"
)

// modified is when every file of the site was changed, unless it says otherwise.
var modified = time.Date(2020, 2, 3, 4, 5, 6, 789_000_000, time.UTC)

const modifiedText = "Mon, 03 Feb 2020 04:05:06 GMT"

// big is longer than one chunk of sendfile's and than one buffer, but not a multiple of either.
var big = string(harness.Content(1_300_001, 3))

// secret is what no response may hold.
const secret = "this must not be seen"

// newSite makes the directory that most tests serve, and returns it. What lies beside it must not be seen.
func newSite(tb testing.TB) string {
	tb.Helper()
	directory := filepath.Join(tb.TempDir(), "site")
	for name, text := range map[string]string{
		"../outside.txt":           secret,
		"ten":                      "0123456789",
		"empty":                    "",
		"big":                      big,
		"a.txt":                    "alpha\n",
		"index.html":               "<p>the index</p>\n",
		"secret":                   secret,
		"directory/index.html":     "<p>the directory's index</p>\n",
		"directory/ten":            "0123456789",
		"bare/file":                "in a directory without index",
		"other/default.htm":        "<p>another index</p>\n",
		"page.css":                 "p { color: plain }\n",
		"page.css.gz":              "gzipped bytes",
		"page.css.br":              "brotli bytes, more",
		"page.css.zst":             "zstd bytes, the most",
		"only.js":                  "plain()\n",
		"only.js.gz":               "gzipped only",
		"stale.js":                 "fresh()\n",
		"stale.js.gz":              "older than the plain form",
		".hidden":                  secret,
		".directory/file":          secret,
		".well-known/thing":        "well known\n",
		".well-known/.more/hidden": secret,
		"types/page.xhtml":         "x", "types/movie.mp4": "x", "types/x.unknownext": "x", "types/noext": "x",
		"types/UP.PNG": "x", "types/a.tar.gz": "x", "types/.profile": "x", "types/t.svg": "x", "types/m.mjs": "x",
		"types/w.wasm": "x", "types/d.json": "x", "types/v.vtt": "x", "types/f.woff2": "x", "types/p.pdf": "x",
		"types/special.foo":                     "x",
		"a space":                               "a space",
		"a+b":                                   "plus",
		"a%b":                                   "percent",
		"a?b":                                   "question",
		"a#b":                                   "hash",
		"ümlaut":                                "umlaut",
		"quote\"it":                             "quote",
		"line\nend":                             "line end",
		"semi;colon":                            "semicolon",
		"back\\slash":                           "backslash",
		"\xff\xfe":                              "no UTF-8",
		"dynamic/ten":                           "0123456789",
		"dynamic/empty":                         "",
		"dynamic/big":                           big,
		"dynamic/page.css":                      "p { color: plain }\n",
		"dynamic/page.css.gz":                   "gzipped bytes",
		"deep/a/b/c/d/e/f/g/h/i/j/k/l/m/n/file": "deep",
	} {
		harness.WriteFile(tb, filepath.Join(directory, name), []byte(text))
		stamp(tb, filepath.Join(directory, name), modified)
	}
	stamp(tb, filepath.Join(directory, "stale.js.gz"), modified.Add(-time.Second))
	harness.Symlink(tb, "../outside.txt", filepath.Join(directory, "climbs"))
	harness.Symlink(tb, "/etc/passwd", filepath.Join(directory, "absolute"))
	harness.Symlink(tb, filepath.Join(directory, "ten"), filepath.Join(directory, "absolute-inside"))
	harness.Symlink(tb, filepath.Join(directory, "directory"), filepath.Join(directory, "absolute-directory"))
	harness.Symlink(tb, "ten", filepath.Join(directory, "inside"))
	harness.Symlink(tb, "loop", filepath.Join(directory, "loop"))
	harness.Symlink(tb, "../directory", filepath.Join(directory, "bare", "elsewhere"))
	return directory
}

func stamp(tb testing.TB, path string, at time.Time) {
	tb.Helper()
	if err := os.Chtimes(path, at, at); err != nil {
		tb.Fatal(err)
	}
}

// tag is the entity tag of a file of the site with that many bytes.
func tag(size int) string { return fmt.Sprintf(`"%x-%x"`, modified.UnixNano(), size) }

// secured has the https sides of the servers that have one. An address would not do as its key: another server may get it later.
var secured sync.Map

// serve starts the server under test for a new site. It speaks https, too, so that table runs its cases twice.
func serve(t *testing.T, flags ...string) *harness.Server {
	t.Helper()
	h := harness.StartHTTPS(t, harness.Options{}, newSite(t), flags...)
	client := h.Client.Clone()
	client.MinVersion = tls.VersionTLS13
	secured.Store(h.Server, secureSide{h.Address, client})
	h.Address = h.Plain
	return h.Server
}

// secureSide is where a server speaks https, and the configuration of its clients.
type secureSide struct {
	address string
	client  *tls.Config
}
