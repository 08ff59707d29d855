package tlsconfig

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// A ticket can be used for as long as its key is kept: three to four times ticketInterval.
const (
	ticketInterval = 12 * time.Hour // after which a random key is replaced
	ticketKeysKept = 4              // the one that encrypts, and three that only decrypt
)

// ticketKey is the secret from which the keys of each group of sites derive.
type ticketKey struct {
	secret  [32]byte
	created int64 // Unix seconds; 0 if it comes from a file
}

// String hides the secret from formatted messages.
func (ticketKey) String() string { return "[ticket key]" }

// GoString hides the secret from formatted messages.
func (ticketKey) GoString() string { return "[ticket key]" }

// ticketKeys are the keys of session tickets. The first one encrypts.
type ticketKeys struct {
	mu     sync.Mutex
	random []ticketKey
	files  []ticketKey // if there are some, they are used in place of the random ones
}

func newRandomKey(now time.Time) ticketKey {
	k := ticketKey{created: now.Unix()}
	_, _ = rand.Read(k.secret[:]) // never fails: see crypto/rand
	return k
}

// rotate adds a random key if it is time, and removes those that are too old. It reports whether the keys have changed.
func (t *ticketKeys) rotate(now time.Time) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.random) == 0 || now.Unix()-t.random[0].created >= int64(ticketInterval.Seconds()) {
		t.random = append([]ticketKey{newRandomKey(now)}, t.random...)
		changed = true
	}
	for i, k := range t.random {
		if i == ticketKeysKept || now.Unix()-k.created >= int64(ticketInterval.Seconds())*ticketKeysKept {
			t.random, changed = t.random[:i], true
			break
		}
	}
	return changed && len(t.files) == 0
}

// derive returns the keys of a group of sites. Those of another group can't decrypt its tickets, so that a session that
// began at a site without client certificates is not resumed at one with them.
func (t *ticketKeys) derive(group string) [][32]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	from := t.files
	if len(from) == 0 {
		from = t.random
	}
	keys := make([][32]byte, len(from))
	for i := range from {
		derived, err := hkdf.Key(sha256.New, from[i].secret[:], nil, "aws session tickets "+group, len(keys[i]))
		if err != nil {
			panic(err) // only of a key length that HKDF does not have
		}
		copy(keys[i][:], derived)
	}
	return keys
}

// setFiles replaces the keys from files.
func (t *ticketKeys) setFiles(keys []ticketKey) {
	t.mu.Lock()
	t.files = keys
	t.mu.Unlock()
}

// readTicketKeys reads files with a key each.
func readTicketKeys(files []string) (keys []ticketKey, warnings []string, err error) {
	for _, file := range files {
		text, err := readFile(file)
		if err != nil {
			return nil, nil, err
		}
		if len(text) != 48 && len(text) != 80 {
			return nil, nil, fmt.Errorf("%s has %d bytes, and a session ticket key has 48 or 80 random bytes; openssl rand 80 >%s makes one",
				file, len(text), file)
		}
		keys = append(keys, ticketKey{secret: sha256.Sum256(text)})
		if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o004 != 0 {
			warnings = append(warnings, fmt.Sprintf("%s: every user of the machine can read the session ticket key (%04o); chmod o= %s",
				file, info.Mode().Perm(), file))
		}
	}
	return keys, warnings, nil
}

// The form of exported keys: the version, then of each key the time of its creation and the secret.
const (
	exportVersion  = 1
	exportKeyBytes = 8 + 32
)

var errTicketExport = errors.New("these are not exported session ticket keys")

// export returns the random keys.
func (t *ticketKeys) export() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := []byte{exportVersion}
	for i := range t.random {
		b = binary.BigEndian.AppendUint64(b, uint64(t.random[i].created))
		b = append(b, t.random[i].secret[:]...)
	}
	return b
}

// adopt replaces the random keys by exported ones. They keep their age.
func (t *ticketKeys) adopt(b []byte) error {
	if len(b) < 1+exportKeyBytes || b[0] != exportVersion || (len(b)-1)%exportKeyBytes != 0 || (len(b)-1)/exportKeyBytes > ticketKeysKept {
		return errTicketExport
	}
	var keys []ticketKey
	for b = b[1:]; len(b) > 0; b = b[exportKeyBytes:] {
		k := ticketKey{created: int64(binary.BigEndian.Uint64(b))}
		copy(k.secret[:], b[8:])
		keys = append(keys, k)
	}
	t.mu.Lock()
	t.random = keys
	t.mu.Unlock()
	return nil
}
