package response

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"
)

// TestAppendDate compares with package time over the edges of the calendar and random seconds.
func TestAppendDate_9110_5_6_7(t *testing.T) {
	check := func(seconds int64) {
		t.Helper()
		got := string(AppendDate(nil, seconds))
		want := time.Unix(seconds, 0).UTC().Format(http.TimeFormat)
		if got != want {
			t.Fatalf("%d is %q, want %q", seconds, got, want)
		}
	}
	for year := range 10000 {
		for _, day := range [][2]int{{1, 1}, {2, 28}, {2, 29}, {3, 1}, {12, 31}} {
			s := time.Date(year, time.Month(day[0]), day[1], 23, 59, 59, 0, time.UTC).Unix()
			check(min(s, dateMax))
			check(min(s+1, dateMax))
		}
	}
	random := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		check(dateMin + random.Int64N(dateMax-dateMin+1))
	}
	for _, c := range []struct {
		seconds int64
		want    string
	}{
		{784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
		{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
		{-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
		{dateMin, "Sat, 01 Jan 0000 00:00:00 GMT"},
		{dateMin - 1, "Sat, 01 Jan 0000 00:00:00 GMT"},
		{-1 << 63, "Sat, 01 Jan 0000 00:00:00 GMT"},
		{dateMax + 1, "Fri, 31 Dec 9999 23:59:59 GMT"},
		{1<<63 - 1, "Fri, 31 Dec 9999 23:59:59 GMT"},
	} {
		if got := string(AppendDate(nil, c.seconds)); got != c.want || len(got) != DateBytes {
			t.Errorf("%d is %q, want %q", c.seconds, got, c.want)
		}
	}
}

func TestParseDate_9110_5_6_7(t *testing.T) {
	const now = 1_760_000_000 // 2025-10-09
	for _, c := range []struct {
		value string
		want  int64
		ok    bool
	}{
		{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777, true},
		{"Sunday, 06-Nov-94 08:49:37 GMT", 784111777, true},
		{"Sun Nov  6 08:49:37 1994", 784111777, true},
		{"Sun Nov 16 08:49:37 1994", 784975777, true},
		{"Mon, 06 Nov 1994 08:49:37 GMT", 784111777, true}, // the wrong day of the week
		{"Thu, 01 Jan 1970 00:00:00 GMT", 0, true},
		{"Wed, 31 Dec 1969 23:59:59 GMT", -1, true},
		{"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800, true}, // a leap second
		{"Tue, 29 Feb 2000 00:00:00 GMT", 951782400, true},
		{"Mon, 29 Feb 1900 00:00:00 GMT", 0, false},
		{"Sun, 00 Nov 1994 08:49:37 GMT", 0, false},
		{"Sun, 31 Nov 1994 08:49:37 GMT", 0, false},
		{"Sun, 06 Nov 1994 24:00:00 GMT", 0, false},
		{"Sun, 06 Nov 1994 08:60:00 GMT", 0, false},
		{"Sun, 06 Nov 1994 08:49:61 GMT", 0, false},
		{"Sun, 06 Nov 1994 08:49:37 UTC", 0, false},
		{"Sun, 06 Nov 1994 08:49:37", 0, false},
		{"Sun, 06 Nov 1994 08:49:37 GMT ", 0, false},
		{"Sun, 6 Nov 1994 08:49:37 GMT", 0, false},
		{"sun, 06 nov 1994 08:49:37 gmt", 0, false}, // dates are case-sensitive
		{"Sun, 06 Nov 1994 08:49:3: GMT", 0, false},
		{"Sun, 06 Nov 994 08:49:37 GMT", 0, false},
		{"Sunday, 06-Nov-1994 08:49:37 GMT", 0, false},
		{"Someday, 06-Nov-94 08:49:37 GMT", 0, false},
		{"Sun Nov 6 08:49:37 1994", 0, false},
		{"Sun Nov  6 08:49:37 1994 GMT", 0, false},
		{"Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", 0, false},
		{"784111777", 0, false},
		{"", 0, false},
		{",", 0, false},
		// Two digits: the latest year not more than 50 years ahead, to the second.
		{"Monday, 09-Oct-75 08:53:20 GMT", 3337836800, true},    // 2075-10-09, exactly 50 years
		{"Monday, 09-Oct-75 08:53:21 GMT", 182076801, true},     // 1975-10-09
		{"Wednesday, 01-Jan-75 00:00:00 GMT", 3313526400, true}, // 2075
		{"Wednesday, 01-Jan-76 00:00:00 GMT", 189302400, true},  // 1976
		{"Wednesday, 01-Jan-25 00:00:00 GMT", 1735689600, true}, // 2025
		{"Saturday, 01-Jan-00 00:00:00 GMT", 946684800, true},   // 2000
		{"Tuesday, 29-Feb-00 00:00:00 GMT", 951782400, true},
	} {
		got, ok := ParseDate([]byte(c.value), now)
		if got != c.want || ok != c.ok {
			t.Errorf("%q is %d, %t; want %d, %t", c.value, got, ok, c.want, c.ok)
		}
	}
}

// TestParseDateRound writes random times in the three formats with package time and reads them back.
func TestParseDateRound_9110_5_6_7(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	const now = 1_760_000_000
	for range 100_000 {
		seconds := dateMin + random.Int64N(dateMax-dateMin+1)
		at := time.Unix(seconds, 0).UTC()
		for _, layout := range []string{http.TimeFormat, time.ANSIC} {
			if got, ok := ParseDate([]byte(at.Format(layout)), now); !ok || got != seconds {
				t.Fatalf("%q is %d, %t; want %d", at.Format(layout), got, ok, seconds)
			}
		}
		seconds = now - random.Int64N(49*365*daySeconds)
		value := time.Unix(seconds, 0).UTC().Format("Monday, 02-Jan-06 15:04:05 GMT")
		if got, ok := ParseDate([]byte(value), now); !ok || got != seconds {
			t.Fatalf("%q is %d, %t; want %d", value, got, ok, seconds)
		}
	}
}

// FuzzParseDate: what ParseDate takes, http.ParseTime takes with the same meaning, leap seconds and the
// choice of the century aside; and what it takes survives being written again.
func FuzzParseDate(f *testing.F) {
	for _, s := range []string{
		"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
		"Sat, 31 Dec 2016 23:59:60 GMT", "Mon, 29 Feb 1900 00:00:00 GMT", "",
	} {
		f.Add([]byte(s), int64(1_760_000_000))
	}
	f.Fuzz(func(t *testing.T, value []byte, now int64) {
		got, ok := ParseDate(value, now)
		if !ok {
			return
		}
		if got >= dateMin && got <= dateMax {
			if again, ok := ParseDate(AppendDate(nil, got), now); !ok || again != got {
				t.Fatalf("%q is %d, written and read again %d", value, got, again)
			}
		}
		want, err := http.ParseTime(string(value))
		if err != nil {
			if got%60 != 0 { // not a second 60
				t.Fatalf("%q is %d, but package http says %v", value, got, err)
			}
			return
		}
		at := time.Unix(got, 0).UTC()
		if want.Unix() != got && (want.Year()-at.Year())%100 != 0 {
			t.Fatalf("%q is %v, but package http says %v", value, at, want)
		}
	})
}

func BenchmarkAppendDate(b *testing.B) {
	dst := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		AppendDate(dst, 784111777)
	}
}

func BenchmarkParseDate(b *testing.B) {
	value := []byte("Sun, 06 Nov 1994 08:49:37 GMT")
	b.ReportAllocs()
	for b.Loop() {
		ParseDate(value, 1_760_000_000)
	}
}
