// Package listing renders the content of a directory: as a page for people, and as JSON for programs.
//
// The package is pure: it does no I/O, reads no clock and starts no goroutine. The caller reads the directory,
// leaves out what is not to be seen, and hands in what is left; Page.Sort brings it into order, AppendHTML
// and AppendJSON append to the caller's slice, as the Append functions of the standard library do. A page
// borrows its entries and keeps nothing.
//
// # Names
//
// A file name is any bytes but '/' and NUL, chosen by anyone who can write to the directory, and so is the worst
// input there is. In the page a name stands in two places. In the link it is percent-encoded byte by byte,
// so that the link leads back to exactly this name, and never to another host, scheme or directory. In the text
// it is escaped for HTML and isolated, so that neither markup nor a change of the writing direction reaches
// beyond it; what has no glyph is shown as a sign: a control character by its picture (U+2400 and on), and
// what is not UTF-8 as U+FFFD. The text is for the eye, the link is exact.
//
// # The page
//
// One file of HTML, well-formed as XML too, that needs no script, image, font or cookie: sorting is a link
// with a query that ParseOrder reads. ContentSecurityPolicy allows what the page holds and nothing else; with
// it, even a mistake in the escaping could not run a script. All links are relative, so the page also works
// behind a proxy that takes a prefix off the path. It follows that the page is to be sent only for a
// path that ends with a slash.
//
// # The JSON
//
// An object of three members, always present and in this order:
//
//	path       string  the directory's path, decoded, with a slash at both ends
//	entries    array   one object per entry, in the order that was asked for
//	truncated  number  how many entries there are beyond those listed
//
// and of each entry:
//
//	name       string  the name, without a slash
//	type       string  "file" or "directory"
//	size       number  the size in bytes; null for a directory
//	modified   string  RFC 3339 in UTC, in whole seconds as in Last-Modified: "2026-11-23T04:20:30Z"
//	href       string  only where the name is not UTF-8: the name percent-encoded, byte by byte
//
// JSON cannot hold what is not UTF-8, so in the name of such a file every byte that is wrong is U+FFFD, and
// href has the true bytes. Members may be added later, none will go or change its meaning. Each entry is on a
// line of its own.
//
// # Caveats
//
// Order is by code point after mapping to lower case, with numbers by their value; it knows no language. An
// entry called "", "." or ".." is for the caller to leave out: no link can mean it.
package listing
