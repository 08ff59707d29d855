package fileserver

import (
	"fmt"
	"strings"

	"aws/internal/response"
)

// reserved are the fields that no option may set: those that frame a message or speak of its connection, for clients and
// proxies would lose their place (RFC 9112 section 6, RFC 9110 section 7.6.1), and those that only the response itself can
// know. The value says what to write instead, if there is something.
var reserved = map[string]string{
	"content-length": "", "transfer-encoding": "", "connection": "", "keep-alive": "", "proxy-connection": "", "te": "",
	"trailer": "", "upgrade": "", "content-encoding": "", "content-range": "", "date": "", "etag": "", "last-modified": "",
	"accept-ranges": "", "location": "", "allow": "", "retry-after": "", "age": "",
	"www-authenticate": "--auth asks for passwords",
	"content-type":     "--mime sets media types",
}

// exposedFields are those that web pages of other origins may read besides the safelisted ones.
const exposedFields = "Content-Range, ETag, Accept-Ranges, Content-Length"

// commonFields returns the fields of every response, those of the options in place of the server's own of the same
// name, and the Cache-Control of the options, which gives way to what is said of a file.
func commonFields(o *Options) (fields []Field, cache string, err error) {
	fields = []Field{{"Server", "aws"}, {"X-Content-Type-Options", "nosniff"}}
	if o.CORS {
		fields = append(fields, Field{"Access-Control-Allow-Origin", "*"},
			Field{"Access-Control-Expose-Headers", exposedFields})
	}
	own := len(fields)
	for _, f := range o.Fields {
		if !response.ValidField(f.Name, f.Value) {
			return nil, "", fmt.Errorf("header %q: %q is not a field that may be sent", f.Name, f.Value)
		}
		name := strings.ToLower(f.Name)
		if instead, ok := reserved[name]; ok {
			if instead == "" {
				instead = "leave it out"
			}
			return nil, "", fmt.Errorf("header %q: the server sets this field for each response; %s", f.Name, instead)
		}
		if name == "cache-control" {
			if cache != "" {
				return nil, "", fmt.Errorf("header %q: it is given twice; write one value, such as %q", f.Name, cache+", "+f.Value)
			}
			cache = f.Value
			continue
		}
		replaced := false
		for i := range fields[:own] {
			if strings.EqualFold(fields[i].Name, f.Name) {
				fields[i].Value, replaced = f.Value, true
			}
		}
		if !replaced {
			fields = append(fields, f)
		}
	}
	return fields, cache, nil
}
