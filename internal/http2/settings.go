package http2

import "encoding/binary"

// Settings (RFC 9113, section 6.5.2; RFC 9218, section 2.1).
const (
	settingHeaderTableSize      = 1
	settingEnablePush           = 2
	settingMaxConcurrentStreams = 3
	settingInitialWindowSize    = 4
	settingMaxFrameSize         = 5
	settingMaxHeaderListSize    = 6
	settingNoRFC7540Priorities  = 9
	settingBytes                = 6
)

// settingsPerFrame is how many settings count as one frame that brings nothing.
const settingsPerFrame = 32

// tableDefault is the size of the table of header compression, unless SETTINGS say otherwise.
const tableDefault = 4096

// appendSettings adds the server's SETTINGS.
func (c *Conn) appendSettings() {
	head := frameHead{kind: frameSettings, length: 3 * settingBytes}
	c.control = head.appendTo(c.control)
	for _, s := range [...]struct {
		id    uint16
		value int
	}{
		{settingMaxConcurrentStreams, c.limits.StreamsMax},
		{settingMaxHeaderListSize, c.limits.HeadBytesMax},
		{settingNoRFC7540Priorities, 1},
	} {
		c.control = binary.BigEndian.AppendUint16(c.control, s.id)
		c.control = binary.BigEndian.AppendUint32(c.control, uint32(s.value))
	}
}

// onSettings takes in SETTINGS (RFC 9113, section 6.5).
func (c *Conn) onSettings(h *frameHead, payload []byte) {
	c.countControl()
	switch {
	case h.stream != 0:
		c.Fail(ProtocolError)
	case h.has(flagAck) && len(payload) > 0, len(payload)%settingBytes != 0:
		c.Fail(FrameSizeError)
	case h.has(flagAck):
		if !c.acked {
			c.acked = true
			c.steps++
		}
	default:
		for n := 1; len(payload) > 0 && !c.failed; payload = payload[settingBytes:] {
			if n++; n%settingsPerFrame == 0 {
				c.countControl() // as another frame
			}
			c.apply(binary.BigEndian.Uint16(payload), binary.BigEndian.Uint32(payload[2:]))
		}
		head := frameHead{kind: frameSettings, flags: flagAck}
		c.addControl(head.appendTo(c.control))
	}
}

// apply applies one setting of the client.
func (c *Conn) apply(id uint16, value uint32) {
	switch id {
	case settingHeaderTableSize:
		//mutation:table-not-shrunk
		if value < tableDefault {
			c.table.shrink()
		}
	case settingEnablePush, settingNoRFC7540Priorities:
		if value > 1 {
			c.Fail(ProtocolError)
		}
	case settingInitialWindowSize:
		c.resizeWindows(value)
	case settingMaxFrameSize:
		if value < frameBytesMax || value >= 1<<24 {
			c.Fail(ProtocolError)
		}
	}
}

// resizeWindows changes the windows of all streams (RFC 9113, section 6.9.2). They may become negative.
func (c *Conn) resizeWindows(value uint32) {
	if value > windowMax {
		c.Fail(FlowControlError)
		return
	}
	change := int64(value) - int64(c.peerWindow)
	c.peerWindow = int32(value)
	for _, s := range c.streams {
		window := int64(s.window) + change
		if window > windowMax {
			c.Fail(FlowControlError)
			return
		}
		//mutation:windows-not-resized
		s.window = int32(window)
		c.relink(s)
	}
}
