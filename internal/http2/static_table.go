package http2

import "sync"

// staticCount is the number of entries of the static table.
const staticCount = 61

// staticField is a field of the static table.
type staticField struct {
	name, value []byte
	checked     check
}

// staticTable returns that of RFC 7541, appendix A, whose first entry has the index 1. It is made when HTTP/2 is first spoken.
var staticTable = sync.OnceValue(func() *[staticCount]staticField {
	var table [staticCount]staticField
	for i, f := range [len(table)][2]string{
		{":authority", ""},
		{":method", "GET"},
		{":method", "POST"},
		{":path", "/"},
		{":path", "/index.html"},
		{":scheme", "http"},
		{":scheme", "https"},
		{":status", "200"},
		{":status", "204"},
		{":status", "206"},
		{":status", "304"},
		{":status", "400"},
		{":status", "404"},
		{":status", "500"},
		{"accept-charset", ""},
		{"accept-encoding", "gzip, deflate"},
		{"accept-language", ""},
		{"accept-ranges", ""},
		{"accept", ""},
		{"access-control-allow-origin", ""},
		{"age", ""},
		{"allow", ""},
		{"authorization", ""},
		{"cache-control", ""},
		{"content-disposition", ""},
		{"content-encoding", ""},
		{"content-language", ""},
		{"content-length", ""},
		{"content-location", ""},
		{"content-range", ""},
		{"content-type", ""},
		{"cookie", ""},
		{"date", ""},
		{"etag", ""},
		{"expect", ""},
		{"expires", ""},
		{"from", ""},
		{"host", ""},
		{"if-match", ""},
		{"if-modified-since", ""},
		{"if-none-match", ""},
		{"if-range", ""},
		{"if-unmodified-since", ""},
		{"last-modified", ""},
		{"link", ""},
		{"location", ""},
		{"max-forwards", ""},
		{"proxy-authenticate", ""},
		{"proxy-authorization", ""},
		{"range", ""},
		{"referer", ""},
		{"refresh", ""},
		{"retry-after", ""},
		{"server", ""},
		{"set-cookie", ""},
		{"strict-transport-security", ""},
		{"transfer-encoding", ""},
		{"user-agent", ""},
		{"vary", ""},
		{"via", ""},
		{"www-authenticate", ""},
	} {
		table[i] = staticField{[]byte(f[0]), []byte(f[1]), checkField([]byte(f[0]), []byte(f[1]))}
	}
	return &table
})

// staticIndex returns the first index of each name, and that of each field with a value.
var staticIndex = sync.OnceValues(func() (names map[string]int, fields map[[2]string]int) {
	names, fields = map[string]int{}, map[[2]string]int{}
	for i, f := range staticTable() {
		name, value := string(f.name), string(f.value)
		if names[name] == 0 {
			names[name] = i + 1
		}
		if value != "" {
			fields[[2]string{name, value}] = i + 1
		}
	}
	return names, fields
})
