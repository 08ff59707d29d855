package sbom

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// Document is a bill of materials.
type Document struct {
	bom        cdx.BOM
	components []cdx.Component
	needs      []cdx.Dependency
}

// Subject is what a document is to be about.
type Subject struct {
	Binary  string // its file
	Name    string
	Version string
	Commit  string
	License string // its own, by SPDX
	Time    time.Time
	Dir     string // the sources, where `go list` finds the modules; empty leaves licenses out
}

// JSON reads a binary and returns its bill of materials as JSON.
func JSON(s Subject) ([]byte, error) {
	document, err := New(s)
	if err != nil {
		return nil, err
	}
	return document.JSON()
}

// New reads a binary and returns its bill of materials, which depends on the subject alone.
func New(s Subject) (*Document, error) {
	info, err := buildinfo.ReadFile(s.Binary)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(s.Binary)
	if err != nil {
		return nil, err
	}
	libraries, err := needed(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Binary, err)
	}
	dirs := map[string]string{}
	if s.Dir != "" {
		if dirs, err = moduleDirs(s.Dir); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256(data)
	purl := "pkg:generic/" + s.Name + "@" + s.Version
	main := cdx.Component{
		Type: cdx.ComponentTypeApplication, BOMRef: purl, Name: s.Name, Version: s.Version, PackageURL: purl,
		Hashes:   &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
		Licenses: licenses(s.License),
	}
	if s.Commit != "" {
		main.Properties = property("git:commit", s.Commit)
	}
	d := &Document{bom: *cdx.NewBOM()}
	d.bom.SerialNumber = serial(sum)
	d.bom.Metadata = &cdx.Metadata{Timestamp: s.Time.UTC().Format(time.RFC3339), Component: &main}
	goVersion := strings.TrimPrefix(info.GoVersion, "go")
	d.add(cdx.Component{Name: "std", Version: goVersion, PackageURL: "pkg:golang/std@" + goVersion, Licenses: licenses("BSD-3-Clause")})
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := cdx.Component{
			Name: m.Path, Version: m.Version, PackageURL: "pkg:golang/" + m.Path + "@" + m.Version,
			Licenses: licensesOf(m.Path, dirs[m.Path]),
		}
		if m.Sum != "" { // of the module's files, as go.sum has it; not a sum of one file
			c.Properties = property("go:h1", m.Sum)
		}
		d.add(c)
	}
	for _, name := range libraries {
		d.add(cdx.Component{Name: name, PackageURL: "pkg:generic/" + name, Properties: property("linkage", "dynamic")})
	}
	var all []string
	for _, c := range d.components {
		all = append(all, c.BOMRef)
	}
	needs := append([]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &all}}, d.needs...)
	d.bom.Components, d.bom.Dependencies = &d.components, &needs
	return d, nil
}

// add appends a library that nothing is known to depend on but the program.
func (d *Document) add(c cdx.Component) {
	c.Type, c.BOMRef = cdx.ComponentTypeLibrary, c.PackageURL
	d.components = append(d.components, c)
	d.needs = append(d.needs, cdx.Dependency{Ref: c.BOMRef})
}

// property returns a list of one property, for what CycloneDX has no field for.
func property(name, value string) *[]cdx.Property { return &[]cdx.Property{{Name: name, Value: value}} }

// JSON returns the document as a file has it.
func (d *Document) JSON() ([]byte, error) {
	var b bytes.Buffer
	err := cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(&d.bom, cdx.SpecVersion1_6)
	return b.Bytes(), err
}

// serial returns a UUID made of the binary's sum (RFC 9562, version 8).
func serial(sum [sha256.Size]byte) string {
	u := sum[:16]
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// needed returns the shared libraries that a binary asks for, sorted.
func needed(data []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	list, err := f.ImportedLibraries()
	sort.Strings(list)
	return list, err
}

// moduleDirs returns the directories of the modules that the sources in dir are built with.
func moduleDirs(dir string) (map[string]string, error) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}\t{{.Dir}}{{end}}", "./cmd/awsd")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	dirs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if path, dir, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); ok {
			dirs[path] = dir
		}
	}
	return dirs, nil
}

// licenseOf returns the identifier of the license in a module's directory, or "".
func licenseOf(dir string) string {
	if dir == "" {
		return ""
	}
	for _, name := range []string{"LICENSE", "LICENSE.txt", "LICENSE.md", "License", "COPYING"} {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) || err != nil {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(f, 64<<10))
		_ = f.Close()
		if err == nil {
			return Recognize(string(text))
		}
	}
	return ""
}

// Recognize returns the SPDX identifier of a license's text, or "" if it is none of those that Go
// modules usually have, or more than one of them.
func Recognize(text string) string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	var found []string
	for _, l := range []struct {
		id   string
		have []string
		lack string
	}{
		{"MIT", []string{"permission is hereby granted, free of charge", "the above copyright notice and this permission notice shall be included"}, ""},
		{"Apache-2.0", []string{"apache license", "version 2.0", "terms and conditions for use, reproduction, and distribution"}, ""},
		{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "endorse or promote"}, ""},
		{"BSD-2-Clause", []string{"redistribution and use in source and binary forms"}, "endorse or promote"},
		{"ISC", []string{"permission to use, copy, modify, and/or distribute this software for any purpose"}, ""},
		{"MPL-2.0", []string{"mozilla public license", "version 2.0"}, ""},
	} {
		ok := l.lack == "" || !strings.Contains(text, l.lack)
		for _, h := range l.have {
			ok = ok && strings.Contains(text, h)
		}
		if ok {
			found = append(found, l.id)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return ""
}

// severalLicenses are the modules whose license file has several licenses, for parts of the module, as an SPDX expression.
var severalLicenses = map[string]string{
	"github.com/klauspost/compress": "BSD-3-Clause AND Apache-2.0 AND MIT",
}

// licensesOf returns the list that a module has, which is nil for an unknown license.
func licensesOf(path, dir string) *cdx.Licenses {
	if expression := severalLicenses[path]; expression != "" && dir != "" {
		return &cdx.Licenses{{Expression: expression}}
	}
	return licenses(licenseOf(dir))
}

// licenses returns the list that a component has, which is nil for an unknown license.
func licenses(id string) *cdx.Licenses {
	if id == "" {
		return nil
	}
	return &cdx.Licenses{{License: &cdx.License{ID: id}}}
}
