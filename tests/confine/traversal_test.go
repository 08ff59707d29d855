package confine

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws/tests/harness"
)

// secret is what no response may hold.
const secret = "a byte from outside the root"

// ups are spellings of "..".
var ups = []string{
	"..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "%25252e%25252e", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae",
	"%f0%80%80%ae%f0%80%80%ae", "\xc0\xae\xc0\xae", "%u002e%u002e", "..%00", "%00..", "..%20", "..;", "..;x=1", "....", "...", ". .", "..%09",
	"%ef%bc%8e%ef%bc%8e", ".%00.", "..%0a", "%2e%2e%2f..", "....//..",
}

// slashes are spellings of "/".
var slashes = []string{
	"/", "%2f", "%2F", "%252f", "\\", "%5c", "%255c", "%c0%af", "%e0%80%af", "\xc0\xaf", "%c1%9c", "//", "/./", "%u2215", "%ef%bc%8f", "/;/",
}

// spellings returns every target that is tried: the ways of writing "..", times the ways of writing "/",
// times where one begins, times how far up it goes. name is the secret's, from the root's parent.
func spellings(root, name string) []string {
	var targets []string
	starts := []string{"/static/", "/dynamic/", "/", "/static/sub/", "/dynamic/sub/", "/static//", "/static/inside/", "http://h/static/", "http://h/", "/static/./", "/nothing/"}
	for _, up := range ups {
		for _, slash := range slashes {
			for i, start := range starts {
				// As deep as the place where it begins lies, and far beyond.
				for _, depth := range []int{1 + strings.Count(strings.TrimPrefix(start, "http://h"), "/") - 1, 12} {
					target := start + strings.Repeat(up+slash, max(depth, 1)) + name
					if i%2 == 1 {
						target = strings.ReplaceAll(target, "/"+name, slash+name)
					}
					targets = append(targets, target)
				}
			}
		}
	}
	// What is not of that pattern.
	absolute := filepath.Join(filepath.Dir(root), name)
	for _, start := range []string{"", "/", "//", "/static/", "/static//", "/dynamic/", "/dynamic//", "file://", "file:///", "http://h/", "http://h//", "/static/%2f", "/dynamic/%2f", "/static/%5c", "/static/..%2f..", "/static/c:", "\\\\h\\", "/proc/self/root", "/static/proc/self/root", "/proc/self/cwd/..", "/dev/fd/3/..", "/static/../../../../../../../../../..", "*"} {
		for _, rest := range []string{absolute, strings.ReplaceAll(absolute, "/", "%2f"), strings.ReplaceAll(absolute, "/", "%252f"), strings.ReplaceAll(absolute, "/", "\\")} {
			targets = append(targets, start+rest)
		}
	}
	for _, link := range []string{"out", "out.absolute", "outfolder/" + name, "outfolder.absolute/" + name, "chain", "updots", "back/static/inside/../../" + name, "procroot" + absolute, "procfd/3/../" + name} {
		for _, directory := range []string{"/static/", "/dynamic/"} {
			for _, tail := range []string{"", "/", "/.", "%00", "?", "#", "%2f", "%3f", "/../" + name} {
				targets = append(targets, directory+link+tail)
			}
		}
	}
	return append(targets,
		"..", "../", "/..", "/../", "../"+name, "/../"+name, "..\\"+name, "/..\\"+name, "/%", "/%2", "/%zz", "/static/%2e%2e", "/static/..", "/dynamic/..",
		"static/../../"+name, "?../../"+name, "/static?/../../"+name, "/static#/../../"+name, "/static/"+strings.Repeat("../", 2000)+name,
		"/static/"+strings.Repeat("a/../", 700)+"../../"+name, "/"+strings.Repeat("/", 4000)+"../"+name,
		"http://../"+name, "http://..%2f"+name, "http:///../"+name, "http://h/../"+name, "http://h/static/../../"+name, "h:80",
	)
}

// outsideOf prepares a root whose surroundings hold the secret, and links that lead there.
func outsideOf(t *testing.T) (root, name string) {
	t.Helper()
	root, name = newRoot(t), "secret"
	parent := filepath.Dir(root)
	harness.WriteFile(t, filepath.Join(parent, name), []byte(secret))
	harness.WriteFile(t, filepath.Join(parent, "root-sibling", name), []byte(secret))
	for _, directory := range []string{"static", "dynamic"} {
		at := func(name string) string { return filepath.Join(root, directory, name) }
		harness.WriteFile(t, at("sub/inside"), []byte("inside\n"))
		harness.Symlink(t, "../../"+name, at("out"))
		harness.Symlink(t, filepath.Join(parent, name), at("out.absolute"))
		harness.Symlink(t, "../..", at("outfolder"))
		harness.Symlink(t, parent, at("outfolder.absolute"))
		harness.Symlink(t, "sub/chain", at("chain"))
		harness.Symlink(t, "../out", at("sub/chain"))
		harness.Symlink(t, strings.Repeat("../", 30)+strings.TrimPrefix(filepath.Join(parent, name), "/"), at("updots"))
		harness.Symlink(t, "../../root", at("back"))
		harness.Symlink(t, "/proc/self/root", at("procroot"))
		harness.Symlink(t, "/proc/self/fd", at("procfd"))
	}
	return root, name
}

// TestTraversal asks both servers for what is outside, in every spelling: no byte of it arrives, and what is
// answered 200 is a file of the root.
func TestTraversal(t *testing.T) {
	root, name := outsideOf(t)
	targets := spellings(root, name)
	for _, link := range []string{"out", "out.absolute", "outfolder/" + name, "chain", "updots"} { // the bait is there
		if text, err := os.ReadFile(filepath.Join(root, "static", link)); err != nil || string(text) != secret {
			t.Fatalf("%s: %q, %v", link, text, err)
		}
	}
	if len(targets) < 300 {
		t.Fatalf("only %d spellings", len(targets))
	}
	for _, mode := range modes {
		for _, args := range [][]string{{}, {"--list", "--dotfiles", "--spa", "/static/inside", "--landlock=false"}, {"--landlock=false"}} {
			if mode == "dropin" && len(args) > 1 {
				continue
			}
			t.Run(mode+" "+strings.Join(args, " "), func(t *testing.T) {
				server := start(t, mode, root, harness.Options{}, args...)
				statuses := map[string]int{}
				for _, target := range targets {
					response, err := raw(server.Address, "GET "+target+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
					if err != nil {
						t.Fatalf("%q: %v", target, err)
					}
					head, body, _ := bytes.Cut(response, []byte("\r\n\r\n"))
					fields := strings.Fields(string(head))
					if len(fields) < 2 {
						t.Fatalf("%q: %q", target, response)
					}
					statuses[fields[1]]++
					if bytes.Contains(response, []byte(secret)) || bytes.Contains(response, []byte("root:x:")) {
						t.Errorf("%q brought out %q", target, response)
					}
					if listing := bytes.Contains(head, []byte("text/html")); fields[1] == "200" && !listing && string(body) != "inside\n" {
						t.Errorf("%q: %q", target, response)
					}
					if bytes.Contains(body, []byte(`"secret"`)) || bytes.Contains(body, []byte("root-sibling")) {
						t.Errorf("%q listed the outside: %q", target, body)
					}
				}
				t.Logf("%d spellings: %v", len(targets), statuses)
				wantInside(t, server)
			})
		}
	}
}

// raw sends a text over a connection of its own and returns everything that comes back.
func raw(address, text string) ([]byte, error) {
	conn, err := net.DialTimeout("tcp", address, 20*time.Second)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return nil, err
	}
	return io.ReadAll(bufio.NewReader(conn))
}
