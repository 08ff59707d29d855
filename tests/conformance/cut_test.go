package conformance

import (
	"os"
	"path/filepath"
	"testing"

	"aws/tests/harness"
)

// TestCutInPlace makes files shorter and longer in place, and asks for them at once, while their names are still trusted: each
// response has the length that the file has, and is whole.
func TestCutInPlace(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "dynamic"), 0o755); err != nil {
		t.Fatal(err)
	}
	server := harness.StartServe(t, harness.Options{}, root)
	for _, name := range []string{"large", "dynamic/large", "middle"} {
		path := filepath.Join(root, name)
		sizes := []int64{300_000, 150_000, 9_000, 290_000, 8_193}
		harness.WriteFile(t, path, make([]byte, 300_000))
		for round := range 20 {
			size := sizes[round%len(sizes)]
			if err := os.Truncate(path, size); err != nil {
				t.Fatal(err)
			}
			for _, method := range []string{"HEAD", "GET"} {
				response, body := ask(t, server, method, "/"+name) // fails at a reset, or a body that is too short
				if response.StatusCode != 200 || response.ContentLength != size || method == "GET" && int64(len(body)) != size {
					t.Fatalf("%s %s, round %d: %s with %d of %d bytes, want %d", method, name, round, response.Status, len(body), response.ContentLength, size)
				}
			}
		}
	}
}
