package http2

import "encoding/binary"

// frameType is the type of a frame (RFC 9113, section 6; RFC 9218, section 7.1).
type frameType uint8

const (
	frameData frameType = iota
	frameHeaders
	framePriority
	frameRSTStream
	frameSettings
	framePushPromise
	framePing
	frameGoAway
	frameWindowUpdate
	frameContinuation
	framePriorityUpdate frameType = 0x10
)

// Flags of frames.
const (
	flagAck        = 0x01
	flagEndStream  = 0x01
	flagEndHeaders = 0x04
	flagPadded     = 0x08
	flagPriority   = 0x20
)

const (
	// FrameHeadBytes is the size of a frame's head (RFC 9113, section 4.1).
	FrameHeadBytes = 9
	// frameBytesMax is the largest payload that either side sends: what SETTINGS_MAX_FRAME_SIZE is at least.
	frameBytesMax = 16384
	// streamMax is the largest number of a stream, windowMax the largest window.
	streamMax = 1<<31 - 1
	windowMax = 1<<31 - 1
	// windowDefault is what a window is at first (RFC 9113, section 6.9.2).
	windowDefault = 65535
)

// frameHead is the head of a frame.
type frameHead struct {
	length int
	kind   frameType
	flags  uint8
	stream uint32
}

// parseHead reads the head at the beginning of b, which has it in full.
func parseHead(b []byte) frameHead {
	return frameHead{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:   frameType(b[3]), flags: b[4],
		stream: binary.BigEndian.Uint32(b[5:]) & streamMax,
	}
}

// has reports whether a flag is set.
func (h *frameHead) has(flag uint8) bool { return h.flags&flag != 0 }

// put writes the head to b.
func (h *frameHead) put(b []byte) {
	b[0], b[1], b[2] = byte(h.length>>16), byte(h.length>>8), byte(h.length)
	b[3], b[4] = byte(h.kind), h.flags
	binary.BigEndian.PutUint32(b[5:], h.stream)
}

// appendTo appends the head.
func (h *frameHead) appendTo(dst []byte) []byte {
	n := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	h.put(dst[n:])
	return dst
}

// unpad returns the payload of a frame without its padding (RFC 9113, section 6.1). It returns false if the padding is longer than the payload.
func unpad(h *frameHead, payload []byte) ([]byte, bool) {
	if !h.has(flagPadded) {
		return payload, true
	}
	if len(payload) == 0 || int(payload[0]) >= len(payload) {
		return nil, false
	}
	return payload[1 : len(payload)-int(payload[0])], true
}
