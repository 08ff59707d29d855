package http2

import "aws/internal/freelist"

// Shared is memory that connections which are served one after the other have in common: that of a loop.
type Shared struct {
	// Exceeded is called, if it is not nil, when a client has exceeded a limit.
	Exceeded func(Limit)

	streams  freelist.List[*Stream]
	lists    freelist.List[[]*Stream]
	partials freelist.List[[]byte]
	request  requestHead
	encoder  encoder
}

// NewShared returns memory of which nothing is used.
func NewShared() *Shared { return &Shared{} }

func (s *Shared) takeList() []*Stream {
	if list, ok := s.lists.Take(); ok {
		return list
	}
	return make([]*Stream, 0, 16)
}

func (s *Shared) giveList(list []*Stream) { s.lists.Give(list[:0]) }

// takePartial returns room for a frame.
func (s *Shared) takePartial() []byte {
	if b, ok := s.partials.Take(); ok {
		return b
	}
	return make([]byte, 0, FrameHeadBytes+frameBytesMax)
}

func (s *Shared) givePartial(b []byte) { s.partials.Give(b[:0]) }
