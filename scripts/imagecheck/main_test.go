package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseDockerfile(t *testing.T) {
	stages, err := parseDockerfile(`# a comment
FROM golang:1.2.3-bookworm AS go

FROM debian:bookworm-20260918-slim AS build
RUN first \
    # a comment between the lines
    && second
env A=1 B=$A
FROM scratch
COPY --from=build /a /b
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range stages {
		got = append(got, s.image+" "+s.name)
		for _, i := range s.instructions {
			got = append(got, i.String())
		}
	}
	want := []string{
		"golang:1.2.3-bookworm go",
		"debian:bookworm-20260918-slim build", "RUN first && second", "ENV A=1 B=$A",
		"scratch ", "COPY --from=build /a /b",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseDockerfileRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "no FROM",
		"RUN x\nFROM scratch":     "line 1: RUN before the first FROM",
		"FROM a b":                "line 1: FROM a b",
		"FROM scratch\n\nADD a b": "line 3: ADD is not known here",
	} {
		_, err := parseDockerfile(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestVariables(t *testing.T) {
	var v variables
	v.setArg("VERSION=unknown", map[string]string{"VERSION": "v1"})
	v.setArg("COMMIT=unknown", nil)
	if err := v.setEnv(instruction{rest: "A=$VERSION B=${A}/b"}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(v.environ(), " "); got != "VERSION=v1 COMMIT=unknown A=v1 B=v1/b" {
		t.Errorf("got %s", got)
	}
	if err := v.setEnv(instruction{line: 7, rest: `A="x"`}); err == nil {
		t.Error("a quoted value was taken")
	}
}

func TestCopy(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"a", "b", "directory/c"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := &build{keep: t.TempDir()}
	for _, rest := range []string{"a b ./", "directory ./directory", "a /renamed"} {
		if err := b.copy(rest, "/src"); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{"src/a": "a", "src/b": "b", "src/directory/c": "directory/c", "renamed": "a"} {
		got, err := os.ReadFile(filepath.Join(b.root(), path))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	for _, rest := range []string{"a", "--chown=1 a b", "--from=other /x /y", "absent /src"} {
		if err := b.copy(rest, "/src"); err == nil {
			t.Errorf("COPY %s was carried out", rest)
		}
	}
}

// The real file stays within what is known here, wherever the chroot itself can't be had.
func TestRealDockerfile(t *testing.T) {
	text, err := os.ReadFile("../../Dockerfile.build")
	if err != nil {
		t.Fatal(err)
	}
	stages, err := parseDockerfile(string(text))
	if err != nil {
		t.Fatal(err)
	}
	version, err := os.ReadFile("../../.go-version")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, s := range stages {
		golang, debian := golangImage.FindStringSubmatch(s.image), debianImage.FindStringSubmatch(s.image)
		if golang != nil {
			found = true
			if golang[1] != strings.TrimSpace(string(version)) {
				t.Errorf("the image has Go %s, .go-version has %s", golang[1], version)
			}
		} else if debian == nil && s.image != "scratch" {
			t.Errorf("nothing can stand in for FROM %s", s.image)
		}
	}
	if !found {
		t.Error("no stage with Go")
	}
}
