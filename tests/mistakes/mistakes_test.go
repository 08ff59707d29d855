package mistakes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// account says who has to make a mistake.
type account int

const (
	anybody account = iota
	onlyRoot
	notRoot // root becomes nobody for it
)

// mistake is a command line, or what it names, that is wrong. The message is one line: the parts thing, cause and remedy,
// one after the other.
type mistake struct {
	name                 string
	by                   account
	args                 []string
	env                  []string
	status               int
	thing, cause, remedy string
}

// What stands for itself in arguments and texts: $TAKEN is a port of 127.0.0.1 at which somebody listens, $UID the user who
// runs the command, $BIN the directory of the program that lacks its awsd. The current directory has the files of newScene.
var mistakes = []mistake{
	{
		name: "port taken", args: []string{"--port", "$TAKEN", "--root", "site"}, status: 1,
		thing: "listen 0.0.0.0:$TAKEN: ", cause: "address already in use ",
		remedy: "(another server listens there: end it, which ss -ltnp names, or choose another port with --port)",
	},
	{
		name: "address taken", args: []string{"serve", "site", "--listen", "127.0.0.1:$TAKEN"}, status: 1,
		thing: "listen 127.0.0.1:$TAKEN: ", cause: "address already in use ",
		remedy: "(another server listens there: end it, which ss -ltnp names, or choose another port with --listen)",
	},
	{
		name: "directory missing", args: []string{"--root", "absent"}, status: 1,
		thing: "--root absent: ", cause: "no such file or directory ", remedy: "(make the directory, or name another one)",
	},
	{
		name: "directory missing, of serve", args: []string{"serve", "absent"}, status: 1,
		thing: "--root absent: ", cause: "no such file or directory ", remedy: "(make the directory, or name another one)",
	},
	{
		name: "link to nothing", args: []string{"serve", "dangling"}, status: 1,
		thing: "--root dangling: ", cause: "no such file or directory ",
		remedy: "(it is a symbolic link to absent: correct the link, or name another directory)",
	},
	{
		name: "file instead of directory", args: []string{"serve", "site/page"}, status: 1,
		thing: "--root site/page: ", cause: "not a directory ", remedy: "(name the directory that holds it: site)",
	},
	{
		name: "symlink loop", args: []string{"serve", "loop"}, status: 1,
		thing: "--root loop: ", cause: "too many levels of symbolic links ",
		remedy: "(the symbolic links lead back to themselves: correct them, or name another directory; namei shows each)",
	},
	{
		name: "no permission for a directory", by: notRoot, args: []string{"serve", "private"}, status: 1,
		thing: "--root private: ", cause: "permission denied ",
		remedy: "(user $UID may not enter it, or a directory above it: change the permissions, which namei -l lists, or start as another user)",
	},
	{
		name: "mount without a directory", args: []string{"serve", "site", "--static", "/more/=absent"}, status: 1,
		thing: "--static absent: ", cause: "no such file or directory ", remedy: "(make the directory, or name another one)",
	},
	{
		name: "mount without a prefix", args: []string{"serve", "--static", "site"}, status: 2,
		thing: "--static site: ", cause: "expected PREFIX=DIR, ", remedy: "such as /files/=/srv/files (see aws serve --help)",
	},
	{
		name: "two roots", args: []string{"serve", "site", "more"}, status: 2,
		thing: `"site" and "more": `, cause: "one ROOT is served at /; ",
		remedy: "--static /more/=more serves another directory beside it (see aws serve --help)",
	},
	{
		name: "root as argument and as flag", args: []string{"serve", "site", "--root", "more"}, status: 2,
		thing: "ROOT is site and --root is more: ", cause: "one of them, not both; ", remedy: "leave one out (see aws serve --help)",
	},
	{
		name: "wrong flag", args: []string{"--prot", "80"}, status: 2,
		thing: "unknown flag: ", cause: "--prot; ", remedy: "did you mean --port? (see aws --help)",
	},
	{
		name: "flag with one dash", args: []string{"-port", "80"}, status: 2,
		thing: "unknown shorthand flag: ", cause: "'p' in -port; ", remedy: "did you mean --port? (see aws --help)",
	},
	{
		name: "flag of serve without serve", args: []string{"--list"}, status: 2,
		thing: "unknown flag: ", cause: "--list; ", remedy: "did you mean aws serve --list? (see aws --help)",
	},
	{
		name: "flag of the drop-in with serve", args: []string{"serve", "--port", "80"}, status: 2,
		thing: "unknown flag: ", cause: "--port; ", remedy: "did you mean --listen :PORT? (see aws serve --help)",
	},
	{
		name: "flag without its value", args: []string{"--port"}, status: 2,
		thing: "--port ", cause: "needs a value; ", remedy: "write --port PORT (see aws --help)",
	},
	{
		name: "unknown command", args: []string{"serv", "site"}, status: 2,
		thing: "there is no command ", cause: `"serv"; `, remedy: `did you mean "serve"? (see aws --help)`,
	},
	{
		name: "directory as command", args: []string{"site"}, status: 2,
		thing: "there is no command ", cause: `"site"; `, remedy: `did you mean "aws serve site"? (see aws --help)`,
	},
	{
		name: "port as command", args: []string{"9000"}, status: 2,
		thing: "there is no command ", cause: `"9000"; `, remedy: `did you mean "aws --port 9000"? (see aws --help)`,
	},
	{
		name: "port that is not one", args: []string{"--port", "http"}, status: 2,
		thing: "--port: ", cause: `"http" is not a whole number that fits; `, remedy: "write one, such as 100 (see aws --help)",
	},
	{
		name: "port too large", args: []string{"--port", "88888"}, status: 2,
		thing: "--port: ", cause: "88888 is more than 65535, which is the most; ", remedy: "write a smaller number (see aws --help)",
	},
	{
		name: "listen: port alone", args: []string{"serve", "site", "--listen", "8080"}, status: 2,
		thing: `--listen: address "8080": `, cause: "a port alone is not an address; ",
		remedy: `write ":8080" for all addresses, or "127.0.0.1:8080" for this machine (see aws serve --help)`,
	},
	{
		name: "listen: name", args: []string{"serve", "site", "--listen", "example.com:80"}, status: 2,
		thing: `--listen: address "example.com:80": `, cause: `"example.com" is not an IP address; `,
		remedy: "write one, such as 127.0.0.1:80, or :80 for all addresses (see aws serve --help)",
	},
	{
		name: "listen: port too large", args: []string{"serve", "site", "--listen", ":99999"}, status: 2,
		thing: `--listen: address ":99999": `, cause: `"99999" is not a port; `,
		remedy: "write a number from 0 to 65535 (see aws serve --help)",
	},
	{
		name: "listen: another machine's address", args: []string{"serve", "site", "--listen", "192.0.2.1:8080"}, status: 1,
		thing: "listen 192.0.2.1:8080: ", cause: "cannot assign requested address ",
		remedy: "(this machine has no such address: choose one that ip addr lists with --listen)",
	},
	{
		name: "privileged port", by: notRoot, args: []string{"serve", "site", "--listen", "127.0.0.1:$PRIVILEGED"}, status: 1,
		thing: "listen 127.0.0.1:$PRIVILEGED: ", cause: "permission denied ",
		remedy: "(ports below 1024 are root's: choose a higher one with --listen, or start as root with --user NAME)",
	},
	{
		name: "socket in use", args: []string{"serve", "site", "--listen", "unix:taken.sock"}, status: 1,
		thing: "listen unix:taken.sock: ", cause: "address already in use ",
		remedy: "(somebody listens there: end that server, or choose another path)",
	},
	{
		name: "file where a socket should be", args: []string{"serve", "site", "--listen", "unix:site/page"}, status: 1,
		thing: "listen unix:site/page: ", cause: "address already in use ",
		remedy: "(what is there is not a socket: remove it, or choose another path)",
	},
	{
		name: "socket without its directory", args: []string{"serve", "site", "--listen", "unix:absent/sock"}, status: 1,
		thing: "listen unix:absent/sock: ", cause: "no such file or directory ",
		remedy: "(make the directory absent, or choose another path)",
	},
	{
		name: "unknown user", by: onlyRoot, args: []string{"--root", "site", "--port", "0", "--user", "no-such-user"}, status: 1,
		thing: "--user no-such-user: ", cause: "there is no such user ",
		remedy: "(getent passwd lists them; useradd --system no-such-user makes this one)",
	},
	{
		name: "user without being root", by: notRoot, args: []string{"--root", "site", "--port", "0", "--user", "nobody"}, status: 1,
		thing: "--user nobody: ", cause: "only root can become another user ",
		remedy: "(start it as root, or leave --user out)",
	},
	{
		name: "duration without a unit", args: []string{"serve", "--keepalive-timeout", "5"}, status: 2,
		thing: "--keepalive-timeout: ", cause: `"5" is not a duration; `,
		remedy: "write a number with its unit, such as 500ms, 30s or 1h (see aws serve --help)",
	},
	{
		name: "duration in a variable", args: []string{"serve"}, env: []string{"AWSD_KEEPALIVE_TIMEOUT=5"}, status: 2,
		thing: "AWSD_KEEPALIVE_TIMEOUT: ", cause: `"5" is not a duration; `,
		remedy: "write a number with its unit, such as 500ms, 30s or 1h",
	},
	{
		name: "bad size", args: []string{"serve", "--limit-rate", "5 apples"}, status: 2,
		thing: "--limit-rate: ", cause: `"5 apples" is not a size; `,
		remedy: "write a number of bytes, such as 131072, or one with a unit, such as 128KiB or 1GiB (see aws serve --help)",
	},
	{
		name: "neither true nor false", args: []string{"serve", "--list=yes"}, status: 2,
		thing: "--list: ", cause: `"yes" is neither true nor false; `, remedy: "write one of them (see aws serve --help)",
	},
	{
		name: "unknown format", args: []string{"serve", "--log-format", "xml"}, status: 2,
		thing: "--log-format: ", cause: `"xml" is none of `, remedy: "text, json (see aws serve --help)",
	},
	{
		name: "users file missing", args: []string{"serve", "site", "--auth", "/=absent"}, status: 1,
		thing: "--auth /=absent: ", cause: "open absent: no such file or directory ",
		remedy: "(htpasswd -B -c absent NAME makes it, with the user NAME)",
	},
	{
		name: "users file damaged", args: []string{"serve", "site", "--auth", "/=site/page"}, status: 1,
		thing: "--auth /=site/page: ", cause: "line 1: expected USER:HASH ",
		remedy: "(htpasswd -B site/page NAME writes a line for the user NAME)",
	},
	{
		name: "users file with another hash", args: []string{"serve", "site", "--auth", "/=users"}, status: 1,
		thing: "--auth /=users: ", cause: "line 1: the hash of ali is not bcrypt's ",
		remedy: "(htpasswd -B users NAME writes a line for the user NAME)",
	},
	{
		name: "users file without permission", by: notRoot, args: []string{"serve", "site", "--auth", "/=secret"}, status: 1,
		thing: "--auth /=secret: ", cause: "open secret: permission denied ",
		remedy: "(user $UID may not read it: change the permissions, or name another file)",
	},
	{
		name: "log without its directory", args: []string{"serve", "site", "--access-log", "$DIR/absent/log"}, status: 1,
		thing: "--access-log: ", cause: "open $DIR/absent/log: no such file or directory ",
		remedy: "(make the directory $DIR/absent, or name another file)",
	},
	{
		name: "log without permission", by: notRoot, args: []string{"serve", "site", "--access-log", "secret"}, status: 1,
		thing: "--access-log: ", cause: "open $DIR/secret: permission denied ",
		remedy: "(user $UID may not write it: change the permissions, or name another file)",
	},
	{
		name: "directory as log", args: []string{"--root", "site", "--access-log", "more"}, status: 1,
		thing: "--access-log: ", cause: "open $DIR/more: is a directory ", remedy: "(name a file in it)",
	},
	{
		name: "two logs", args: []string{"--root", "site", "--access-log", "a", "--log", "b"}, status: 2,
		thing: "--log and --access-log: ", cause: "there is one access log: ", remedy: "leave one of them out (see aws --help)",
	},
	{
		name: "trace without its directory", args: []string{"--root", "site", "--trace-file", "absent/trace"}, status: 1,
		thing: "--trace-file: ", cause: "open absent/trace: no such file or directory ",
		remedy: "(make the directory absent, or name another file)",
	},
	{
		name: "admin's address taken", args: []string{"serve", "site", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:$TAKEN"}, status: 1,
		thing: "--admin 127.0.0.1:$TAKEN: ", cause: "address already in use ",
		remedy: "(another server listens there: end it, which ss -ltnp names, or choose another port with --admin)",
	},
	{
		name: "admin's port alone", args: []string{"--root", "site", "--admin", "9100"}, status: 2,
		thing: `--admin: address "9100": `, cause: "a port alone is not an address; ",
		remedy: `write ":9100" for all addresses, or "127.0.0.1:9100" for this machine (see aws --help)`,
	},
	{
		name: "error page missing", args: []string{"serve", "site", "--error-page", "404=absent"}, status: 1,
		thing: "--error-page 404=absent: ", cause: "open absent: no such file or directory ",
		remedy: "(name a file that this user may read)",
	},
	{
		name: "header without a colon", args: []string{"serve", "site", "--header", "X-Robots-Tag"}, status: 2,
		thing: `--header "X-Robots-Tag": `, cause: "expected 'Name: value', ",
		remedy: "such as 'X-Robots-Tag: noindex' (see aws serve --help)",
	},
	{
		name: "configuration missing", args: []string{"serve", "--config", "absent.toml"}, status: 1,
		thing: "--config: ", cause: "open absent.toml: no such file or directory ",
		remedy: "(name a file that is there; aws check prints one with all options)",
	},
	{
		name: "configuration named by a variable, missing", args: []string{"serve"}, env: []string{"AWSD_CONFIG=absent.toml"}, status: 1,
		thing: "AWSD_CONFIG: ", cause: "open absent.toml: no such file or directory ",
		remedy: "(name a file that is there; aws check prints one with all options)",
	},
	{
		name: "directory as configuration", args: []string{"serve", "--config", "more"}, status: 1,
		thing: "--config: ", cause: "read more: is a directory ", remedy: "(name a file in it)",
	},
	{
		name: "configuration given twice", args: []string{"serve", "--config", "key.toml", "--config", "twice.toml"}, status: 2,
		thing: "--config: ", cause: "key.toml and twice.toml are given; ", remedy: "leave one of them out (see aws serve --help)",
	},
	{
		name: "TOML mistake", args: []string{"serve", "--config", "syntax.toml"}, status: 2,
		thing: "syntax.toml:2: ", cause: "basic strings cannot have new lines; ",
		remedy: `a line is KEY = VALUE, where a string is in quotes, such as listen = ":8080"`,
	},
	{
		name: "unknown key", args: []string{"serve", "--config", "key.toml"}, status: 2,
		thing: "key.toml:1: ", cause: `unknown key "lisen"; `, remedy: "did you mean listen?",
	},
	{
		name: "unknown key, like no other", args: []string{"serve", "--config", "other.toml"}, status: 2,
		thing: "other.toml:1: ", cause: `unknown key "upstream"; `,
		remedy: "remove it (the keys are the names of the flags, without --)",
	},
	{
		name: "key given twice", args: []string{"serve", "--config", "twice.toml"}, status: 2,
		thing: "twice.toml:2: ", cause: "key list is already defined; ", remedy: "remove one of the lines",
	},
	{
		name: "value of another type", args: []string{"serve", "--config", "type.toml"}, status: 2,
		thing: "type.toml:1: list: ", cause: "it is a string; ", remedy: "expected true or false",
	},
	{
		name: "table", args: []string{"serve", "--config", "table.toml"}, status: 2,
		thing: "table.toml:1: ", cause: "unknown table [server]; ", remedy: "write the options as keys outside of any table",
	},
	{
		name: "awsd missing", args: []string{"$BIN/aws", "serve", "site"}, status: 1,
		thing: "$BIN/aws serve site needs the program awsd: ", cause: "awsd is neither at $BIN/awsd nor in the PATH ",
		remedy: "(make builds both; keep them in one directory)",
	},
}

// TestMistakes makes each of the mistakes, and compares all that the program says with the text in the table.
func TestMistakes(t *testing.T) {
	s := newScene(t)
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if m.thing == "" || m.cause == "" || m.remedy == "" {
				t.Fatal("the text does not name the thing, the cause and the remedy")
			}
			status, stdout, stderr := s.run(t, m)
			want := "aws: " + s.expand(m, m.thing+m.cause+m.remedy) + "\n"
			if got := withoutWarnings(stderr); got != want || status != m.status || stdout != "" {
				t.Errorf("status %d, want %d\n got %swant %s", status, m.status, got, want)
				if stdout != "" {
					t.Errorf("on the standard output: %q", stdout)
				}
			}
		})
	}
}

// withoutWarnings returns the lines that are neither warnings nor about what an old kernel lacks.
func withoutWarnings(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "aws: warning: ") && !ofOldKernel.MatchString(line) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// scene is what the mistakes are about: a directory that everybody may enter, with a copy of the programs, so that another
// user can run them, and with addresses that are taken.
type scene struct {
	dir   string // the current directory of the commands
	bin   string // has aws and awsd
	alone string // has an aws without its awsd
	taken string // the port
}

func newScene(t *testing.T) *scene {
	t.Helper()
	defer syscall.Umask(syscall.Umask(0o022))
	base, err := os.MkdirTemp("", "aws-mistakes-") // t.TempDir lets nobody else in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	s := &scene{dir: filepath.Join(base, "dir"), bin: filepath.Join(base, "bin"), alone: filepath.Join(base, "alone")}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Chmod(base, 0o755))
	for _, dir := range []string{"dir", "bin", "alone", "dir/site", "dir/site/static", "dir/site/dynamic", "dir/more"} {
		must(os.Mkdir(filepath.Join(base, dir), 0o755))
	}
	must(os.Mkdir(filepath.Join(s.dir, "private"), 0))
	for name, text := range map[string]string{
		"site/page":   "a page\n",
		"users":       "ali:$apr1$salt$hash\n",
		"syntax.toml": "list = true\nlisten = \":8080\n",
		"key.toml":    "lisen = \":8080\"\n",
		"other.toml":  "upstream = \"x.pem\"\n",
		"twice.toml":  "list = true\nlist = false\n",
		"type.toml":   "list = \"yes\"\n",
		"table.toml":  "[server]\nlist = true\n",
	} {
		must(os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644))
	}
	must(os.WriteFile(filepath.Join(s.dir, "secret"), nil, 0))
	must(os.Symlink("loop", filepath.Join(s.dir, "loop")))
	must(os.Symlink("absent", filepath.Join(s.dir, "dangling")))
	aws := harness.AWS(t)
	for to, from := range map[string]string{s.bin + "/aws": aws, s.bin + "/awsd": harness.Daemon(aws), s.alone + "/aws": aws} {
		program, err := os.ReadFile(from)
		must(err)
		must(os.WriteFile(to, program, 0o755))
	}
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	must(err)
	t.Cleanup(func() { _ = tcp.Close() })
	s.taken = strconv.Itoa(tcp.Addr().(*net.TCPAddr).Port)
	// A path of a socket has 107 bytes at most, and that of a scratch directory may be longer.
	socket, err := os.MkdirTemp("/tmp", "aws-")
	must(err)
	t.Cleanup(func() { _ = os.RemoveAll(socket) })
	unix, err := net.Listen("unix", socket+"/s")
	must(err)
	t.Cleanup(func() { _ = unix.Close() })
	must(os.Chmod(socket, 0o755))
	must(os.Chmod(socket+"/s", 0o777))
	must(os.Rename(socket+"/s", filepath.Join(s.dir, "taken.sock")))
	return s
}

// run makes a mistake.
func (s *scene) run(t *testing.T, m mistake) (status int, stdout, stderr string) {
	t.Helper()
	if m.by == onlyRoot && os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	if strings.Contains(m.thing, "$PRIVILEGED") && privileged == 0 {
		t.Skip("this machine has no privileged ports (net.ipv4.ip_unprivileged_port_start)")
	}
	argv := []string{filepath.Join(s.bin, "aws")}
	for i, arg := range m.args {
		if i == 0 && strings.HasPrefix(arg, "$BIN/") {
			argv = nil
		}
		argv = append(argv, s.expand(m, arg))
	}
	if m.by == notRoot && os.Geteuid() == 0 {
		argv = append([]string{harness.Tool(t, "setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"}, argv...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = s.dir
	cmd.Env = append([]string{"PATH=" + s.alone}, m.env...) // where there is no awsd
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// expand puts in what stands for itself.
func (s *scene) expand(m mistake, text string) string {
	uid := os.Geteuid()
	if m.by == notRoot && uid == 0 {
		uid = 65534
	}
	return strings.NewReplacer(
		"$TAKEN", s.taken, "$PRIVILEGED", strconv.Itoa(privileged), "$UID", strconv.Itoa(uid), "$DIR", s.dir, "$BIN", s.alone,
	).Replace(text)
}

// privileged is a port that only root may have, or 0 where there is none.
var privileged = func() int {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		return 0
	}
	var start int
	if _, err := fmt.Sscan(string(text), &start); err != nil || start < 2 {
		return 0
	}
	return min(start, 1024) - 1
}()
