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
