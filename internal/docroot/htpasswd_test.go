package docroot

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

func TestPasswords(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("open sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePasswords([]byte("# users\n\nali:" + string(hash) + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		user, password string
		want           bool
	}{{"ali", "open sesame", true}, {"ali", "open", false}, {"ali", "", false}, {"kasim", "open sesame", false}} {
		if got := p.Check(tc.user, tc.password); got != tc.want {
			t.Errorf("%s with %q: %v", tc.user, tc.password, got)
		}
	}
	for content, want := range map[string]string{
		"":                        "no users",
		"ali":                     "line 1: expected USER:HASH",
		"\nali:$apr1$x$y":         "line 2: the hash of ali is not bcrypt's",
		":" + string(hash) + "\n": "expected USER:HASH",
	} {
		if _, err := ParsePasswords([]byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", content, err)
		}
	}
}
