package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPatchesApply: a deliberate bug that no longer applies is one that nobody looks for.
func TestPatchesApply(t *testing.T) {
	t.Chdir(filepath.Join("..", "..", ".."))
	patches, err := filepath.Glob(filepath.Join(directory, "*.patch"))
	if err != nil || len(patches) < 15 {
		t.Fatalf("%d patches, %v", len(patches), err)
	}
	for _, path := range patches {
		patch, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, cleanUp, err := mutant(patch)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
			continue
		}
		cleanUp()
	}
}
