package serveconfig

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws/internal/config"
	"aws/internal/docroot"
	"aws/internal/handler/fileserver"
	"aws/internal/kernel"
	"aws/internal/logging"
	"aws/internal/response"
)

// resolved returns the options that flags describe.
func resolved(t *testing.T, given config.Given) (*Options, config.Origins) {
	t.Helper()
	o := &Options{}
	origins, _, err := config.Resolve(o.Table(), config.Sources{Given: given})
	if err != nil {
		t.Fatal(err)
	}
	return o, origins
}

// site makes a directory with a file and a directory "dynamic".
func site(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "dynamic"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "page.html"), []byte("page"), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

// handlerOf returns what the flags describe, what was done for it, and what was reported.
func handlerOf(t *testing.T, given config.Given) (so *fileserver.Options, done []string, log string, err error) {
	t.Helper()
	o, _ := resolved(t, given)
	var out bytes.Buffer
	so, closeRoots, err := o.Handler(func(format string, args ...any) {
		done = append(done, strings.ReplaceAll(format, "%s", args[0].(string)))
	}, logging.New(&out))
	t.Cleanup(closeRoots)
	return so, done, out.String(), err
}

// TestMounts sees what is served by the options, and what by itself.
func TestMounts(t *testing.T) {
	root, other := site(t), t.TempDir()
	for _, c := range []struct {
		given config.Given
		want  string
	}{
		{config.Given{}, "/ static, /dynamic/ dynamic"},
		{config.Given{"static": {"/a=" + other}}, "/a/ static, / static, /dynamic/ dynamic"},
		{config.Given{"dynamic": {"/a/=" + other}}, "/a/ dynamic, / static"},
		{config.Given{"static": {"/dynamic/=" + other}}, "/dynamic/ static, / static"},
		{config.Given{"static": {"/=" + other}}, "/ static"},
		{config.Given{"dynamic": {"/=" + other}}, "/ dynamic"},
	} {
		c.given["root"] = []string{root}
		so, _, _, err := handlerOf(t, c.given)
		if err != nil {
			t.Errorf("%v: %v", c.given, err)
			continue
		}
		var got []string
		for _, m := range so.Mounts {
			got = append(got, m.Prefix+" "+m.Kind.String())
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%v: %s, want %s", c.given, text, c.want)
		}
	}
}

// TestHandler sees what options put into responses, and each file named before it is read.
func TestHandler(t *testing.T) {
	root := site(t)
	page := filepath.Join(root, "page.html")
	so, done, log, err := handlerOf(t, config.Given{
		"root": {root}, "header": {"X-A:  b "}, "cache-control": {"*.css=max-age=1"}, "mime": {"x=text/x", "*.tar.x=text/y"},
		"error-page": {"404=" + page}, "spa": {"missing.html"}, "auth": {"/page.html/=off"}, "max-ranges": {"7"}, "max-header-bytes": {"9K"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := (fileserver.Field{Name: "X-A", Value: "b"}); len(so.Fields) != 1 || so.Fields[0] != want {
		t.Errorf("fields %v", so.Fields)
	}
	if want := (fileserver.Glob{Pattern: "*.css", Value: "max-age=1"}); len(so.CacheControl) != 1 || so.CacheControl[0] != want {
		t.Errorf("cache control %v", so.CacheControl)
	}
	if !strings.HasPrefix(so.Types.Lookup("a.x"), "text/x") || len(so.TypeGlobs) != 1 || so.TypeGlobs[0].Value != "text/y" {
		t.Errorf("types %q, %v", so.Types.Lookup("a.x"), so.TypeGlobs)
	}
	if p := so.ErrorPages[response.Status(404)]; string(p.Body) != "page" || !strings.HasPrefix(p.Type, "text/html") {
		t.Errorf("the page %v", p)
	}
	if so.SPA != "/missing.html" || !strings.Contains(log, "--spa missing.html: there is no such file in "+root) {
		t.Errorf("%q, %s", so.SPA, log)
	}
	if len(so.Access) != 1 || so.Access[0].Prefix != "/page.html/" || so.Access[0].Users != nil {
		t.Errorf("access %v", so.Access)
	}
	if so.RangesMax != 7 || so.Limits.HeadBytesMax != 9<<10 {
		t.Errorf("%d ranges, %d bytes", so.RangesMax, so.Limits.HeadBytesMax)
	}
	if got, want := strings.Join(done, "; "), "opening the directory "+root+"; reading "+page; got != want {
		t.Errorf("done: %s, want %s", got, want)
	}
}

// TestServer sees the limits arrive, and those that the loop refuses named by their flags.
func TestServer(t *testing.T) {
	given := config.Given{"root": {site(t)}, "loops": {"3"}, "keepalive-timeout": {"7s"}, "drain-timeout": {"8s"}, "local-congestion": {"system"}, "proxy-from": {"unix", "10.0.0.0/8"}}
	so, _, _, err := handlerOf(t, given)
	if err != nil {
		t.Fatal(err)
	}
	o, _ := resolved(t, given)
	cfg, err := o.Server(so)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Loops != 3 || cfg.Loop.IdleTimeout != 7*time.Second || cfg.Loop.DrainTimeout != 8*time.Second || cfg.LocalCongestion != "" ||
		!cfg.Loop.ProxyUnix || len(cfg.Loop.Proxies) != 1 || cfg.ListenFlag != "--listen" || !cfg.Defer {
		t.Errorf("%+v", cfg)
	}
	Fit(cfg, 1000)
	if cfg.Loop.ConnsMax >= 1000 || cfg.Cache.FilesMax < 1 || cfg.Cache == (docroot.Limits{}) {
		t.Errorf("%d connections, %d files of 1000 descriptors", cfg.Loop.ConnsMax, cfg.Cache.FilesMax)
	}
	given["window-bytes"] = []string{"4096"}
	o, _ = resolved(t, given)
	if _, err := o.Server(so); err == nil || !strings.Contains(err.Error(), "--window-bytes") {
		t.Error(err)
	}
}

// TestAddresses sees the permissions go to Unix sockets alone.
func TestAddresses(t *testing.T) {
	o, _ := resolved(t, config.Given{"listen": {":80", "unix:/run/x"}, "socket-mode": {"0640"}, "socket-group": {"7"}})
	addrs, err := o.Addresses()
	if err != nil || len(addrs) != 2 {
		t.Fatalf("%v, %v", addrs, err)
	}
	if addrs[0].File.Mode != 0 || addrs[1].File.Mode != 0o640 || addrs[1].File.Group != 7 || addrs[1].Path != "/run/x" {
		t.Errorf("%+v", addrs)
	}
	sockets := o.Listening.Sockets(func(string, ...any) {})
	if sockets.Loops != o.Listening.Loops || sockets.Flag != "--listen" || !sockets.Defer {
		t.Errorf("%+v", sockets)
	}
}

// TestAddressesDiffer refuses two addresses of which one takes the connections of the other.
func TestAddressesDiffer(t *testing.T) {
	for _, c := range []struct {
		plain, tls []string
		want       string
	}{
		{[]string{":80", "127.0.0.1:81", "127.0.0.1:80"}, nil, "--listen: [::]:80 and 127.0.0.1:80 take the same connections; leave one of them out"},
		{[]string{"127.0.0.1:80", "127.0.0.1:80"}, nil, "--listen: 127.0.0.1:80 and 127.0.0.1:80 take the same connections; leave one of them out"},
		{[]string{"unix:/a", "unix:/a"}, nil, "--listen: unix:/a and unix:/a take the same connections; leave one of them out"},
		{[]string{"127.0.0.1:80"}, []string{"127.0.0.1:80"}, "--listen-tls: 127.0.0.1:80 and 127.0.0.1:80 take the same connections; leave one of them out"},
		{[]string{"0.0.0.0:80"}, []string{"127.0.0.1:80"}, "--listen-tls: 0.0.0.0:80 and 127.0.0.1:80 take the same connections; leave one of them out"},
		{[]string{"127.0.0.1:0", "127.0.0.1:0", ":0", "127.0.0.1:80", "127.0.0.2:80", "[::]:80", "unix:/a", "unix:/b"}, []string{"127.0.0.1:0", ":443"}, ""},
	} {
		o, _ := resolved(t, config.Given{"listen": c.plain, "listen-tls": c.tls})
		addrs, err := o.Addresses()
		if c.want == "" && (err != nil || len(addrs) != len(c.plain)+len(c.tls)) || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%v: %v, %v", c, addrs, err)
		}
	}
}

// TestKept sees what takes a restart reported by a worker, and nothing else.
func TestKept(t *testing.T) {
	before, _ := resolved(t, config.Given{"loops": {"2"}, "max-ranges": {"1"}})
	after, origins := resolved(t, config.Given{"loops": {"3"}, "max-ranges": {"2"}, "log-level": {"debug"}, "listen": {":80"}})
	var out bytes.Buffer
	report := logging.New(&out)
	if err := after.WarnKept(before.Kept(before.ListenLine()), origins, report); err != nil {
		t.Fatal(err)
	}
	want := "aws: warning: listen = [\":80\"] takes a reload, or a restart if the supervisor is of another version: it stays [\"127.0.0.1:8080\"] (flag --listen)\n" +
		"aws: warning: loops = 3 takes a restart: it stays 2 (flag --loops)\n" +
		"aws: warning: log-level = \"debug\" takes a restart: it stays \"info\" for the supervisor's own messages (flag --log-level)\n"
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
	out.Reset()
	for _, text := range []string{"", "{}", after.Kept(after.ListenLine()), after.Kept(""), `{"unknown": "unknown = 1"}`} { // of another version, or the same
		if err := after.WarnKept(text, origins, report); err != nil || out.Len() != 0 {
			t.Errorf("%q: %v, %s", text, err, out.String())
		}
	}
	if err := after.WarnKept("{", origins, report); err == nil {
		t.Error("half a text, and no error")
	}
}

// TestCheckCertificates refuses addresses for https of a server that has no certificate.
func TestCheckCertificates(t *testing.T) {
	plain, err := kernel.ParseAddress("127.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	secure := plain
	secure.TLS = true
	for _, c := range []struct {
		addrs []kernel.Address
		has   bool
		want  string // empty: nothing is refused
	}{
		{[]kernel.Address{plain}, false, ""},
		{[]kernel.Address{plain, secure}, true, ""},
		{[]kernel.Address{plain, secure}, false, "127.0.0.1:80 is for https, and there is no certificate"},
	} {
		err := CheckCertificates(c.addrs, c.has)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.addrs, err)
		}
	}
}
