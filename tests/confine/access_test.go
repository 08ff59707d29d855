package confine

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aws/tests/harness"

	"golang.org/x/crypto/bcrypt"
)

// The access test draws layouts and options of `aws serve` from a seed, and holds every response against a model that
// knows nothing of the server: which rule is nearest to a path, which file a path stands for by the links that the
// operating system resolves, and whether that lies beneath the root of its mount. What is sent instead of what was asked
// for (an index, the file of --spa, a precompressed form) has to satisfy the rule of its own path, too, and a listing
// shows nothing that anyone who reads it may not have.

const accessSeeds = 60

// layout is a tree of files, of which each holds a token of its own.
type layout struct {
	dir    string            // root, other and outside lie in it
	tokens map[string]string // by the real path of a file
}

// accessOptions are what is drawn of the options.
type accessOptions struct {
	mounts   map[string]string // prefix to directory; "/" is there, and /dynamic/ if it is
	shared   bool              // /dynamic/ is a part of the root
	auth     map[string]string // prefix to the group whose users may, or off
	spa      string
	index    []string
	list     bool
	dotFiles bool
	forms    bool // precompressed files
	cors     bool
	args     []string
}

const accessOff = "off"

// accessUsers are who asks, with the groups that each is in. Nobody is somebody without a password.
var accessUsers = map[string][]string{"": nil, "ann": {"a"}, "bea": {"b"}, "eve": {"a", "b"}, "mallory": nil}

const accessPassword = "sesame"

func TestAccess(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte(accessPassword), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := map[string]string{accessOff: accessOff}
	for _, group := range []string{"a", "b"} {
		var lines []byte
		for name, groups := range accessUsers {
			if slices.Contains(groups, group) {
				lines = fmt.Appendf(lines, "%s:%s\n", name, hash)
			}
		}
		users[group] = filepath.Join(t.TempDir(), "users")
		harness.WriteFile(t, users[group], lines)
	}
	seen := map[string]int{}
	for seed := range uint64(accessSeeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			l := drawLayout(t, rnd)
			o := l.drawAccess(rnd, users)
			server := harness.StartServe(t, harness.Options{}, filepath.Join(l.dir, "root"), o.args...)
			client := &http.Client{
				Transport:     &http.Transport{DisableCompression: true},
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			}
			defer client.CloseIdleConnections()
			for _, target := range l.targets(o) {
				for _, who := range slices.Sorted(maps.Keys(accessUsers)) {
					a := &accessAsk{target: target, spelled: respell(rnd, target), who: who, manner: pick(rnd, manners...), packed: rnd.IntN(2) == 0}
					seen[l.ask(t, client, server.Address, o, a)]++
				}
			}
			if t.Failed() {
				t.Logf("options: %q", o.args)
			}
		})
	}
	t.Logf("responses: %v", seen)
	for _, kind := range []string{"200", "206", "301", "304", "401", "404", "listing", "index", "form", "spa"} {
		if seen[kind] == 0 && !t.Failed() {
			t.Errorf("no response was of the kind %s: nothing was tested of it", kind)
		}
	}
}

func pick[T any](rnd *rand.Rand, from ...T) T { return from[rnd.IntN(len(from))] }

// manners are the ways to ask for a target.
var manners = []string{"GET", "GET", "GET", "HEAD", "range", "condition", "OPTIONS", "POST"}

// accessAsk is a request.
type accessAsk struct {
	target  string // the path, normalised
	spelled string // the path as it is sent
	who     string
	manner  string
	packed  bool // it takes gzip
}

// respell writes a path in another way that means the same.
func respell(rnd *rand.Rand, target string) string {
	switch rnd.IntN(4) {
	case 0:
		at := 1 + rnd.IntN(max(len(target)-1, 1))
		if at < len(target) && target[at] != '/' {
			return fmt.Sprintf("%s%%%02X%s", target[:at], target[at], target[at+1:])
		}
	case 1:
		return "/nothing/%2e%2E" + target
	case 2:
		return "/." + strings.ReplaceAll(target, "/", "//")
	}
	return target
}

// ask sends a request, holds the response against the model and returns what kind of response it was.
func (l *layout) ask(t *testing.T, client *http.Client, address string, o *accessOptions, a *accessAsk) string {
	t.Helper()
	method := a.manner
	request, err := http.NewRequest(http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.URL = &url.URL{Scheme: "http", Host: address, Opaque: a.spelled}
	request.Header.Set("Accept", "application/json")
	switch a.manner {
	case "range":
		method = http.MethodGet
		request.Header.Set("Range", "bytes=0-")
	case "condition":
		method = http.MethodGet
		request.Header.Set("If-None-Match", "*")
	}
	request.Method = method
	if a.who != "" {
		request.SetBasicAuth(a.who, accessPassword)
	}
	if a.packed {
		request.Header.Set("Accept-Encoding", "gzip")
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body, err = io.ReadAll(unpacked); err != nil {
			t.Fatal(err)
		}
	}
	got := strings.Join(tokenPattern.FindAllString(string(body), -1), " ")
	if method == http.MethodOptions || method == http.MethodPost {
		if got != "" {
			t.Errorf("%+v: %q is sent", a, got)
		}
		return method
	}
	want := l.expect(o, a)
	if response.StatusCode != want.status || got != want.token {
		t.Errorf("%+v: %d with %q, want %+v", a, response.StatusCode, got, want)
	}
	if want.kind == "listing" && response.StatusCode == http.StatusOK && method != http.MethodHead {
		var listing struct {
			Entries []struct{ Name string } `json:"entries"`
		}
		if err := json.Unmarshal(body, &listing); err != nil {
			t.Fatalf("%+v: %v in %q", a, err, body)
		}
		names := []string{}
		for _, e := range listing.Entries {
			names = append(names, e.Name)
		}
		slices.Sort(names)
		if shown := l.shown(o, a.target); !slices.Equal(names, shown) {
			t.Errorf("%+v: the listing shows %q, want %q", a, names, shown)
		}
	}
	if want.kind != "" && response.StatusCode == http.StatusOK {
		return want.kind
	}
	return fmt.Sprint(response.StatusCode)
}

var tokenPattern = regexp.MustCompile(`token-[0-9]+`)

// expected is the response that the model has for a request.
type expected struct {
	status int
	token  string // of the file that is sent, if one is
	kind   string // listing, index, form, spa, or nothing
}

// found is what the model finds at a path.
type found struct {
	status int
	path   string // of the file that is sent
	token  string
	kind   string
}

// expect returns the response to a request for a target.
func (l *layout) expect(o *accessOptions, a *accessAsk) expected {
	if !o.dotFiles && slices.ContainsFunc(strings.Split(strings.TrimPrefix(a.target, "/.well-known"), "/"), func(s string) bool { return strings.HasPrefix(s, ".") }) {
		return expected{status: http.StatusNotFound}
	}
	if !o.mayHave(a.who, a.target) {
		return expected{status: http.StatusUnauthorized}
	}
	f := l.resolve(o, a.target)
	if f.status == http.StatusNotFound && o.spa != "" {
		if f = l.resolve(o, o.spa); f.status != http.StatusOK {
			f = found{status: http.StatusNotFound}
		}
		f.kind = "spa"
	}
	if f.status != http.StatusOK {
		return expected{status: f.status}
	}
	if !o.mayHave(a.who, f.path) {
		return expected{status: http.StatusUnauthorized}
	}
	want := expected{status: http.StatusOK, token: f.token, kind: f.kind}
	if f.token != "" && o.forms && a.packed && o.includes(f.path, f.path+".gz") {
		if kind, token := l.find(o, f.path+".gz"); kind == "file" {
			want.token, want.kind = token, "form"
		}
	}
	switch a.manner {
	case "HEAD":
		want.token = ""
	case "range":
		want.status = http.StatusPartialContent
	case "condition":
		want.status, want.token = http.StatusNotModified, ""
	}
	return want
}

// group returns the group whose users may have what is at a path by its nearest rule, or off.
func (o *accessOptions) group(target string) string {
	for at := strings.TrimSuffix(target, "/"); ; at = path.Dir(at) {
		if group, ok := o.auth[strings.TrimSuffix(at, "/")+"/"]; ok {
			return group
		}
		if at == "/" || at == "" || at == "." {
			return accessOff
		}
	}
}

// mayHave reports whether somebody may have what is at a path.
func (o *accessOptions) mayHave(who, target string) bool {
	group := o.group(target)
	return group == accessOff || slices.Contains(accessUsers[who], group)
}

// includes reports whether anyone who may have what is at a path may have what is at another.
func (o *accessOptions) includes(target, other string) bool {
	return o.group(other) == accessOff || o.group(other) == o.group(target)
}

// shown returns the names in the listing of a path.
func (l *layout) shown(o *accessOptions, target string) []string {
	root, name := o.beneath(target)
	entries, err := os.ReadDir(filepath.Join(root, name))
	names := []string{}
	if err != nil {
		return names
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && !o.dotFiles || !o.includes(target, target+e.Name()) {
			continue
		}
		if kind, _ := l.findBeneath(root, path.Join(name, e.Name())); kind != "" {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}

// resolve returns what a path stands for.
func (l *layout) resolve(o *accessOptions, target string) found {
	if _, ok := o.mounts[target+"/"]; ok && !(o.shared && target == "/dynamic") {
		if kind, _ := l.find(o, target); kind == "" {
			return found{status: http.StatusMovedPermanently}
		}
	}
	if !strings.HasSuffix(target, "/") {
		switch kind, token := l.find(o, target); kind {
		case "file":
			return found{status: http.StatusOK, path: target, token: token}
		case "directory":
			return found{status: http.StatusMovedPermanently}
		default:
			return found{status: http.StatusNotFound}
		}
	}
	for _, index := range o.index {
		if kind, token := l.find(o, target+index); kind == "file" {
			return found{status: http.StatusOK, path: target + index, token: token, kind: "index"}
		}
	}
	if kind, _ := l.find(o, target); o.list && kind == "directory" {
		return found{status: http.StatusOK, path: target, kind: "listing"}
	}
	return found{status: http.StatusNotFound}
}

// beneath returns the root of a path's mount, and the path beneath it.
func (o *accessOptions) beneath(target string) (root, name string) {
	prefix := ""
	for p := range o.mounts {
		if strings.HasPrefix(target, p) && len(p) > len(prefix) {
			prefix = p
		}
	}
	if o.shared && prefix == "/dynamic/" {
		return o.mounts["/"], target[1:]
	}
	return o.mounts[prefix], strings.TrimPrefix(target, prefix)
}

// find returns what is at a path beneath the root of its mount: a file, a directory, or nothing.
func (l *layout) find(o *accessOptions, target string) (kind, token string) {
	return l.findBeneath(o.beneath(target))
}

func (l *layout) findBeneath(root, name string) (kind, token string) {
	real, err := filepath.EvalSymlinks(filepath.Join(root, name))
	if err != nil || real != root && !strings.HasPrefix(real, root+"/") {
		return "", ""
	}
	info, err := os.Stat(real)
	switch {
	case err != nil:
		return "", ""
	case info.IsDir():
		return "directory", ""
	case strings.HasSuffix(name, "/"):
		return "", ""
	default:
		return "file", l.tokens[real]
	}
}

// drawLayout makes the files. Those in outside are never to be had.
func drawLayout(t *testing.T, rnd *rand.Rand) *layout {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l := &layout{dir: dir, tokens: map[string]string{}}
	dirs := []string{"root", "root/pub", "root/pub/inner", "root/priv", "root/priv/pub", "other", "other/pub", "outside"}
	dynamic := rnd.IntN(4)
	if dynamic == 0 {
		dirs = append(dirs, "root/dynamic", "root/dynamic/priv")
	}
	for _, d := range dirs {
		for _, name := range []string{"a.txt", "index.html", ".unlisted", "secret.txt"} {
			if name == "index.html" && rnd.IntN(2) == 0 {
				continue
			}
			file := filepath.Join(dir, d, name)
			l.tokens[file] = fmt.Sprintf("token-%d", len(l.tokens))
			harness.WriteFile(t, file, []byte(l.tokens[file]))
			if rnd.IntN(2) == 0 {
				var packed bytes.Buffer
				w := gzip.NewWriter(&packed)
				l.tokens[file+".gz"] = fmt.Sprintf("token-%d", len(l.tokens))
				_, _ = w.Write([]byte(l.tokens[file+".gz"]))
				_ = w.Close()
				harness.WriteFile(t, file+".gz", packed.Bytes())
			}
		}
	}
	for i, target := range []string{"../outside/a.txt", "../outside", "pub/a.txt", "priv", "/etc/hostname", "nowhere"} {
		harness.Symlink(t, target, filepath.Join(dir, "root", fmt.Sprintf("link%d", i)))
		if dynamic == 0 {
			harness.Symlink(t, "../"+target, filepath.Join(dir, "root/dynamic", fmt.Sprintf("link%d", i)))
		}
	}
	switch dynamic {
	case 1:
		harness.Symlink(t, "../outside", filepath.Join(dir, "root/dynamic"))
	case 2:
		harness.Symlink(t, "priv", filepath.Join(dir, "root/dynamic"))
	}
	return l
}

// drawAccess draws the options.
func (l *layout) drawAccess(rnd *rand.Rand, users map[string]string) *accessOptions {
	root, other := filepath.Join(l.dir, "root"), filepath.Join(l.dir, "other")
	o := &accessOptions{
		mounts: map[string]string{"/": root, "/dynamic/": root}, shared: true, auth: map[string]string{},
		index: []string{"index.html"}, list: rnd.IntN(2) == 0, dotFiles: rnd.IntN(4) == 0, forms: rnd.IntN(3) > 0,
		cors: rnd.IntN(3) == 0,
	}
	o.args = append(o.args, fmt.Sprintf("--list=%v", o.list), fmt.Sprintf("--dotfiles=%v", o.dotFiles), fmt.Sprintf("--precompressed=%v", o.forms),
		fmt.Sprintf("--cors=%v", o.cors), "--header", "X-Drawn: yes")
	for _, m := range []struct{ flag, prefix string }{
		{"--static", "/m/"}, {"--static", "/priv/m/"}, {"--static", "/dynamic/"}, {"--dynamic", "/pub/inner/"},
	} {
		if rnd.IntN(4) > 0 {
			continue
		}
		o.mounts[m.prefix] = other
		o.args = append(o.args, m.flag, m.prefix+"="+other)
		if m.prefix == "/dynamic/" {
			o.shared = false
		} else if m.flag == "--dynamic" && o.shared {
			delete(o.mounts, "/dynamic/")
			o.shared = false
		}
	}
	for _, prefix := range []string{
		"/", "/pub/", "/pub/inner", "/priv/", "/priv/pub/", "/dynamic/", "/m/", "/dynamic/priv/",
		"/a.txt", "/a.txt.gz", "/index.html", "/pub/index.html", "/pub/secret.txt.gz", "/priv/a.txt", "/dynamic/index.html", "/m/a.txt.gz",
	} {
		if rnd.IntN(3) > 0 {
			continue
		}
		group := pick(rnd, accessOff, "a", "a", "b")
		o.auth[strings.TrimSuffix(prefix, "/")+"/"] = group
		o.args = append(o.args, "--auth", prefix+"="+users[group])
	}
	if rnd.IntN(2) == 0 {
		o.spa = []string{"/a.txt", "/priv/a.txt", "/dynamic/a.txt", "/pub/inner/index.html", "/m/a.txt"}[rnd.IntN(5)]
		if l.resolve(o, o.spa).status == http.StatusOK {
			o.args = append(o.args, "--spa", o.spa)
		} else {
			o.spa = ""
		}
	}
	if rnd.IntN(3) == 0 {
		o.index = []string{"none.html", pick(rnd, "priv/a.txt", "dynamic/a.txt", "m/a.txt"), "a.txt"}
		for _, name := range o.index {
			o.args = append(o.args, "--index", name)
		}
	}
	return o
}

// targets are what is asked for: all that there is, by every mount, what there is not, and what leads out.
func (l *layout) targets(o *accessOptions) []string {
	list := []string{"/none", "/none/", "/pub/none", "/dynamic/none", "/dynamic", "/priv/a.txt/", "/m", "/m/", "/privat/a.txt", "/.well-known", "/a.txt/x"}
	for prefix, root := range o.mounts {
		_ = filepath.WalkDir(root, func(name string, entry os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, name)
			if err != nil || o.shared && prefix == "/dynamic/" {
				return err
			}
			target := strings.TrimSuffix(prefix, "/") + path.Join("/", rel)
			if rel == "." {
				target = prefix
			}
			list = append(list, target)
			if entry.IsDir() || entry.Type()&os.ModeSymlink != 0 {
				list = append(list, strings.TrimSuffix(target, "/")+"/", path.Join(target, "a.txt"), path.Join(target, "secret.txt"))
			}
			return nil
		})
	}
	slices.Sort(list)
	return slices.Compact(list)
}
