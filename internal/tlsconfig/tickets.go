package tlsconfig

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
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
	return changed
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

// The form of keys in a shared file: the version, then of each key the time of its creation and the secret, and the first bytes
// of the SHA-256 digest of all that.
const (
	sharedVersion     = 1
	sharedKeyBytes    = 8 + 32
	sharedDigestBytes = 8
	sharedBytesMax    = 1 + ticketKeysKept*sharedKeyBytes + sharedDigestBytes
)

// SharedFile is what processes share keys by: an *os.File.
type SharedFile interface {
	io.ReaderAt
	io.WriterAt
}

// encodeKeys returns keys in the form of a shared file.
func encodeKeys(keys []ticketKey) []byte {
	b := []byte{sharedVersion}
	for i := range keys {
		b = binary.BigEndian.AppendUint64(b, uint64(keys[i].created))
		b = append(b, keys[i].secret[:]...)
	}
	digest := sha256.Sum256(b)
	return append(b, digest[:sharedDigestBytes]...)
}

// decodeKeys returns the keys of a shared file. ok is false if there are none, or if they are being written.
func decodeKeys(b []byte) (keys []ticketKey, ok bool) {
	n := len(b) - sharedDigestBytes
	if n < 1+sharedKeyBytes || b[0] != sharedVersion || (n-1)%sharedKeyBytes != 0 || (n-1)/sharedKeyBytes > ticketKeysKept {
		return nil, false
	}
	if digest := sha256.Sum256(b[:n]); !bytes.Equal(digest[:sharedDigestBytes], b[n:]) {
		return nil, false
	}
	for b = b[1:n]; len(b) > 0; b = b[sharedKeyBytes:] {
		k := ticketKey{created: int64(binary.BigEndian.Uint64(b))}
		copy(k.secret[:], b[8:])
		keys = append(keys, k)
	}
	return keys, true
}

// share takes over the random keys of a shared file, unless the own ones are newer, and rotates. It reports whether the
// keys have changed. If two processes rotate at once, the one that writes last wins, and the other has its keys with the
// next call. A process that can't read or write the file has keys of its own.
func (t *ticketKeys) share(file SharedFile, now time.Time) (changed bool) {
	if file == nil {
		return t.rotate(now)
	}
	b := make([]byte, sharedBytesMax)
	n, _ := file.ReadAt(b, 0)
	if theirs, ok := decodeKeys(b[:n]); ok {
		changed = t.adopt(theirs)
	}
	if t.rotate(now) {
		changed = true
		t.mu.Lock()
		b = encodeKeys(t.random)
		t.mu.Unlock()
		_, _ = file.WriteAt(b, 0)
	}
	return changed
}

// adopt takes over random keys, unless the own ones are newer. It reports whether they have changed.
func (t *ticketKeys) adopt(keys []ticketKey) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Equal(keys, t.random) || len(t.random) > 0 && t.random[0].created > keys[0].created {
		return false
	}
	t.random = keys
	return true
}
