package http2

// Limits bound what a client can make the server keep or do. A client that exceeds one gets GOAWAY with ENHANCE_YOUR_CALM, if no
// sentence here says otherwise.
type Limits struct {
	// StreamsMax is how many streams there may be at once (SETTINGS_MAX_CONCURRENT_STREAMS). One more is refused by RST_STREAM with REFUSED_STREAM.
	StreamsMax int
	// HeadBytesMax bounds a request's head in the form of HTTP/1.1. What exceeds it is decoded and left out; see Handler.Request.
	HeadBytesMax int
	// HeaderBlockMax bounds the bytes of a header block in CONTINUATION frames, ContinuationsMax their number (CVE-2024-27316).
	HeaderBlockMax, ContinuationsMax int
	// BodyBytesMax is how much of a request's content is taken. The window of its stream does not open for more.
	BodyBytesMax int64
	// ControlBytesMax bounds the control frames that wait to be sent, in bytes.
	ControlBytesMax int
	// ControlFramesMax bounds the frames that bring nothing (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, those of unknown types) beyond two for each
	// request, and for each 4 KiB of content that is sent, or part of them. ControlFramesPerSecond are forgiven in each second.
	ControlFramesMax, ControlFramesPerSecond int
	// ResetsMax bounds the streams that the client has reset (CVE-2023-44487), or that were reset for a fault of its (CVE-2025-8671), beyond one for each response that was
	// completed. ResetsPerSecond are forgiven in each second.
	ResetsMax, ResetsPerSecond int
}

// DefaultLimits returns limits that no usual client reaches.
func DefaultLimits() Limits {
	return Limits{
		StreamsMax:       128,
		HeadBytesMax:     32 << 10,
		HeaderBlockMax:   64 << 10,
		ContinuationsMax: 16,
		BodyBytesMax:     1 << 20,
		ControlBytesMax:  8 << 10,
		ControlFramesMax: 1000, ControlFramesPerSecond: 10,
		ResetsMax: 300, ResetsPerSecond: 1, // a browser that leaves a page of many images resets all of their streams
	}
}

// Limit is one that a client has exceeded, for counters.
type Limit uint8

// The limits that end a connection.
const (
	LimitHeaderBlock Limit = iota
	LimitControlBytes
	LimitControlFrames
	LimitResets
	LimitCount
)

var limitNames = [LimitCount]string{"header_block", "control_bytes", "control_frames", "resets"}

// String returns the limit's name in metrics.
func (l Limit) String() string { return limitNames[l] }
