package docroot

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Passwords are the users of a file in the format of htpasswd(1), with bcrypt hashes.
type Passwords struct {
	byUser  map[string][]byte
	dummies [][]byte // one for each user, of the same cost
	digest  [sha256.Size]byte
}

// dummy returns a hash to compare with for somebody who is no user, so that the time does not tell: its cost is that of one
// of the users, always the same for the same name and file, and as often each as there are users with it. No password
// has it. Which one a name gets depends on the hashes, which nobody outside knows.
func (p *Passwords) dummy(user string) []byte {
	sum := sha256.Sum256(append(p.digest[:], user...))
	return p.dummies[binary.NativeEndian.Uint64(sum[:])%uint64(len(p.dummies))]
}

// dummyOf returns a hash of the cost of another one.
func dummyOf(hash []byte) []byte {
	cost, err := bcrypt.Cost(hash)
	if err != nil {
		panic(err) // it was parsed before
	}
	return fmt.Appendf(nil, "$2a$%02d$%s", cost, strings.Repeat(".", 53))
}

// ParsePasswords reads the file's content. The error names the line that it does not understand, and
// says what it takes.
func ParsePasswords(content []byte) (*Passwords, error) {
	p := &Passwords{byUser: map[string][]byte{}, digest: sha256.Sum256(content)}
	lines := bufio.NewScanner(bytes.NewReader(content))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		user, hash, ok := strings.Cut(line, ":")
		if !ok || user == "" {
			return nil, fmt.Errorf("line %d: expected USER:HASH", n)
		}
		if _, err := bcrypt.Cost([]byte(hash)); err != nil {
			return nil, fmt.Errorf("line %d: the hash of %s is not bcrypt's (htpasswd -B makes one)", n, user)
		}
		p.byUser[user] = []byte(hash)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(p.byUser) == 0 {
		return nil, fmt.Errorf("it has no users")
	}
	for _, user := range slices.Sorted(maps.Keys(p.byUser)) {
		p.dummies = append(p.dummies, dummyOf(p.byUser[user]))
	}
	return p, nil
}

// Check reports whether a user's password is the right one. It takes as long as bcrypt was asked to
// take, a tenth of a second perhaps, and belongs off the loop.
func (p *Passwords) Check(user, password string) bool {
	hash, ok := p.byUser[user]
	if !ok {
		_ = bcrypt.CompareHashAndPassword(p.dummy(user), []byte(password))
		return false
	}
	return bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil
}
