package request

// Defect is the reason for refusing a head or a body. The zero value, DefectNone, means that there is none.
type Defect uint8

// The defects. Each belongs to the first byte of the message that proves it, so the same bytes give the same
// defect, however reads divide them.
const (
	// DefectNone means that there is no defect.
	DefectNone Defect = iota
	// BadRequestLine is a request line that is not `method SP request-target SP HTTP-version` with single
	// spaces (RFC 9112 section 3), the simple request of HTTP/0.9 included.
	BadRequestLine
	// MethodTooLong is a method longer than any that exists (RFC 9112 section 3 asks for 501).
	MethodTooLong
	// BadTarget is a request target of no valid form, or of a form that its method may not have (RFC 9112
	// section 3.2).
	BadTarget
	// TargetTooLong is a request target over Limits.TargetBytesMax (RFC 9110 section 15.5.15).
	TargetTooLong
	// UnsupportedVersion is a well-formed version whose major number is not 1 (RFC 9110 section 15.6.6).
	UnsupportedVersion
	// HTTP2Preface is the opening of an HTTP/2 connection without prior agreement (RFC 9113 section 3.4).
	HTTP2Preface
	// TLSHello is a TLS handshake on a plain HTTP port.
	TLSHello
	// HeadTooLarge is a head over Limits.HeadBytesMax (RFC 6585 section 5).
	HeadTooLarge
	// TooManyFields is a head with more than Limits.FieldsMax fields, or with more than RepeatsMax
	// repetitions of the fields that this package knows (RFC 6585 section 5).
	TooManyFields
	// BadFieldName is a field line without a colon or whose name is not a token (RFC 9110 section 5.1).
	BadFieldName
	// SpaceBeforeColon is whitespace between a field's name and its colon (RFC 9112 section 5.1).
	SpaceBeforeColon
	// ObsFold is a line that begins with whitespace: obsolete line folding, or whitespace between the
	// request line and the first field (RFC 9112 sections 5.2 and 2.2).
	ObsFold
	// BareCR is a CR without a following LF (RFC 9112 section 2.2).
	BareCR
	// BareLF is an LF without a CR, if Limits.StrictCRLF forbids it.
	BareLF
	// ControlByte is NUL, DEL or another control character in a name or value (RFC 9110 section 5.5).
	ControlByte
	// MissingHost is an HTTP/1.1 request without Host (RFC 9112 section 3.2).
	MissingHost
	// BadHost is a Host that is repeated, is empty, is not `uri-host [":" port]`, or contains userinfo; or
	// an absolute target with such an authority (RFC 9110 sections 7.2 and 4.2.4).
	BadHost
	// BadFraming is a body whose length is ambiguous or malformed: a repeated Content-Length, one that is
	// not a plain number, or one together with Transfer-Encoding; Transfer-Encoding in HTTP/1.0; or chunked
	// that is not the last coding (RFC 9112 sections 6.1 to 6.3).
	BadFraming
	// UnknownCoding is a transfer coding other than chunked (RFC 9112 section 6.1 asks for 501).
	UnknownCoding
	// BodyTooLarge is a body over BodyLimits.BytesMax (RFC 9110 section 15.5.14).
	BodyTooLarge
	// BadChunk is malformed chunked framing, including a bare LF (RFC 9112 section 7.1).
	BadChunk
	// BodyOverhead is more chunk extensions or trailers than BodyLimits.OverheadBytesMax (RFC 9112
	// section 7.1.1 asks for a limit).
	BodyOverhead

	defectCount
)

// defects gives the status and the text of every defect. The text completes the sentence "bad request: ...".
var defects = [defectCount]struct {
	status  int
	message string
}{
	DefectNone:         {200, "no defect"},
	BadRequestLine:     {400, "malformed request line"},
	MethodTooLong:      {501, "method too long"},
	BadTarget:          {400, "malformed request target"},
	TargetTooLong:      {414, "request target too long"},
	UnsupportedVersion: {505, "HTTP version not supported"},
	HTTP2Preface:       {400, "HTTP/2 preface on an HTTP/1.1 port"},
	TLSHello:           {400, "TLS handshake on a plain HTTP port"},
	HeadTooLarge:       {431, "request head too large"},
	TooManyFields:      {431, "too many fields"},
	BadFieldName:       {400, "malformed field name"},
	SpaceBeforeColon:   {400, "whitespace before the colon of a field"},
	ObsFold:            {400, "obsolete line folding"},
	BareCR:             {400, "CR without LF"},
	BareLF:             {400, "LF without CR"},
	ControlByte:        {400, "control character in a field"},
	MissingHost:        {400, "missing Host"},
	BadHost:            {400, "malformed or repeated Host"},
	BadFraming:         {400, "ambiguous or malformed body length"},
	UnknownCoding:      {501, "transfer coding not implemented"},
	BodyTooLarge:       {413, "request body too large"},
	BadChunk:           {400, "malformed chunked body"},
	BodyOverhead:       {431, "too many chunk extensions or trailers"},
}

// Status returns the status code of the response: 400, 413, 414, 431, 501 or 505. The connection must be
// closed after the response, because the framing of the following bytes is uncertain. For DefectNone it
// returns 200.
func (d Defect) Status() int {
	if d >= defectCount {
		return 400
	}
	return defects[d].status
}

// String returns a few lower-case words for a log line or an error page.
func (d Defect) String() string {
	if d >= defectCount {
		return "unknown defect"
	}
	return defects[d].message
}
