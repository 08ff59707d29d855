package main

import "testing"

func TestForUsers(t *testing.T) {
	for name, want := range map[string]bool{
		"README.md": true, "docs/operators-guide.md": true, "contrib/systemd/awsd.service": true,
		"contrib/contrib_test.go": false, "cmd/aws/main.go": false, "LICENSE": true, "go.mod": false,
	} {
		if got := forUsers(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
