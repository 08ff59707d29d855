// Command housecheck checks the rules of the house that no ready-made linter knows: in the whole tree
// below the current directory, `import "C"` stays under cgo/, no call into C is asked for its errno, every
// library package of more than one file has its doc.go, a reminder of work to do names its issue, and the words are
// those of docs/glossary.md.
//
// It prints a line for each finding, which says what to do instead, and then ends with status 1.
package main

import (
	"fmt"
	"io/fs"
	"os"
)

func main() {
	findings, err := check(os.DirFS("."))
	if err != nil {
		fmt.Fprintln(os.Stderr, "housecheck:", err)
		os.Exit(2)
	}
	for _, finding := range findings {
		fmt.Println(finding)
	}
	if len(findings) > 0 {
		os.Exit(1)
	}
}

// check reads the whole tree and returns what it found, in the order of the files.
func check(tree fs.FS) (findings []string, err error) {
	packages := make(map[string]*libraryPackage)
	var order []*libraryPackage
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if skippedDirectories[entry.Name()] {
				return fs.SkipDir
			}
			return nil
		}
		s := &source{name: name}
		if !s.isGo() && !s.isC() && !hasProse(name) {
			return nil
		}
		if s.text, err = fs.ReadFile(tree, name); err != nil {
			return err
		}
		found, err := s.check()
		if err != nil {
			return err
		}
		findings = append(append(findings, found...), s.checkWords()...)
		if s.isLibrary() {
			p := packages[s.directory()]
			if p == nil {
				p = &libraryPackage{directory: s.directory()}
				packages[p.directory] = p
				order = append(order, p)
			}
			p.fileCount++
			p.documented = p.documented || s.base() == "doc.go"
		}
		return nil
	})
	for _, p := range order {
		if !p.documented && p.fileCount > 1 {
			findings = append(findings, p.directory+": the package has no doc.go; write one with purpose, ownership and caveats")
		}
	}
	return findings, err
}

// libraryPackage is a package that others import.
type libraryPackage struct {
	directory  string
	fileCount  int
	documented bool
}

// skippedDirectories hold nothing that people wrote for this program.
var skippedDirectories = map[string]bool{
	".git": true, ".tools": true, "build": true, "dist": true, "testdata": true, "vendor": true,
}
