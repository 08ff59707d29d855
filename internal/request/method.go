package request

// Method is a request method (RFC 9110 section 9). The zero value is MethodUnknown.
type Method uint8

// The methods that a file server distinguishes. MethodOther stands for all other methods of the IANA
// registry (such as WebDAV's). These exist, so the response is 405 and not 501.
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

// methodBytesMax bounds the length of a method. The longest registered one has 17 bytes (UPDATEREDIRECTREF).
const methodBytesMax = 32

// String returns the method as in a request line. For MethodOther and MethodUnknown it returns "other" and
// "unknown"; Request.MethodSpan has the text.
func (m Method) String() string {
	if m >= methodCount {
		return "unknown"
	}
	return methodNames[m]
}

// methodOf returns the method with a name. Methods are case-sensitive (RFC 9110 section 9.1). The
// conversions are only for comparisons, and do not allocate.
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
