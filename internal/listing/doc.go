// Package listing renders the content of a directory as an HTML page, as JSON or as plain text.
//
// # Ownership
//
// The package is pure: it does no I/O, reads no clock and starts no goroutine. The caller reads the directory,
// omits the entries that must not be visible, and passes the rest. Page.Sort sorts them. AppendHTML,
// AppendJSON and AppendText append to the caller's slice, as the Append functions of the standard library do. A Page
// refers to the caller's entries and README, and keeps nothing else.
//
// # Names
//
// A file name may contain every byte except '/' and NUL. Anyone who can write to the directory chooses it, so it is
// untrusted input. A name occurs in two places of the page. In the link it is percent-encoded byte by byte, so that the
// link leads to exactly this name, and never to another host, scheme or directory. In the text it is escaped
// for HTML and isolated, so that neither markup nor a change of the writing direction has an effect outside of
// it. Characters without a glyph are replaced: control characters by their pictures (U+2400 and following), and
// bytes that are not UTF-8 by U+FFFD. The text is for people; only the link is exact.
//
// # The page
//
// The page is one HTML file, which is also well-formed XML. It needs no image, font or cookie, and no script: the links for
// sorting have a query, which ParseOrder reads. The only script shows a box that filters the entries by words in their
// names; without it the box stays hidden. ContentSecurityPolicy permits only the style and the script of the page, by their
// hashes, so even an error in the escaping could not execute another script. All links are relative, so the page also works
// behind a proxy that removes a prefix of the path. Therefore the page must only be sent for a path that ends with a slash.
//
// # The README
//
// A directory's README is a file called README.md, README.txt or README, in this order and regardless of case; ReadmeNames
// finds it. The page shows its first ReadmeBytesMax bytes below the entries, as text: no markup in it has an effect. Its lines
// and tabs stay, and everything else is escaped and replaced as in names. A file with a NUL in these bytes is not text, and
// is not shown. The caller must only pass a README whose content the client may request.
//
// # The JSON
//
// The JSON is an object with three members, which are always present and in this order:
//
//	path       string  the directory's path, decoded, with a slash at both ends
//	entries    array   one object per entry, in the requested order
//	truncated  number  the number of entries that are not listed
//
// Each entry has:
//
//	name       string  the name, without a slash
//	type       string  "file" or "directory"
//	size       number  the size in bytes; null for a directory
//	modified   string  RFC 3339 in UTC, in whole seconds as in Last-Modified: "2026-11-23T04:20:30Z"
//	href       string  only if the name is not UTF-8: the name percent-encoded, byte by byte
//
// JSON cannot contain bytes that are not UTF-8. In the name of such a file each wrong byte is U+FFFD, and href has the
// original bytes. Later versions may add members; they will not remove members or change their meaning. Each
// entry is on its own line.
//
// # The plain text
//
// Each entry is on its own line, in the requested order: the name, and a slash if it is a directory. The bytes of a name stay
// as they are, except that control characters are replaced as in the page: they could end the line or control a terminal.
// Only the JSON has the exact names of such files. If entries are not listed, the last line says how many. It begins with
// a slash, which no name does.
//
// # Caveats
//
// The order is by code point after conversion to lower case, with numbers by their value. It does not depend on a
// language. The caller must omit entries called "", "." or "..", because no link can refer to them.
package listing
