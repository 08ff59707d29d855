package crosscheck

import (
	"aws/tests/harness"
)

// difference is one way in which aws is meant to respond to differently from the reference server.
type difference struct {
	id     string
	what   string // the reference server -> aws
	reason string
	match  func(c testCase, reference, aws harness.Response) bool
}

// differences is the table of all intended ones. What a row matches is exactly its topic with exactly its
// outcomes, so that a second deviation in the same request still shows.
var differences = []difference{
	{
		id:     "confinement-dots",
		what:   "`..` that climbs out of the root: 200 -> 404",
		reason: "the original hands out any file of the machine; aws never leaves its root",
		match:  topic("dots out of the root", found, notFound),
	},
	{
		id:     "confinement-links",
		what:   "a symbolic link out of the root: 200 -> 404",
		reason: "links are followed while they stay beneath the root, as DESIGN section 2 has it",
		match:  topic("out by a link", found, notFound),
	},
	{
		id:     "confinement-detours",
		what:   "a link or a `..` that leaves the root and comes back into it: 200 -> 404",
		reason: "resolution stops at the step that leaves the root, wherever later ones would lead",
		match:  topic("out and in by a link", found, notFound),
	},
	{
		id:     "prefix-after-dots",
		what:   "`..` from one of the two directories to a file of the root that is in neither: 200 -> 404",
		reason: "aws looks at the prefix after it has resolved the path, so only the two directories are served",
		match:  topic("dots to the root", found, notFound),
	},
	{
		id:     "dots-before-prefix",
		what:   "dot segments before the directory: 404 -> 200",
		reason: "a path means what RFC 3986 section 5.2.4 makes of it",
		match:  topic("dots before the directory", notFound, found),
	},
	{
		id:     "dots-lexical",
		what:   "`..` after a file, or after what is absent: 404 -> 200",
		reason: "dot segments belong to the URI and are resolved before the filesystem is asked",
		match:  topic("dots after what is absent", notFound, found),
	},
	{
		id:     "dots-after-links",
		what:   "`..` after a linked directory: 404 -> 200",
		reason: "as dots-lexical: it leads back to the directory that the link is in, not to the target's parent",
		match:  topic("dots after a linked directory", notFound, found),
	},
	{
		id:     "escapes",
		what:   "%-escapes: 404 -> 200",
		reason: "the original looks for a file with the escape in its name",
		match:  topic("escape", notFound, found),
	},
	{
		id:     "slashes",
		what:   "more than one slash before the directory: 404 -> 200",
		reason: "empty segments mean nothing to the filesystem; aws merges them everywhere",
		match:  topic("slashes before the directory", notFound, found),
	},
	{
		id:     "absolute-form",
		what:   "a request target with scheme and host: 404 -> 200",
		reason: "RFC 9112 section 3.2.2 obliges servers to accept the form",
		match:  topic("absolute form", notFound, found),
	},
	{
		id:     "empty-lines-first",
		what:   "empty lines before the request line: 404 -> 200",
		reason: "RFC 9112 section 2.2 asks servers to ignore them; the original takes the first line as it is",
		match:  topic("empty lines first", refused, found),
	},
	{
		id:     "methods",
		what:   "any method but GET and HEAD: 200 -> 404",
		reason: "the original does not look at the method, and hands out the file to DELETE",
		match:  topic("method", found, notFound),
	},
	{
		id:     "versions",
		what:   "no version, or another protocol's: 200 -> 404",
		reason: "the original does not look at the version; what is not HTTP/1.x can't be answered in it",
		match:  topic("version", found, notFound),
	},
	{
		id:     "request-line",
		what:   "stray spaces in the request line: 200 -> 404",
		reason: "RFC 9112 section 3: guessing what such a line means is how requests get smuggled",
		match:  topic("request line", found, notFound),
	},
	{
		id:     "fields",
		what:   "malformed or contradictory header lines: 200 -> 404",
		reason: "the original does not look at them; see RFC 9112 sections 5 and 6",
		match:  topic("fields", found, notFound),
	},
	{
		id:     "nul",
		what:   "a NUL byte in the request: no response -> 404",
		reason: "the original takes it for the end of what it has received, and waits for more for ever",
		match:  topic("NUL", silent, notFound),
	},
	{
		id:     "large-heads",
		what:   "a request head of more than 8 KiB: 404 and a reset -> the proper response, closed in order",
		reason: "the original's buffer is full; aws takes 32 KiB, and lets its response arrive in any case",
		match:  topic("large head", refused, responded),
	},
	{
		id:     "unread-input",
		what:   "bytes after the request that were not read: a reset after the response -> closed in order",
		reason: "a reset can overtake the response; aws takes in the rest first (RFC 9112 section 9.6)",
		match:  topic("more than a head", wasReset, responded),
	},
}

type outcome func(harness.Response) bool

func topic(name string, reference, aws outcome) func(testCase, harness.Response, harness.Response) bool {
	return func(c testCase, r, a harness.Response) bool {
		return c.topic == name && reference(r) && aws(a)
	}
}

func found(r harness.Response) bool     { return r.Status == 200 && r.Ending == harness.Closed }
func notFound(r harness.Response) bool  { return r.Status == 404 && r.Ending == harness.Closed }
func responded(r harness.Response) bool { return r.Status != 0 && r.Ending == harness.Closed }
func silent(r harness.Response) bool    { return r.Status == 0 && r.Ending == harness.Open }

func wasReset(r harness.Response) bool { return r.Ending == harness.Reset }

// refused is a 404 that may have been lost to the reset that follows it.
func refused(r harness.Response) bool {
	return r.Status == 404 || r.Status == 0 && r.Ending == harness.Reset
}
