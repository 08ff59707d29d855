// Command mutate checks that the simulation in tests/sim finds bugs. Each of its mutations (table.go) is a deliberate
// bug: an edit of the code below the directive comment with the mutation's name,
//
//	//mutation:accept-not-resumed
//
// The command builds the simulation with one edit after the other, by an overlay that leaves the tree as it is, and
// prints how many seeds it took until a run failed. It ends with status 1 if a bug was not found.
//
//	go run ./scripts/mutate [-seeds 20000] [-no-starvation-audit] [-list] [NAME...]
//
// With -list it prints the edits. With -no-starvation-audit the simulation does not check whether connections
// starve, which shows what only that check finds.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	seeds := flag.Int("seeds", 20000, "seeds to try for each mutation")
	noAudit := flag.Bool("no-starvation-audit", false, "do not check whether connections starve")
	list := flag.Bool("list", false, "print the edits and do not run the simulation")
	flag.Parse()
	mutants, err := load(".")
	if err == nil {
		mutants, err = choose(mutants, flag.Args())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	if *list {
		for _, m := range mutants {
			fmt.Printf("%s: %s\n\t%s:%d\n", m.name, m.breaks, m.place.path, m.place.line())
			before, after := m.difference()
			fmt.Printf("\t- %s\n\t+ %s\n", indented(before), indented(after))
		}
		return
	}
	if !check(mutants, &simulation{seeds: *seeds, noAudit: *noAudit}) {
		os.Exit(1)
	}
}

// check runs the simulation with each mutant. It returns true if all were found.
func check(mutants []*mutant, s *simulation) bool {
	if err := s.passes(); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		return false
	}
	missed := 0
	for _, m := range mutants {
		f, err := s.find(m)
		if err != nil {
			missed++
			fmt.Printf("%-28s %v\n", m.name, err)
			continue
		}
		fmt.Printf("%-28s found by %5d seeds in %5.1fs: %s\n%29s%s\n", m.name, f.seeds, f.took.Seconds(), f.how, "", m.breaks)
	}
	fmt.Printf("%d mutations, %d not found\n", len(mutants), missed)
	return missed == 0
}

// mutant is a mutation, with its place in the source and what it changes there.
type mutant struct {
	*mutation
	place  *place
	change *change
}

// difference returns the code that the mutant changes, and what it is changed to.
func (m *mutant) difference() (before, after string) {
	return string(m.place.source[m.change.from:m.change.to]), m.change.text
}

// load finds the places of all mutations in the tree below root. The error names all that do not fit.
func load(root string) ([]*mutant, error) {
	places, err := findPlaces(root)
	if err != nil {
		return nil, err
	}
	var mutants []*mutant
	var wrong []error
	seen := make(map[string]bool)
	for i := range mutations {
		m := &mutant{mutation: &mutations[i], place: places[mutations[i].name]}
		switch {
		case seen[m.name]:
			err = errors.New("it is in the table twice")
		case m.place == nil:
			err = errors.New("no directive has its name")
		default:
			m.change, err = m.edit.of(m.place)
		}
		seen[m.name] = true
		if err != nil {
			wrong = append(wrong, fmt.Errorf("mutation %s: %w", m.name, err))
		}
		mutants = append(mutants, m)
	}
	for name, p := range places {
		if !seen[name] {
			wrong = append(wrong, fmt.Errorf("%s:%d: mutation %s is not in the table", p.path, p.line(), name))
		}
	}
	return mutants, errors.Join(wrong...)
}

// choose returns those with the given names; all of them if there are none.
func choose(mutants []*mutant, names []string) ([]*mutant, error) {
	if len(names) == 0 {
		return mutants, nil
	}
	var chosen []*mutant
	for _, name := range names {
		i := slices.IndexFunc(mutants, func(m *mutant) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no mutation %q", name)
		}
		chosen = append(chosen, mutants[i])
	}
	return chosen, nil
}

// indented joins the lines of code to a list below a prefix.
func indented(code string) string {
	lines := strings.Split(code, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n\t  ")
}
