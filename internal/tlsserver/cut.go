package tlsserver

import (
	"aws/internal/tlsconn"
	"aws/internal/tlsrecord"
)

// Cut takes back the records that a socket has not begun to take, of those that were sealed from number first on: plain bytes in length
// bytes of records, the last one a close_notify if ends is set. Of the records, sent bytes were taken. Those that are taken back
// have to be sealed again, in the same order and with the same content.
func (r *Records) Cut(first uint64, plain, length, sent int, ends bool) tlsconn.Cut {
	if !r.CanRewind() {
		return tlsconn.Cut{From: sent, To: length, Kept: int64(plain)}
	}
	stride := tlsrecord.ContentMax + tlsrecord.OverheadBytes
	last := max((plain+tlsrecord.ContentMax-1)/tlsrecord.ContentMax-1, 0) // the record that the close_notify stays with
	k := min(sent/stride, last)
	from := k * stride
	c := tlsconn.Cut{From: from, To: from, Sent: int64(k * tlsrecord.ContentMax)}
	if sent == from {
		r.rewind(first + uint64(k))
		return c
	}
	c.From, c.To, c.Kept = sent, from+stride, tlsrecord.ContentMax
	kept := uint64(1)
	if k == last {
		c.To, c.Kept = length, int64(plain)-c.Sent
		if ends {
			kept++
		}
	}
	r.rewind(first + uint64(k) + kept)
	return c
}

// rewind takes back the records from a number on.
func (r *Records) rewind(to uint64) {
	if to < r.sender.Sequence() {
		r.sender.SetSequence(to)
	}
}
