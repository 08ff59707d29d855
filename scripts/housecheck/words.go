package main

import (
	"fmt"
	"go/scanner"
	"go/token"
	"path"
	"regexp"
	"strings"
)

// word is a word that the project does not use, because the field has another one: see docs/glossary.md.
type word struct {
	identifier *regexp.Regexp // of an identifier's parts, in lower case; nil: identifiers may have it
	prose      *regexp.Regexp // in comments, strings and documents
	instead    string
}

// words are those of the last column of the glossary that a program can find.
var words = []word{
	{part(`folders?`), prose(`(sub)?folders?`), "directory"},
	{part(`answer(s|ed|ing)?`), prose(`(an|the|its|one|each|every|first|last|next|whole|per|no|whose|their|this|same|of) answers?`), "response"},
	{part(`dialects?`), prose(`dialects?`), "handler"},
	{part(`faces?`), prose(`faces?`), "mode, command"},
	{part(`crossings?`), prose(`crossings?`), "cgo call, batch"},
	{part(`rungs?`), prose(`rungs?|ladders?`), "read method, fallback"},
	{part(`flying`), prose(`flying`), "in flight"},
	{part(`warm(s|ed|er|ing)?`), prose(`warm(s|ed|ing)?`), "prefetch, resident"},
	{part(`crowd(s|ed)?`), prose(`crowd(s|ed)?`), "per-address limit"},
	{part(`gathering`), prose(`gathering`), "accept coalescing"},
	{nil, regexp.MustCompile(`(?i)(?:^|[^.a-z])helpers?\b`), "worker thread"}, // testing.T has a Helper
	{nil, prose(`loops? turns?|turns? of (the|a) (event )?loops?`), "iteration"},
	{part(`told`), prose(`told|tells?|telling`), "report, notify, determine, ask"},
	{part(`books`), prose(`books`), "counters, records"},
	{nil, prose(`whoever`), "who, anyone who"},
	{nil, prose(`anew`), "again"},
	{nil, prose(`thereupon`), "then"},
}

func part(pattern string) *regexp.Regexp { return regexp.MustCompile(`^(` + pattern + `)$`) }

func prose(pattern string) *regexp.Regexp { return regexp.MustCompile(`(?i)\b(` + pattern + `)\b`) }

// notA finds "X is no Y", which is "X is not a Y". It has to look at the word before: "there is no Y" is right.
var notA = regexp.MustCompile(`(?i)([a-z]+) (?:is|are|was|were) no ([a-z]+)`)

// notAllowed are the words before and after with which notA has found something else.
var notAllowed = struct{ before, after map[string]bool }{
	map[string]bool{"there": true, "where": true, "here": true},
	map[string]bool{
		"longer": true, "more": true, "less": true, "sooner": true, "later": true, "further": true, "other": true, "better": true, "worse": true,
		"slower": true, "faster": true,
	},
}

// parts matches the words that an identifier is made of.
var parts = regexp.MustCompile(`[A-Z]+[a-z]*|[a-z]+`)

// hasProse reports whether a file of this name is written for people, and belongs to the project's present.
func hasProse(name string) bool {
	switch path.Ext(name) {
	case ".md":
		return name != "docs/glossary.md" && name != "CHANGELOG.md" // which hold the words, and what was once
	case ".c", ".h", ".sh", ".html", ".js", ".css", ".toml", ".service", ".socket", ".yml":
		return true
	}
	return path.Base(name) == "Makefile"
}

// checkWords returns what a file says in words that the project does not use.
func (s *source) checkWords() (findings []string) {
	if strings.HasPrefix(s.name, "scripts/housecheck/") {
		return nil
	}
	if !s.isGo() {
		if hasProse(s.name) {
			for i, line := range strings.Split(string(s.text), "\n") {
				findings = s.findProse(findings, i+1, line)
			}
		}
		return findings
	}
	files := token.NewFileSet()
	file := files.AddFile(s.name, -1, len(s.text))
	var tokens scanner.Scanner
	tokens.Init(file, s.text, nil, scanner.ScanComments)
	for {
		at, kind, text := tokens.Scan()
		line := file.Line(at)
		switch kind {
		case token.EOF:
			return findings
		case token.IDENT:
			findings = s.findIdentifier(findings, line, text)
		case token.COMMENT, token.STRING:
			for i, l := range strings.Split(text, "\n") {
				findings = s.findProse(findings, line+i, l)
			}
		default:
		}
	}
}

func (s *source) findIdentifier(findings []string, line int, name string) []string {
	for _, p := range parts.FindAllString(name, -1) {
		for _, w := range words {
			if w.identifier != nil && w.identifier.MatchString(strings.ToLower(p)) {
				findings = append(findings, fmt.Sprintf("%s:%d: %q in %s: use %s (docs/glossary.md)", s.name, line, p, name, w.instead))
			}
		}
	}
	return findings
}

// foreign takes out the names of other programs' options, which are as they are.
var foreign = strings.NewReplacer("--warm-up-time", "")

func (s *source) findProse(findings []string, line int, text string) []string {
	text = foreign.Replace(text)
	for _, w := range words {
		if found := w.prose.FindString(text); found != "" {
			findings = append(findings, fmt.Sprintf("%s:%d: %q: use %s (docs/glossary.md)", s.name, line, found, w.instead))
		}
	}
	for _, m := range notA.FindAllStringSubmatch(text, -1) {
		if !notAllowed.before[strings.ToLower(m[1])] && !notAllowed.after[strings.ToLower(m[2])] {
			findings = append(findings, fmt.Sprintf("%s:%d: %q: write \"not a\", or \"not\" (docs/glossary.md)", s.name, line, m[0]))
		}
	}
	return findings
}
