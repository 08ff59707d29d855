package serveconfig

import (
	"fmt"
	"path"
	"strings"

	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/docroot"
	"aws/internal/handler/fileserver"
	"aws/internal/kernel"
	"aws/internal/logging"
)

// files holds the options for the files that are served, and their prefixes.
type files struct {
	root     string
	static   []string
	dynamic  []string
	index    []string
	list     bool
	archive  []string
	listMax  int
	spa      string
	dotFiles bool
}

func (f *files) table() config.Group {
	return config.Group{Name: "Files", Options: []config.Option{
		{
			Name: "root", Into: &f.root, Default: ".",
			Usage:  "serve the files below `DIR`; same as the argument ROOT",
			Advice: "A relative path starts at the directory in which the process was started. The server resolves a symbolic link in it again every second, so you can point a link at another release while the server runs.",
		},
		{
			Name: "static", Into: &f.static,
			Usage:  "serve DIR at PREFIX with sendfile, as `PREFIX=DIR` (repeatable)",
			Advice: "For files that are requested often: they stay in the page cache.",
		},
		{
			Name: "dynamic", Into: &f.dynamic,
			Usage:  "serve DIR at PREFIX with asynchronous reads, as `PREFIX=DIR` (repeatable)",
			Advice: "For files that are too many or too large for memory: reading them does not push other files out of the page cache.",
		},
		{
			Name: "index", Into: &f.index, Default: []string{"index.html"},
			Usage:  "send the file `NAME` for a directory (repeatable)",
			Advice: "The first name that exists is sent.",
		},
		{
			Name: "list", Into: &f.list,
			Usage:  "send a listing for a directory that has no index file",
			Advice: "Everybody who can read the files can then also read their names.",
		},
		{
			Name: "archive", Into: &f.archive,
			Usage:  "offer the directory of a listing as an archive in `FORMAT`, tar.gz or zip (repeatable)",
			Advice: "The page of the listing links to it. An archive is made while it is sent, 16 at a time at most; others get a 503 response.",
		},
		{
			Name: "max-list-entries", Former: "list-max", Into: &f.listMax, Default: 10000, Least: 1, Usage: "largest number of entries in a listing",
			Advice: "A longer listing is cut, and says so. A response with a listing is made in memory; each entry takes about 200 bytes.",
		},
		{
			Name: "spa", Into: &f.spa,
			Usage:  "send the file at `PATH` instead of a 404 response",
			Advice: "For single-page applications that do their own routing: /index.html.",
		},
		{
			Name: "dotfiles", Into: &f.dotFiles,
			Usage:  "serve files whose names begin with a dot",
			Advice: "Leave it off if .git, .env or .htpasswd may be below the root.",
		},
	}}
}

// addMounts opens what is to be served: what the options say, and root unless something else is at "/".
func (f *files) addMounts(so *fileserver.Options, doing Doing) error {
	type mount struct {
		flag, spec string
		kind       docroot.Kind
	}
	var list []mount
	for _, s := range f.static {
		list = append(list, mount{"--static", s, docroot.Static})
	}
	for _, s := range f.dynamic {
		list = append(list, mount{"--dynamic", s, docroot.Dynamic})
	}
	slash := false
	for _, m := range list {
		slash = slash || strings.HasPrefix(m.spec, "/=")
	}
	if !slash {
		list = append(list, mount{"--root", "/=" + f.root, docroot.Static})
	}
	for _, m := range list {
		prefix, dir, ok := strings.Cut(m.spec, "=")
		if !ok || dir == "" {
			return command.UsageError(fmt.Errorf("%s %s: expected PREFIX=DIR, such as /files/=/srv/files", m.flag, m.spec))
		}
		prefix, err := pathPrefix(prefix)
		if err != nil {
			return command.UsageError(fmt.Errorf("%s %s: %w", m.flag, m.spec, err))
		}
		doing("opening the directory %s", dir)
		r, err := command.OpenRoot(m.flag, dir, kernel.LinksBeneath)
		if err != nil {
			return err
		}
		so.Mounts = append(so.Mounts, &docroot.Mount{Prefix: prefix, Strip: len(prefix), Root: r, Kind: m.kind, Dir: dir})
	}
	f.addDynamicRoute(so)
	return nil
}

// dynamicPrefix is where files are read asynchronously if no option says where.
const dynamicPrefix = "/dynamic/"

// addDynamicRoute lets the files beneath ROOT/dynamic be read asynchronously, unless the options say what is, or what
// else is at that prefix. They stay files of ROOT, opened beneath it: a name from the served tree is never taken for
// the operator's word.
func (f *files) addDynamicRoute(so *fileserver.Options) {
	if len(f.dynamic) > 0 {
		return
	}
	var root *docroot.Mount
	for _, m := range so.Mounts {
		switch m.Prefix {
		case dynamicPrefix:
			return
		case "/":
			root = m
		}
	}
	if root.Dir == f.root {
		so.Mounts = append(so.Mounts, &docroot.Mount{Prefix: dynamicPrefix, Strip: root.Strip, Root: root.Root, Kind: docroot.Dynamic, Dir: root.Dir})
	}
}

// pathPrefix reads a prefix of paths and ends it with a slash. It refuses one that no path can have: paths are
// normalised before they are compared.
func pathPrefix(s string) (string, error) {
	if !strings.HasPrefix(s, "/") {
		return "", fmt.Errorf("the prefix %q does not begin with a slash; write %q", s, "/"+s)
	}
	if !strings.HasSuffix(s, "/") {
		s += "/"
	}
	clean := path.Clean(s)
	if clean != "/" {
		clean += "/"
	}
	if clean != s {
		return "", fmt.Errorf("no path begins with %q, because paths are normalised first; write %q", s, clean)
	}
	return s, nil
}

// setSPA reads --spa. It refuses a file that can never be sent.
func (f *files) setSPA(so *fileserver.Options, report *logging.Reporter) error {
	if so.SPA == "" {
		return nil
	}
	if !strings.HasPrefix(so.SPA, "/") {
		so.SPA = "/" + so.SPA
	}
	refuse := func(why string, args ...any) error {
		return command.UsageError(fmt.Errorf("--spa %s: %s", f.spa, fmt.Sprintf(why, args...)))
	}
	if clean := path.Clean(so.SPA); clean != so.SPA {
		return refuse("it is not the path of a file; write %s", clean)
	}
	if !so.DotFiles && strings.Contains(strings.TrimPrefix(so.SPA, "/.well-known/"), "/.") {
		return refuse("names that begin with a dot are not served (--dotfiles does)")
	}
	table, err := docroot.NewTable(so.Mounts...)
	if err != nil {
		return command.UsageError(err)
	}
	m := table.Match([]byte(so.SPA))
	if m == nil {
		return refuse("nothing is mounted there (--static %s/=DIR mounts a directory)", path.Dir(so.SPA))
	}
	switch name := string(m.Name([]byte(so.SPA))); kernel.LookUp(m.Root, name) {
	case kernel.Done:
	case kernel.Directory:
		return refuse("it is a directory; write the path of a file in it, such as %s", path.Join(so.SPA, "index.html"))
	default:
		report.Warn(fmt.Sprintf("--spa %s: there is no such file in %s now: what is missing is 404 until there is", f.spa, m.Dir), "spa", f.spa)
	}
	return nil
}
