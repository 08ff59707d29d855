package serveconfig

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/handler/fileserver"
	"aws/internal/response"
)

// responses holds the options for header fields, media types and error pages.
type responses struct {
	precompress  bool
	cors         bool
	headers      []string
	cacheControl []string
	mimes        []string
	errorPages   []string
	compress     compress
}

func (r *responses) table() config.Group {
	return config.Group{Name: "Responses", Options: append([]config.Option{
		{
			Name: "precompressed", Into: &r.precompress, Default: true,
			Usage:  "send NAME.zst, NAME.br or NAME.gz in place of NAME to clients that accept the coding",
			Advice: "Turn it off if such files are not compressed forms of NAME. Without it, the server also does not look for them.",
		},
		{Name: "cors", Into: &r.cors, Usage: "allow web pages of any origin to read the files", Advice: "For public files only."},
		{Name: "header", Into: &r.headers, Usage: "add a header field to every response, as `'Name: value'` (repeatable)", Advice: "For browser policies, such as Content-Security-Policy."},
		{
			Name: "cache-control", Into: &r.cacheControl,
			Usage:  "set Cache-Control of matching files, as `GLOB=VALUE` (repeatable)",
			Advice: "A GLOB with a slash is compared with the whole path of a file, a GLOB without a slash with its name. Files that have a hash in their names can be cached for ever: '*.[0-9a-f]*.js=max-age=31536000, immutable'.",
		},
		{
			Name: "mime", Into: &r.mimes,
			Usage:  "set the media type of an extension or of matching names, as `EXT=TYPE` or GLOB=TYPE (repeatable)",
			Advice: "It has precedence over /etc/mime.types.",
		},
		{Name: "error-page", Into: &r.errorPages, Usage: "send FILE as the body of error responses with STATUS, as `STATUS=FILE` (repeatable)", Advice: "The file is read at the start and at a reload."},
	}, r.compress.table()...)}
}

// addFields reads --header and --cache-control.
func (r *responses) addFields(so *fileserver.Options) error {
	for _, h := range r.headers {
		name, value, ok := strings.Cut(h, ":")
		value = strings.TrimSpace(value)
		if !ok || !response.ValidField(name, value) {
			return command.UsageError(fmt.Errorf("--header %q: expected 'Name: value', such as 'X-Robots-Tag: noindex'", h))
		}
		so.Fields = append(so.Fields, fileserver.Field{Name: name, Value: value})
	}
	for _, c := range r.cacheControl {
		pattern, value, ok := strings.Cut(c, "=")
		if !ok {
			return command.UsageError(fmt.Errorf("--cache-control %q: expected GLOB=VALUE, such as '*.css=max-age=3600'", c))
		}
		so.CacheControl = append(so.CacheControl, fileserver.Glob{Pattern: pattern, Value: value})
	}
	return nil
}

// systemTypes is where Debian keeps the media types that its packages know.
const systemTypes = "/etc/mime.types"

// addTypes reads the system's media types and --mime.
func (r *responses) addTypes(so *fileserver.Options) error {
	if file, err := os.ReadFile(systemTypes); err == nil {
		so.Types.Load(file)
	}
	for _, s := range r.mimes {
		name, mediaType, ok := strings.Cut(s, "=")
		if !ok || !response.ValidMediaType(mediaType) {
			return command.UsageError(fmt.Errorf("--mime %q: expected EXT=TYPE or GLOB=TYPE, such as md=text/markdown", s))
		}
		if strings.ContainsAny(name, "*?[/") {
			so.TypeGlobs = append(so.TypeGlobs, fileserver.Glob{Pattern: name, Value: mediaType})
		} else if !so.Types.Set(name, mediaType) {
			return command.UsageError(fmt.Errorf("--mime %q: %q can't be an extension", s, name))
		}
	}
	return nil
}

// errorPageBytesMax bounds an error page, which is kept in memory.
const errorPageBytesMax = 64 << 10

// addErrorPages reads --error-page.
func (r *responses) addErrorPages(so *fileserver.Options, doing Doing) error {
	so.ErrorPages = map[response.Status]fileserver.ErrorPage{}
	for _, s := range r.errorPages {
		code, file, ok := strings.Cut(s, "=")
		status, err := strconv.ParseUint(code, 10, 16)
		if !ok || err != nil || status < 400 || response.Status(status).Reason() == "" {
			return command.UsageError(fmt.Errorf("--error-page %q: expected STATUS=FILE with a status that is sent, such as 404=missing.html", s))
		}
		doing("reading %s", file)
		body, err := os.ReadFile(file)
		if err != nil {
			return command.FileError("--error-page "+s, "read", err)
		}
		if len(body) > errorPageBytesMax {
			return fmt.Errorf("--error-page %s: it has %d bytes, and may have %d; name a smaller file", s, len(body), errorPageBytesMax)
		}
		so.ErrorPages[response.Status(status)] = fileserver.ErrorPage{
			Type: response.WithCharset(so.Types.Lookup(file)), Body: body,
		}
	}
	return nil
}
