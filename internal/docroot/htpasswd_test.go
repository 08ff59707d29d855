package docroot

import (
	"fmt"
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

// TestUnknownUserCosts sees somebody who is not a user be compared with a hash of the same cost as the users', so that the time
// does not give names away: with all users of one cost that one, and with several each as often as there are users with it.
func TestUnknownUserCosts(t *testing.T) {
	hashOf := func(cost int) []byte {
		hash, err := bcrypt.GenerateFromPassword([]byte("secret"), cost)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	costOf := func(p *Passwords, user string) int {
		cost, err := bcrypt.Cost(p.dummy(user))
		if err != nil {
			t.Fatal(err)
		}
		return cost
	}
	one, err := ParsePasswords(fmt.Appendf(nil, "a:%s\nb:%s\n", hashOf(5), hashOf(5)))
	if err != nil {
		t.Fatal(err)
	}
	mixed, err := ParsePasswords(fmt.Appendf(nil, "a:%s\nb:%s\nc:%s\nd:%s\n", hashOf(4), hashOf(5), hashOf(5), hashOf(5)))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[int]int{}
	for i := range 400 {
		name := fmt.Sprint("nobody", i)
		if cost := costOf(one, name); cost != 5 {
			t.Fatalf("%s costs %d, the users 5", name, cost)
		}
		cost := costOf(mixed, name)
		counts[cost]++
		if again := costOf(mixed, name); again != cost {
			t.Errorf("%s costs %d and then %d", name, cost, again)
		}
	}
	if counts[4] < 60 || counts[4] > 140 || counts[4]+counts[5] != 400 {
		t.Errorf("costs %v, want a quarter of 4", counts)
	}
	if one.Check("nobody", "secret") || one.Check("nobody", "") || !one.Check("a", "secret") {
		t.Error("a check is wrong")
	}
}

// TestDamagedHashes sees a hash that is damaged behind its cost be refused: a comparison with it would fail at once, and so
// give away that there is such a user.
func TestDamagedHashes(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParsePasswords(fmt.Appendf(nil, "a:%s\n", hash)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{string(hash[:59]), string(hash) + "x", "$2a$04$!" + string(hash[8:]), string(hash[:30])} {
		if _, err := ParsePasswords([]byte("a:" + bad + "\n")); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}
