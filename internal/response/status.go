package response

import "strconv"

// Status is a status code (RFC 9110 section 15).
type Status uint16

// StatusCount is larger than every status code, so that status codes can index an array.
const StatusCount = 600

// The status codes that the server sends.
const (
	Continue            Status = 100
	OK                  Status = 200
	NoContent           Status = 204
	PartialContent      Status = 206
	MovedPermanently    Status = 301
	Found               Status = 302
	NotModified         Status = 304
	TemporaryRedirect   Status = 307
	PermanentRedirect   Status = 308
	BadRequest          Status = 400
	Unauthorized        Status = 401
	Forbidden           Status = 403
	NotFound            Status = 404
	MethodNotAllowed    Status = 405
	NotAcceptable       Status = 406
	RequestTimeout      Status = 408
	Gone                Status = 410
	PreconditionFailed  Status = 412
	ContentTooLarge     Status = 413
	URITooLong          Status = 414
	RangeNotSatisfiable Status = 416
	ExpectationFailed   Status = 417
	MisdirectedRequest  Status = 421
	TooManyRequests     Status = 429
	FieldsTooLarge      Status = 431
	UnavailableForLegal Status = 451
	InternalServerError Status = 500
	NotImplemented      Status = 501
	ServiceUnavailable  Status = 503
	VersionNotSupported Status = 505
)

// Reason returns the reason phrase of RFC 9110 section 15 (RFC 6585 for 429 and 431, RFC 7725 for 451), or "" for a status that the
// server does not send.
func (s Status) Reason() string {
	switch s {
	case Continue:
		return "Continue"
	case OK:
		return "OK"
	case NoContent:
		return "No Content"
	case PartialContent:
		return "Partial Content"
	case MovedPermanently:
		return "Moved Permanently"
	case Found:
		return "Found"
	case NotModified:
		return "Not Modified"
	case TemporaryRedirect:
		return "Temporary Redirect"
	case PermanentRedirect:
		return "Permanent Redirect"
	case BadRequest:
		return "Bad Request"
	case Unauthorized:
		return "Unauthorized"
	case Forbidden:
		return "Forbidden"
	case NotFound:
		return "Not Found"
	case MethodNotAllowed:
		return "Method Not Allowed"
	case NotAcceptable:
		return "Not Acceptable"
	case RequestTimeout:
		return "Request Timeout"
	case Gone:
		return "Gone"
	case PreconditionFailed:
		return "Precondition Failed"
	case ContentTooLarge:
		return "Content Too Large"
	case URITooLong:
		return "URI Too Long"
	case RangeNotSatisfiable:
		return "Range Not Satisfiable"
	case ExpectationFailed:
		return "Expectation Failed"
	case MisdirectedRequest:
		return "Misdirected Request"
	case TooManyRequests:
		return "Too Many Requests"
	case FieldsTooLarge:
		return "Request Header Fields Too Large"
	case UnavailableForLegal:
		return "Unavailable For Legal Reasons"
	case InternalServerError:
		return "Internal Server Error"
	case NotImplemented:
		return "Not Implemented"
	case ServiceUnavailable:
		return "Service Unavailable"
	case VersionNotSupported:
		return "HTTP Version Not Supported"
	}
	return ""
}

// String returns the code and the reason phrase, as in "404 Not Found".
func (s Status) String() string {
	return strconv.Itoa(int(s)) + " " + s.Reason()
}

// AppendStatusLine appends the status line with its CRLF (RFC 9112 section 4). The version is always
// HTTP/1.1, the version of the server, also in response to HTTP/1.0 (RFC 9110 section 6.2). The space after
// the code is required even without a reason phrase.
func AppendStatusLine(dst []byte, s Status) []byte {
	if s == OK {
		return append(dst, "HTTP/1.1 200 OK\r\n"...)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, byte('0'+s/100%10), byte('0'+s/10%10), byte('0'+s%10), ' ')
	dst = append(dst, s.Reason()...)
	return append(dst, '\r', '\n')
}
