package goloop

import (
	"aws/internal/connstate"
	"aws/internal/handler"
	"aws/internal/kernel"
)

// parts are the parts of a response that follow its first range: each is a text, then bytes of the file.
type parts struct {
	list     []handler.Part
	text     []byte // of all parts, one behind the other
	next     int    // index of the next part
	nextText int    // where its text begins
}

// set takes over the parts of a response.
func (p *parts) set(r *handler.Response) {
	p.list = append(p.list[:0], r.Parts...)
	p.text = append(p.text[:0], r.PartText...)
	p.next, p.nextText = 0, 0
}

// reset returns empty parts with the memory of these.
func (p *parts) reset() parts { return parts{list: p.list[:0], text: p.text[:0]} }

// more reports whether parts follow.
func (p *parts) more() bool { return p.next < len(p.list) }

// take returns the next part and its text.
func (p *parts) take() (handler.Part, []byte) {
	part := p.list[p.next]
	text := p.text[p.nextText : p.nextText+part.TextBytes]
	p.next++
	p.nextText += part.TextBytes
	return part, text
}

// sendNextPart makes the next part ready to be sent.
func (l *Loop) sendNextPart(x *exchange) {
	part, text := x.parts.take()
	if x.headBuf = l.takeHead(x.conn, len(text)); x.headBuf == nil {
		l.abort(x.conn, kernel.OpReset) // out of memory
		return
	}
	x.writeBuf, x.headLeft = x.headBuf[:copy(x.headBuf, text)], 0
	//mutation:part-body-leak
	x.body.release()
	x.setRange(part.From, part.To)
	l.setState(x.conn, connstate.StateWReady)
	l.startBody(x)
}
