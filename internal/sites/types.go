package sites

import (
	"fmt"
	"net/netip"
	"time"

	"aws/internal/response"
)

// Origin is the place where something was written.
type Origin struct {
	Source       string // a file, or what else a value can come from, such as "flag --root"
	Line, Column int    // from 1 on; 0 if the source is not a file
}

// String returns the source and the line, such as "site.toml:12".
func (o Origin) String() string {
	switch {
	case o.Source == "":
		return "default"
	case o.Line == 0:
		return o.Source
	}
	return fmt.Sprintf("%s:%d", o.Source, o.Line)
}

// Position returns the source, the line and the column, such as "site.toml:12:3".
func (o Origin) Position() string {
	if o.Column == 0 {
		return o.String()
	}
	return fmt.Sprintf("%s:%d", o.String(), o.Column)
}

// Setting is the value of a property with its origin. A property that is not set is a nil *Setting. Routes that inherit
// a property share its Setting.
type Setting[T any] struct {
	Value T
	From  Origin
}

// Set returns a setting.
func Set[T any](value T, from Origin) *Setting[T] { return &Setting[T]{value, from} }

// Or returns the value, or other if the property is not set.
func (s *Setting[T]) Or(other T) T {
	if s == nil {
		return other
	}
	return s.Value
}

// Site is a site as it was written.
type Site struct {
	Name       string // for messages and statistics; the first host if it is empty
	Hosts      []Host
	Default    bool // the site of all hosts that no other site has
	Properties Properties
	Routes     []Route
	Redirects  []Redirect
	TLS        TLS
	From       Origin
}

// Defaults are what sites inherit.
type Defaults struct {
	Properties Properties
	TLS        TLS
}

// TLS says how a site is served by https. The files are those of tlsconfig.Pair: the first key belongs to the first
// certificate, and so on.
type TLS struct {
	Certificates       []File // none: the site is not served by https, and nil: they, Keys and OCSP are those of the defaults
	Keys               []File // none: each key is in the file of its certificate
	OCSP               []File
	Policy             *Setting[string] // a name of tlsconfig.Policy
	ClientCertificates *Setting[string] // a name of tlsconfig.ClientAuth
	ClientRoots        *Setting[string] // file with CA certificates
	RedirectHTTP       *Setting[bool]   // http:// is redirected to https://
	HSTS               *Setting[string] // value of Strict-Transport-Security; empty: the field is not sent
}

// ACME is the value of certificate for certificates of a CA, by ACME (RFC 8555).
const ACME = "acme"

// ACME reports whether the certificates of the site are obtained from a CA.
func (t *TLS) ACME() bool { return len(t.Certificates) > 0 && t.Certificates[0].Name == ACME }

// File is the name of a file.
type File struct {
	Name string
	From Origin
}

// Values of TLS.ClientCertificates.
const (
	clientCertificatesOff      = "off"
	clientCertificatesRequired = "required"
)

// Host is the name of a site's host: a domain name, "*." with a domain name for all names below it, or an IP address.
type Host struct {
	Name string
	From Origin
}

// Route sets properties of the paths at Path and below it, or of those among them that match a pattern.
type Route struct {
	Path       string // empty: "/"
	Match      string // empty: all paths; a pattern of path.Match, for the last element, or for the whole path if it has a slash
	Properties Properties
	From       Origin
}

// Redirect sends clients from a path to another one.
type Redirect struct {
	Path      string // an exact path such as /old, or a prefix with an asterisk such as /old/*
	To        string // a path or an absolute URL; an asterisk at the end stands for the rest of the path
	Status    int    // 301, 302, 307 or 308; 0 is 308
	DropQuery bool   // the query of the request is not part of the target
	From      Origin
}

// Properties are what a route can set. A nil Setting is not set, and is inherited.
type Properties struct {
	Root          *Setting[Root]
	Dynamic       *Setting[bool]     // files are read asynchronously, and not sent by sendfile; default false
	Index         *Setting[[]string] // names that stand for a directory, the first that exists; default index.html
	List          *Setting[bool]     // a directory without an index file has a listing; default false
	Archive       *Setting[[]string] // formats of archives of such a directory, of ArchiveFormats; default none
	DotFiles      *Setting[bool]     // names that begin with a dot are served; default false
	Try           *Setting[[]string] // what is looked up for a path, in this order; default the path alone
	Respond       *Setting[Respond]  // a response without a file
	ErrorPages    []ErrorPage        // by status
	Types         []MediaType        // by pattern, own ones before inherited ones
	Charset       *Setting[string]   // of text types; "" is none; default utf-8
	CacheControl  *Setting[string]   // "" is none
	Headers       []Header           // by name
	CORS          *Setting[CORS]     // no origins: off, the default
	Auth          *Setting[Auth]
	Realm         *Setting[string]
	Allow         *Setting[[]netip.Prefix] // if set, other addresses get 403
	Deny          *Setting[[]netip.Prefix] // these addresses get 403, also if they are in Allow
	Precompressed *Setting[bool]           // siblings on the disk are sent; default true
	LimitRate     *Setting[int64]          // body bytes per second of a connection; 0, the default, means no limit
	TotalRate     *Setting[int64]          // those of all connections together, of all routes that share the Setting; 0, the default, means no limit
	Symlinks      *Setting[Symlinks]       // which symbolic links below the root are followed; default SymlinksWithinRoot

	Compress         *Setting[bool]     // the server compresses files; default false
	CompressTypes    *Setting[[]string] // patterns of media types that are compressed
	CompressMinBytes *Setting[int64]    // smaller files are not compressed
}

// Root is a directory with the files of a route.
type Root struct {
	Directory string
	// Base is the prefix of the route that sets the root, with a slash at the end. The name of a file below the directory
	// is its path without Base. NewTable sets it.
	Base string
}

// Symlinks says which symbolic links are followed. The root itself may be a link in any case.
type Symlinks uint8

// The policies of links.
const (
	SymlinksWithinRoot Symlinks = iota // those that stay below the root
	SymlinksSameOwner                  // of these, links whose owner is that of what they lead to
	SymlinksNever
)

// SymlinksNames are the values in a file, by Symlinks.
var SymlinksNames = []string{"within-root", "same-owner", "never"}

// String returns the value in a file.
func (s Symlinks) String() string { return SymlinksNames[s] }

// Respond is a response without a file.
type Respond struct {
	Status response.Status
	Body   string
	Type   string // the media type of the body; empty: text/plain
}

// ErrorPage is a file with the body of the responses with a status.
type ErrorPage struct {
	Status response.Status
	File   string
	From   Origin
}

// MediaType is the media type of an extension, such as "md", or of names that match a pattern of path.Match. A pattern with
// a slash is compared with the whole path.
type MediaType struct {
	Pattern string
	Type    string
	From    Origin
}

// HeaderChange is what is done to a header field of responses.
type HeaderChange uint8

// The changes.
const (
	HeaderSet    HeaderChange = iota // the field has this value alone, in place of the server's
	HeaderAdd                        // another field line with this value
	HeaderRemove                     // the field is not sent
)

// String returns the key of the change in a file.
func (c HeaderChange) String() string { return [...]string{"set", "add", "remove"}[c] }

// Header is a change of a header field. Several with the same name are HeaderAdd all.
type Header struct {
	Change      HeaderChange
	Name, Value string
	From        Origin
}

// CORS permits web pages of other origins to read files.
type CORS struct {
	Origins     []string // "*" alone permits all; none: off
	Methods     []string // none: GET, HEAD
	Credentials bool
	MaxAge      time.Duration // of a preflight response; 0: the browser's own
}

// Auth determines who may read: the users of a file, or everybody.
type Auth struct {
	File string // empty: everybody
}

// Problem is something that is wrong with sites, or that cannot have been meant.
type Problem struct {
	From    Origin
	Warning bool // the sites can be served
	Text    string
}

// String returns the position and the text.
func (p Problem) String() string { return p.From.Position() + ": " + p.Text }
