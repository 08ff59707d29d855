// Command deb makes the package awsd for Debian and its kin.
//
//	go run ./packaging/deb [-out dist] [-version 1.2.0]
//
// It is run in the root of the sources, lays out what is to be installed and has dpkg-deb pack it. The
// same sources give the same bytes. packaging/deb/check installs, upgrades and removes the package in a
// system of its own.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"aws/packaging/release"
	"aws/packaging/sbom"
)

func main() {
	out := flag.String("out", "dist", "the `DIR` that gets the package")
	version := flag.String("version", "", "the package's `VERSION`, if not that of the sources")
	flag.Parse()
	if err := run(*out, *version, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "deb:", err)
		os.Exit(1)
	}
}

func run(out, version string, stdout io.Writer) error {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		return errors.New("dpkg-deb is not installed (apt-get install dpkg)")
	}
	info, err := release.Describe(".")
	if err != nil {
		return err
	}
	if version != "" {
		info.Version = version
	}
	binary, err := release.Build(".", info)
	if err != nil {
		return err
	}
	p, err := newPackage(".", binary, info)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	name := filepath.Join(out, p.fileName())
	if err := p.write(name); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "deb: %s\n", name)
	return nil
}

// Files of the package that are not elsewhere in the sources.
var (
	//go:embed files/postinst
	postinst []byte
	//go:embed files/prerm
	prerm []byte
	//go:embed files/postrm
	postrm []byte
	//go:embed files/index.html
	indexPage []byte
	//go:embed files/copyright
	copyright []byte
	//go:embed files/lintian-overrides
	lintianOverrides []byte
)

// entry is a file that the package installs.
type entry struct {
	name string // its path, without the leading slash
	mode fs.FileMode
	data []byte
	conf bool // the administrator may change it
}

// debPackage is the package before it is packed.
type debPackage struct {
	info    release.Info
	arch    string
	depends string
	level   string // how hard xz tries, 0 to 9
	entries []entry
}

func (p *debPackage) fileName() string {
	return "awsd_" + p.info.DebianVersion() + "_" + p.arch + ".deb"
}

// newPackage lays out what is installed.
func newPackage(dir, binary string, info release.Info) (*debPackage, error) {
	p := &debPackage{info: info, level: "6"}
	var err error
	if p.arch, err = release.Arch(); err != nil {
		return nil, err
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	if p.depends, err = dependencies(program); err != nil {
		return nil, fmt.Errorf("%s: %w", binary, err)
	}
	pages, err := release.NewPages(binary, "awsd")
	if err != nil {
		return nil, err
	}
	notices, err := sbom.Notices(binary, dir)
	if err != nil {
		return nil, err
	}
	bill, err := bill(dir, binary, info)
	if err != nil {
		return nil, err
	}
	changes, err := os.ReadFile(filepath.Join(dir, "CHANGELOG.md"))
	if err != nil {
		return nil, err
	}
	const doc = "usr/share/doc/awsd/"
	p.entries = []entry{
		{name: "usr/bin/awsd", mode: 0o755, data: program},
		{name: "usr/share/man/man1/awsd.1.gz", data: packed(pages.Manual)},
		{name: "usr/share/bash-completion/completions/awsd", data: pages.Bash},
		{name: "usr/share/zsh/vendor-completions/_awsd", data: pages.Zsh},
		{name: "usr/share/fish/vendor_completions.d/awsd.fish", data: pages.Fish},
		{name: "usr/share/awsd/site/index.html", data: indexPage},
		{name: "usr/share/lintian/overrides/awsd", data: lintianOverrides},
		{name: doc + "copyright", data: copyright},
		{name: doc + "NOTICES.gz", data: packed(notices)},
		{name: doc + "changelog.Debian.gz", data: packed(p.changelog())},
		{name: doc + "changelog.gz", data: packed(changes)},
		{name: doc + "awsd.cdx.json", data: bill},
	}
	for _, f := range []struct {
		source, name string
		conf         bool
	}{
		{"contrib/systemd/awsd.service", "usr/lib/systemd/system/awsd.service", false},
		{"contrib/systemd/awsd.socket", "usr/lib/systemd/system/awsd.socket", false},
		{"contrib/config/awsd.toml", "etc/awsd/awsd.toml", true},
		{"contrib/config/awsd.logrotate", "etc/logrotate.d/awsd", true},
		{"docs/operators-guide.md", doc + "operators-guide.md", false},
	} {
		data, err := os.ReadFile(filepath.Join(dir, f.source))
		if err != nil {
			return nil, err
		}
		p.entries = append(p.entries, entry{name: f.name, data: data, conf: f.conf})
	}
	sort.Slice(p.entries, func(i, k int) bool { return p.entries[i].name < p.entries[k].name })
	return p, nil
}

func bill(dir, binary string, info release.Info) ([]byte, error) {
	d, err := sbom.New(sbom.Subject{
		Binary: binary, Name: "aws", Version: info.Version, Commit: info.Commit, License: "MIT", Time: info.Time, Dir: dir,
	})
	if err != nil {
		return nil, err
	}
	return d.JSON()
}

// packed returns data as Debian keeps documents: gzip without a name or a time.
func packed(data []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one that there is
	_, _ = z.Write(data)                                  // to memory
	_ = z.Close()
	return b.Bytes()
}

// maintainer answers for the package.
const maintainer = "The aws authors <aws@example.org>"

// changelog returns the package's own changes, apart from the program's: that it was made.
func (p *debPackage) changelog() []byte {
	return fmt.Appendf(nil, "awsd (%s) unstable; urgency=medium\n\n  * Made from commit\n    %s;\n    changelog.gz has what has changed.\n\n -- %s  %s\n",
		p.info.DebianVersion(), p.info.Commit, maintainer, p.info.Time.Format(time.RFC1123Z))
}

// control returns what dpkg knows about the package.
func (p *debPackage) control() []byte {
	bytesMax := 0
	for _, e := range p.entries {
		bytesMax += (len(e.data) + 1023) / 1024
	}
	return fmt.Appendf(nil, `Package: awsd
Version: %s
Architecture: %s
Maintainer: %s
Installed-Size: %d
Depends: %s, adduser
Recommends: media-types
Suggests: logrotate
Section: httpd
Priority: optional
Description: asynchronous web server for files
 Sends files over HTTP/1.1 on one event loop per core, by sendfile and by
 the kernel's asynchronous reads, and never lets one slow disk or one slow
 client hold up another. Ranges, conditional requests, precompressed files,
 listings, access log, metrics, reload and upgrade without a lost request.
 .
 The program is called awsd here, because aws is the name of a cloud's client.
`, p.info.DebianVersion(), p.arch, maintainer, bytesMax, p.depends)
}

// write lays the files out and packs them.
func (p *debPackage) write(name string) error {
	dir, err := os.MkdirTemp("", "awsd-deb")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	tree := filepath.Join(dir, "tree")
	var sums, confs bytes.Buffer
	for _, e := range p.entries {
		fmt.Fprintf(&sums, "%x  %s\n", md5.Sum(e.data), e.name)
		if e.conf {
			fmt.Fprintf(&confs, "/%s\n", e.name)
		}
	}
	meta := []entry{
		{name: "DEBIAN/control", data: p.control()},
		{name: "DEBIAN/md5sums", data: sums.Bytes()},
		{name: "DEBIAN/conffiles", data: confs.Bytes()},
		{name: "DEBIAN/postinst", mode: 0o755, data: postinst},
		{name: "DEBIAN/prerm", mode: 0o755, data: prerm},
		{name: "DEBIAN/postrm", mode: 0o755, data: postrm},
	}
	for _, e := range append(meta, p.entries...) {
		if err := e.write(tree); err != nil {
			return err
		}
	}
	if err := touch(tree, p.info.Time); err != nil {
		return err
	}
	cmd := exec.Command("dpkg-deb", "--root-owner-group", "-Zxz", "-z"+p.level, "--build", tree, name)
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", p.info.Time.Unix()))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("dpkg-deb: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// write writes the file beneath a directory. Modes don't depend on the builder's umask.
func (e *entry) write(tree string) error {
	mode := e.mode
	if mode == 0 {
		mode = 0o644
	}
	target := filepath.Join(tree, e.name)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(target, e.data, mode); err != nil {
		return err
	}
	return os.Chmod(target, mode)
}

// touch gives everything beneath a directory the release's time, and directories their mode.
func touch(tree string, at time.Time) error {
	return filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if err := os.Chmod(path, 0o755); err != nil {
				return err
			}
		}
		return os.Chtimes(path, at, at)
	})
}
