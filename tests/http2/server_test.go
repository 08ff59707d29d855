package http2

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aws/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// contents are the files of the tests, beneath the root.
var contents = map[string][]byte{
	"index.html": []byte("<!doctype html>\n<title>The index</title>\n"), "small": harness.Content(100, 1), "empty": {}, "page": harness.Content(8<<10, 2),
	"large": harness.Content(3<<20, 3), "style.css": harness.Content(5000, 4), "style.css.gz": harness.Content(700, 5), "style.css.br": harness.Content(600, 6),
	"dir/a.txt": []byte("text\n"), "dir/b": harness.Content(70_000, 7), "dir/sub/index.html": []byte("sub\n"), "private/secret": []byte("secret\n"),
	"dynamic/small": harness.Content(3000, 8), "dynamic/large": harness.Content(2<<20, 9), "404.html": []byte("<p>not here\n"),
}

// newRoot returns a directory with the files.
func newRoot(t testing.TB) string {
	root := t.TempDir()
	for name, content := range contents {
		harness.WriteFile(t, filepath.Join(root, name), content)
	}
	old := time.Now().Add(-time.Hour) // what is new has no Last-Modified
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error { return errors.Join(err, os.Chtimes(path, old, old)) })
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// users has the user u with the password p.
const users = "u:$2y$05$eRw4f7gp3efhrIenlfMBTe2QqQdP8gRHajNAPkvHqp4eGif/IB0Yq\n"

// serve starts a server.
func serve(t testing.TB, root string, args ...string) *harness.HTTPS {
	return harness.StartHTTPS(t, harness.Options{}, root, append([]string{"--h2c", "--verbose"}, args...)...)
}

// patience is how long a test waits for what comes at once.
const patience = 30 * time.Second

// transport returns a client's transport by HTTP/2 alone.
func transport(s *harness.HTTPS, secure bool) *http.Transport {
	tr := &http.Transport{DisableCompression: true, TLSClientConfig: s.Client.Clone(), Protocols: new(http.Protocols)}
	tr.Protocols.SetHTTP2(secure)
	tr.Protocols.SetUnencryptedHTTP2(!secure)
	return tr
}

// client returns a client by HTTP/2, and the beginning of its URLs.
func client(t testing.TB, s *harness.HTTPS, secure bool) (c *http.Client, base string) {
	tr := transport(s, secure)
	t.Cleanup(tr.CloseIdleConnections)
	c = &http.Client{Transport: tr, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if secure {
		return c, "https://" + s.Address
	}
	return c, "http://" + s.Plain
}

// both runs a test over TLS and without.
func both(t *testing.T, test func(t *testing.T, secure bool)) {
	for name, secure := range map[string]bool{"https": true, "h2c": false} {
		t.Run(name, func(t *testing.T) { test(t, secure) })
	}
}
