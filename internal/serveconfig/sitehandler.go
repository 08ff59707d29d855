package serveconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"aws/internal/command"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/handler/fileserver"
	"aws/internal/kernel"
	"aws/internal/response"
	"aws/internal/sites"
)

// SiteHandler opens the roots of Sites, and reads the files with users and error pages. The error contains all that can't be
// opened, each with its place. The function that it returns closes the roots; it is never nil.
func (o *Options) SiteHandler(doing Doing) (h handler.Handler, closeRoots func(), err error) {
	r := siteOpener{doing: doing, options: &fileserver.SiteOptions{
		Table: o.Sites, Roots: map[fileserver.RootKey]kernel.Root{}, Users: map[string]*docroot.Passwords{}, Pages: map[string][]byte{},
	}}
	closeRoots = func() {
		for _, root := range r.options.Roots {
			_ = kernel.CloseRoot(root)
		}
	}
	var single fileserver.Options
	o.limits.addToHandler(&single)
	r.options.Common = fileserver.Common{Limits: single.Limits, Body: single.Body, RangesMax: single.RangesMax, ListMax: o.files.listMax, HTTPSPort: o.https.port()}
	if o.Issued != nil {
		r.options.Challenges = o.Issued
	}
	r.options.Types = response.NewMediaTypes()
	if file, err := os.ReadFile(systemTypes); err == nil {
		r.options.Types.Load(file)
	}
	for _, route := range o.Sites.Routes() {
		r.route(&route.Properties)
	}
	if err := errors.Join(r.errs...); err != nil {
		return nil, closeRoots, err
	}
	return fileserver.NewSites(r.options), closeRoots, nil
}

// siteOpener opens what the properties of routes name. Each is opened once, however many routes inherit it.
type siteOpener struct {
	options *fileserver.SiteOptions
	doing   Doing
	failed  map[string]bool
	errs    []error
}

func (r *siteOpener) fail(what string, err error) {
	if r.failed == nil {
		r.failed = map[string]bool{}
	}
	if !r.failed[what] {
		r.failed[what] = true
		r.errs = append(r.errs, err)
	}
}

// route opens what a route needs.
func (r *siteOpener) route(p *sites.Properties) {
	if p.Root != nil && p.Respond == nil {
		r.root(fileserver.RootKeyOf(p))
	}
	if p.Auth != nil && p.Auth.Value.File != "" {
		r.users(p.Auth)
	}
	for i := range p.ErrorPages {
		r.page(&p.ErrorPages[i])
	}
}

// linkPolicies are the policies of links of the kernel's, by those of routes.
var linkPolicies = [...]kernel.Links{
	sites.SymlinksWithinRoot: kernel.LinksBeneath, sites.SymlinksSameOwner: kernel.LinksOfSameOwner, sites.SymlinksNever: kernel.LinksNever,
}

func (r *siteOpener) root(key fileserver.RootKey) {
	if _, ok := r.options.Roots[key]; ok {
		return
	}
	s := key.Root
	what := fmt.Sprintf("%s: root", s.From)
	r.doing("opening the directory %s", s.Value.Directory)
	root, err := command.OpenRoot(what, s.Value.Directory, linkPolicies[key.Symlinks])
	if err != nil {
		r.fail(what, err)
		return
	}
	r.options.Roots[key] = root
}

func (r *siteOpener) users(s *sites.Setting[sites.Auth]) {
	file := s.Value.File
	if _, ok := r.options.Users[file]; ok {
		return
	}
	what := fmt.Sprintf("%s: auth %s", s.From, file)
	r.doing("reading %s", file)
	content, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.fail(what, fmt.Errorf("%s: %w (htpasswd -B -c %s NAME makes it, with the user NAME)", what, err, file))
		return
	case err != nil:
		r.fail(what, command.FileError(what, "read", err))
		return
	}
	users, err := docroot.ParsePasswords(content)
	if err != nil {
		r.fail(what, fmt.Errorf("%s: %w (htpasswd -B %s NAME writes a line for the user NAME)", what, err, file))
		return
	}
	r.options.Users[file] = users
}

func (r *siteOpener) page(e *sites.ErrorPage) {
	if _, ok := r.options.Pages[e.File]; ok {
		return
	}
	what := fmt.Sprintf("%s: error-pages: the page of %d", e.From, e.Status)
	r.doing("reading %s", e.File)
	body, err := os.ReadFile(e.File)
	if err != nil {
		r.fail(what, command.FileError(what, "read", err))
		return
	}
	if len(body) > errorPageBytesMax {
		r.fail(what, fmt.Errorf("%s: %s has %d bytes, and may have %d; name a smaller file", what, e.File, len(body), errorPageBytesMax))
		return
	}
	r.options.Pages[e.File] = body
}
