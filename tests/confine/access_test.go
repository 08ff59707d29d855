package confine

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
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
// operating system resolves, and whether that lies beneath the root of its mount.

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
	auth     map[string]bool   // prefix to whether a password is asked for
	spa      string
	index    []string
	list     bool
	dotFiles bool
	forms    bool // precompressed files
	args     []string
}

const accessUser, accessPassword = "ali", "sesame"

func TestAccess(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte(accessPassword), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(t.TempDir(), "users")
	harness.WriteFile(t, users, fmt.Appendf(nil, "%s:%s\n", accessUser, hash))
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
				for _, known := range []bool{false, true} {
					l.ask(t, client, server.Address, o, target, known)
				}
			}
			if t.Failed() {
				t.Logf("options: %q", o.args)
			}
		})
	}
}

// ask asks for a target and holds the response against the model.
func (l *layout) ask(t *testing.T, client *http.Client, address string, o *accessOptions, target string, known bool) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+address+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if known {
		request.SetBasicAuth(accessUser, accessPassword)
	}
	if len(target)%2 == 0 {
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
	if response.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body, err = io.ReadAll(unpacked); err != nil {
			t.Fatal(err)
		}
	}
	status, token := l.expect(o, target, known)
	got := strings.Join(tokenPattern.FindAllString(string(body), -1), " ")
	if response.StatusCode != status || got != token {
		t.Errorf("%s, known %v: %d with %q, want %d with %q", target, known, response.StatusCode, got, status, token)
	}
	if status == http.StatusOK && token == "" && strings.Contains(string(body), ".unlisted") && !o.dotFiles {
		t.Errorf("%s: the listing shows a hidden name:\n%s", target, body)
	}
}

var tokenPattern = regexp.MustCompile(`token-[0-9]+`)

// expect returns the status and the token of the response that the model has for a target. A listing has none.
func (l *layout) expect(o *accessOptions, target string, known bool) (status int, token string) {
	if !o.dotFiles && slices.ContainsFunc(strings.Split(target, "/"), func(s string) bool { return strings.HasPrefix(s, ".") }) {
		return http.StatusNotFound, ""
	}
	if o.asks(target) && !known {
		return http.StatusUnauthorized, ""
	}
	status, token = l.resolve(o, target)
	if status != http.StatusNotFound || o.spa == "" {
		return status, token
	}
	if o.asks(o.spa) && !known {
		return http.StatusUnauthorized, ""
	}
	if status, token = l.resolve(o, o.spa); status == http.StatusOK {
		return status, token
	}
	return http.StatusNotFound, ""
}

// asks reports whether the nearest rule of a path asks for a password.
func (o *accessOptions) asks(target string) bool {
	for at := strings.TrimSuffix(target, "/"); ; at = path.Dir(at) {
		if asks, ok := o.auth[strings.TrimSuffix(at, "/")+"/"]; ok {
			return asks
		}
		if at == "/" || at == "" || at == "." {
			return false
		}
	}
}

// resolve returns what a path stands for.
func (l *layout) resolve(o *accessOptions, target string) (status int, token string) {
	if _, ok := o.mounts[target+"/"]; ok && !(o.shared && target == "/dynamic") {
		if kind, _ := l.find(o, target); kind == "" {
			return http.StatusMovedPermanently, ""
		}
	}
	if !strings.HasSuffix(target, "/") {
		switch kind, token := l.find(o, target); kind {
		case "file":
			return http.StatusOK, token
		case "directory":
			return http.StatusMovedPermanently, ""
		default:
			return http.StatusNotFound, ""
		}
	}
	for _, index := range o.index {
		if kind, token := l.find(o, target+index); kind == "file" {
			return http.StatusOK, token
		}
	}
	if kind, _ := l.find(o, target); o.list && kind == "directory" {
		return http.StatusOK, ""
	}
	return http.StatusNotFound, ""
}

// find returns what is at a path beneath the root of its mount: a file, a directory, or nothing.
func (l *layout) find(o *accessOptions, target string) (kind, token string) {
	prefix := ""
	for p := range o.mounts {
		if strings.HasPrefix(target, p) && len(p) > len(prefix) {
			prefix = p
		}
	}
	root, name := o.mounts[prefix], strings.TrimPrefix(target, prefix)
	if o.shared && prefix == "/dynamic/" {
		root, name = o.mounts["/"], target[1:]
	}
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
				_, _ = w.Write([]byte(l.tokens[file]))
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
func (l *layout) drawAccess(rnd *rand.Rand, users string) *accessOptions {
	root, other := filepath.Join(l.dir, "root"), filepath.Join(l.dir, "other")
	o := &accessOptions{
		mounts: map[string]string{"/": root, "/dynamic/": root}, shared: true, auth: map[string]bool{},
		index: []string{"index.html"}, list: rnd.IntN(2) == 0, dotFiles: rnd.IntN(4) == 0, forms: rnd.IntN(3) > 0,
	}
	o.args = append(o.args, fmt.Sprintf("--list=%v", o.list), fmt.Sprintf("--dotfiles=%v", o.dotFiles), fmt.Sprintf("--precompressed=%v", o.forms))
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
	for _, prefix := range []string{"/", "/pub/", "/pub/inner", "/priv/", "/priv/pub/", "/dynamic/", "/m/", "/dynamic/priv/"} {
		if rnd.IntN(3) > 0 {
			continue
		}
		asks := rnd.IntN(3) > 0
		file := "off"
		if asks {
			file = users
		}
		o.auth[strings.TrimSuffix(prefix, "/")+"/"] = asks
		o.args = append(o.args, "--auth", prefix+"="+file)
	}
	if rnd.IntN(2) == 0 {
		o.spa = []string{"/a.txt", "/priv/a.txt", "/dynamic/a.txt", "/pub/inner/index.html", "/m/a.txt"}[rnd.IntN(5)]
		if status, _ := l.resolve(o, o.spa); status == http.StatusOK {
			o.args = append(o.args, "--spa", o.spa)
		} else {
			o.spa = ""
		}
	}
	if rnd.IntN(3) == 0 {
		o.index = []string{"none.html", "priv/a.txt", "a.txt"}
		for _, name := range o.index {
			o.args = append(o.args, "--index", name)
		}
	}
	return o
}

// targets are what is asked for: all that there is, by every mount, what there is not, and what leads out.
func (l *layout) targets(o *accessOptions) []string {
	list := []string{"/none", "/none/", "/pub/none", "/dynamic/none", "/dynamic", "/priv/a.txt/", "/m", "/m/", "/privat/a.txt"}
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
			if !strings.HasSuffix(name, ".gz") {
				list = append(list, target)
			}
			if entry.IsDir() || entry.Type()&os.ModeSymlink != 0 {
				list = append(list, strings.TrimSuffix(target, "/")+"/", path.Join(target, "a.txt"), path.Join(target, "secret.txt"))
			}
			return nil
		})
	}
	slices.Sort(list)
	return slices.Compact(list)
}
