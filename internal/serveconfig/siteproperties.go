package serveconfig

import (
	"net/netip"
	"strconv"

	"aws/internal/config"
	"aws/internal/response"
	"aws/internal/sites"
)

// propertyKeys are the keys that sites, routes and [defaults] have in common.
var propertyKeys = []siteKey[sites.Properties]{
	{
		"root", "directory", "directory with the files",
		"That of a route has the files below the path of the route: with path = \"/iso/\", /iso/a is the file a in it.", `root = "/srv/www"`,
		func(r *siteReader, n *config.Node, p *sites.Properties) {
			if text, ok := r.text(n, `"/srv/www"`); ok {
				p.Root = sites.Set(sites.Root{Directory: text}, r.from(n))
			}
		},
	},
	{
		"dynamic", "true or false", "read the files asynchronously, and do not send them from the page cache",
		"For files that are too many or too large for memory.", `dynamic = true`,
		flag(func(p *sites.Properties) **sites.Setting[bool] { return &p.Dynamic }),
	},
	{
		"index", "list of strings", "names of the file that is sent for a directory", "The first that exists is sent. The default is index.html; [] is none.",
		`index = ["index.html", "index.htm"]`,
		names(func(p *sites.Properties) **sites.Setting[[]string] { return &p.Index }, `["index.html"]`),
	},
	{
		"list", "true or false", "send a listing for a directory that has no index file", "The default is false.", `list = true`,
		flag(func(p *sites.Properties) **sites.Setting[bool] { return &p.List }),
	},
	{
		"archive", "list of tar.gz and zip", "offer the directory of a listing as an archive, in these formats",
		"The page of the listing links to it. It is at the URL of the directory with `?archive=zip`. What a route below leaves out, by list, archive or a password, is not in it. The default is none.",
		`archive = ["tar.gz", "zip"]`,
		names(func(p *sites.Properties) **sites.Setting[[]string] { return &p.Archive }, `["zip"]`),
	},
	{
		"dotfiles", "true or false", "serve files whose names begin with a dot", "The default is false. Names in /.well-known/ are served in any case.", `dotfiles = true`,
		flag(func(p *sites.Properties) **sites.Setting[bool] { return &p.DotFiles }),
	},
	{
		"try", "list of strings", "what is looked up for a path, in this order",
		"`{path}` is the path; an element without it is a path of the site. An element that ends with a slash is a directory, another one a file. The first that exists is sent. If none exists, the list has `{path}`, and the path is a directory without its slash, the client is redirected to it. The default is [\"{path}\"].",
		`try = ["{path}", "{path}.html", "{path}/", "/index.html"]`,
		names(func(p *sites.Properties) **sites.Setting[[]string] { return &p.Try }, `["{path}", "/index.html"]`),
	},
	{
		"respond", "status or table", "respond with this status and body, and without a file",
		"The body is text/plain unless type has another media type. A route that sets root has files again.", `respond = { status = 410, body = "Gone.\n" }`, readRespond,
	},
	{
		"error-pages", "table", "files with the bodies of error responses, by status", "Pages of other statuses are inherited.",
		`error-pages = { 404 = "/srv/errors/404.html" }`, readErrorPages,
	},
	{
		"media-types", "table", "media types, by extension or pattern",
		"They have precedence over /etc/mime.types. Those of other names are inherited.", `media-types = { md = "text/markdown", "*.tar.x" = "application/x-tar" }`,
		func(r *siteReader, n *config.Node, p *sites.Properties) {
			for _, m := range r.members(n, `{ md = "text/markdown" }`) {
				if text, ok := r.text(m, `"text/markdown"`); ok {
					p.Types = append(p.Types, sites.MediaType{Pattern: m.Key, Type: text, From: r.from(m)})
				}
			}
		},
	},
	{
		"charset", "string", "charset of text files", `The default is utf-8; "" is none.`, `charset = "iso-8859-1"`,
		word(func(p *sites.Properties) **sites.Setting[string] { return &p.Charset }, `"utf-8"`),
	},
	{
		"cache-control", "string", "value of Cache-Control of files", `"" is none, which is the default.`, `cache-control = "public, max-age=86400"`,
		word(func(p *sites.Properties) **sites.Setting[string] { return &p.CacheControl }, `"public, max-age=3600"`),
	},
	{
		"headers", "table", "set, add or remove header fields of responses",
		"set replaces the field, also the server's own; add adds a line, in place of the server's own; remove leaves it out. Names in Vary are added to those of the server. Fields of other names are inherited. Fields that frame the message are refused.",
		`headers = { set = { X-Robots-Tag = "noindex" }, add = { Link = ["</a.css>; rel=preload"] }, remove = ["Server"] }`, readHeaders,
	},
	{
		"cors", "true, false or table", "permit web pages of other origins to read the files",
		"true permits all origins. A table has origins, methods, credentials and max-age.",
		`cors = { origins = ["https://app.example.org"], methods = ["GET", "HEAD"], credentials = true, max-age = "1h" }`, readCORS,
	},
	{
		"auth", "file or off", "require a user and password from this file",
		"The file has the format of htpasswd, with bcrypt hashes. It protects all that is below, also what other routes serve there; off requires none. Not with match.",
		`auth = "/etc/aws/users"`,
		func(r *siteReader, n *config.Node, p *sites.Properties) {
			text, ok := r.text(n, `"/etc/aws/users"`)
			switch {
			case !ok:
			case text == "":
				r.fail(n, `auth is empty; write a file, such as "/etc/aws/users", or "off"`)
			case text == authOff:
				p.Auth = sites.Set(sites.Auth{}, r.from(n))
			default:
				p.Auth = sites.Set(sites.Auth{File: text}, r.from(n))
			}
		},
	},
	{
		"realm", "string", "name of the protected space, which browsers show", "", `realm = "Staff"`,
		word(func(p *sites.Properties) **sites.Setting[string] { return &p.Realm }, `"Staff"`),
	},
	{
		"allow", "list of networks", "clients that are admitted", "Others get 403. An address, a CIDR, or all. Not with match.", `allow = ["10.0.0.0/8", "2001:db8::/32"]`,
		readNetworks(func(p *sites.Properties) **sites.Setting[[]netip.Prefix] { return &p.Allow }),
	},
	{
		"deny", "list of networks", "clients that get 403", "It precedes allow. Not with match.", `deny = ["10.66.0.0/16"]`,
		readNetworks(func(p *sites.Properties) **sites.Setting[[]netip.Prefix] { return &p.Deny }),
	},
	{
		"precompressed", "true or false", "send NAME.zst, NAME.br or NAME.gz in place of NAME to clients that accept the coding", "The default is true.", `precompressed = false`,
		flag(func(p *sites.Properties) **sites.Setting[bool] { return &p.Precompressed }),
	},
	{
		"limit-rate", "size", "body bytes per second of a connection",
		"The option limit-rate of the server applies, too: the lower one of the two counts. 0 is no limit, which is the default.", `limit-rate = "2MiB"`,
		size(func(p *sites.Properties) **sites.Setting[int64] { return &p.LimitRate }, `"2MiB"`),
	},
	{
		"limit-rate-total", "size", "body bytes per second of all connections together",
		"All that inherit the value share it: that of a site is for the site, that of [defaults] for all sites. One that is set further inside takes its place. The option limit-rate-total of the server applies, too. 0 is no limit, which is the default.",
		`limit-rate-total = "100MiB"`,
		size(func(p *sites.Properties) **sites.Setting[int64] { return &p.TotalRate }, `"100MiB"`),
	},
	{
		"symlinks", "within-root, same-owner or never", "which symbolic links below the root are followed",
		"within-root follows those that stay below the root, which is the default. same-owner follows those of them whose owner is that of what they lead to. What another link leads to is 404, and is not listed. The root itself may be a link, and the files of error-pages and auth may be anywhere.",
		`symlinks = "same-owner"`,
		func(r *siteReader, n *config.Node, p *sites.Properties) {
			if i := r.oneOf(n, sites.SymlinksNames); i >= 0 {
				p.Symlinks = sites.Set(sites.Symlinks(i), r.from(n))
			}
		},
	},
	{
		"compress", "true or false", "compress files for clients that accept zstd, br or gzip",
		"The default is false. Files of compress-types from compress-min-bytes up to 8 MiB are compressed, each version once. A precompressed file on the disk precedes. Cache-Control with no-transform turns it off. See [compression](#compression).", `compress = true`,
		flag(func(p *sites.Properties) **sites.Setting[bool] { return &p.Compress }),
	},
	{
		"compress-types", "list of strings", "media types of files that are compressed",
		"`*` stands for any characters but a slash. The list replaces the default, which has the types of text, JSON, XML, JavaScript, WebAssembly, SVG and uncompressed fonts.", `compress-types = ["text/*", "application/json"]`,
		names(func(p *sites.Properties) **sites.Setting[[]string] { return &p.CompressTypes }, `["text/*"]`),
	},
	{
		"compress-min-bytes", "size", "size of the smallest file that is compressed", "The default is 1KiB: a smaller response fits one packet.", `compress-min-bytes = "4KiB"`,
		size(func(p *sites.Properties) **sites.Setting[int64] { return &p.CompressMinBytes }, `"4KiB"`),
	},
}

// reads is how a key is read.
type reads = func(r *siteReader, n *config.Node, p *sites.Properties)

// flag reads a property that is true or false.
func flag(at func(p *sites.Properties) **sites.Setting[bool]) reads {
	return func(r *siteReader, n *config.Node, p *sites.Properties) {
		if v, ok := r.boolean(n); ok {
			*at(p) = sites.Set(v, r.from(n))
		}
	}
}

// word reads a property that is a string.
func word(at func(p *sites.Properties) **sites.Setting[string], example string) reads {
	return func(r *siteReader, n *config.Node, p *sites.Properties) {
		if v, ok := r.text(n, example); ok {
			*at(p) = sites.Set(v, r.from(n))
		}
	}
}

// size reads a property that is a number of bytes, with or without a unit.
func size(at func(p *sites.Properties) **sites.Setting[int64], example string) reads {
	return func(r *siteReader, n *config.Node, p *sites.Properties) {
		if n.Kind != config.NodeInteger && n.Kind != config.NodeString {
			r.expected(n, "a size, such as "+example)
			return
		}
		v, err := config.ParseSize(n.Text)
		if err != nil || v < 0 {
			r.fail(n, "%s: %q is not a size; write one such as %s", n.Key, n.Text, example)
			return
		}
		*at(p) = sites.Set(int64(v), r.from(n))
	}
}

// names reads a property that is a list of strings.
func names(at func(p *sites.Properties) **sites.Setting[[]string], example string) reads {
	return func(r *siteReader, n *config.Node, p *sites.Properties) {
		if v, ok := r.texts(n, example); ok {
			*at(p) = sites.Set(v, r.from(n))
		}
	}
}

// members returns the members of a table.
func (r *siteReader) members(n *config.Node, example string) []*config.Node {
	if n.Kind != config.NodeTable {
		r.expected(n, "a table, such as "+example)
		return nil
	}
	return n.Members
}

func readRespond(r *siteReader, n *config.Node, p *sites.Properties) {
	var v sites.Respond
	status := func(n *config.Node) {
		if n.Kind != config.NodeInteger {
			r.expected(n, "a status, such as 404")
		} else if s, ok := r.integer(n, 100, response.StatusCount-1); ok {
			v.Status = response.Status(s)
		}
	}
	if n.Kind == config.NodeInteger {
		status(n)
	} else {
		for _, m := range r.members(n, `{ status = 404, body = "Not here.\n" }`) {
			switch m.Key {
			case "status":
				status(m)
			case "body":
				v.Body, _ = r.text(m, `"Not here.\n"`)
			case "type":
				v.Type, _ = r.text(m, `"text/plain"`)
			default:
				r.fail(m, "unknown key %q in respond%s", m.Key, r.hint(m.Key, []string{"status", "body", "type"}))
			}
		}
		if n.Kind == config.NodeTable && n.Member("status") == nil {
			r.fail(n, "respond has no status; write status = 404")
		}
	}
	if v.Status != 0 {
		p.Respond = sites.Set(v, r.from(n))
	}
}

func readErrorPages(r *siteReader, n *config.Node, p *sites.Properties) {
	for _, m := range r.members(n, `{ 404 = "/srv/404.html" }`) {
		status, ok := sites.ParseStatus(m.Key)
		if !ok {
			r.fail(m, "error-pages: %q is not a status; write one, such as 404", m.Key)
			continue
		}
		if file, ok := r.text(m, `"/srv/404.html"`); ok {
			p.ErrorPages = append(p.ErrorPages, sites.ErrorPage{Status: status, File: file, From: r.from(m)})
		}
	}
}

func readHeaders(r *siteReader, n *config.Node, p *sites.Properties) {
	for _, m := range r.members(n, `{ set = { X-Robots-Tag = "noindex" } }`) {
		switch m.Key {
		case sites.HeaderSet.String():
			for _, f := range r.members(m, `{ X-Robots-Tag = "noindex" }`) {
				if text, ok := r.text(f, `"noindex"`); ok {
					p.Headers = append(p.Headers, sites.Header{Change: sites.HeaderSet, Name: f.Key, Value: text, From: r.from(f)})
				}
			}
		case sites.HeaderAdd.String():
			for _, f := range r.members(m, `{ Link = ["</a.css>; rel=preload"] }`) {
				for _, e := range r.list(f, `["</a.css>; rel=preload"]`) {
					p.Headers = append(p.Headers, sites.Header{Change: sites.HeaderAdd, Name: f.Key, Value: e.Text, From: r.from(e)})
				}
			}
		case sites.HeaderRemove.String():
			for _, e := range r.list(m, `["Server"]`) {
				p.Headers = append(p.Headers, sites.Header{Change: sites.HeaderRemove, Name: e.Text, From: r.from(e)})
			}
		default:
			r.fail(m, "unknown key %q in headers%s", m.Key, r.headersHint(m.Key))
		}
	}
}

// headersHint returns what may have been meant by a key of headers, which may be the name of a field.
func (r *siteReader) headersHint(key string) string {
	if near := config.Nearest(key, []string{"set", "add", "remove"}); near != "" {
		return "; did you mean " + near + "?"
	}
	return "; write headers.set = { " + strconv.Quote(key) + ` = "..." }`
}

func readCORS(r *siteReader, n *config.Node, p *sites.Properties) {
	var v sites.CORS
	if n.Kind == config.NodeBool {
		if n.Text == "true" {
			v.Origins = []string{"*"}
		}
		p.CORS = sites.Set(v, r.from(n))
		return
	}
	for _, m := range r.members(n, `{ origins = ["https://example.org"] }`) {
		switch m.Key {
		case "origins":
			v.Origins, _ = r.texts(m, `["https://example.org"]`)
		case "methods":
			v.Methods, _ = r.texts(m, `["GET", "HEAD"]`)
		case "credentials":
			v.Credentials, _ = r.boolean(m)
		case "max-age":
			v.MaxAge = r.duration(m)
		default:
			r.fail(m, "unknown key %q in cors%s", m.Key, r.hint(m.Key, []string{"origins", "methods", "credentials", "max-age"}))
		}
	}
	if n.Kind == config.NodeTable {
		p.CORS = sites.Set(v, r.from(n))
	}
}

// readNetworks reads a property that is a list of networks.
func readNetworks(at func(p *sites.Properties) **sites.Setting[[]netip.Prefix]) reads {
	return func(r *siteReader, n *config.Node, p *sites.Properties) {
		texts, ok := r.texts(n, `["10.0.0.0/8"]`)
		if !ok {
			return
		}
		networks, bad := sites.ParseNetworks(texts)
		if networks == nil {
			r.fail(n, "%s: %q is not a network; write a CIDR such as 10.0.0.0/8, an address, or all", n.Key, bad)
			return
		}
		*at(p) = sites.Set(networks, r.from(n))
	}
}
