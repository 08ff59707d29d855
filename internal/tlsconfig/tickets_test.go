package tlsconfig

import (
	"bytes"
	"crypto/tls"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"aws/internal/tlsconfig/certtest"
)

// TestTicketKeyModes warns of a key that every user can read.
func TestTicketKeyModes(t *testing.T) {
	file := certtest.Write(t, t.TempDir(), "key", make([]byte, 48))
	for mode, want := range map[os.FileMode]int{0o600: 0, 0o640: 0, 0o644: 1} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, warnings, err := readTicketKeys([]string{file}); err != nil || len(warnings) != want {
			t.Errorf("%o: %q, %v", mode, warnings, err)
		}
	}
}

// TestSharedKeys sees sessions resumed by the process that succeeds another one, also when a key is replaced meanwhile.
func TestSharedKeys(t *testing.T) {
	dir, ca, at := t.TempDir(), certtest.NewCA(t, "root"), clock{time.Now()}
	file, err := os.OpenFile(filepath.Join(dir, "keys"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	p := pair(t, ca.Issue(t, certtest.Template{Hosts: []string{"a.test"}}), dir, "a")
	settings := Settings{Sites: []Site{{Hosts: []string{"a.test"}, Pairs: []Pair{p}}}, SharedKeys: file, Now: func() time.Time { return at.now }}
	client := &tls.Config{ServerName: "a.test", RootCAs: ca.Pool(), ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	resumes := func(what string, s *Store, want bool) {
		t.Helper()
		if state, _ := mustShake(t, s, client); state.DidResume != want {
			t.Errorf("%s: resumed %v", what, state.DidResume)
		}
	}
	one := open(t, settings)
	resumes("the first process", one, false)
	two := open(t, settings)
	resumes("the second process", two, true)
	at.now = at.now.Add(ticketInterval)
	two.RotateTicketKeys()
	resumes("the second process with a new key", two, true)
	resumes("the first process without the new key", one, false)
	one.RotateTicketKeys()
	resumes("the first process with the new key", one, true)
	resumes("the second process after it", two, true)
	if !slices.Equal(one.tickets.random, two.tickets.random) || len(one.tickets.random) != 2 {
		t.Errorf("%d and %d keys", len(one.tickets.random), len(two.tickets.random))
	}

	// Both rotate at once: the one that writes last wins.
	at.now = at.now.Add(ticketInterval)
	one.tickets.rotate(at.now)
	two.RotateTicketKeys()
	one.RotateTicketKeys()
	if !slices.Equal(one.tickets.random, two.tickets.random) {
		t.Error("the processes have different keys")
	}

	// A file that is being written, or can't be, leaves the keys as they are.
	before := slices.Clone(one.tickets.random)
	if err := file.Truncate(20); err != nil {
		t.Fatal(err)
	}
	one.RotateTicketKeys()
	if !slices.Equal(one.tickets.random, before) {
		t.Error("the keys have changed")
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, settings)
}

// FuzzSharedKeys sees that the keys of a shared file are those that were written, or none.
func FuzzSharedKeys(f *testing.F) {
	f.Add([]byte{})
	f.Add(encodeKeys([]ticketKey{{created: 1}}))
	f.Add(encodeKeys(make([]ticketKey, ticketKeysKept)))
	f.Add(encodeKeys(make([]ticketKey, ticketKeysKept+1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, ok := decodeKeys(b)
		if ok && (len(keys) == 0 || len(keys) > ticketKeysKept || !bytes.Equal(encodeKeys(keys), b)) {
			t.Errorf("%d keys", len(keys))
		}
		if len(b) < 1+sharedKeyBytes && ok {
			t.Error("there are keys in too few bytes")
		}
	})
}
