package response

const (
	daySeconds = 24 * 60 * 60
	// The dates that have four digits for the year, as RFC 9110 section 5.6.7 wants: 0000-01-01 and 9999-12-31.
	dateMin = -62167219200
	dateMax = 253402300799
)

const (
	dayNames   = "SunMonTueWedThuFriSat"
	monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"
)

// DateBytes is the length of every date that AppendDate writes.
const DateBytes = len("Sun, 06 Nov 1994 08:49:37 GMT")

// AppendDate appends a time, in seconds since 1970-01-01 UTC, in the format of HTTP (IMF-fixdate, RFC 9110
// section 5.6.7). Times outside of the years 0000 to 9999 become the nearest time inside.
func AppendDate(dst []byte, unixSeconds int64) []byte {
	t := min(max(unixSeconds, dateMin), dateMax)
	days, clock := t/daySeconds, t%daySeconds
	if clock < 0 {
		days, clock = days-1, clock+daySeconds
	}
	year, month, day := civil(days)
	weekday := 3 * int((days%7+7+4)%7) // 1970-01-01 was a Thursday
	hour, minute, second := int(clock/3600), int(clock/60%60), int(clock%60)
	m := 3 * (month - 1)
	return append(dst,
		dayNames[weekday], dayNames[weekday+1], dayNames[weekday+2], ',', ' ',
		tens(day), ones(day), ' ',
		monthNames[m], monthNames[m+1], monthNames[m+2], ' ',
		tens(year/100), ones(year/100), tens(year%100), ones(year%100), ' ',
		tens(hour), ones(hour), ':', tens(minute), ones(minute), ':', tens(second), ones(second),
		' ', 'G', 'M', 'T')
}

func tens(n int) byte { return byte('0' + n/10) }
func ones(n int) byte { return byte('0' + n%10) }

// The calendar repeats every 400 years. Counting from 1 March, a leap day is the last day of its year, and
// the lengths of the months follow a line: day (153*m+2)/5 of the year is the first of month m after March.
const (
	eraYears   = 400
	eraDays    = 146097
	marchEpoch = 719468 // days from 0000-03-01 to 1970-01-01
)

// civil returns the date that is the given number of days after 1970-01-01. month is 1 to 12.
func civil(days int64) (year, month, day int) {
	n := days + marchEpoch
	era := floorDiv(n, eraDays)
	ofEra := n - era*eraDays
	years := (ofEra - ofEra/1460 + ofEra/36524 - ofEra/(eraDays-1)) / 365
	ofYear := ofEra - (365*years + years/4 - years/100)
	m := (5*ofYear + 2) / 153
	day = int(ofYear-(153*m+2)/5) + 1
	year = int(era*eraYears + years)
	if m < 10 {
		return year, int(m) + 3, day
	}
	return year + 1, int(m) - 9, day
}

// daysSince1970 is the inverse of civil.
func daysSince1970(year, month, day int) int64 {
	y, m := int64(year), int64(month)-3
	if m < 0 {
		y, m = y-1, m+12
	}
	era := floorDiv(y, eraYears)
	years := y - era*eraYears
	ofYear := (153*m+2)/5 + int64(day) - 1
	return era*eraDays + years*365 + years/4 - years/100 + ofYear - marchEpoch
}

func floorDiv(a, b int64) int64 {
	if a < 0 {
		return (a+1)/b - 1
	}
	return a / b
}

// ParseDate parses a date in any of the three formats of RFC 9110 section 5.6.7 and returns it in seconds
// since 1970-01-01 UTC. ok is false for anything else; the caller then ignores the field. nowSeconds is the
// current time: the format of RFC 850 has a year of two digits, which means the latest year that is not more
// than 50 years in the future.
//
// Letter case is significant, as the section requires. The name of the day must be valid but not correct,
// because some clients compute it wrongly. Second 60 is the first second of the next minute.
func ParseDate(value []byte, nowSeconds int64) (unixSeconds int64, ok bool) {
	p := dateParser{rest: value, ok: true}
	comma := -1
	for i, c := range value {
		if c == ',' {
			comma = i
			break
		}
	}
	var year, month, day int
	switch comma {
	case -1: // Sun Nov  6 08:49:37 1994
		p.dayName()
		p.text(" ")
		month = p.month()
		p.text(" ")
		if len(p.rest) > 0 && p.rest[0] == ' ' {
			p.text(" ")
			day = p.digits(1)
		} else {
			day = p.digits(2)
		}
		p.text(" ")
		clock := p.clock()
		p.text(" ")
		year = p.digits(4)
		return p.finish(year, month, day, clock)
	case 3: // Sun, 06 Nov 1994 08:49:37 GMT
		p.dayName()
		p.text(", ")
		day = p.digits(2)
		p.text(" ")
		month = p.month()
		p.text(" ")
		year = p.digits(4)
	default: // Sunday, 06-Nov-94 08:49:37 GMT
		p.longDayName(comma)
		p.text(", ")
		day = p.digits(2)
		p.text("-")
		month = p.month()
		p.text("-")
		twoDigits := p.digits(2)
		p.text(" ")
		clock := p.clock()
		p.text(" GMT")
		return p.finishTwoDigits(twoDigits, month, day, clock, nowSeconds)
	}
	p.text(" ")
	clock := p.clock()
	p.text(" GMT")
	return p.finish(year, month, day, clock)
}

// A dateParser parses a date from the left. After a mismatch ok is false, and its results are not valid.
type dateParser struct {
	rest []byte
	ok   bool
}

func (p *dateParser) text(s string) {
	if len(p.rest) < len(s) || string(p.rest[:len(s)]) != s {
		p.ok, p.rest = false, nil
		return
	}
	p.rest = p.rest[len(s):]
}

func (p *dateParser) digits(count int) (n int) {
	if len(p.rest) < count {
		p.ok, p.rest = false, nil
		return 0
	}
	for _, c := range p.rest[:count] {
		if !isDigit(c) {
			p.ok = false
		}
		n = n*10 + int(c-'0')
	}
	p.rest = p.rest[count:]
	return n
}

// name parses a three-letter name and returns its index in names.
func (p *dateParser) name(names string) int {
	if len(p.rest) >= 3 {
		for i := 0; i < len(names); i += 3 {
			if string(p.rest[:3]) == names[i:i+3] {
				p.rest = p.rest[3:]
				return i / 3
			}
		}
	}
	p.ok, p.rest = false, nil
	return 0
}

func (p *dateParser) dayName()   { p.name(dayNames) }
func (p *dateParser) month() int { return p.name(monthNames) + 1 }

func (p *dateParser) longDayName(length int) {
	switch string(p.rest[:length]) {
	case "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday":
		p.rest = p.rest[length:]
	default:
		p.ok, p.rest = false, nil
	}
}

func (p *dateParser) clock() int64 {
	hour := p.digits(2)
	p.text(":")
	minute := p.digits(2)
	p.text(":")
	second := p.digits(2)
	if hour > 23 || minute > 59 || second > 60 {
		p.ok = false
	}
	return int64(hour*3600 + minute*60 + second)
}

func (p *dateParser) finish(year, month, day int, clock int64) (int64, bool) {
	if !p.ok || len(p.rest) > 0 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	return daysSince1970(year, month, day)*daySeconds + clock, true
}

// finishTwoDigits chooses the latest year with these last two digits whose date is not more than 50 years
// after the present (RFC 9110 section 5.6.7).
func (p *dateParser) finishTwoDigits(twoDigits, month, day int, clock, nowSeconds int64) (int64, bool) {
	now := min(max(nowSeconds, dateMin), dateMax)
	today := floorDiv(now, daySeconds)
	thisYear, thisMonth, thisDay := civil(today)
	latest := daysSince1970(thisYear+50, thisMonth, thisDay)*daySeconds + now - today*daySeconds
	year := thisYear + 50
	year -= ((year-twoDigits)%100 + 100) % 100
	if daysSince1970(year, month, day)*daySeconds+clock > latest {
		year -= 100
	}
	return p.finish(year, month, day, clock)
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// Undated keeps the place of a date in a head that is prepared before its date is known. It is not to be changed.
var Undated = []byte("Thu, 01 Jan 1970 00:00:00 GMT")

// DateOffset returns where the date is in a head of a status whose first field is Date.
func DateOffset(s Status) int {
	return len("HTTP/1.1 000 \r\nDate: ") + len(s.Reason())
}

// AppendDated appends a prepared head of a status, whose first field is Date, and puts the date into its place.
func AppendDated(dst []byte, s Status, head, date []byte) []byte {
	from := len(dst) + DateOffset(s)
	dst = append(dst, head...)
	copy(dst[from:], date)
	return dst
}
