package response

import "testing"

func TestLastModified_9110_8_8_2(t *testing.T) {
	const now = 1_700_000_000
	for _, c := range []struct {
		name            string
		modifiedNs      int64
		seconds         int64
		send, validator bool
	}{
		{"long ago", 1_600_000_000_999_999_999, 1_600_000_000, true, true},
		{"the second before", now*1e9 - 1, now - 1, true, true},
		{"within this second", now * 1e9, 0, false, false},
		{"at the end of it", now*1e9 + 999_999_999, 0, false, false},
		{"in the future", (now + 1) * 1e9, now, true, false},
		{"in a far future", 1<<63 - 1, 0, false, false},
		{"1970", 0, 0, false, false},
		{"before 1970", -1, 0, false, false},
		{"the beginning of zip's time, in any time zone", 315_532_800e9 + 14*3600e9, 0, false, false},
		{"npm's", 499_162_500e9, 0, false, false},
		{"before 1990", 631_152_000e9 - 1, 0, false, false},
		{"1990-01-01", 631_152_000e9, 631_152_000, true, true},
	} {
		seconds, send, validator := LastModified(&Version{ModifiedNs: c.modifiedNs}, now)
		if seconds != c.seconds || send != c.send || validator != c.validator {
			t.Errorf("%s: %d, %v, %v", c.name, seconds, send, validator)
		}
	}
}

func TestFormIsCurrent(t *testing.T) {
	const plain = 1_700_000_001_500_000_000
	for _, c := range []struct {
		name   string
		formNs int64
		want   bool
	}{
		{"the same time", plain, true},
		{"younger", plain + 1, true},
		{"a nanosecond older", plain - 1, false},
		{"cut to the second", 1_700_000_001_000_000_000, true},
		{"cut to two seconds", 1_700_000_000_000_000_000, true},
		{"within those two seconds", 1_700_000_000_500_000_000, false},
		{"before those two seconds", 1_699_999_999_000_000_000, false},
		{"four seconds before", 1_699_999_998_000_000_000, false},
	} {
		if got := FormIsCurrent(plain, c.formNs); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	// A plain file of an even second: cut to two seconds is the same as cut to one.
	if FormIsCurrent(1_700_000_002_500_000_000, 1_700_000_001_000_000_000) {
		t.Error("a second before an even one is current")
	}
}
