package main

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws/internal/config"
	"aws/internal/kernel"
	"aws/internal/listeners"
	"aws/internal/logging"
)

// TestRebind reads the configuration again, as a supervisor does at a reload.
func TestRebind(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	report := logging.New(&out)
	write(`listen = ["127.0.0.1:0"]`)
	line := &commandLine{file: file, given: config.Given{}}
	o, origins, err := line.options(nil, report)
	if err != nil {
		t.Fatal(err)
	}
	s := &fileServer{line: line, options: o, origins: origins, report: report}
	one := kernel.Address{TCP: netip.MustParseAddrPort("127.0.0.1:0")}
	sockets, err := listeners.Bind([]kernel.Address{one}, s.binding(o.ListenLine()), report)
	if err != nil {
		t.Fatal(err)
	}
	files, err := sockets.Duplicate()
	if err != nil {
		t.Fatal(err)
	}
	passed, err := listeners.Activated(files, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, set := range []*listeners.Set{sockets, passed} {
			if err := set.Close(report); err != nil {
				t.Error(err)
			}
		}
	}()
	bound := sockets.Addresses()[0].String()
	for _, c := range []struct {
		text        string
		set         *listeners.Set
		err, report string
	}{
		{"list = true\nlisten = [\"127.0.0.1:0\"]", sockets, "", ""},
		{"list = true\nlisten = [\"127.0.0.1:0\", \"" + bound + "\"]", sockets, "listen " + bound + ": address already in use", ""},
		{"listen = [\"unix:/nonexistent/s\"]", sockets, "listen unix:/nonexistent/s: no such file or directory (make the directory", ""},
		{"listen = []", sockets, "there is no address to listen at", ""},
		{"listen = [\"127.0.0.1\"]", sockets, "", ""}, // the worker reports it
		{"lst = true", sockets, "", ""},
		{"listen = [\"127.0.0.1:0\"]", passed, "", ""},
		{"listen = [\"127.0.0.1:1\"]", passed, "", "listen = [\"127.0.0.1:1\"], listen-tls = [] is not used: systemd passes the sockets; change the socket unit, and restart it with the service (" + file + ":1)"},
	} {
		write(c.text)
		out.Reset()
		change, err := s.reread()(c.set)
		if change != nil || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, %v", c.text, change, err)
		}
		if (out.Len() == 0) != (c.report == "") || !strings.Contains(out.String(), c.report) {
			t.Errorf("%s: reported %q", c.text, out.String())
		}
	}
	write("listen = [\"127.0.0.1:0\", \"127.0.0.2:0\"]")
	change, err := s.reread()(sockets)
	if err != nil || change.Next.Setting() != "listen = [\"127.0.0.1:0\", \"127.0.0.2:0\"]\nlisten-tls = []" {
		t.Fatal(change, err)
	}
	if err := change.Abort(report); err != nil {
		t.Error(err)
	}
}
