package serveconfig

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/sites"
)

// An option that can't take effect is a mistake that the operator otherwise notices only when its effect
// is missing. A value that can never be right is refused; a value that may become right, or is harmless, is a warning.

// errorPageStatuses are the statuses whose body is an error page: all errors that aws serve sends, but 416, which has none.
var errorPageStatuses = []int{400, 401, 403, 404, 405, 408, 412, 413, 414, 417, 421, 431, 500, 501, 503, 505}

// effects is what is found out about options that do nothing.
type effects struct {
	origins  config.Origins
	warnings []string
}

// set reports whether an option was set explicitly.
func (e *effects) set(name string) bool {
	return e.origins[name] != "" && e.origins[name] != config.OriginDefault
}

func (e *effects) warn(format string, args ...any) {
	e.warnings = append(e.warnings, fmt.Sprintf(format, args...))
}

// Effects returns what is set and does nothing, as warnings, or an error for the first of it that is refused.
func (o *Options) Effects(origins config.Origins) (warnings []string, err error) {
	e := &effects{origins: origins, warnings: slices.Clone(o.SiteWarnings)}
	o.needs(e)
	if err := o.https.effects(e, o.Sites); err != nil {
		return nil, err
	}
	if err := o.acme.effects(e, o); err != nil {
		return nil, err
	}
	o.clients.proxyEffects(e, &o.Listening)
	if o.limits.rate > 0 && o.limits.rateTotal > 0 && o.limits.rate >= o.limits.rateTotal {
		e.warn("--limit-rate %d does nothing, because --limit-rate-total %d is reached first", o.limits.rate, o.limits.rateTotal)
	}
	o.siteRateEffects(e)
	if err := o.responses.errorPageEffects(e, len(o.clients.auth) > 0); err != nil {
		return nil, err
	}
	for _, s := range slices.Concat(o.files.static, o.files.dynamic, o.clients.auth) {
		prefix, _, _ := strings.Cut(s, "=")
		if !o.files.dotFiles && hasDotElement(prefix) {
			e.warn("%s: nothing is served there, because an element begins with a dot (--dotfiles serves such names)", s)
		}
	}
	if err := o.responses.patternEffects(); err != nil {
		return nil, err
	}
	for _, s := range slices.Concat(o.files.static, o.files.dynamic) {
		if dir, ok := strings.CutPrefix(s, "/="); ok && dir != o.files.root && e.set("root") {
			e.warn("--root %s does nothing, because %s is mounted at /", o.files.root, dir)
		}
	}
	o.clients.authEffects(e)
	o.compressionEffects(e)
	if err := o.files.indexEffects(); err != nil {
		return nil, err
	}
	for _, format := range o.files.archive {
		if !slices.Contains(sites.ArchiveFormats, format) {
			return nil, command.UsageError(fmt.Errorf("--archive %q: it is not a format; write %s", format, strings.Join(sites.ArchiveFormats, " or ")))
		}
	}
	return e.warnings, nil
}

// needs warns of options that do nothing without another one.
func (o *Options) needs(e *effects) {
	for _, needs := range []struct {
		option, needed string
		have           bool
	}{
		{"archive", "--list", o.files.list},
		{"max-list-entries", "--list", o.files.list || o.Sites != nil},
		{"start-timeout", "--supervise", o.Listening.Supervise},
		{"access-log-format", "--access-log", o.Watch.Logs()},
		{"trace-file-bytes", "--trace-file", o.Watch.Traces()},
		{"socket-mode", "a --listen unix:/path", o.Listening.listensAt("unix:")},
		{"socket-group", "a --listen unix:/path", o.Listening.listensAt("unix:")},
	} {
		if e.set(needs.option) && !needs.have {
			e.warn("--%s does nothing without %s", needs.option, needs.needed)
		}
	}
}

// proxyEffects warns of proxies that can't connect.
func (c *clients) proxyEffects(e *effects, l *Listening) {
	for _, s := range c.proxies {
		switch tcp := slices.ContainsFunc(l.addresses, func(a string) bool { return !strings.HasPrefix(a, "unix:") }); {
		case s == proxyUnix && !l.listensAt("unix:"):
			e.warn("--proxy-from unix does nothing without a --listen unix:/path")
		case s != proxyUnix && !tcp:
			e.warn("--proxy-from %s does nothing where all addresses are Unix sockets; write --proxy-from unix", s)
		}
	}
}

// authEffects warns of an authOff at a prefix that needs no password anyway.
func (c *clients) authEffects(e *effects) {
	for _, s := range c.auth {
		if prefix, file, _ := strings.Cut(s, "="); file == authOff && !c.asksAbove(prefix) {
			e.warn("--auth %s does nothing, because no --auth above it asks for a password", s)
		}
	}
}

// errorPageEffects refuses pages that are never sent, and warns of those that are not sent as things are.
func (r *responses) errorPageEffects(e *effects, auth bool) error {
	for _, s := range r.errorPages {
		code, _, _ := strings.Cut(s, "=")
		status, err := strconv.Atoi(code)
		if err == nil && status >= 400 && !slices.Contains(errorPageStatuses, status) { // no error at all is refused elsewhere
			return command.UsageError(fmt.Errorf("--error-page %s: no response with the status %d has a body of the server's; those with %s have",
				s, status, strings.Trim(strings.ReplaceAll(fmt.Sprint(errorPageStatuses), " ", ", "), "[]")))
		}
		if status == 401 && !auth {
			e.warn("--error-page %s does nothing without --auth", s)
		}
	}
	return nil
}

// patternEffects refuses patterns that match no path.
func (r *responses) patternEffects() error {
	for _, s := range slices.Concat(r.cacheControl, r.mimes) {
		pattern, _, _ := strings.Cut(s, "=")
		if strings.HasPrefix(pattern, "/") && path.Clean(pattern) != pattern {
			return command.UsageError(fmt.Errorf("%q matches no file, because paths are normalised first; write %q", s, path.Clean(pattern)))
		}
	}
	return nil
}

// indexEffects refuses names that no file in a directory has.
func (f *files) indexEffects() error {
	for _, name := range f.index {
		if name == "" {
			continue // no name stands for a directory
		}
		if strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") || path.Clean(name) != name || strings.HasPrefix(name, "..") {
			return command.UsageError(fmt.Errorf("--index %q: expected the name of a file in a directory, such as index.html", name))
		}
	}
	return nil
}

// hasDotElement reports whether a path has an element that begins with a dot, /.well-known aside (RFC 8615).
func hasDotElement(p string) bool {
	return strings.Contains(strings.TrimPrefix(p+"/", "/.well-known/"), "/.")
}
