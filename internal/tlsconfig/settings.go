package tlsconfig

import (
	"crypto/tls"
	"log/slog"
	"time"
)

// Settings say what a Store loads.
type Settings struct {
	Sites []Site
	// TicketKeys are files with a session ticket key each, of 48 or 80 random bytes, as ssl_session_ticket_key of nginx
	// has them. The first encrypts, all decrypt. Without files, the keys are random and are rotated.
	TicketKeys []string
	// SharedKeys has the random keys of the processes before and after this one, which can resume each other's sessions. nil:
	// the keys are those of this process.
	SharedKeys SharedFile
	// KeyLogFile gets the secrets of all connections, in the format of SSLKEYLOGFILE. Empty: none.
	KeyLogFile string
	// Challenge returns the certificate for a CA that validates a name by TLS-ALPN-01 (RFC 8737), or nil for all other clients. It
	// may be nil. A connection that has chosen ChallengeProtocol is to be closed after its handshake.
	Challenge func(*tls.ClientHelloInfo) *tls.Certificate
	Protocols []string // of ALPN, in order of preference; nil: h2 and http/1.1
	Log       *slog.Logger
	Now       func() time.Time // nil: time.Now
}

// Site is a site with TLS.
type Site struct {
	Name  string   // for messages
	Hosts []string // in lower case and A-labels: a name, "*." and a name for all names below it, or an address
	// Default is the site of clients without SNI, and of names of no other site.
	Default bool
	Pairs   []Pair
	// Obtained returns the certificate of a site that has no Pairs, because it is obtained from a CA; nil: there is none.
	Obtained    func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Policy      Policy
	ClientAuth  ClientAuth
	ClientRoots string // file with the CA certificates of client certificates
	// ClientRootsFrom is where ClientRoots was written, for messages. It may be empty.
	ClientRootsFrom string
}

// ChallengeProtocol is the ALPN protocol of a CA that validates by TLS-ALPN-01 (RFC 8737 section 6.2).
const ChallengeProtocol = "acme-tls/1"

// Pair names the files of a certificate with its chain, of its private key, and of the OCSP response to staple.
type Pair struct {
	Certificate string
	Key         string // empty: in the file of the certificate
	OCSP        string // empty: none
	From        string // where it was written, for messages; may be empty
}

// id returns what pairs with the same files have in common.
func (p Pair) id() Pair {
	p.From = ""
	return p
}

// keyFile returns the file of the key.
func (p Pair) keyFile() string {
	if p.Key == "" {
		return p.Certificate
	}
	return p.Key
}

// files returns the files that exist by the settings.
func (p Pair) files() []string {
	files := []string{p.Certificate}
	if p.Key != "" && p.Key != p.Certificate {
		files = append(files, p.Key)
	}
	if p.OCSP != "" {
		files = append(files, p.OCSP)
	}
	return files
}

// ClientAuth says whether clients must have certificates.
type ClientAuth uint8

// The values of ClientAuth.
const (
	ClientAuthOff      ClientAuth = iota
	ClientAuthOptional            // a certificate is asked for; one that is sent must be valid
	ClientAuthRequired            // a client without a valid certificate gets an alert
)

var clientAuthNames = []string{"off", "optional", "required"}

// String returns the value of the key in a configuration.
func (a ClientAuth) String() string { return clientAuthNames[a] }

// ClientAuthNames returns the values of the key, in the order of the constants.
func ClientAuthNames() []string { return clientAuthNames }

// auth returns the value for crypto/tls.
func (a ClientAuth) auth() tls.ClientAuthType {
	return [...]tls.ClientAuthType{tls.NoClientCert, tls.VerifyClientCertIfGiven, tls.RequireAndVerifyClientCert}[a]
}

// Files returns all files that the settings name and that are read again on a reload.
func (s *Settings) Files() []string {
	var files []string
	seen := map[string]bool{}
	add := func(file string) {
		if file != "" && !seen[file] {
			seen[file] = true
			files = append(files, file)
		}
	}
	for i := range s.Sites {
		for _, p := range s.Sites[i].Pairs {
			for _, file := range p.files() {
				add(file)
			}
		}
		add(s.Sites[i].ClientRoots)
	}
	for _, file := range s.TicketKeys {
		add(file)
	}
	return files
}

// now returns the time.
func (s *Settings) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}
