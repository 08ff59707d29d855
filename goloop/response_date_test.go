package goloop

import "testing"

func TestResponseDate(t *testing.T) {
	d := newResponseDate(0)
	for _, test := range []struct {
		unix int64
		want string
	}{
		{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
		{1, "Thu, 01 Jan 1970 00:00:01 GMT"},
		{784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
		{784111776, "Sun, 06 Nov 1994 08:49:36 GMT"}, // the clock was set
	} {
		if d.update(test.unix); string(d.text[:]) != test.want {
			t.Errorf("%d: %q, want %q", test.unix, d.text[:], test.want)
		}
	}
}
