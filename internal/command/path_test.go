package command

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestDaemon(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	t.Setenv("PATH", at("bin"))
	for _, name := range []string{"here/awsd", "here/awsd-race", "bin/awsd", "opt/1/awsd", "opt/2/awsd", "opt/1/aws", "opt/2/aws"} {
		if err := os.MkdirAll(filepath.Dir(at(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at(name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link := func(target, name string) {
		t.Helper()
		_ = os.MkdirAll(filepath.Dir(at(name)), 0o755)
		_ = os.Remove(at(name))
		if err := os.Symlink(target, at(name)); err != nil {
			t.Fatal(err)
		}
	}
	link("../opt/1/aws", "links/aws")
	want := func(startedAs, daemon string) {
		t.Helper()
		got, err := Daemon(at(startedAs))
		if daemon != "" {
			daemon = at(daemon)
		}
		if got != daemon || (err == nil) != (daemon != "") {
			t.Errorf("%s: %q, %v, want %q", startedAs, got, err, daemon)
		}
	}
	want("here/aws", "here/awsd")
	want("here/aws-race", "here/awsd-race")
	want("here/renamed", "here/awsd")
	want("elsewhere/aws", "bin/awsd")
	want("elsewhere/aws-race", "")
	want("links/aws", "opt/1/awsd")
	link("../opt/2/aws", "links/aws") // an upgrade
	want("links/aws", "opt/2/awsd")
}

func TestStartedAs(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "aws")
	if err := os.WriteFile(program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("aws", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Chdir(dir)
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for argv0, want := range map[string]string{
		"./aws": program, "aws": program, program: program, "./link": filepath.Join(dir, "link"), "link": filepath.Join(dir, "link"),
		"no-such-program": own, // as package testing's own
	} {
		if got, err := StartedAs(argv0); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", argv0, got, err, want)
		}
	}
}

// TestReadableFile sees the directories from which a file can be read again, as certbot replaces it.
func TestReadableFile(t *testing.T) {
	dir := t.TempDir()
	live, archive := filepath.Join(dir, "live"), filepath.Join(dir, "archive")
	for _, d := range []string{live, archive} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(archive, "key1.pem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(live, "key.pem")
	if err := os.Symlink("../archive/key1.pem", link); err != nil {
		t.Fatal(err)
	}
	if got := ReadableFile(link); !slices.Contains(got, live) || !slices.Contains(got, archive) {
		t.Errorf("%v, want %s and %s", got, live, archive)
	}
	if got := ReadableFile("/key.pem"); len(got) != 0 {
		t.Errorf("%v for a file in the root of the file system", got)
	}
}
