package goloop

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"aws/internal/handler/fileserver"
)

// TestListingsBesideOthers lists directories that nobody has listed before while the loop responds to other requests: what a
// worker thread renders depends on nothing that these change. The race detector would find it.
func TestListingsBesideOthers(t *testing.T) {
	const directories = 60
	s := newSite(t)
	for i := range directories {
		dir := filepath.Join(s.dir, "static", fmt.Sprint("list", i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "entry"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := startServe(t, s, func(o *fileserver.Options, _ *ServerConfig) { o.List = true })
	var group sync.WaitGroup
	for client := range 6 {
		group.Go(func() {
			for i := range directories {
				target, want := fmt.Sprintf("/list%d/", i), `href="entry"`
				if client%2 == 1 {
					target, want = "/k", "200 OK"
				}
				if response := roundTrip(t, server, "GET "+target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !bytes.Contains(response, []byte(want)) {
					t.Errorf("%s: %.200q", target, response)
				}
			}
		})
	}
	group.Wait()
}
