// Command mutate proves that the simulation bites. Each patch in tests/sim/mutations is a deliberate
// bug; its first line says which. The command applies one after the other to a copy of the file that
// it changes, builds tests/sim with the copy in the file's place, and says how many seeds it took until
// a run of TestSim failed, or of TestServe if the patch's name begins with serve-. It ends with status 1 if a bug was not found or a patch does not apply any more.
//
//	go run ./tests/sim/mutate [-seeds 20000] [-unjust] [NAME...]
//
// With -unjust nobody looks whether connections starve, which shows what only that finds.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const directory = "tests/sim/mutations"

func main() {
	seeds := flag.Int("seeds", 20000, "how many seeds to try for each bug")
	flag.BoolVar(&unjust, "unjust", false, "do not look whether connections starve")
	flag.Parse()
	names := flag.Args()
	if len(names) == 0 {
		patches, err := filepath.Glob(filepath.Join(directory, "*.patch"))
		if err != nil || len(patches) == 0 {
			fmt.Fprintf(os.Stderr, "mutate: no patches in %s: run it in the repository's root\n", directory)
			os.Exit(1)
		}
		for _, p := range patches {
			names = append(names, strings.TrimSuffix(filepath.Base(p), ".patch"))
		}
	}
	for _, test := range []string{"TestSim", "TestServe"} {
		if out, err := run(test, soundSeeds); err != nil {
			fmt.Fprintf(os.Stderr, "mutate: the simulation fails without any of the bugs:\n%s", out)
			os.Exit(1)
		}
	}
	missed := 0
	for _, name := range names {
		m, err := try(name, *seeds)
		if err != nil {
			missed++
			fmt.Printf("%-24s %v\n", name, err)
			continue
		}
		fmt.Printf("%-24s found by %5d seeds in %5.1fs: %s\n%25s%s\n", name, m.seeds, m.took.Seconds(), m.how, "", m.why)
	}
	fmt.Printf("%d bugs, %d not found\n", len(names), missed)
	if missed > 0 {
		os.Exit(1)
	}
}

// soundSeeds is how many seeds must pass before a failure means anything.
const soundSeeds = 200

var unjust bool

// run runs the simulation.
func run(test string, seeds int, args ...string) ([]byte, error) {
	args = append([]string{"test", "-count=1", "-timeout=5m", "-vet=off"}, args...)
	args = append(args, "./tests/sim", "-run=^"+test+"$", "-failures=1", fmt.Sprintf("-seeds=%d", seeds), fmt.Sprintf("-unjust=%t", unjust))
	return exec.Command("go", args...).CombinedOutput()
}

// finding says how a bug was found.
type finding struct {
	why   string // the bug
	how   string // what the simulation said
	seeds int
	took  time.Duration
}

var (
	changed = regexp.MustCompile(`(?m)^\+\+\+ b/(\S+)$`)
	failed  = regexp.MustCompile(`seed (\d+): ([^\n]*)`)
)

// howMax is how much of a failure is shown.
const howMax = 100

// try lets the simulation look for one bug.
func try(name string, seeds int) (*finding, error) {
	patch, err := os.ReadFile(filepath.Join(directory, name+".patch"))
	if err != nil {
		return nil, err
	}
	overlay, cleanUp, err := mutant(patch)
	if err != nil {
		return nil, err
	}
	defer cleanUp()
	start := time.Now()
	test := "TestSim"
	if strings.HasPrefix(name, "serve-") {
		test = "TestServe"
	}
	out, err := run(test, seeds, "-overlay="+overlay)
	if err == nil {
		return nil, fmt.Errorf("NOT FOUND in %d seeds", seeds)
	}
	m := &finding{took: time.Since(start)}
	m.why, _, _ = strings.Cut(string(patch), "\n")
	hit := failed.FindSubmatch(out)
	switch {
	case hit != nil:
		_, _ = fmt.Sscan(string(hit[1]), &m.seeds)
		m.how = string(hit[2])
	case bytes.Contains(out, []byte("test timed out")):
		m.how = "a turn does not end"
	default:
		return nil, fmt.Errorf("it does not build, or worse: %s", bytes.TrimSpace(out))
	}
	if len(m.how) > howMax {
		m.how = m.how[:howMax] + "..."
	}
	return m, nil
}

// mutant makes a directory with the changed file and an overlay that puts it in the place of the original.
func mutant(patch []byte) (overlay string, cleanUp func(), err error) {
	hit := changed.FindSubmatch(patch)
	if hit == nil {
		return "", nil, fmt.Errorf("the patch changes no file")
	}
	path := string(hit[1])
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return "", nil, err
	}
	remove := func() { _ = os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			remove()
		}
	}()
	source, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	copied := filepath.Join(dir, path)
	if err := os.MkdirAll(filepath.Dir(copied), 0o755); err != nil {
		return "", nil, err
	}
	if err := os.WriteFile(copied, source, 0o600); err != nil {
		return "", nil, err
	}
	cmd := exec.Command("git", "apply", "-C1", "--recount", "-")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(patch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("the patch does not apply: %s", bytes.TrimSpace(out))
	}
	original, err := filepath.Abs(path)
	if err != nil {
		return "", nil, err
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {original: copied}})
	if err != nil {
		return "", nil, err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, remove, os.WriteFile(overlay, text, 0o600)
}
