package main

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	root := t.TempDir()
	for range 2 { // the second time over the first
		if err := write(root); err != nil {
			t.Fatal(err)
		}
	}
	numbers, err := os.ReadFile(filepath.Join(root, "dynamic", "numbers.txt"))
	if err != nil || len(numbers) != 2<<20 {
		t.Errorf("dynamic/numbers.txt: %d bytes, %v", len(numbers), err)
	}
	target, err := os.Readlink(filepath.Join(root, "dynamic", "numbers.txt"))
	if err != nil || target != "../static/numbers.txt" {
		t.Errorf("dynamic/numbers.txt leads to %q, %v", target, err)
	}
	content, err := os.ReadFile(filepath.Join(root, "dynamic", "picture.png"))
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if size := picture.Bounds().Size(); size.X != 640 || size.Y != 400 {
		t.Errorf("the picture is %v", size)
	}
}
