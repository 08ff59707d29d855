package accesslog

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"aws/internal/stats"
	"aws/internal/tlsconn"
)

// Format is the format of the lines.
type Format uint8

// The formats.
const (
	Common   Format = iota // the Common Log Format
	Combined               // the Common Log Format with the referring page and the user agent
	JSON                   // one object per line, with all data
	Fields                 // the data that a response depends on, for tests
	formatCount
)

var formatNames = [formatCount]string{"common", "combined", "json", "fields"}

// String returns the format's name.
func (f Format) String() string { return formatNames[f%formatCount] }

// ParseFormat returns the format with a name.
func ParseFormat(name string) (Format, error) {
	for f, n := range formatNames {
		if n == name {
			return Format(f), nil
		}
	}
	return 0, fmt.Errorf("%q is not a format of the access log: it may be %s", name, strings.Join(formatNames[:], ", "))
}

// Formats returns the names of the formats.
func Formats() []string { return formatNames[:] }

// Formatter formats records. It must be used by one goroutine only.
type Formatter struct {
	format Format
	second int64  // since 1970
	stamp  []byte // that second, in the format of common and combined

	peer     netip.Addr
	peerText []byte
}

// NewFormatter returns a Formatter for a format.
func NewFormatter(f Format) *Formatter { return &Formatter{format: f, second: math.MinInt64} }

// Append appends the line for a record.
func (f *Formatter) Append(line []byte, r *stats.Record) []byte {
	switch f.format {
	case Combined:
		line = f.appendCommon(line, r)
		line = append(line, ' ')
		line = appendQuoted(line, r.Referer)
		line = append(line, ' ')
		line = appendQuoted(line, r.Agent)
	case JSON:
		line = appendJSON(line, r)
	case Fields:
		line = appendFields(line, r)
	default:
		line = f.appendCommon(line, r)
	}
	return append(line, '\n')
}

// bodyBytes returns how many bytes of the body the client received.
func bodyBytes(r *stats.Record) int64 { return max(0, r.Sent-r.HeadBytes) }

const clfTime = "02/Jan/2006:15:04:05 -0700"

// appendTime appends a time in the format of common and combined. It reuses the text if the second is the
// same as before.
func (f *Formatter) appendTime(line []byte, t time.Time) []byte {
	if second := t.Unix(); second != f.second {
		f.second = second
		f.stamp = t.AppendFormat(f.stamp[:0], clfTime)
	}
	return append(line, f.stamp...)
}

// appendPeer appends an address. It reuses the text if the address is the same as before.
func (f *Formatter) appendPeer(line []byte, a netip.Addr) []byte {
	if a != f.peer {
		f.peer, f.peerText = a, a.Unmap().AppendTo(f.peerText[:0])
	}
	return append(line, f.peerText...)
}

func (f *Formatter) appendCommon(line []byte, r *stats.Record) []byte {
	if r.Peer.IsValid() {
		line = f.appendPeer(line, r.Peer.Addr())
	} else {
		line = append(line, '-')
	}
	line = append(line, " - "...)
	line = appendUser(line, r.User)
	line = append(line, " ["...)
	line = f.appendTime(line, r.Began)
	line = append(line, `] "`...)
	if len(r.Method) == 0 {
		line = append(line, '-')
	} else {
		line = appendEscaped(line, r.Method)
		line = append(line, ' ')
		line = appendEscaped(line, r.Target)
		line = append(line, ' ')
		line = appendVersion(line, r)
	}
	line = append(line, `" `...)
	line = strconv.AppendUint(line, uint64(r.Status), 10)
	line = append(line, ' ')
	if n := bodyBytes(r); n > 0 {
		return strconv.AppendInt(line, n, 10)
	}
	return append(line, '-')
}

// appendUser appends the third field, which has no quotes: a space would end it, and - means no user.
func appendUser(line, user []byte) []byte {
	switch {
	case len(user) == 0:
		return append(line, '-')
	case len(user) == 1 && user[0] == '-':
		return append(line, `\x2d`...)
	}
	for _, c := range user {
		if plain(c) && c != ' ' {
			line = append(line, c)
		} else {
			line = append(line, '\\', 'x', hex[c>>4], hex[c&15])
		}
	}
	return line
}

// appendQuoted appends a field of the combined format.
func appendQuoted(line, value []byte) []byte {
	line = append(line, '"')
	if len(value) == 0 {
		line = append(line, '-')
	}
	line = appendEscaped(line, value)
	return append(line, '"')
}

const hex = "0123456789abcdef"

// plain reports whether a byte needs no escape within quotes, in all formats.
func plain(c byte) bool { return c >= ' ' && c <= '~' && c != '"' && c != '\\' }

// appendEscaped appends a value within quotes. Bytes that are not plain become \xHH.
func appendEscaped(line, value []byte) []byte {
	from := 0
	for i, c := range value {
		if !plain(c) {
			line = append(append(line, value[from:i]...), '\\', 'x', hex[c>>4], hex[c&15])
			from = i + 1
		}
	}
	return append(line, value[from:]...)
}

// appendJSONString appends a JSON string that is pure ASCII. Bytes that are not UTF-8 become U+FFFD, as in
// encoding/json. Unlike there, all other characters are escaped, because people read the lines on terminals.
func appendJSONString(line, value []byte) []byte {
	line = append(line, '"')
	for i := 0; i < len(value); {
		c := value[i]
		switch {
		case plain(c):
			line = append(line, c)
			i++
		case c == '"' || c == '\\':
			line = append(line, '\\', c)
			i++
		default:
			r, n := utf8.DecodeRune(value[i:])
			i += n
			if r > 0xffff {
				r -= 0x10000
				line = appendUnit(line, 0xd800|r>>10)
				r = 0xdc00 | r&0x3ff
			}
			line = appendUnit(line, r)
		}
	}
	return append(line, '"')
}

// appendUnit appends the escape of a UTF-16 code unit.
func appendUnit(line []byte, u rune) []byte {
	return append(line, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
}

// The format of times in JSON.
const jsonTime = "2006-01-02T15:04:05.000Z07:00"

func appendJSON(line []byte, r *stats.Record) []byte {
	line = append(line, `{"time":"`...)
	line = r.Began.AppendFormat(line, jsonTime)
	line = append(line, `","peer":"`...)
	if r.Peer.IsValid() {
		line = r.Peer.AppendTo(line)
	}
	line = append(line, `","conn":`...)
	line = strconv.AppendUint(line, r.Conn, 10)
	line = append(line, `,"method":`...)
	line = appendJSONString(line, r.Method)
	line = append(line, `,"target":`...)
	line = appendJSONString(line, r.Target)
	line = append(line, `,"protocol":"`...)
	if len(r.Method) > 0 {
		line = appendVersion(line, r)
	}
	line = append(line, `","status":`...)
	line = strconv.AppendUint(line, uint64(r.Status), 10)
	line = append(line, `,"bytes":`...)
	line = strconv.AppendInt(line, bodyBytes(r), 10)
	line = append(line, `,"sent":`...)
	line = strconv.AppendInt(line, r.Sent, 10)
	line = append(line, `,"complete":`...)
	line = strconv.AppendBool(line, r.Complete)
	line = append(line, `,"kind":"`...)
	line = append(line, Kind(r)...)
	line = append(line, `","cache":"`...)
	line = append(line, cache(r)...)
	line = append(line, '"')
	line = appendJSONTLS(line, r.TLS)
	for _, t := range [...]struct {
		name string
		d    time.Duration
	}{
		{`,"duration_ms":`, r.Total}, {`,"head_ms":`, r.Head}, {`,"disk_ms":`, r.Disk}, {`,"send_ms":`, r.Send},
	} {
		line = append(line, t.name...)
		line = appendMs(line, t.d)
	}
	for _, f := range [...]struct {
		name  string
		value []byte
	}{
		{`,"user":`, r.User},
		{`,"range":`, r.Range},
		{`,"if_range":`, r.IfRange},
		{`,"if_none_match":`, r.IfNoneMatch},
		{`,"if_modified_since":`, r.IfModifiedSince},
		{`,"referer":`, r.Referer},
		{`,"agent":`, r.Agent},
	} {
		if len(f.value) > 0 {
			line = append(line, f.name...)
			line = appendJSONString(line, f.value)
		}
	}
	return append(line, '}')
}

// appendJSONTLS appends what a handshake has negotiated, if there was one.
func appendJSONTLS(line []byte, f *tlsconn.Facts) []byte {
	if f == nil {
		return line
	}
	line = append(line, `,"tls_version":"`...)
	line = append(line, tlsconn.VersionName(f.Version)...)
	line = append(line, `","tls_cipher":"`...)
	line = append(line, suiteOf(f)...)
	line = append(line, `","tls_resumed":`...)
	line = strconv.AppendBool(line, f.Resumed)
	if f.ServerName != "" {
		line = append(line, `,"tls_server_name":`...)
		line = appendJSONString(line, []byte(f.ServerName))
	}
	if f.Client != "" {
		line = append(line, `,"tls_client":`...)
		line = appendJSONString(line, []byte(f.Client))
	}
	return line
}

// suiteOf returns the name of the cipher suite.
func suiteOf(f *tlsconn.Facts) string {
	name, _ := tlsconn.SuiteName(tlsconn.SlotOfSuite(f.Suite))
	return name
}

// Kind returns how the file of a response was sent: static, dynamic, or none if the request had no mount.
func Kind(r *stats.Record) string {
	if r.Mount == nil {
		return "none"
	}
	return r.Mount.Kind.String()
}

func cache(r *stats.Record) string {
	if r.Cold {
		return "cold"
	}
	return "cached"
}

// appendMs appends a duration in milliseconds with three decimals.
func appendMs(line []byte, d time.Duration) []byte {
	us := max(0, d.Microseconds())
	line = strconv.AppendInt(line, us/1000, 10)
	return append(line, '.', byte('0'+us/100%10), byte('0'+us/10%10), byte('0'+us%10))
}

// appendFields appends status, method, target, the number of bytes that the client received including the
// header, and the fields that the response depended on.
func appendFields(line []byte, r *stats.Record) []byte {
	line = strconv.AppendUint(line, uint64(r.Status), 10)
	line = append(line, ' ')
	if len(r.Method) == 0 {
		line = append(line, '-')
	}
	line = appendEscaped(line, r.Method)
	line = append(line, ' ')
	line = strconv.AppendQuoteToASCII(line, string(r.Target))
	line = append(line, " sent="...)
	line = strconv.AppendInt(line, r.Sent, 10)
	for _, f := range [...]struct {
		name  string
		value []byte
	}{
		{" user=", r.User},
		{" range=", r.Range},
		{" if-range=", r.IfRange},
		{" if-none-match=", r.IfNoneMatch},
		{" if-modified-since=", r.IfModifiedSince},
		{" agent=", r.Agent},
	} {
		if len(f.value) > 0 {
			line = append(line, f.name...)
			line = strconv.AppendQuoteToASCII(line, string(f.value))
		}
	}
	line = appendFieldsTLS(line, r.TLS)
	if !r.Complete {
		line = append(line, " aborted"...)
	}
	return line
}

// appendFieldsTLS appends what a handshake has negotiated, if there was one.
func appendFieldsTLS(line []byte, f *tlsconn.Facts) []byte {
	if f == nil {
		return line
	}
	for _, field := range [...]struct{ name, value string }{
		{" tls-version=", tlsconn.VersionName(f.Version)},
		{" tls-cipher=", suiteOf(f)},
		{" tls-server-name=", f.ServerName},
		{" tls-client=", f.Client},
	} {
		if field.value != "" {
			line = append(line, field.name...)
			line = strconv.AppendQuoteToASCII(line, field.value)
		}
	}
	if f.Resumed {
		line = append(line, " tls-resumed"...)
	}
	return line
}

// appendVersion appends the request's HTTP version.
func appendVersion(line []byte, r *stats.Record) []byte {
	line = append(line, "HTTP/"...)
	line = strconv.AppendUint(line, uint64(r.Major), 10)
	line = append(line, '.')
	return strconv.AppendUint(line, uint64(r.Minor), 10)
}
