package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestImports keeps the program small: each package that is linked in has to be initialised before the first
// connection is accepted, which under valgrind takes a hundred times as long.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}{{if .Standard}}std {{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(out), "\n") {
		path, standard := strings.CutPrefix(line, "std ")
		for _, heavy := range []string{"net/http", "crypto/tls", "crypto/x509", "expvar", "text/template", "html/template", "runtime/pprof"} {
			if standard && path == heavy {
				t.Errorf("aws imports %s; what needs it belongs into awsd", path)
			}
		}
		for _, heavy := range []string{"prometheus", "protobuf", "spf13/cobra", "go-systemd/v22/activation", "x/net", "aws/internal/admin"} {
			if !standard && strings.Contains(path, heavy) {
				t.Errorf("aws imports %s; what needs it belongs into awsd", path)
			}
		}
	}
}

func TestFindDaemon(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	for _, name := range []string{"here/awsd", "here/awsd-race", "bin/awsd"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ own, want string }{
		{"here/aws", "here/awsd"},
		{"here/aws-race", "here/awsd-race"},
		{"elsewhere/aws", "bin/awsd"},
		{"here/renamed", "here/awsd"},
		{"elsewhere/aws-race", ""},
	} {
		got, err := findDaemon(filepath.Join(dir, c.own))
		want := ""
		if c.want != "" {
			want = filepath.Join(dir, c.want)
		}
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v, want %q", c.own, got, err, want)
		}
	}
}

// TestWithoutDaemon sees what is missing named, and what to do about it.
func TestWithoutDaemon(t *testing.T) {
	t.Setenv("PATH", "")
	var stderr bytes.Buffer
	if status := run([]string{"aws", "serve"}, nil, &stderr); status != 1 {
		t.Errorf("status %d", status)
	}
	for _, want := range []string{"aws serve needs the program awsd", "make builds both"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%q does not say %q", stderr.String(), want)
		}
	}
}
