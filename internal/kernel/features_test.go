package kernel

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFeatures(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	seen := map[string]Feature{}
	for _, f := range Features(file) {
		if f.Name == "" || f.Have == (f.Else != "") {
			t.Errorf("%+v: what is there needs no substitute, and what is missing has one", f)
		}
		seen[f.Name] = f
	}
	for _, name := range []string{"AIO", "openat2", "RESOLVE_CACHED", "O_DIRECT", "statx alignment", "RWF_NOWAIT", "cachestat", "Landlock"} {
		if _, ok := seen[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	// Without openat2 there is nothing to cache.
	if seen["RESOLVE_CACHED"].Have && !seen["openat2"].Have {
		t.Error("RESOLVE_CACHED without openat2")
	}
}

func TestFeaturesOfNoFile(t *testing.T) {
	ofTheKernel := []string{"AIO", "kernel TLS", "Landlock"}
	for _, f := range Features("/nonexistent/file") {
		if f.Have && !slices.Contains(ofTheKernel, f.Name) {
			t.Errorf("%s was found with a file that is not there", f.Name)
		}
	}
}

func TestLibraries(t *testing.T) {
	if name := Libaio(); !strings.HasPrefix(name, "libaio.so") {
		t.Errorf("libaio is %q", name)
	}
	if release := Release(); !strings.HasPrefix(release, "Linux ") {
		t.Errorf("the kernel is %q", release)
	}
}
