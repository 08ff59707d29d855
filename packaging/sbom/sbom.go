package sbom

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// Document is a bill of materials, as CycloneDX 1.6 has it.
type Document struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     Metadata     `json:"metadata"`
	Components   []Component  `json:"components"`
	Dependencies []Dependency `json:"dependencies"`
}

// Metadata says what the document is about.
type Metadata struct {
	Timestamp string    `json:"timestamp"`
	Component Component `json:"component"`
}

// Component is the program, a module or a library.
type Component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	Hashes     []Hash     `json:"hashes,omitempty"`
	Licenses   []License  `json:"licenses,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Properties []Property `json:"properties,omitempty"`
}

// Hash is the sum of a file.
type Hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

// License names a license by its identifier of SPDX.
type License struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

// Property is what CycloneDX has no field for.
type Property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Dependency says what a component needs.
type Dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
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
	main := Component{
		Type: "application", Ref: "pkg:generic/" + s.Name + "@" + s.Version, Name: s.Name, Version: s.Version,
		PURL:     "pkg:generic/" + s.Name + "@" + s.Version,
		Hashes:   []Hash{{"SHA-256", hex.EncodeToString(sum[:])}},
		Licenses: licenses(s.License),
	}
	if s.Commit != "" {
		main.Properties = append(main.Properties, Property{"git:commit", s.Commit})
	}
	d := &Document{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Serial:   serial(sum),
		Metadata: Metadata{s.Time.UTC().Format(time.RFC3339), main},
	}
	goVersion := strings.TrimPrefix(info.GoVersion, "go")
	d.add(Component{Type: "library", Name: "std", Version: goVersion, PURL: "pkg:golang/std@" + goVersion, Licenses: licenses("BSD-3-Clause")})
	for _, m := range info.Deps {
		sum := m.Sum
		if m.Replace != nil {
			m, sum = m.Replace, m.Replace.Sum
		}
		c := Component{
			Type: "library", Name: m.Path, Version: m.Version, PURL: "pkg:golang/" + m.Path + "@" + m.Version,
			Licenses: licenses(licenseOf(dirs[m.Path])),
		}
		if sum != "" { // of the module's files, as go.sum has it; no sum of one file
			c.Properties = []Property{{"go:h1", sum}}
		}
		d.add(c)
	}
	for _, name := range libraries {
		d.add(Component{Type: "library", Name: name, PURL: "pkg:generic/" + name, Properties: []Property{{"linkage", "dynamic"}}})
	}
	all := Dependency{Ref: main.Ref}
	for _, c := range d.Components {
		all.DependsOn = append(all.DependsOn, c.Ref)
	}
	d.Dependencies = append([]Dependency{all}, d.Dependencies...)
	return d, nil
}

// add appends a component that nothing is known to depend on but the program.
func (d *Document) add(c Component) {
	c.Ref = c.PURL
	d.Components = append(d.Components, c)
	d.Dependencies = append(d.Dependencies, Dependency{Ref: c.Ref})
}

// JSON returns the document as a file has it.
func (d *Document) JSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(d)
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

// licenses returns the list that a component has, which is empty for an unknown license.
func licenses(id string) []License {
	if id == "" {
		return nil
	}
	var l License
	l.License.ID = id
	return []License{l}
}
