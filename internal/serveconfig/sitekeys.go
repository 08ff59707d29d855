package serveconfig

import (
	"strings"

	"aws/internal/config"
	"aws/internal/sites"
)

// SiteTables are the tables of a file that describe sites: config.Sources.Tables for ReadSites.
var SiteTables = []string{siteTable, defaultsTable}

const (
	siteTable     = "site"
	defaultsTable = "defaults"
	routeTable    = "route"
	redirectTable = "redirect"
)

// siteKey defines a key of a table that describes sites. The reader, the suggestions and the reference in the documents
// derive from it.
type siteKey[T any] struct {
	Name    string
	Form    string // the value: string, list, true or false, ...
	Usage   string // a phrase
	Advice  string // sentences; may be empty
	Example string // a line of a file
	read    func(r *siteReader, n *config.Node, into *T)
}

// keyNames returns the names of keys.
func keyNames[T any](keys []siteKey[T]) []string {
	names := make([]string, len(keys))
	for i := range keys {
		names[i] = keys[i].Name
	}
	return names
}

// siteKeys are the keys of [[site]] apart from properties.
var siteKeys = []siteKey[sites.Site]{
	{
		"hosts", "list of strings", "names of the site",
		"A name, `*.` and a name for all names below it, or an IP address. The port and letter case do not matter. A site without hosts needs default = true.",
		`hosts = ["example.org", "*.example.net"]`,
		func(r *siteReader, n *config.Node, s *sites.Site) {
			for _, e := range r.list(n, `["example.org"]`) {
				s.Hosts = append(s.Hosts, sites.Host{Name: e.Text, From: r.from(e)})
			}
		},
	},
	{
		"default", "true or false", "the site of all hosts that no other site has",
		"Without such a site, requests for other hosts get 421.", `default = true`,
		func(r *siteReader, n *config.Node, s *sites.Site) { s.Default, _ = r.boolean(n) },
	},
	{
		"name", "string", "name of the site in messages", "The default is the first host.", `name = "shop"`,
		func(r *siteReader, n *config.Node, s *sites.Site) { s.Name, _ = r.text(n, `"shop"`) },
	},
}

// routeKeys are the keys of [[site.route]] apart from properties.
var routeKeys = []siteKey[sites.Route]{
	{
		"path", "string", "prefix of the paths of the route",
		"It ends at the border of a segment: /a and /a/ are the same, and cover /a and what is below it.", `path = "/private/"`,
		func(r *siteReader, n *config.Node, s *sites.Route) {
			if s.Path, _ = r.text(n, `"/private/"`); s.Path == "" && n.Kind == config.NodeString {
				r.fail(n, `path is empty; write "/" for all paths`)
			}
		},
	},
	{
		"match", "string", "pattern of the files of the route",
		"`*` stands for any characters but a slash, `?` for one, `[a-z]` for one of several. A pattern with a slash is compared with the whole path, another one with the last element. The route applies on top of the route that the path has otherwise.",
		`match = "*.css"`,
		func(r *siteReader, n *config.Node, s *sites.Route) {
			if s.Match, _ = r.text(n, `"*.css"`); s.Match == "" && n.Kind == config.NodeString {
				r.fail(n, `match is empty; write a pattern, such as "*.css"`)
			}
		},
	},
}

// redirectKeys are the keys of [[site.redirect]].
var redirectKeys = []siteKey[sites.Redirect]{
	{
		"from", "string", "path that is redirected", "With `/*` at the end, all that is below it, too.", `from = "/old/*"`,
		func(r *siteReader, n *config.Node, d *sites.Redirect) { d.Path, _ = r.text(n, `"/old/*"`) },
	},
	{
		"to", "string", "path or URL that replaces it", "`/*` at the end stands for the rest of the path.", `to = "/new/*"`,
		func(r *siteReader, n *config.Node, d *sites.Redirect) { d.To, _ = r.text(n, `"/new/*"`) },
	},
	{
		"status", "301, 302, 307 or 308", "status of the response", "The default is 308: the redirect is permanent, and the method stays.", `status = 302`,
		func(r *siteReader, n *config.Node, d *sites.Redirect) {
			if n.Kind != config.NodeInteger {
				r.expected(n, "a status, such as 308")
				return
			}
			d.Status, _ = r.integer(n, 300, 399)
		},
	},
	{
		"query", "keep or drop", "whether the query of the request is part of the target", "The default is keep.", `query = "drop"`,
		func(r *siteReader, n *config.Node, d *sites.Redirect) {
			if i := r.oneOf(n, []string{"keep", "drop"}); i >= 0 {
				d.DropQuery = i == 1
			}
		},
	},
}

// moved are the options of `aws serve` that describe a single site, with what to write in their place.
var moved = map[string]string{
	"root":          "root in [[site]]",
	"static":        "a [[site.route]] with path and root",
	"dynamic":       "a [[site.route]] with path, root and dynamic = true",
	"index":         "index in [[site]]",
	"list":          "list in [[site]]",
	"archive":       "archive in [[site]]",
	"spa":           `try = ["{path}", "/index.html"] in [[site]]`,
	"dotfiles":      "dotfiles in [[site]]",
	"precompressed": "precompressed in [[site]]",
	"compress":      "compress in [[site]]",
	"cors":          "cors in [[site]]",
	"header":        "headers.set or headers.add in [[site]]",
	"cache-control": "cache-control in [[site]] or in a [[site.route]] with match",
	"mime":          "media-types in [[site]]",
	"error-page":    "error-pages in [[site]]",
	"auth":          "auth in [[site]] or in a [[site.route]] with path",

	"certificate":         "certificate in [[site]] or in [defaults]",
	"key":                 "key in [[site]] or in [defaults]",
	"ocsp":                "ocsp in [[site]] or in [defaults]",
	"tls-policy":          "tls-policy in [[site]] or in [defaults]",
	"client-certificates": "client-certificates in [[site]] or in [defaults]",
	"client-ca":           "client-ca in [[site]] or in [defaults]",
	"redirect-to-https":   "redirect-to-https in [[site]] or in [defaults]",
	"hsts":                "hsts in [[site]] or in [defaults]",
}

// SiteReference returns the reference of the tables for the documents, with headings of a level.
func SiteReference(level int) string {
	var b strings.Builder
	section(&b, level, "`[[site]]`", siteKeys)
	section(&b, level, "`[[site]]` and `[defaults]`, for https", tlsKeys)
	section(&b, level, "`[[site.route]]`", routeKeys)
	section(&b, level, "`[[site.redirect]]`", redirectKeys)
	section(&b, level, "Properties of `[[site]]`, `[[site.route]]` and `[defaults]`", propertyKeys)
	b.WriteByte('\n')
	return b.String()
}

// section writes a table of keys.
func section[T any](b *strings.Builder, level int, title string, keys []siteKey[T]) {
	escape, code := strings.NewReplacer("|", `\|`, "<", "&lt;"), strings.NewReplacer("|", `\|`)
	b.WriteString("\n" + strings.Repeat("#", level) + " " + title + "\n\n| key | value | meaning | example |\n|---|---|---|---|\n")
	for _, k := range keys {
		meaning := strings.ToUpper(k.Usage[:1]) + k.Usage[1:] + "."
		if k.Advice != "" {
			meaning += " " + k.Advice
		}
		b.WriteString("| `" + k.Name + "` | " + k.Form + " | " + escape.Replace(meaning) + " | `" + code.Replace(k.Example) + "` |\n")
	}
}
