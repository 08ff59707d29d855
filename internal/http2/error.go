package http2

import "fmt"

// ErrorCode is why a stream or a connection ends (RFC 9113, section 7).
type ErrorCode uint32

// The codes of RFC 9113, section 7.
const (
	NoError ErrorCode = iota
	ProtocolError
	InternalError
	FlowControlError
	SettingsTimeout
	StreamClosed
	FrameSizeError
	RefusedStream
	Cancel
	CompressionError
	ConnectError
	EnhanceYourCalm
	InadequateSecurity
	HTTP11Required
	errorCodeCount
)

var errorNames = [errorCodeCount]string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
	"REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

// String returns the name of the code, such as PROTOCOL_ERROR.
func (e ErrorCode) String() string {
	if e < errorCodeCount {
		return errorNames[e]
	}
	return fmt.Sprintf("ErrorCode(%d)", uint32(e))
}
