package docroot

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/crypto/bcrypt"
)

// Passwords are the users of a file in the format of htpasswd(1), with bcrypt hashes.
type Passwords struct{ byUser map[string][]byte }

// dummyHash is compared with when there is no such user, so that the time tells nobody. It takes a
// tenth of a second to make, and is made when it is first needed.
var dummyHash = sync.OnceValue(func() []byte {
	hash, err := bcrypt.GenerateFromPassword([]byte("nobody"), bcrypt.DefaultCost)
	if err != nil {
		panic(err)
	}
	return hash
})

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
	return p, nil
}

// Check reports whether a user's password is the right one. It takes as long as bcrypt was asked to
// take, a tenth of a second perhaps, and belongs off the loop.
func (p *Passwords) Check(user, password string) bool {
	hash, ok := p.byUser[user]
	if !ok {
		_ = bcrypt.CompareHashAndPassword(dummyHash(), []byte(password))
		return false
	}
	return bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil
}
