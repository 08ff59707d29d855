package harness_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"aws/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// TestReferenceServes asks the reference server for files of both kinds, by fifty clients at once.
func TestReferenceServes(t *testing.T) {
	root := t.TempDir()
	sums := map[string]string{}
	for i, size := range []int{0, 1, 2 << 10, 128 << 10, 2 << 20} {
		for _, directory := range []string{"static", "dynamic"} {
			path := fmt.Sprintf("%s/file-%d", directory, size)
			content := harness.Content(size, uint64(i)+1)
			harness.WriteFile(t, filepath.Join(root, path), content)
			sums[path] = harness.Sum(content)
		}
	}
	server := harness.StartReference(t, root, harness.Options{})
	var group sync.WaitGroup
	for range 5 {
		for path, sum := range sums {
			group.Go(func() {
				got := harness.Exchange(server.Address, harness.Text("GET /"+path+" HTTP/1.1\r\n\r\n"))
				if got.Status != 200 || got.BodySum != sum || got.BodyBytes != got.ContentLength ||
					got.Ending != harness.Closed {
					t.Errorf("%s: %v", path, got)
				}
			})
		}
	}
	group.Wait()
	for _, path := range []string{"static/absent", "dynamic/absent", "static", "nowhere"} {
		got := harness.Exchange(server.Address, harness.Text("GET /"+path+" HTTP/1.1\r\n\r\n"))
		if got.Status != 404 || got.Ending != harness.Closed {
			t.Errorf("%s: %v", path, got)
		}
	}
}
