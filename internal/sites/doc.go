// Package sites decides which site and which route a request belongs to, and which properties apply there.
//
// A file of configuration describes sites, each with its hosts, routes and redirects (Site, Route, Redirect). NewTable
// compiles them: every route gets its effective Properties once, inherited ones included, so that a request is two
// look-ups and no merging. The choice never depends on the order in a file:
//
//   - The site is that of the exact host, otherwise that of the longest matching wildcard, otherwise the default site.
//     If there is none, the request gets 421.
//   - The route is the one with the longest prefix of the path, on segment borders. "/a" and "/a/" mean the same prefix:
//     the path /a and all paths below it.
//   - A route with a match applies on top of it, to files whose name matches. Of several matching routes exactly one
//     applies: the one with the longer prefix, then with more literal characters in its pattern, then the lexically
//     smaller one. A path that ends with a slash is not the path of a file and matches no pattern.
//   - A redirect with the exact path precedes redirects with a prefix; of those the longest applies.
//
// A route inherits each property of the enclosing route that it does not set. Header fields, error pages and media types
// are inherited one by one: by name, by status and by pattern.
//
// # Ownership
//
// A Table and all that it returns do not change after NewTable and may be used by all loops. Settings are shared
// between routes: nobody may write to them. The package does no input or output.
//
// # Memory
//
// A route has its effective properties once for itself and once for each pattern that applies below it, some 300 bytes each,
// with the values shared. A site with 15 prefixes and 5 patterns takes 32 kB (TestMemory).
//
// # Caveats
//
// Paths must be normalised (request.ResolvePath) before they are looked up. A path that the server adds by itself, such as
// an index file or an entry of a try list, is a path of its own: its route must be looked up, and the access rules of both
// routes apply.
package sites
