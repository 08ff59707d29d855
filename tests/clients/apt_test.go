package clients

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"aws/tests/harness"
)

// aptPackages are built for the test: their versions have what addresses have to escape.
var aptPackages = []struct{ name, version string }{
	{"aws-test-one", "1.0+dfsg-1"},
	{"aws-test-two", "2.0~rc1+git20260101-1"},
	{"aws-test-three", "3.0-1"},
	{"aws-test-four", "4.0+b1"},
	{"aws-test-five", "5.0"},
	{"libawstest++", "6.0+x"},
}

func testApt(l *lab) {
	repo := filepath.Join(l.root, l.name)
	files := map[string]string{} // path of a package below the repository
	for i, p := range aptPackages {
		tree := filepath.Join(l.work, "build", p.name)
		harness.WriteFile(l, filepath.Join(tree, "usr/share", p.name, "data"), harness.Content(1<<20+i, uint64(i)))
		harness.WriteFile(l, filepath.Join(tree, "DEBIAN/control"), fmt.Appendf(nil,
			"Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: a package of a test\n", p.name, p.version))
		path := filepath.Join("pool", fmt.Sprintf("%s_%s_all.deb", p.name, p.version))
		if err := os.MkdirAll(filepath.Join(repo, "pool"), 0o755); err != nil {
			l.Fatal(err)
		}
		l.must("dpkg-deb", "-Znone", "--root-owner-group", "-b", tree, filepath.Join(repo, path))
		l.stamp(filepath.Join(repo, path))
		files[p.name] = path
	}
	index := l.must("sh", "-c", "cd '"+repo+"' && apt-ftparchive packages pool")
	l.serve("Packages", []byte(index))
	release := l.must("sh", "-c", "cd '"+repo+"' && apt-ftparchive -o APT::FTPArchive::Release::Suite=test release .")
	l.serve("Release", []byte(release))

	// apt's directories, and none of this machine's settings.
	for _, directory := range []string{"state/lists/partial", "cache/archives/partial", "etc/parts", "log", "root/var/lib/dpkg/updates", "root/var/lib/dpkg/info", "root/var/lib/dpkg/triggers"} {
		if err := os.MkdirAll(filepath.Join(l.work, directory), 0o755); err != nil {
			l.Fatal(err)
		}
	}
	status := l.put("root/var/lib/dpkg/status", nil)
	l.put("root/var/lib/dpkg/available", nil)
	l.put("etc/sources.list", fmt.Appendf(nil, "deb [trusted=yes] %s ./\n", strings.TrimSuffix(l.url(""), "/")))
	config := l.put("apt.conf", fmt.Appendf(nil, `
Dir::Etc::main "/dev/null"; Dir::Etc::parts "%[1]s/etc/parts"; Dir::Etc::sourcelist "%[1]s/etc/sources.list";
Dir::Etc::sourceparts "%[1]s/etc/parts"; Dir::Etc::preferencesparts "%[1]s/etc/parts"; Dir::Etc::preferences "/dev/null";
Dir::State "%[1]s/state"; Dir::State::status "%[2]s"; Dir::Cache "%[1]s/cache"; Dir::Log "%[1]s/log";
APT::Sandbox::User "root"; Acquire::Languages "none"; Acquire::http::Proxy "DIRECT"; Acquire::Retries "0"; Acquire::http::Pipeline-Depth "4";
APT::Get::Assume-Yes "true"; APT::Install-Recommends "false"; Debug::NoLocking "true";
DPkg::Options { "--root=%[1]s/root"; "--force-not-root"; "--force-script-chrootless"; "--log=/dev/null"; };
`, l.work, status))
	apt := func(args ...string) string {
		l.Helper()
		return l.must("env", append([]string{"APT_CONFIG=" + config, "apt-get"}, args...)...)
	}

	mark := l.mark()
	apt("update")
	l.since(mark, "no signed release", has(404, "/apt/./InRelease"))
	l.since(mark, "the release", has(200, "/apt/./Release"))
	l.since(mark, "the index", has(200, "/apt/./Packages"))
	mark = l.mark()
	if output := apt("update"); !strings.Contains(output, "Hit:") {
		l.Errorf("the second update has no hit:\n%s", output)
	}
	l.since(mark, "a release that has not changed", has(304, "/apt/./Release", "if-modified-since", "Fri, 04 Mar 2022 05:06:07 GMT"))

	// One package has been fetched in part: apt goes on with If-Range.
	first := aptPackages[0]
	whole, err := os.ReadFile(filepath.Join(repo, files[first.name]))
	if err != nil {
		l.Fatal(err)
	}
	part := l.put(filepath.Join("cache/archives/partial", filepath.Base(files[first.name])), whole[:300_000])
	l.stamp(part)
	mark = l.mark()
	names := []string{"install"}
	for _, p := range aptPackages {
		names = append(names, p.name)
	}
	apt(names...)
	l.since(mark, "the rest of a package", func(a *logged) bool {
		path, err := url.PathUnescape(a.target)
		return err == nil && path == "/apt/"+files[first.name] && a.status == 206 &&
			strings.HasPrefix(a.values["range"], "bytes=300000-") && a.values["if-range"] == "Fri, 04 Mar 2022 05:06:07 GMT"
	})
	l.since(mark, "a plus that is escaped", func(a *logged) bool {
		return a.status/100 == 2 && strings.Contains(strings.ToLower(a.target), "%2b")
	})
	for i, p := range aptPackages {
		l.same(filepath.Join("root/usr/share", p.name, "data"), harness.Content(1<<20+i, uint64(i)))
	}
	// And once more, by another command: all of them at once, what is there is there.
	if output := apt(append([]string{"download"}, names[1:]...)...); strings.Contains(output, "Err:") {
		l.Errorf("download: %s", output)
	}
	for _, p := range aptPackages {
		want, err := os.ReadFile(filepath.Join(repo, files[p.name]))
		if err != nil {
			l.Fatal(err)
		}
		l.same(fmt.Sprintf("%s_%s_all.deb", p.name, p.version), want)
	}
}
