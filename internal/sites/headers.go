package sites

import "strings"

// reserved are the fields that no header setting may change: those that frame a message or concern its connection, because
// clients and proxies would misread the message (RFC 9112 section 6, RFC 9110 section 7.6.1), and those that only the
// response itself can know. The value says what to write instead, if there is something.
var reserved = map[string]string{
	"content-length": "", "transfer-encoding": "", "connection": "", "keep-alive": "", "proxy-connection": "", "te": "",
	"trailer": "", "upgrade": "", "content-encoding": "", "content-range": "", "date": "", "etag": "", "last-modified": "",
	"accept-ranges": "", "allow": "", "retry-after": "", "age": "",
	"location":                    "a [[site.redirect]] sets it",
	"www-authenticate":            "auth and realm ask for passwords",
	"content-type":                "media-types and charset set it",
	"cache-control":               "cache-control sets it",
	"access-control-allow-origin": "cors sets it", "access-control-allow-methods": "cors sets it",
	"access-control-allow-credentials": "cors sets it", "access-control-max-age": "cors sets it",
}

// singular are fields of which a response has at most one line (RFC 9110 section 5.3). A configuration can set them, and not add them.
var singular = map[string]bool{
	"server": true, "x-content-type-options": true, "x-frame-options": true, "strict-transport-security": true, "expires": true,
	"content-location": true, "content-disposition": true,
}

// Reserved reports whether the server itself sets a header field. instead says which property has its value, or is empty if
// none has.
func Reserved(name string) (instead string, reservedName bool) {
	instead, reservedName = reserved[strings.ToLower(name)]
	return instead, reservedName
}
