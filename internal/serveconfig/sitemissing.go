package serveconfig

import (
	"fmt"
	"strings"

	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/sites"
)

// MissingFiles returns warnings of elements of try lists that name a file which is not there, each with its place. The mounts are those
// of the handler of Sites. It may block on a disk.
func (o *Options) MissingFiles(mounts []*docroot.Mount) (warnings []string) {
	type element struct {
		try  *sites.Setting[[]string]
		path string
	}
	seen := map[element]bool{}
	for _, r := range o.Sites.Routes() {
		try := r.Properties.Try
		if try == nil || r.Properties.Respond != nil {
			continue
		}
		for _, path := range try.Value {
			if strings.HasPrefix(path, sites.TryPath) || seen[element{try, path}] {
				continue
			}
			seen[element{try, path}] = true
			if m := mountOf(r.Site, path, mounts); m != nil && !isThere(r.Site, m, path) {
				warnings = append(warnings, fmt.Sprintf("%s: try: %q leads to no file: there is none in %s now", try.From.Position(), path, m.Dir))
			}
		}
	}
	return warnings
}

// mountOf returns the mount of a path of a site, or nil if the path is served otherwise or not at all, which other warnings are about.
func mountOf(site *sites.CompiledSite, path string, mounts []*docroot.Mount) *docroot.Mount {
	p := &site.Route([]byte(path)).Properties
	redirect, _ := site.Redirect([]byte(path))
	if redirect != nil || p.Root == nil || p.Respond != nil || !p.DotFiles.Or(false) && sites.HasDotElement(path) {
		return nil
	}
	for _, m := range mounts {
		if m.Site == site.Name && m.Prefix == p.Root.Value.Base && len(path) >= len(m.Prefix) {
			return m
		}
	}
	return nil
}

// isThere reports whether there is a file for a path: itself or, for a directory, one of its index names. It takes those that have another
// root for present.
func isThere(site *sites.CompiledSite, m *docroot.Mount, path string) bool {
	if !strings.HasSuffix(path, "/") {
		return kernel.LookUp(m.Root, path[m.Strip:]) == kernel.Done
	}
	for _, index := range site.Route([]byte(path)).Properties.Index.Or([]string{"index.html"}) {
		if strings.Contains(index, "/") || kernel.LookUp(m.Root, path[m.Strip:]+index) == kernel.Done {
			return true
		}
	}
	return false
}
