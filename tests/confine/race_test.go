package confine

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aws/tests/harness"

	"golang.org/x/sys/unix"
)

// TestLinkRace exchanges names inside the root with links that lead outside, 100,000 times, while both are
// asked for: a response is of the inside, or 404, or a reset, and never of the outside.
func TestLinkRace(t *testing.T) {
	const swaps = 100_000
	const names = 40
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			root := newRoot(t)
			outside := filepath.Join(filepath.Dir(root), "outside")
			inside := filepath.Join(root, "inside")
			for i := range names {
				harness.WriteFile(t, filepath.Join(outside, fmt.Sprint(i)), []byte(secret))
				harness.WriteFile(t, filepath.Join(inside, fmt.Sprint(i)), []byte("inside\n"))
			}
			harness.WriteFile(t, filepath.Join(root, "static/sub/f"), []byte("inside\n"))
			harness.WriteFile(t, filepath.Join(root, "dynamic/sub/f"), []byte("inside\n"))
			// Four kinds of exchange: a directory's link, a file's link, a real directory with a link, and a directory's absolute link.
			type pair struct{ a, b string }
			var pairs []pair
			for _, directory := range []string{"static", "dynamic"} {
				at := func(name string) string { return filepath.Join(root, directory, name) }
				harness.Symlink(t, "sub", at("directory"))
				harness.Symlink(t, "../../outside", at("directory.evil"))
				harness.Symlink(t, "inside", at("file"))
				harness.Symlink(t, "../../outside/0", at("file.evil"))
				for i := range names {
					harness.WriteFile(t, at(fmt.Sprintf("real/%d", i)), []byte("inside\n"))
				}
				harness.Symlink(t, "../../outside", at("real.evil"))
				harness.Symlink(t, at("sub"), at("absolute"))
				harness.Symlink(t, outside, at("absolute.evil"))
				pairs = append(pairs, pair{at("absolute"), at("absolute.evil")}, pair{at("directory"), at("directory.evil")}, pair{at("file"), at("file.evil")}, pair{at("real"), at("real.evil")})
			}
			// Landlock would keep the process out as well: this is about the server's own resolution.
			server := start(t, mode, root, harness.Options{}, "--landlock=false")
			var over atomic.Bool
			var found, absent, broken atomic.Int64
			var group sync.WaitGroup
			for worker := range 6 {
				group.Go(func() {
					for i := worker; !over.Load(); i++ {
						directory := []string{"static", "dynamic"}[i%2]
						path := []string{"directory/f", "file", fmt.Sprintf("real/%d", i/8%names), fmt.Sprintf("real.evil/%d", i/8%names), "directory.evil/f", "file.evil", "absolute/f", "absolute.evil/f"}[i/2%8]
						response, err := raw(server.Address, "GET /"+directory+"/"+path+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
						head, body, _ := bytes.Cut(response, []byte("\r\n\r\n"))
						switch {
						case bytes.Contains(response, []byte(secret)):
							t.Errorf("%s/%s brought out %q", directory, path, response)
							return
						case err != nil || len(head) == 0:
							broken.Add(1)
						case strings.Contains(string(head[:min(len(head), 16)]), " 404 "), strings.Contains(string(head[:min(len(head), 16)]), " 301 "):
							absent.Add(1)
						case string(body) == "inside\n":
							found.Add(1)
						default:
							t.Errorf("%s/%s: %q", directory, path, response)
							return
						}
					}
				})
			}
			begin := time.Now()
			// At least so many exchanges, and at least so many requests among them.
			done := 0
			for ; done < swaps || found.Load()+absent.Load() < 2000; done++ {
				p := pairs[done%len(pairs)]
				if err := unix.Renameat2(unix.AT_FDCWD, p.a, unix.AT_FDCWD, p.b, unix.RENAME_EXCHANGE); err != nil {
					t.Errorf("renameat2: %v", err)
					break
				}
				if time.Since(begin) > 25*time.Second || t.Failed() {
					break
				}
			}
			over.Store(true)
			group.Wait()
			t.Logf("%d exchanges in %v: %d times inside, %d times not found, %d broken", done, time.Since(begin).Round(time.Millisecond), found.Load(), absent.Load(), broken.Load())
			if done < swaps || found.Load() == 0 || absent.Load() == 0 || broken.Load() > 0 {
				t.Error("it was not a race, or responses were broken")
			}
			wantInside(t, server)
			if status := server.Stop(t); status != 0 {
				t.Errorf("status %d", status)
			}
		})
	}
}
