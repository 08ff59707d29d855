package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"aws/tests/harness"
)

func testGit(l *lab) {
	work := filepath.Join(l.work, "origin")
	git := func(directory string, args ...string) string {
		l.Helper()
		return strings.TrimSpace(l.must("git", append([]string{
			"-C", directory, "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false",
		}, args...)...))
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		l.Fatal(err)
	}
	git(work, "init", "-q")
	commit := func(i int) {
		harness.WriteFile(l, filepath.Join(work, fmt.Sprintf("directory%d/file%d", i%3, i)), harness.Content(3000*i, uint64(i)))
		git(work, "add", "-A")
		git(work, "commit", "-q", "-m", fmt.Sprint("commit ", i))
	}
	for i := range 12 {
		commit(i)
	}
	git(work, "tag", "-a", "v1", "-m", "v1")
	bare := filepath.Join(l.root, l.name, "repo.git")
	git(l.work, "clone", "-q", "--bare", work, bare)
	git(bare, "repack", "-q", "-a", "-d")
	git(bare, "update-server-info")
	mark := l.mark()
	git(l.work, "clone", "-q", l.url("repo.git"), "copy")
	l.since(mark, "a query on a file", has(200, "/git/repo.git/info/refs?service=git-upload-pack"))
	copied := filepath.Join(l.work, "copy")
	if mine, theirs := git(copied, "rev-parse", "HEAD"), git(work, "rev-parse", "HEAD"); mine != theirs {
		l.Errorf("cloned %s of %s", mine, theirs)
	}
	git(copied, "fsck", "--strict")
	// More commits, loose ones this time, and a fetch.
	for i := 12; i < 20; i++ {
		commit(i)
	}
	git(work, "push", "-q", bare, "main")
	git(bare, "update-server-info")
	harness.Eventually(l, patience, "the new commits are served", func() error {
		git(copied, "pull", "-q", "--ff-only")
		if mine, theirs := git(copied, "rev-parse", "HEAD"), git(work, "rev-parse", "HEAD"); mine != theirs {
			return harness.Errorf("pulled %s of %s", mine, theirs)
		}
		return nil
	})
	git(copied, "fsck", "--strict")
	for i := range 20 {
		l.same(filepath.Join(copied, fmt.Sprintf("directory%d/file%d", i%3, i)), harness.Content(3000*i, uint64(i)))
	}
}

// nasty are names that a page has to escape in one way and an address in another.
var nasty = []string{
	"plain", "a space", "two  spaces", "a+b", "a&b", "a%20b", "100%", "a#b", "a?b=c", "semi;colon", "com,ma", "quo\"te", "apo'strophe", "less<b>than", "gr>eater",
	"ümläut", "日本語", "emoji 🎈", "e\u0301 decomposed", "back\\slash", "pipe|d", "tilde~", "dollar$", "ex!claim", "at@sign", "eq=ual", "bra[cket]", "cur{ly}", "par(en)", "ca^ret", "grave`",
	"sta*r", "co:lon", "dots..in..it", "trailing.", "very " + strings.Repeat("long ", 40) + "name", "<script>alert(1)</script>"[:24],
	"directory with space/file in it", "directory+plus/fi&le", "ordner ü/dätei", "f#/f?/f%",
}

// nastyTree serves a file of each name and returns the contents by name.
func (l *lab) nastyTree(skip func(name string) bool) map[string][]byte {
	tree := map[string][]byte{}
	for i, name := range nasty {
		if strings.Contains(name, "</") || skip(name) {
			continue
		}
		tree[name] = harness.Content(100+i, uint64(i))
		l.serve("tree/"+name, tree[name])
	}
	return tree
}

func testRclone(l *lab) {
	tree := l.nastyTree(func(string) bool { return false })
	l.must("rclone", "copy", "--config", "", "--http-url", l.url("tree/"), "--local-encoding", "None", ":http:", "out")
	count := 0
	err := filepath.WalkDir(filepath.Join(l.work, "out"), func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			count++
		}
		return err
	})
	if err != nil || count != len(tree) {
		l.Errorf("%d files of %d, %v", count, len(tree), err)
	}
	for name, content := range tree {
		l.same(filepath.Join("out", name), content)
	}
	// A second run finds everything there by size and time, and fetches nothing.
	mark := l.mark()
	l.must("rclone", "copy", "--config", "", "--http-url", l.url("tree/"), "--local-encoding", "None", ":http:", "out")
	for _, a := range l.responses()[mark:] {
		if a.method == "GET" && !strings.HasSuffix(a.target, "/") {
			l.Errorf("fetched again: %s", a.line)
		}
	}
}

func testLinkchecker(l *lab) {
	// It takes an escaped backslash for a slash.
	tree := l.nastyTree(func(name string) bool { return strings.Contains(name, "\\") })
	output, status := l.client("linkchecker", "--no-status", "--no-robots", "--threads", "4", "--timeout", "60", "--verbose", "-o", "csv", l.url("tree/"))
	if status != 0 {
		l.Fatalf("exit status %d:\n%s", status, output)
	}
	asked := map[string]bool{}
	for _, a := range l.responses() {
		if a.status == 200 {
			asked[a.target] = true
		} else if a.status != 304 && a.status != 404 || a.status == 404 && !strings.HasSuffix(a.target, "robots.txt") {
			l.Errorf("a link leads nowhere: %s", a.line)
		}
	}
	if len(asked) < len(tree) {
		l.Errorf("%d links of %d files", len(asked), len(tree))
	}
}
