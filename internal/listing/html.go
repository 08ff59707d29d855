package listing

import (
	"math"
	"slices"
	"strings"
)

// crumbsMax is the number of directories in the breadcrumb trail, in addition to the root. Without a limit,
// the size of the links would grow with the square of the depth.
const crumbsMax = 8

// AppendHTML appends the listing as a page in UTF-8, with the entries in their present order; see Sort. It
// does not allocate if dst has room.
func (p *Page) AppendHTML(dst []byte) []byte {
	const row = `<tr><th scope="row"><a href=""><bdi></bdi></a></th><td title="1,234,567 bytes">1.2 MiB</td>` +
		`<td><time datetime="2006-01-02T15:04:05Z">2006-01-02 15:04</time></td></tr>`
	dst = slices.Grow(dst, len(style)+len(script)+len(p.Readme.Text)+p.guess(len(row), 2))
	dst = p.appendTop(dst)
	var directories, files, bytesTotal uint64
	for i := range p.Entries {
		e := &p.Entries[i]
		dst = appendRow(dst, e)
		if e.Directory {
			directories++
			continue
		}
		files++
		if size := uint64(max(e.Size, 0)); bytesTotal <= math.MaxUint64-size {
			bytesTotal += size
		}
	}
	if len(p.Entries) == 0 {
		dst = append(dst, "<tr><td colspan=\"3\" class=\"empty\">This directory is empty.</td></tr>\n"...)
	}
	dst = append(dst, "</tbody>\n</table>\n"...)
	dst = p.appendArchives(dst)
	dst = appendReadme(dst, &p.Readme)
	dst = append(dst, "</main>\n<footer>"...)
	dst = appendCount(dst, directories, "directory", "directories")
	dst = append(dst, ", "...)
	dst = appendCount(dst, files, "file", "files")
	if files > 0 {
		dst = append(dst, `, <span title="`...)
		dst = appendCount(dst, bytesTotal, "byte", "bytes")
		dst = append(dst, `">`...)
		dst = appendSize(dst, bytesTotal)
		dst = append(dst, "</span>"...)
	}
	if p.NowUnix != 0 {
		now := momentAt(p.NowUnix)
		dst = append(dst, ` · as of <time datetime="`...)
		dst = now.appendRFC3339(dst)
		dst = append(dst, `">`...)
		dst = now.appendShort(dst)
		dst = append(dst, " UTC</time>"...)
	}
	return append(dst, "</footer>\n</body>\n</html>\n"...)
}

// appendArchives appends the links to archives of the directory.
func (p *Page) appendArchives(dst []byte) []byte {
	if len(p.Archives) == 0 {
		return dst
	}
	dst = append(dst, "<p class=\"archives\">Download this directory as"...)
	for i, format := range p.Archives {
		if i > 0 {
			dst = append(dst, " or"...)
		}
		dst = append(dst, ` <a rel="nofollow" download="" href="?archive=`...)
		dst = append(append(dst, format...), `">.`...)
		dst = append(append(dst, format...), "</a>"...)
	}
	return append(dst, "</p>\n"...)
}

// appendTop appends the page down to the first entry.
func (p *Page) appendTop(dst []byte) []byte {
	dst = append(dst, `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>Index of `...)
	dst = appendText(dst, p.Path)
	dst = append(dst, "</title>\n<link rel=\"icon\" href=\"data:,\"/>\n<style>"...)
	dst = append(dst, style...)
	dst = append(dst, "</style>\n</head>\n<body>\n<header translate=\"no\">\n"...)
	dst = p.appendTrail(dst)
	dst = append(dst, "<h1>"...)
	if name := p.name(); name != "" {
		dst = append(dst, "<bdi>"...)
		dst = appendText(dst, name)
		dst = append(dst, "</bdi>"...)
	}
	dst = append(dst, "/</h1>\n</header>\n<main>\n"...)
	if p.Truncated > 0 {
		dst = append(dst, `<p class="note">This directory is too large to list in full: `...)
		dst = appendCount(dst, uint64(p.Truncated), "more name", "more names")
		dst = append(dst, " cannot be shown.</p>\n"...)
	}
	if len(p.Entries) > 1 {
		dst = append(dst, `<div id="filter" role="search" hidden="">
<label for="words">Filter</label>
<input id="words" type="search" autocomplete="off" autocapitalize="none" spellcheck="false"/>
<output for="words"></output>
</div>
<script>`...)
		dst = append(dst, script...)
		dst = append(dst, "</script>\n"...)
	}
	dst = append(dst, "<table>\n<caption>Content of <bdi>"...)
	dst = appendText(dst, p.Path)
	dst = append(dst, "</bdi>, directories first, by "...)
	dst = append(dst, p.Order.String()...)
	dst = append(dst, "</caption>\n<thead><tr>"...)
	dst = p.appendHeading(dst, ByName, "Name", "?sort=name&amp;order=desc", "./")
	dst = p.appendHeading(dst, BySize, "Size", "?sort=size&amp;order=desc", "?sort=size&amp;order=asc")
	dst = p.appendHeading(dst, ByTime, "Modified (UTC)", "?sort=time&amp;order=desc", "?sort=time&amp;order=asc")
	dst = append(dst, "</tr></thead>\n<tbody translate=\"no\">\n"...)
	if p.name() != "" {
		dst = append(dst, "<tr><td colspan=\"3\"><a class=\"up\" href=\"../\">Parent directory</a></td></tr>\n"...)
	}
	return dst
}

// appendHeading appends the heading of a column, which is a link that sorts by it. The first use sorts names
// in ascending order, but sizes and times in descending order, because the largest or newest entries are of
// interest. The next use reverses the order. The default order has no query, so that it has only one URL.
func (p *Page) appendHeading(dst []byte, key Order, label, descending, ascending string) []byte {
	target, state, arrow := descending, "", ""
	switch {
	case p.Order.key() != key && key == ByName:
		target = ascending
	case p.Order.key() != key:
	case p.Order.descending():
		target, state, arrow = ascending, "descending", "▼"
	default:
		state, arrow = "ascending", "▲"
	}
	dst = append(dst, `<th scope="col"`...)
	if state != "" {
		dst = append(dst, ` aria-sort="`...)
		dst = append(dst, state...)
		dst = append(dst, '"')
	}
	dst = append(dst, `><a rel="nofollow" href="`...)
	dst = append(dst, target...)
	dst = append(dst, `">`...)
	dst = append(dst, label...)
	if arrow != "" {
		dst = append(dst, ` <span aria-hidden="true">`...)
		dst = append(dst, arrow...)
		dst = append(dst, "</span>"...)
	}
	return append(dst, "</a></th>"...)
}

// name returns the last segment of the path, or "" for the root.
func (p *Page) name() string {
	path := strings.TrimSuffix(p.Path, "/")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// appendTrail appends the path from the root to this directory, with a link for each directory.
func (p *Page) appendTrail(dst []byte) []byte {
	rest := strings.Trim(p.Path, "/")
	depth := 0
	if rest != "" {
		depth = 1 + strings.Count(rest, "/")
	}
	dst = append(dst, "<nav aria-label=\"Breadcrumb\"><ol>\n"...)
	dst = appendCrumb(dst, "Root", depth)
	for depth > 0 {
		name, after, _ := strings.Cut(rest, "/")
		rest = after
		depth--
		if depth < crumbsMax {
			dst = appendCrumb(dst, name, depth)
		} else if depth == crumbsMax {
			dst = append(dst, "<li>…</li>\n"...)
		}
	}
	return append(dst, "</ol></nav>\n"...)
}

// appendCrumb appends the link to the directory that is up levels above this one.
func appendCrumb(dst []byte, name string, up int) []byte {
	if up == 0 {
		dst = append(dst, `<li><a aria-current="page" href="./`...)
	} else {
		dst = append(dst, `<li><a href="`...)
		for range up {
			dst = append(dst, "../"...)
		}
	}
	dst = append(dst, `"><bdi>`...)
	dst = appendText(dst, name)
	return append(dst, "</bdi></a></li>\n"...)
}

// appendRow appends the row of an entry.
func appendRow(dst []byte, e *Entry) []byte {
	if e.Directory {
		dst = append(dst, `<tr><th scope="row"><a class="dir" href="`...)
		dst = appendHref(dst, e.Name)
		dst = append(dst, `/"><bdi>`...)
		dst = appendText(dst, e.Name)
		dst = append(dst, `</bdi>/</a></th><td>directory`...)
	} else {
		size := uint64(max(e.Size, 0))
		dst = append(dst, `<tr><th scope="row"><a href="`...)
		dst = appendHref(dst, e.Name)
		dst = append(dst, `"><bdi>`...)
		dst = appendText(dst, e.Name)
		dst = append(dst, `</bdi></a></th><td title="`...)
		dst = appendCount(dst, size, "byte", "bytes")
		dst = append(dst, `">`...)
		dst = appendSize(dst, size)
	}
	modified := momentAt(seconds(e.ModifiedNs))
	dst = append(dst, `</td><td><time datetime="`...)
	dst = modified.appendRFC3339(dst)
	dst = append(dst, `">`...)
	dst = modified.appendShort(dst)
	return append(dst, "</time></td></tr>\n"...)
}
