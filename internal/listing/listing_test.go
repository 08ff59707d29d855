package listing

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// sampleNs is 2026-11-23T04:20:30.999999999Z.
const sampleNs = 1795407630_999999999

// hostileNames are names that have broken listings, each for a reason of its own. They also seed the fuzzer.
var hostileNames = []string{
	"a b", "a  b ", " lead", "plain.txt", "100%", "%2f", "%2e%2e", "..%2f..", "...", "~", "-rf", "#top", "?sort=size", "a?b#c", "a&b", "a&amp;b",
	"&lt;script&gt;", "<script>alert(1)</script>", "\"<script>", "\" onmouseover=\"alert(1)", "' onfocus='x", "</a></bdi><h1>",
	"<!--", "-->", "]]>", "<![CDATA[", "</style>", "</title>", "`", "=", "{{.}}", "javascript:x", "JaVaScRiPt:alert(1)",
	"data:text/html,<b>", "https:", "a:b", "//evil", "//evil.example/x", "\\\\evil\\x", "\\", "/", "a/b", "a/../b",
	"new\nline", "carriage\rreturn", "tab\there", "\x01\x1b[31m\x7f", "C1\u0085\u009b", "bad\xff\xfeutf8", "\xed\xa0\x80", "\xc0\xaf", "half\xe2\x82",
	"\u202egnp.exe", "\u2067rtl", "עברית.txt", "\ufeffbom", "\u2028line", "\u2029par", "\ufffe\uffff\ufdd0", "😀🏳️‍🌈", "e\u0301", "\u200b",
	"CON", "index.html", "&#0;", "&#x3c;", strings.Repeat("long", 63) + "abc", strings.Repeat("<", 255), strings.Repeat("\xff", 255),
}

func page(path string, entries ...Entry) *Page {
	return &Page{Path: path, Entries: entries, NowUnix: seconds(sampleNs)}
}

func bothKinds(name string) []Entry {
	return []Entry{
		{Name: name, Directory: true, ModifiedNs: sampleNs},
		{Name: name, Size: 1536, ModifiedNs: sampleNs},
	}
}

// A document is a page taken apart.
type document struct {
	skeleton string     // tags and names of attributes, without anything that depends on a name
	links    []string   // every href, in order
	texts    []string   // the text of every bdi
	titles   []string   // the title element, and the title attributes
	cells    [][]string // the text of the cells of the table's body, row by row
	readme   string     // the text of the pre, without the line feed that HTML ignores
}

// parse reads a page as XML, strictly: a stray '<', an unknown reference, an attribute without quotes or an
// element left open is an error. What is well-formed so, HTML reads alike.
func parse(t testing.TB, html []byte) document {
	t.Helper()
	var d document
	var skeleton strings.Builder
	var open []string
	var text strings.Builder
	decoder := xml.NewDecoder(strings.NewReader(string(html)))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			open = append(open, token.Name.Local)
			skeleton.WriteString("<" + token.Name.Local)
			for _, a := range token.Attr {
				skeleton.WriteString(" " + a.Name.Local)
				switch a.Name.Local {
				case "href":
					d.links = append(d.links, a.Value)
				case "title":
					d.titles = append(d.titles, a.Value)
				default:
					skeleton.WriteString("=" + a.Value)
				}
			}
			skeleton.WriteString(">\n")
			switch token.Name.Local {
			case "bdi", "title", "td", "pre":
				text.Reset()
			case "tr":
				d.cells = append(d.cells, nil)
			}
			if token.Name.Local == "th" {
				text.Reset()
			}
		case xml.EndElement:
			open = open[:len(open)-1]
			skeleton.WriteString("</" + token.Name.Local + ">\n")
			switch token.Name.Local {
			case "bdi":
				d.texts = append(d.texts, text.String())
			case "title":
				d.titles = append(d.titles, text.String())
			case "pre":
				d.readme = strings.TrimPrefix(text.String(), "\n")
			case "td", "th":
				d.cells[len(d.cells)-1] = append(d.cells[len(d.cells)-1], text.String())
			}
		case xml.CharData:
			text.Write(token)
		case xml.Comment, xml.ProcInst:
			t.Fatalf("unexpected %#v", token)
		}
	}
	if len(open) > 0 {
		t.Fatalf("left open: %v", open)
	}
	d.skeleton = skeleton.String()
	return d
}

// checkHTML fails unless a page whose entries, directory and README have this name is built like one whose entries have
// a harmless name, every link leads to where it should, and the text of the README is shown.
func checkHTML(t *testing.T, name string, readme []byte) {
	t.Helper()
	directory := strings.Trim(strings.ReplaceAll(name, "/", "_"), ".") + "~"
	path := "/top/" + directory + "/"
	hostile, harmless := page(path, bothKinds(name)...), page("/top/plain/", bothKinds("plain")...)
	hostile.Readme = Readme{name, readme}
	if isText(readme) {
		harmless.Readme = Readme{"plain", make([]byte, 0)}
	}
	if isText(readme) && len(readme) > ReadmeBytesMax {
		harmless.Readme.Text = bytes.Repeat([]byte("x"), ReadmeBytesMax+1)
	}
	html := hostile.AppendHTML(nil)
	if !utf8.Valid(html) {
		t.Fatalf("%q: not UTF-8", name)
	}
	got := parse(t, html)
	want := parse(t, harmless.AppendHTML(nil))
	if got.skeleton != want.skeleton {
		t.Fatalf("%q breaks out:\n%s", name, html)
	}

	base, err := url.Parse("http://host.example" + (&url.URL{Path: path}).EscapedPath() + "?sort=size")
	if err != nil {
		t.Fatal(err)
	}
	links := []string{"", "/", "/top/", path, path, path, path, "/top/", path + name + "/", path + name}
	if isText(readme) {
		links = append(links, path+name)
		if shown := shownText(readme); got.readme != shown {
			t.Errorf("README %q is shown as %q, want %q", readme, got.readme, shown)
		}
	}
	if len(got.links) != len(links) {
		t.Fatalf("%q: links %q", name, got.links)
	}
	for i, href := range got.links[1:] {
		u, err := base.Parse(href)
		if err != nil {
			t.Fatalf("%q: href %q: %v", name, href, err)
		}
		if u.Scheme != "http" || u.Host != "host.example" || u.Fragment != "" || u.Path != links[i+1] {
			t.Errorf("%q: href %q leads to %q, want %q", name, href, u, links[i+1])
		}
		if sorts := strings.HasPrefix(href, "?"); u.RawQuery != "" && !sorts {
			t.Errorf("%q: href %q has a query", name, href)
		}
	}

	shown := string([]rune(shownName(name)))
	if n := len(got.texts); got.texts[n-1] != shown || got.texts[n-2] != shown {
		t.Errorf("%q: shown as %q, want %q", name, got.texts[n-2:], shown)
	}
}

// shownName is what the page shows for a name, by the letter of the package's comment.
func shownName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x20:
			return 0x2400 + r
		case r == 0x7f:
			return 0x2421
		case r >= 0x80 && r < 0xa0, r&0xffff >= 0xfffe, r >= 0xfdd0 && r <= 0xfdef:
			return utf8.RuneError
		}
		return r
	}, name)
}

// checkJSON fails unless the listing of an entry of this name is JSON that gives the name back.
func checkJSON(t *testing.T, name string) {
	t.Helper()
	text := page("/"+name+"/", bothKinds(name)...).AppendJSON(nil)
	if !utf8.Valid(text) {
		t.Fatalf("%q: not UTF-8: %q", name, text)
	}
	var got struct {
		Path    string
		Entries []struct {
			Name, Type, Modified string
			Size                 *int64
			Href                 *string
		}
		Truncated *int
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		t.Fatalf("%q: %v\n%s", name, err, text)
	}
	// A conversion to runes replaces each wrong byte, as encoding/json would.
	shown := string([]rune(name))
	if got.Path != "/"+shown+"/" || len(got.Entries) != 2 || got.Truncated == nil || *got.Truncated != 0 {
		t.Fatalf("%q: %+v", name, got)
	}
	for i, e := range got.Entries {
		kind := [...]string{"directory", "file"}[i]
		if e.Name != shown || e.Type != kind || e.Modified != "2026-11-23T04:20:30Z" || (e.Size == nil) != (i == 0) {
			t.Errorf("%q: entry %+v", name, e)
		}
		if e.Size != nil && *e.Size != 1536 {
			t.Errorf("%q: size %d", name, *e.Size)
		}
		if utf8.ValidString(name) {
			if e.Href != nil {
				t.Errorf("%q: href %q for a name that is UTF-8", name, *e.Href)
			}
			continue
		}
		if e.Href == nil {
			t.Fatalf("%q: no href", name)
		}
		u, err := url.Parse(*e.Href)
		if err != nil || strings.TrimPrefix(u.Path, "./") != name {
			t.Errorf("%q: href %q: %v", name, *e.Href, err)
		}
	}
	for _, c := range text {
		if c == '<' || c == '>' || c == '&' {
			t.Errorf("%q: %q in %s", name, c, text)
		}
	}
}

func TestHostileNames(t *testing.T) {
	for _, name := range hostileNames {
		checkHTML(t, name, []byte(name))
		checkJSON(t, name)
		checkText(t, name)
	}
	for b := range 256 {
		name := string([]byte{'x', byte(b), 'y'})
		checkHTML(t, name, []byte(name))
		checkJSON(t, name)
		checkText(t, name)
	}
}

// TestNoRawName: the markup that a name holds is nowhere in the page as it is.
func TestNoRawName(t *testing.T) {
	const name = `"'<script>&x`
	html := string(page("/"+name+"/", bothKinds(name)...).AppendHTML(nil))
	for _, raw := range []string{`'<script`, `"'`, `&x`} {
		if strings.Contains(html, raw) {
			t.Errorf("%q stands in the page", raw)
		}
	}
	if n := strings.Count(html, "&#34;&#39;&lt;script&gt;&amp;x"); n != 6 {
		t.Errorf("the escaped name stands %d times in the page, want title, trail, h1, caption and two rows", n)
	}
	if n := strings.Count(html, `href="%22%27%3Cscript%3E%26x`); n != 2 {
		t.Errorf("the encoded name stands %d times in the page", n)
	}
}

func TestRows(t *testing.T) {
	p := page("/a/", Entry{Name: "d", Directory: true, Size: 4096, ModifiedNs: 0},
		Entry{Name: "one", Size: 1, ModifiedNs: -1},
		Entry{Name: "f", Size: 1234567, ModifiedNs: sampleNs},
		Entry{Name: "negative", Size: -5, ModifiedNs: math.MinInt64},
		Entry{Name: "huge", Size: math.MaxInt64, ModifiedNs: math.MaxInt64})
	d := parse(t, p.AppendHTML(nil))
	want := "[[Name ▲ Size Modified (UTC)] [Parent directory] [d/ directory 1970-01-01 00:00] [one 1 B 1969-12-31 23:59] " +
		"[f 1.2 MiB 2026-11-23 04:20] [negative 0 B 1677-09-21 00:12] [huge 8.0 EiB 2262-04-11 23:47]]"
	if got := fmt.Sprint(d.cells); got != want {
		t.Errorf("cells\n%s, want\n%s", got, want)
	}
	wantTitles := []string{
		"Index of /a/", "1 byte", "1,234,567 bytes", "0 bytes", "9,223,372,036,854,775,807 bytes",
		"9,223,372,036,856,010,375 bytes",
	}
	if fmt.Sprint(d.titles) != fmt.Sprint(wantTitles) {
		t.Errorf("titles %q, want %q", d.titles, wantTitles)
	}
}

func TestPageParts(t *testing.T) {
	root := *page("/")
	some := *page("/a b/c/", bothKinds("x")...)
	bySize := some
	bySize.Order = BySize
	bySizeDown := some
	bySizeDown.Order = BySize | Descending
	byTimeDown := some
	byTimeDown.Order = ByTime | Descending
	byNameDown := some
	byNameDown.Order = Descending
	cut := some
	cut.Truncated = 12345
	cutOne := some
	cutOne.Truncated = 1
	timeless := some
	timeless.NowUnix = 0
	for _, c := range []struct {
		name    string
		page    Page
		has     []string
		without []string
	}{
		{
			"root", root,
			[]string{"<h1>/</h1>", "<title>Index of /</title>", `aria-label="Breadcrumb"`, "This directory is empty.", ">0 directories, 0 files · as of "},
			[]string{"Parent directory", `class="note"`, "../", "<script", "<input"},
		},
		{
			"directory", some,
			[]string{
				"<title>Index of /a b/c/</title>", "<h1><bdi>c</bdi>/</h1>", `href="../"`, "Parent directory",
				`<li><a href="../../"><bdi>Root</bdi></a></li>`, `<li><a href="../"><bdi>a b</bdi></a></li>`,
				`<li><a aria-current="page" href="./"><bdi>c</bdi></a></li>`,
				`directories first, by name, ascending</caption>`, `aria-sort="ascending"><a rel="nofollow" href="?sort=name&amp;order=desc">Name`,
				`<th scope="col"><a rel="nofollow" href="?sort=size&amp;order=desc">Size</a>`,
				`<div id="filter" role="search" hidden="">`, `<label for="words">Filter</label>`, `<input id="words" type="search"`,
				`1 directory, 1 file, <span title="1,536 bytes">1.5 KiB</span> · as of <time datetime="2026-11-23T04:20:30Z">2026-11-23 04:20 UTC</time>`,
			},
			[]string{"This directory is empty.", `class="note"`, "<section", "http:", "https:", "src="},
		},
		{"name down", byNameDown, []string{`aria-sort="descending"><a rel="nofollow" href="./">Name`}, nil},
		{"size", bySize, []string{`aria-sort="ascending"><a rel="nofollow" href="?sort=size&amp;order=desc">Size`, `href="./">Name</a>`}, nil},
		{"size down", bySizeDown, []string{`aria-sort="descending"><a rel="nofollow" href="?sort=size&amp;order=asc">Size`}, nil},
		{"time down", byTimeDown, []string{`aria-sort="descending"><a rel="nofollow" href="?sort=time&amp;order=asc">Modified`, "by time, descending"}, nil},
		{"truncated", cut, []string{`<p class="note">`, "12,345 more names cannot be shown."}, nil},
		{"truncated by one", cutOne, []string{"1 more name cannot be shown."}, nil},
		{"timeless", timeless, nil, []string{"as of"}},
	} {
		html := string(c.page.AppendHTML(nil))
		parse(t, []byte(html))
		for _, part := range c.has {
			if !strings.Contains(html, part) {
				t.Errorf("%s: no %q in\n%s", c.name, part, html)
			}
		}
		for _, part := range c.without {
			if strings.Contains(html, part) {
				t.Errorf("%s: %q in\n%s", c.name, part, html)
			}
		}
		if n := strings.Count(html, "aria-sort="); n != 1 {
			t.Errorf("%s: %d columns are marked as sorted", c.name, n)
		}
	}
}

// TestTrailIsBounded: the trail of the deepest path a target can hold stays short, and leads to the root.
func TestTrailIsBounded(t *testing.T) {
	const depth = 4000
	path := "/" + strings.Repeat("d/", depth)
	html := page(path).AppendHTML(nil)
	d := parse(t, html)
	if len(html) > 64<<10 {
		t.Errorf("%d bytes", len(html))
	}
	if want := strings.Repeat("../", depth); d.links[1] != want {
		t.Errorf("the link to the root is %d bytes, want %d", len(d.links[1]), len(want))
	}
	if d.links[2] != strings.Repeat("../", crumbsMax-1) {
		t.Errorf("after the gap: %q", d.links[2])
	}
	for depth := range 2 * crumbsMax {
		html := string(page("/" + strings.Repeat("d/", depth)).AppendHTML(nil))
		if got := strings.Contains(html, "<li>…"); got != (depth > crumbsMax) {
			t.Errorf("depth %d: gap %v", depth, got)
		}
	}
}

// TestUnresolvedPath: a path that is not as it should be makes an odd page, but a page.
func TestUnresolvedPath(t *testing.T) {
	for _, path := range []string{"", "a", "/a", "a/", "//", "//a//b//", "/./../"} {
		parse(t, page(path, bothKinds("x")...).AppendHTML(nil))
		if text := page(path, bothKinds("x")...).AppendJSON(nil); !json.Valid(text) {
			t.Errorf("%q: %s", path, text)
		}
	}
}

func TestJSONFormat(t *testing.T) {
	p := page("/a/", append(bothKinds("x"), Entry{Name: "\xff \"\\\n\t\x00\u2028é", Size: -1})...)
	p.Truncated = 7
	want := `{"path":"/a/","entries":[
{"name":"x","type":"directory","size":null,"modified":"2026-11-23T04:20:30Z"},
{"name":"x","type":"file","size":1536,"modified":"2026-11-23T04:20:30Z"},
{"name":"` + "\ufffd" + ` \"\\\n\t\u0000\u2028é","type":"file","size":0,"modified":"1970-01-01T00:00:00Z",` +
		`"href":"%FF%20%22%5C%0A%09%00%E2%80%A8%C3%A9"}
],"truncated":7}
`
	if got := string(p.AppendJSON(nil)); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	if got, want := string(page("/").AppendJSON([]byte("x"))), "x{\"path\":\"/\",\"entries\":[\n],\"truncated\":0}\n"; got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

func TestSize(t *testing.T) {
	for _, c := range []struct {
		n    uint64
		want string
	}{
		{0, "0 B"},
		{1, "1 B"},
		{1023, "1023 B"},
		{1024, "1.0 KiB"},
		{1075, "1.0 KiB"},
		{1076, "1.1 KiB"},
		{10239, "10.0 KiB"},
		{102348, "99.9 KiB"},
		{102349, "100 KiB"},
		{1023*1024 + 511, "1023 KiB"},
		{1023*1024 + 512, "1.0 MiB"},
		{1<<20 - 1, "1.0 MiB"},
		{1 << 20, "1.0 MiB"},
		{4700000000, "4.4 GiB"},
		{1<<40 - 1, "1.0 TiB"},
		{1 << 50, "1.0 PiB"},
		{1<<60 - 1, "1.0 EiB"},
		{math.MaxInt64, "8.0 EiB"},
		{math.MaxUint64, "16.0 EiB"},
	} {
		if got := string(appendSize(nil, c.n)); got != c.want {
			t.Errorf("%d: %q, want %q", c.n, got, c.want)
		}
	}
}

func TestMoment(t *testing.T) {
	for _, unix := range []int64{0, -1, 59, 951827696, 4107542399, unixMin, unixMax} {
		want := time.Unix(unix, 0).UTC()
		if got := string(momentAt(unix).appendRFC3339(nil)); got != want.Format(time.RFC3339) {
			t.Errorf("%d: %s, want %s", unix, got, want.Format(time.RFC3339))
		}
		if got := string(momentAt(unix).appendShort(nil)); got != want.Format("2006-01-02 15:04") {
			t.Errorf("%d: %s", unix, got)
		}
	}
	if momentAt(math.MinInt64) != momentAt(unixMin) || momentAt(math.MaxInt64) != momentAt(unixMax) {
		t.Error("the years 0000 and 9999 are not the ends")
	}
}

// FuzzName: no name and no README breaks out of its place, in the page, in the JSON or in the text, and the links of a name
// lead to it.
func FuzzName(f *testing.F) {
	for _, name := range hostileNames {
		f.Add(name, []byte(name))
	}
	f.Fuzz(func(t *testing.T, name string, readme []byte) {
		if name == "" || name == "." || name == ".." || len(name) > 4096 {
			return
		}
		checkHTML(t, name, readme)
		checkJSON(t, name)
		checkText(t, name)
	})
}
