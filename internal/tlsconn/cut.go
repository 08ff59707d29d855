package tlsconn

// Cut is what becomes of records of which a socket has taken some bytes.
type Cut struct {
	From, To int   // the bytes that have to be sent next, as they are: the rest of a record that was begun; equal if there is none
	Sent     int64 // bytes of content in the records that were sent in full
	Kept     int64 // and in those that From and To bound
}

// Content returns how many of the kept bytes belong to the last content bytes of all plain ones.
func (c *Cut) Content(plain, content int64) int64 {
	return max(min(c.Sent+c.Kept, plain)-max(c.Sent, plain-content), 0)
}

// Cut takes back the records that a socket has not begun to take, of those that were sealed from number first on: plain bytes in length
// bytes of records, the last one a close_notify if ends is set. Of the records, sent bytes were taken. Those that are taken back
// have to be sealed again, in the same order and with the same content.
func (r *Records) Cut(first uint64, plain, length, sent int, ends bool) Cut {
	if !r.CanRewind() {
		return Cut{From: sent, To: length, Kept: int64(plain)}
	}
	stride := ContentMax + Overhead
	last := max((plain+ContentMax-1)/ContentMax-1, 0) // the record that the close_notify stays with
	k := min(sent/stride, last)
	from := k * stride
	c := Cut{From: from, To: from, Sent: int64(k * ContentMax)}
	if sent == from {
		r.rewind(first + uint64(k))
		return c
	}
	c.From, c.To, c.Kept = sent, from+stride, ContentMax
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
