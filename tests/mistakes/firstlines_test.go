package mistakes

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"aws/tests/harness"
)

// TestFirstLines starts the server in directories that a new user may be in, and compares what it says with what is expected:
// what is served where, what is missing, and what to type next.
func TestFirstLines(t *testing.T) {
	for _, c := range []struct {
		name string
		has  []string // directories, and files by their dot
		port string   // has to be free; the text has P where it is chosen
		args []string
		want string
	}{
		{
			name: "aws in an empty directory", port: "8888",
			want: `aws: warning: DIR has neither static/ nor dynamic/: every request gets 404 (make one of them, or name the directory that holds them: aws --root DIR; to serve this one as it is: aws serve .)
aws: serving DIR at http://localhost:8888/ (all IPv4 addresses)
`,
		},
		{
			name: "aws for another empty directory", has: []string{"sub"}, args: []string{"--root", "sub", "--port", "0"},
			want: `aws: warning: sub has neither static/ nor dynamic/: every request gets 404 (make one of them, or name the directory that holds them: aws --root DIR; to serve this one as it is: aws serve sub)
aws: serving sub at http://localhost:P/ (all IPv4 addresses)
`,
		},
		{
			name: "aws without dynamic", has: []string{"static"}, args: []string{"--port", "0"},
			want: `aws: warning: DIR has no dynamic/: requests for /dynamic/ get 404 (mkdir DIR/dynamic makes it)
aws: serving DIR at http://localhost:P/ (all IPv4 addresses): static/ at /static/
`,
		},
		{
			name: "aws with both", has: []string{"static", "dynamic"}, args: []string{"--port", "0"},
			want: "aws: serving DIR at http://localhost:P/ (all IPv4 addresses): static/ at /static/, dynamic/ at /dynamic/\n",
		},
		{
			name: "aws serve without arguments", port: "8080", args: []string{"serve"},
			want: `aws: listening at http://127.0.0.1:8080/
aws: / serves DIR (static)
aws: DIR has no index.html: a request for / gets 404 (--list lists the files instead)
aws: only this machine can connect (aws serve --listen :8080 lets others; aws serve --help lists all options)
`,
		},
		{
			name: "aws serve with an index", has: []string{"index.html", "dynamic"}, args: []string{"serve", ".", "--listen", "127.0.0.1:0"},
			want: `aws: listening at http://127.0.0.1:P/
aws: / serves DIR (static)
aws: /dynamic/ serves DIR/dynamic (dynamic)
`,
		},
		{
			name: "aws serve with a listing", has: []string{"sub"}, args: []string{"serve", "sub", "--list", "--listen", "127.0.0.1:0"},
			want: "aws: listening at http://127.0.0.1:P/\naws: / serves sub (static)\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.port != "" {
				harness.NeedPort(t, c.port)
			}
			dir, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range c.has {
				if strings.Contains(name, ".") {
					harness.WriteFile(t, filepath.Join(dir, name), []byte("x\n"))
				} else if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			s := harness.Start(t, harness.Options{Path: harness.AWS(t), Args: c.args, Directory: dir})
			want := strings.ReplaceAll(regexp.MustCompile(`\bDIR\b`).ReplaceAllString(c.want, dir), "--root "+dir, "--root DIR")
			_, port, err := net.SplitHostPort(s.Address)
			if err != nil {
				t.Fatal(err)
			}
			want = strings.ReplaceAll(want, ":P/", ":"+port+"/")
			s.Says(t, regexp.QuoteMeta(want[strings.LastIndex(strings.TrimSuffix(want, "\n"), "\n")+1:]), 1)
			if got := ofOldKernel.ReplaceAllString(strings.ReplaceAll(s.Output(), asRoot, ""), ""); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			if status := s.Stop(t); status != 0 {
				t.Errorf("exit status %d", status)
			}
		})
	}
}

// asRoot is what the file server says besides where the test runs as root.
const asRoot = "aws: warning: running as root: --user NAME drops to another user once the addresses are bound\n"

// ofOldKernel matches what the server says besides on a kernel that lacks a call.
var ofOldKernel = regexp.MustCompile(`(?m)^aws: .*not available here: .*\n`)
