package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// simulation runs tests/sim.
type simulation struct {
	seeds   int // to try for each mutant
	noAudit bool
}

// soundSeeds is how many seeds must pass without a mutation before a failure means anything.
const soundSeeds = 200

// passes returns an error if the simulation fails without any mutation.
func (s *simulation) passes() error {
	for _, test := range []string{dropIn, fileServer, https, streams} {
		if out, err := s.run(test, soundSeeds); err != nil {
			return fmt.Errorf("the simulation fails without any mutation:\n%s", out)
		}
	}
	return nil
}

func (s *simulation) run(test string, seeds int, args ...string) ([]byte, error) {
	args = append([]string{"test", "-count=1", "-timeout=10m", "-vet=off"}, args...)
	args = append(args, "./tests/sim", "-run=^"+test+"$", "-failures=1")
	args = append(args, fmt.Sprintf("-seeds=%d", seeds), fmt.Sprintf("-unjust=%t", s.noAudit))
	return exec.Command("go", args...).CombinedOutput()
}

// finding says how a mutation was found.
type finding struct {
	how   string // what the simulation reported
	seeds int
	took  time.Duration
}

var failed = regexp.MustCompile(`seed (\d+): ([^\n]*)`)

// howMax is how much of a report is kept.
const howMax = 100

// find runs the simulation with a mutant until a seed fails.
func (s *simulation) find(m *mutant) (*finding, error) {
	overlay, cleanUp, err := m.overlay()
	if err != nil {
		return nil, err
	}
	defer cleanUp()
	start := time.Now()
	out, err := s.run(m.foundBy, s.seeds, "-overlay="+overlay)
	if err == nil {
		return nil, fmt.Errorf("NOT FOUND in %d seeds", s.seeds)
	}
	f := &finding{took: time.Since(start)}
	hit := failed.FindSubmatch(out)
	switch {
	case hit != nil:
		_, _ = fmt.Sscan(string(hit[1]), &f.seeds)
		f.how = string(hit[2])
	case bytes.Contains(out, []byte("test timed out")): // which says nothing: the machine may be slow
		return nil, fmt.Errorf("NOT FOUND: the test timed out after %.0fs", f.took.Seconds())
	default:
		return nil, fmt.Errorf("the test does not run: %s", bytes.TrimSpace(out))
	}
	if len(f.how) > howMax {
		f.how = f.how[:howMax] + "..."
	}
	return f, nil
}

// overlay writes the changed file, and the overlay for the go command that puts it in the place of the original.
func (m *mutant) overlay() (path string, cleanUp func(), err error) {
	original, err := filepath.Abs(m.place.path)
	if err != nil {
		return "", nil, err
	}
	directory, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return "", nil, err
	}
	remove := func() { _ = os.RemoveAll(directory) }
	changed := filepath.Join(directory, filepath.Base(m.place.path))
	path = filepath.Join(directory, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err == nil {
		err = os.WriteFile(changed, m.place.changed(m.change), 0o600)
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		remove()
		return "", nil, err
	}
	return path, remove, nil
}
