package fileserver

import (
	"fmt"
	"strings"

	"aws/internal/response"
	"aws/internal/sites"
)

// optionHints say what to write instead of a header field that the server sets.
var optionHints = map[string]string{
	"www-authenticate": "--auth asks for passwords",
	"content-type":     "--mime sets media types",
}

// reserved reports whether no option may set a field, whose name is in lower case: the server sets it for each response. instead
// says what to write. Cache-Control and the permissions of CORS, which are properties of a site, may be set by the option.
func reserved(name string) (instead string, isReserved bool) {
	if name == "cache-control" || strings.HasPrefix(name, "access-control-") {
		return "", false
	}
	if _, isReserved = sites.Reserved(name); !isReserved {
		return "", false
	}
	if instead = optionHints[name]; instead == "" {
		instead = "leave it out"
	}
	return instead, true
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
		if instead, ok := reserved(name); ok {
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
