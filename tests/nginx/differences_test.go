package nginx

// differences are the reasons why aws responds otherwise than nginx 1.22, by name. What each case gets from both is in the tables.
var differences = map[string]string{
	"host": "RFC 9110 section 7.2 and RFC 3986 section 3.2 say what a host and a port are; a value that is neither gets 400, " +
		"and nginx looks for a site with that name",
	"address":        "an IPv6 address has several forms (RFC 5952); nginx compares text",
	"scheme":         "https is not served at this address, so that the response is 421 (RFC 9110 section 15.5.20), and ftp is not HTTP; nginx ignores the scheme",
	"asterisk":       "OPTIONS * asks for the methods of a site (RFC 9110 section 9.3.7); nginx does not implement it",
	"options":        "OPTIONS is supported",
	"trace":          "nginx refuses TRACE before it has chosen a location; here a method that is refused gets the properties of the site",
	"unknown method": "a method that is not known gets 501, and one that is not allowed gets 405 (RFC 9110 section 15.6.2)",
	"method first": "a method is refused before the host and the path are looked at, with the properties of the site; nginx executes " +
		"return first, whatever the method is",
	"request line":            "a second blank, a fragment, and bytes outside of ASCII are not part of a request target (RFC 9112 section 3.2)",
	"no index":                "a directory without index and listing gets 404, as if it were absent; nginx responds 403, which shows that it exists",
	"listing":                 "a listing changes with its directory, so that it has Cache-Control: no-cache",
	"links of a listing":      "the links of a listing are relative, and lead elsewhere from a path that ends with an escaped slash; nginx sends such a listing",
	"attempt of a directory":  "an attempt such as {path}/ sends the index, as the list says; nginx redirects to the path with a slash",
	"directory of an attempt": "where the list has {path}, a directory without its slash is redirected; nginx does that for $uri/ only",
	"escapes of a target":     "what an asterisk stands for is escaped in Location; nginx inserts the decoded path, so that a question mark begins a query",
	"access first":            "a redirect and respond are for clients that are admitted; nginx executes return and rewrite before auth_basic",
}
