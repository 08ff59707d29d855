package goloop

import "aws/internal/response"

// responseDate is the value of the Date field of the responses, made once a second.
type responseDate struct {
	text [response.DateBytes]byte
	unix int64
}

func newResponseDate(unix int64) responseDate {
	d := responseDate{unix: unix}
	response.AppendDate(d.text[:0], unix)
	return d
}

// update makes the date again if the second is another one.
func (d *responseDate) update(unix int64) {
	if unix != d.unix {
		*d = newResponseDate(unix)
	}
}
