package request

// Method is a request method (RFC 9110 section 9). The zero value is MethodUnknown.
type Method uint8

// The methods that a file server distinguishes. MethodOther stands for the rest of the IANA registry (WebDAV
// and friends): methods that exist, so that the response is 405 and not 501.
const (
	MethodUnknown Method = iota
	MethodGet
	MethodHead
	MethodOptions
	MethodPost
	MethodPut
	MethodDelete
	MethodTrace
	MethodConnect
	MethodPatch
	MethodOther

	methodCount
)

var methodNames = [methodCount]string{
	"unknown", "GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH", "other",
}

// methodBytesMax bounds a method: no registered one has more than 17 bytes (UPDATEREDIRECTREF).
const methodBytesMax = 32

// String returns the method as it stands in a request line, or "other" or "unknown" for those whose name
// only Request.MethodSpan knows.
func (m Method) String() string {
	if m >= methodCount {
		return "unknown"
	}
	return methodNames[m]
}

// methodOf names the method; methods are case-sensitive (RFC 9110 section 9.1). The conversions below are
// comparisons, which do not allocate.
func methodOf(name []byte) Method {
	switch string(name) {
	case "GET":
		return MethodGet
	case "HEAD":
		return MethodHead
	case "OPTIONS":
		return MethodOptions
	case "POST":
		return MethodPost
	case "PUT":
		return MethodPut
	case "DELETE":
		return MethodDelete
	case "TRACE":
		return MethodTrace
	case "CONNECT":
		return MethodConnect
	case "PATCH":
		return MethodPatch
	case "ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "COPY", "LABEL", "LINK", "LOCK",
		"MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE",
		"ORDERPATCH", "PROPFIND", "PROPPATCH", "QUERY", "REBIND", "REPORT", "SEARCH", "UNBIND",
		"UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL":
		return MethodOther
	}
	return MethodUnknown
}
