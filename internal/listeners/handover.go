package listeners

import (
	"fmt"
	"strings"

	"aws/internal/kernel"
)

// A set is passed to another process as descriptors, which Duplicate makes, and a text that says what they are: addresses
// between commas, loops between semicolons. A process may be of another version than the one that passes the sockets, so
// the text is only extended.

// escapeAddress keeps a path apart from what stands between addresses, and unescapeAddress gives it back.
var (
	escapeAddress   = strings.NewReplacer("%", "%25", ",", "%2C", ";", "%3B")
	unescapeAddress = strings.NewReplacer("%25", "%", "%2C", ",", "%3B", ";")
)

// tlsMark is in front of an address for https.
const tlsMark = "tls:"

// Encode returns the text that says which sockets are passed.
func (s *Set) Encode() string {
	var loops []string
	for range s.fds {
		var words []string
		for _, a := range s.addrs {
			word := escapeAddress.Replace(a.String())
			if a.TLS {
				word = tlsMark + word
			}
			words = append(words, word)
		}
		loops = append(loops, strings.Join(words, ","))
	}
	return strings.Join(loops, ";")
}

// Inherit returns the sockets that another process has passed, as a text of Encode and consecutive descriptors from first
// on.
func Inherit(text string, first int32) (*Set, error) {
	s := &Set{}
	fd := first
	for loop, line := range strings.Split(text, ";") {
		var fds []int32
		for _, word := range strings.Split(line, ",") {
			plain, isTLS := strings.CutPrefix(word, tlsMark)
			addr, err := kernel.ParseAddress(unescapeAddress.Replace(plain))
			if err != nil {
				return nil, err
			}
			addr.TLS = isTLS
			if loop == 0 {
				s.addrs = append(s.addrs, addr)
			}
			if err := kernel.Inherit(fd); err != nil {
				return nil, fmt.Errorf("%s: %w", word, err)
			}
			fds = append(fds, fd)
			fd++
		}
		s.fds = append(s.fds, fds)
	}
	s.wanted = s.addrs
	return s, nil
}
