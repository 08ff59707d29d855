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

// Passwords are the users of a file in the format of htpasswd(1), with bcrypt hashes.
type Passwords struct {
	byUser map[string][]byte
	hashes [][]byte // the same, sorted
}

// dummy returns a hash to compare with for somebody who is not a user, so that the time gives nothing away: it is made like that
// of one of the users, who is chosen by the name and the hashes, which nobody outside knows. So names get each cost as often
// as there are users with it, the same name always the same one, and an edit of the file changes it for few names.
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

// bcryptHash is what htpasswd(1) writes: the version, the cost, 22 characters of salt and 31 of the hash.
var bcryptHash = regexp.MustCompile(`^\$2[abxy]?\$[0-9]{2}\$[./A-Za-z0-9]{53}$`)

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
