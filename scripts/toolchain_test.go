package scripts_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// machine is a tree with a copy of scripts/need, which asks for Go 9.9.0 and pins 9.9.9, and a PATH of its own.
type machine struct {
	tree    string
	bin     string
	environ []string
}

// newMachine makes one without Go. Its apt-get only writes down what it is asked for and fails, as without a network.
func newMachine(t *testing.T) *machine {
	t.Helper()
	dir := t.TempDir()
	m := &machine{tree: filepath.Join(dir, "tree"), bin: filepath.Join(dir, "bin")}
	m.environ = []string{"HOME=" + dir, "PATH=" + m.bin, "SSL_CERT_FILE=/dev/null", "GOSUMDB=off", "GOPROXY=off"}
	for _, name := range []string{"awk", "bash", "cat", "chmod", "dirname", "env", "find", "head", "mkdir", "mktemp", "mv", "rm", "sed", "sort", "tail", "uname"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skip(name + " is not installed")
		}
		m.link(t, path, name)
	}
	m.script(t, "apt-get", `echo "$*" >>"$HOME/apt.log"; exit 100`)
	m.script(t, "sudo", `[ "$1" = -n ] || exec "$@"`)
	m.script(t, "install", `exit 1`)
	need, err := os.ReadFile("need")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(m.tree, "scripts/need"), need, 0o755)
	write(t, filepath.Join(m.tree, "go.mod"), []byte("module aws\n\ngo 9.9.0\n"), 0o644)
	write(t, filepath.Join(m.tree, ".go-version"), []byte("9.9.9\n"), 0o644)
	m.pin(t, "h1:none")
	// Otherwise go leaves a process behind that writes into HOME while the test removes it.
	write(t, filepath.Join(dir, ".config/go/telemetry/mode"), []byte("off"), 0o644)
	return m
}

func write(t *testing.T, name string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, mode); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) link(t *testing.T, path, name string) {
	t.Helper()
	if err := os.MkdirAll(m.bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, filepath.Join(m.bin, name)); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) script(t *testing.T, name, body string) {
	t.Helper()
	write(t, filepath.Join(m.bin, name), []byte("#!/bin/bash\n"+body+"\n"), 0o755)
}

// install puts a go of the version into the PATH. All but its version is the Go that runs this test.
func (m *machine) install(t *testing.T, version, toolchain string) {
	t.Helper()
	real, err := exec.LookPath("go")
	if err != nil {
		t.Skip("go is not in the PATH")
	}
	m.script(t, "go", `case "$1 $2" in
"version ") echo "go version go`+version+` linux/amd64" ;;
"env GOTOOLCHAIN") echo `+toolchain+` ;;
*) exec `+real+` "$@" ;;
esac`)
}

const module = "golang.org/toolchain"

func moduleVersion() string { return "v0.0.1-go9.9.9.linux-" + runtime.GOARCH }

func (m *machine) pin(t *testing.T, sum string) {
	t.Helper()
	write(t, filepath.Join(m.tree, "scripts/toolchain.sum"), []byte(module+" "+moduleVersion()+" "+sum+"\n"), 0o644)
}

// check runs scripts/need and returns what it prints and whether it succeeds.
func (m *machine) check(t *testing.T, args ...string) (string, bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(m.tree, "scripts/need"), args...)
	cmd.Env = m.environ
	out, err := cmd.CombinedOutput()
	t.Logf("need %s:\n%s", strings.Join(args, " "), out)
	return string(out), err == nil
}

// left is what is below .tools.
func (m *machine) left() []string {
	names, _ := filepath.Glob(filepath.Join(m.tree, ".tools/*"))
	return names
}

// toolchainFiles are a Go whose only command prints its version.
var toolchainFiles = map[string]string{
	"bin/go":                  "#!/bin/bash\necho go version go9.9.9 linux/amd64\n",
	"pkg/tool/linux/compile":  "",
	"src/_go.mod":             "module std\n",
	"src/cmd/internal/x.go":   "package x\n",
	"src/crypto/_asm/_go.mod": "module asm\n",
}

// proxyToolchain makes a module proxy in a directory, and the sum of the toolchain in it.
func proxyToolchain(t *testing.T) (dir, sum string) {
	t.Helper()
	dir = t.TempDir()
	base := filepath.Join(dir, module, "@v", moduleVersion())
	prefix := module + "@" + moduleVersion() + "/"
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	var lines []string
	for name, text := range toolchainFiles {
		f, err := w.Create(prefix + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(text)), prefix+name))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, base+".info", []byte(`{"Version":"`+moduleVersion()+`"}`), 0o644)
	write(t, base+".mod", []byte("module "+module+"\n"), 0o644)
	write(t, base+".zip", archive.Bytes(), 0o644)
	// As golang.org/x/mod/sumdb/dirhash has it.
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	hash := sha256.Sum256([]byte(strings.Join(lines, "")))
	return dir, "h1:" + base64.StdEncoding.EncodeToString(hash[:])
}

func wantText(t *testing.T, out string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(out, want) {
			t.Errorf("need does not print %q", want)
		}
	}
}

func TestNeedAcceptsGo(t *testing.T) {
	for _, test := range []struct {
		version, toolchain string
		want               bool
	}{
		{"9.9.0", "local", true},
		{"9.10", "local", true},
		{"10.0", "local", true},
		{"9.9", "local", false},
		{"9.8.9", "local", false},
		{"9.8.9", "path", false},
		{"9.8.9", "auto", true}, // it fetches what go.mod asks for
		{"1.21.0", "auto", true},
		{"1.20.14", "auto", false}, // it knows nothing of toolchains
		{"1.19.8", "", false},
	} {
		t.Run(test.version+" "+test.toolchain, func(t *testing.T) {
			m := newMachine(t)
			m.install(t, test.version, test.toolchain)
			out, ok := m.check(t, "-n")
			if ok != test.want || ok != (out == "") {
				t.Errorf("success is %t, want %t", ok, test.want)
			}
			if !ok {
				wantText(t, out, "go.mod asks for Go 9.9.0, and go is "+test.version, "install Go 9.9.9 from https://go.dev/dl/", "scripts/need build")
			}
			if left := m.left(); left != nil {
				t.Errorf("need -n leaves %q", left)
			}
		})
	}
}

func TestNeedWithoutGo(t *testing.T) {
	m := newMachine(t)
	out, ok := m.check(t, "-n", "build")
	if ok {
		t.Error("need -n succeeds")
	}
	wantText(t, out, "there is no go", "install Go 9.9.9 from https://go.dev/dl/", "missing: gcc", "apt-get install gcc")
	if _, err := os.Stat(filepath.Join(m.environ[0][len("HOME="):], "apt.log")); err == nil {
		t.Error("need -n asks apt-get for something")
	}

	// Without a network: apt-get fails.
	out, ok = m.check(t)
	if ok {
		t.Error("need succeeds")
	}
	wantText(t, out, "apt-get install golang-go", "there is no go: install Go 9.9.9 from https://go.dev/dl/", "with a network")
}

func TestNeedFetchesGo(t *testing.T) {
	m := newMachine(t)
	m.install(t, "1.19.8", "")
	proxy, sum := proxyToolchain(t)
	// Go does not look up a toolchain from a file in the checksum database.
	m.environ = append(m.environ, "GOPROXY=file://"+proxy)
	m.pin(t, sum)
	out, ok := m.check(t)
	if !ok {
		t.Fatal("need fails")
	}
	if strings.Count(out, "\n") != 1 {
		t.Error("need prints more than one line")
	}
	wantText(t, out, "go is 1.19.8: putting Go 9.9.9 into .tools")
	for _, name := range []string{"src/go.mod", "src/crypto/_asm/go.mod", "pkg/tool/linux/compile"} {
		if _, err := os.Stat(filepath.Join(m.tree, ".tools/go9.9.9", name)); err != nil {
			t.Error(err)
		}
	}
	if left := m.left(); len(left) != 1 {
		t.Errorf("it leaves %q", left)
	}
	for _, args := range [][]string{nil, {"-n"}} {
		if out, ok := m.check(t, args...); !ok || out != "" {
			t.Error("need is not content with what it has fetched")
		}
	}
}

func TestNeedRefusesWrongSum(t *testing.T) {
	m := newMachine(t)
	m.install(t, "1.19.8", "")
	proxy, sum := proxyToolchain(t)
	m.environ = append(m.environ, "GOPROXY=file://"+proxy)
	wrong := "h1:" + base64.StdEncoding.EncodeToString(make([]byte, sha256.Size))
	m.pin(t, wrong)
	out, ok := m.check(t)
	if ok {
		t.Error("need succeeds")
	}
	wantText(t, out, "is refused: its sum is "+sum+", and scripts/toolchain.sum has "+wrong, "install Go 9.9.9 from")
	if left := m.left(); left != nil {
		t.Errorf("it leaves %q", left)
	}
	m.pin(t, "")
	out, _ = m.check(t)
	wantText(t, out, "scripts/toolchain.sum has no sum for "+module+"@"+moduleVersion())
}

// TestNeedWithoutToolchain has proxies that have no such module, or are not there.
func TestNeedWithoutToolchain(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	defer server.Close()
	for name, test := range map[string]struct{ proxy, want string }{
		"none":    {"off", "module lookup disabled by GOPROXY=off"},
		"empty":   {server.URL, "404 Not Found"},
		"absent":  {closed.URL, "connection refused"},
		"several": {closed.URL + "," + server.URL, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.install(t, "1.19.8", "")
			m.environ = append(m.environ, "GOPROXY="+test.proxy)
			out, ok := m.check(t)
			if ok {
				t.Error("need succeeds")
			}
			wantText(t, out, test.want, "install Go 9.9.9 from https://go.dev/dl/", "GOPROXY")
			if left := m.left(); left != nil {
				t.Errorf("it leaves %q", left)
			}
		})
	}
}

// TestToolchainPinned holds the files that name the version of Go against each other.
func TestToolchainPinned(t *testing.T) {
	version, err := os.ReadFile("../.go-version")
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile("toolchain.sum")
	if err != nil {
		t.Fatal(err)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		want := module + " v0.0.1-go" + strings.TrimSpace(string(version)) + ".linux-" + arch + " h1:"
		if !strings.Contains(string(sums), want) {
			t.Errorf("scripts/toolchain.sum has no line %s...", want)
		}
	}
}
