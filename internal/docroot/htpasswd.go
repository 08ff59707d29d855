package docroot

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Passwords contains the users of a file in the format of htpasswd(1), with bcrypt hashes.
type Passwords struct {
	byUser map[string][]byte
	hashes [][]byte // the same, sorted
}

// dummy returns a hash for the check of an unknown user, so that the time of the check does not reveal
// whether the user exists. It has the cost of one user's hash. The user is chosen by the name and the
// hashes, which are secret. So each cost occurs as often as among the users, the same name always gets the
// same cost, and an edit of the file changes the cost for few names.
func (p *Passwords) dummy(user string) []byte {
	var chosen []byte
	var most uint64
	for _, hash := range p.hashes {
		sum := sha256.Sum256(append(append([]byte(nil), hash...), user...))
		if score := binary.NativeEndian.Uint64(sum[:]); chosen == nil || score > most {
			chosen, most = hash, score
		}
	}
	return dummyOf(chosen)
}

// bcryptHash matches the hashes of htpasswd(1): the version, the cost, 22 characters of salt and 31 of the
// hash.
var bcryptHash = regexp.MustCompile(`^\$2[abxy]?\$[0-9]{2}\$[./A-Za-z0-9]{53}$`)

// dummyOf returns a hash of the cost of another one.
func dummyOf(hash []byte) []byte {
	cost, err := bcrypt.Cost(hash)
	if err != nil {
		panic(err) // it was parsed before
	}
	return fmt.Appendf(nil, "$2a$%02d$%s", cost, strings.Repeat(".", 53))
}

// ParsePasswords parses the content of a file. The error names the first invalid line and the expected
// format.
func ParsePasswords(content []byte) (*Passwords, error) {
	p := &Passwords{byUser: map[string][]byte{}}
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
		if _, err := bcrypt.Cost([]byte(hash)); err != nil || !bcryptHash.MatchString(hash) {
			return nil, fmt.Errorf("line %d: the hash of %s is not bcrypt's", n, user)
		}
		p.byUser[user] = []byte(hash)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(p.byUser) == 0 {
		return nil, fmt.Errorf("it has no users")
	}
	p.hashes = slices.SortedFunc(maps.Values(p.byUser), bytes.Compare)
	return p, nil
}

// Check reports whether the password of a user is correct. It takes as long as the cost of bcrypt requires,
// about a tenth of a second, and must not be called by a loop.
func (p *Passwords) Check(user, password string) bool {
	hash, ok := p.byUser[user]
	if !ok {
		_ = bcrypt.CompareHashAndPassword(p.dummy(user), []byte(password))
		return false
	}
	return bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil
}
