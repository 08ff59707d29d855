package main

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"aws/internal/command"
	"aws/internal/config"
)

// An option that can't take effect is a mistake of anyone who has set it: it says nothing until somebody misses what it
// should have done. What can never be right is refused; what may come to be, or does no harm, is a warning.

// errorPageStatuses are the statuses whose body is an error page: all errors that aws serve sends, but 416, which has none.
var errorPageStatuses = []int{400, 401, 403, 404, 405, 408, 412, 413, 414, 417, 421, 431, 500, 501, 503, 505}

// effects returns what is set and does nothing, as warnings, or an error for the first of it that is refused.
func (o *serveOptions) effects(origins config.Origins) (warnings []string, err error) {
	set := func(name string) bool { return origins[name] != "" && origins[name] != config.OriginDefault }
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	for _, needs := range []struct {
		option, needed string
		have           bool
	}{
		{"max-list-entries", "--list", o.list},
		{"start-timeout", "--supervise", o.supervise},
		{"access-log-format", "--access-log", o.watch.Logs()},
		{"trace-file-bytes", "--trace-file", o.watch.Traces()},
		{"socket-mode", "a --listen unix:/path", o.listensAt("unix:")},
		{"socket-group", "a --listen unix:/path", o.listensAt("unix:")},
	} {
		if set(needs.option) && !needs.have {
			warn("--%s does nothing without %s", needs.option, needs.needed)
		}
	}
	for _, s := range o.proxies {
		switch tcp := slices.ContainsFunc(o.listen, func(a string) bool { return !strings.HasPrefix(a, "unix:") }); {
		case s == proxyUnix && !o.listensAt("unix:"):
			warn("--proxy-from unix does nothing without a --listen unix:/path")
		case s != proxyUnix && !tcp:
			warn("--proxy-from %s does nothing where all addresses are Unix sockets; write --proxy-from unix", s)
		}
	}
	if o.rate > 0 && o.rateTotal > 0 && o.rate >= o.rateTotal {
		warn("--limit-rate %d does nothing, because --limit-rate-total %d is reached first", o.rate, o.rateTotal)
	}
	for _, s := range o.errorPages {
		code, _, _ := strings.Cut(s, "=")
		status, err := strconv.Atoi(code)
		if err == nil && status >= 400 && !slices.Contains(errorPageStatuses, status) { // no error at all is refused elsewhere
			return nil, command.UsageError(fmt.Errorf("--error-page %s: no response with the status %d has a body of the server's; those with %s have",
				s, status, strings.Trim(strings.ReplaceAll(fmt.Sprint(errorPageStatuses), " ", ", "), "[]")))
		}
		if status == 401 && len(o.auth) == 0 {
			warn("--error-page %s does nothing without --auth", s)
		}
	}
	for _, s := range slices.Concat(o.static, o.dynamic, o.auth) {
		prefix, _, _ := strings.Cut(s, "=")
		if !o.dotFiles && hasDotElement(prefix) {
			warn("%s: nothing is served there, because an element begins with a dot (--dotfiles serves such names)", s)
		}
	}
	for _, s := range slices.Concat(o.cacheControl, o.mimes) {
		pattern, _, _ := strings.Cut(s, "=")
		if strings.HasPrefix(pattern, "/") && path.Clean(pattern) != pattern {
			return nil, command.UsageError(fmt.Errorf("%q matches no file, because paths are normalised first; write %q", s, path.Clean(pattern)))
		}
	}
	for _, s := range slices.Concat(o.static, o.dynamic) {
		if dir, ok := strings.CutPrefix(s, "/="); ok && dir != o.root && set("root") {
			warn("--root %s does nothing, because %s is mounted at /", o.root, dir)
		}
	}
	for _, s := range o.auth {
		if prefix, file, _ := strings.Cut(s, "="); file == authOff && !o.asksAbove(prefix) {
			warn("--auth %s does nothing, because no --auth above it asks for a password", s)
		}
	}
	for _, name := range o.index {
		if name == "" {
			continue // no name stands for a directory
		}
		if strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") || path.Clean(name) != name || strings.HasPrefix(name, "..") {
			return nil, command.UsageError(fmt.Errorf("--index %q: expected the name of a file in a directory, such as index.html", name))
		}
	}
	return warnings, nil
}

// warnEffects warns of what is set and does nothing.
func (o *serveOptions) warnEffects(origins config.Origins) error {
	warnings, err := o.effects(origins)
	for _, w := range warnings {
		o.report.Warn(w)
	}
	return err
}

// asksAbove reports whether an --auth asks for a password at a prefix of another.
func (o *serveOptions) asksAbove(prefix string) bool {
	prefix = strings.TrimSuffix(prefix, "/") + "/"
	return slices.ContainsFunc(o.auth, func(s string) bool {
		above, file, _ := strings.Cut(s, "=")
		above = strings.TrimSuffix(above, "/") + "/"
		return file != authOff && above != prefix && strings.HasPrefix(prefix, above)
	})
}

// listensAt reports whether an address of --listen begins with a prefix.
func (o *serveOptions) listensAt(prefix string) bool {
	return slices.ContainsFunc(o.listen, func(a string) bool { return strings.HasPrefix(a, prefix) })
}

// hasDotElement reports whether a path has an element that begins with a dot, /.well-known aside (RFC 8615).
func hasDotElement(p string) bool {
	return strings.Contains(strings.TrimPrefix(p+"/", "/.well-known/"), "/.")
}
