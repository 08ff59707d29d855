package main

import (
	"bytes"
	"os/exec"
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

// TestWithoutDaemon sees what is missing named, and what to do about it.
func TestWithoutDaemon(t *testing.T) {
	t.Setenv("PATH", "")
	var stderr bytes.Buffer
	if status := run([]string{"/none/aws", "serve"}, nil, &stderr); status != 1 {
		t.Errorf("status %d", status)
	}
	for _, want := range []string{"/none/aws serve needs the program awsd", "make builds both"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%q does not say %q", stderr.String(), want)
		}
	}
}
