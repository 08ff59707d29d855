package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if err := start(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of the benchmarks.
type bench struct {
	env
	rounds    int
	rampUp    time.Duration
	measured  time.Duration
	isolation time.Duration // how long a hot file is measured before a disturbance
	checked   map[string]bool
}

// report is what a run has found.
type report struct {
	Machine   machine   `json:"machine"`
	Mode      string    `json:"mode"`
	Rounds    int       `json:"rounds"`
	Seconds   float64   `json:"seconds"` // measured in each round
	Scenarios []*result `json:"scenarios"`
}

// result is a scenario's responses.
type result struct {
	Name      string              `json:"name"`
	Rows      []*row              `json:"rows"`
	Timelines map[string][]moment `json:"timelines,omitempty"` // of the first round, by label
}

func (r *result) row(label string) *row {
	for _, row := range r.Rows {
		if row.Label == label {
			return row
		}
	}
	return nil
}

func (r *report) scenario(name string) *result {
	for _, s := range r.Scenarios {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func start(args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := flags.Bool("quick", false, "less of everything, in less than two minutes")
	rounds := flags.Int("rounds", 0, "rounds; 0: as the mode has it")
	seconds := flags.Float64("seconds", 0, "seconds that each run is measured for; 0: as the mode has it")
	only := flags.String("only", "", "only the scenarios whose names match this `PATTERN`")
	peers := flags.String("servers", "", "only the servers whose names match this `PATTERN`")
	aws := flags.String("aws", "aws", "the server under test")
	docs := flags.String("docs", "", "write benchmarks.md and its plots into this `DIR`")
	input := flags.String("from", "", "measure nothing, report on the results in this `FILE`")
	list := flags.Bool("list", false, "list the scenarios")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *list {
		for _, s := range scenarios {
			fmt.Printf("%-20s %s\n", s.Name, s.Title)
		}
		return nil
	}
	var found *report
	var err error
	if *input != "" {
		found, err = readReport(*input)
	} else {
		b := &bench{rounds: 5, rampUp: 500 * time.Millisecond, measured: 3 * time.Second, isolation: 3 * time.Second, checked: map[string]bool{}}
		if *quick {
			b.rounds, b.rampUp, b.measured, b.isolation = 3, 100*time.Millisecond, 400*time.Millisecond, 700*time.Millisecond
		}
		if *rounds > 0 {
			b.rounds = *rounds
		}
		if *seconds > 0 {
			b.measured = time.Duration(*seconds * float64(time.Second))
		}
		b.aws = *aws
		found, err = b.run(*quick, *only, *peers)
	}
	if err != nil {
		return err
	}
	if err := printReport(os.Stdout, found); err != nil {
		return err
	}
	if *docs != "" {
		return writeDocs(*docs, found)
	}
	return nil
}

func readReport(name string) (*report, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r := &report{}
	return r, json.Unmarshal(text, r)
}

// say reports progress.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }

// run measures what the patterns select.
func (b *bench) run(quick bool, only, peers string) (*report, error) {
	onlyPattern, err := regexp.Compile(only)
	if err != nil {
		return nil, err
	}
	peersPattern, err := regexp.Compile(peers)
	if err != nil {
		return nil, err
	}
	if runtime.NumCPU() < 2 {
		return nil, errors.New("two cores are needed, one for the server and one for the client")
	}
	repository, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(repository, "tests", "bench", "client", "load.c")); err != nil {
		return nil, fmt.Errorf("start it in the root of the repository: %w", err)
	}
	if b.aws, err = filepath.Abs(b.aws); err != nil {
		return nil, err
	}
	if _, err := exec.LookPath(b.aws); err != nil {
		return nil, fmt.Errorf("%w (run make first, or name the server with -aws)", err)
	}
	directory := filepath.Join(repository, "build", "bench")
	b.bin, b.site, b.work = filepath.Join(directory, "bin"), filepath.Join(directory, "site"), filepath.Join(directory, "work")
	if err := os.MkdirAll(b.work, 0o755); err != nil {
		return nil, err
	}
	raiseDescriptors()
	install(say)
	if err := buildOwn(repository, b.bin, say); err != nil {
		return nil, err
	}
	if err := makeSite(b.site); err != nil {
		return nil, err
	}
	mode := "full"
	if quick {
		mode = "quick"
	}
	found := &report{Machine: describeMachine(b), Mode: mode, Rounds: b.rounds, Seconds: b.measured.Seconds()}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	for _, s := range scenarios {
		if !onlyPattern.MatchString(s.Name) {
			continue
		}
		entries := s.selected(quick, peersPattern)
		if len(entries) == 0 {
			continue
		}
		r, err := b.scenario(s, entries, quick, interrupted)
		if err != nil {
			return nil, err
		}
		found.Scenarios = append(found.Scenarios, r)
		// What is there is kept, whatever becomes of the rest.
		if err := writeJSON(filepath.Join(directory, "results.json"), found); err != nil {
			return nil, err
		}
	}
	if found.Scenarios == nil {
		return nil, fmt.Errorf("no server of a scenario matches -only %q and -servers %q: the scenarios are %s",
			only, peers, strings.Join(scenarioNames(), ", "))
	}
	return found, nil
}

func scenarioNames() []string {
	var names []string
	for _, s := range scenarios {
		names = append(names, s.Name)
	}
	return names
}

// selected returns the entries that are wanted.
func (s *scenario) selected(quick bool, peers *regexp.Regexp) []entry {
	var list []entry
	for _, t := range s.entries {
		if (!quick || slices.Contains(s.quick, t.name())) && peers.MatchString(t.name()) {
			list = append(list, t)
		}
	}
	return list
}

// scenario measures each server once in each round. A server that is not there is left out; one
// that fails is, too, and says so.
func (b *bench) scenario(s *scenario, entries []entry, quick bool, interrupted <-chan os.Signal) (*result, error) {
	r := &result{Name: s.Name}
	for _, t := range entries {
		r.Rows = append(r.Rows, &row{Label: t.name(), Ours: strings.HasPrefix(t.server, "aws")})
	}
	once := s.once
	if once == nil {
		once = onceLoad
	}
	begin := time.Now()
	rounds := b.rounds
	switch {
	case !s.long:
	case quick:
		rounds = 1
	default:
		rounds = (rounds + 1) / 2
	}
	for round := range rounds {
		for i := range entries {
			select {
			case sig := <-interrupted:
				return nil, fmt.Errorf("%v", sig)
			default:
			}
			row := r.Rows[i]
			if row.Skipped != "" {
				continue
			}
			m, timeline, err := once(b, s, &entries[i])
			if err != nil {
				row.Skipped, row.Samples = err.Error(), nil
				say("%s: %s is left out: %v", s.Name, row.Label, err)
				continue
			}
			row.Samples = append(row.Samples, m)
			if round == 0 && len(timeline) > 0 {
				if r.Timelines == nil {
					r.Timelines = map[string][]moment{}
				}
				r.Timelines[row.Label] = timeline
			}
		}
	}
	say("%s: %s of %s in %.0f s", s.Name, count(rounds, "round"), count(len(entries), "server"), time.Since(begin).Seconds())
	return r, nil
}

// descriptorsWanted is what 10,000 connections and the files beside them need.
const descriptorsWanted = 65536

// raiseDescriptors raises the limit that servers and clients inherit, where the user may.
func raiseDescriptors() {
	for _, most := range []uint64{descriptorsWanted, 0} {
		var limit unix.Rlimit
		if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
			return
		}
		limit.Max = max(limit.Max, most)
		limit.Cur = limit.Max
		if syscall.Setrlimit(unix.RLIMIT_NOFILE, &syscall.Rlimit{Cur: limit.Cur, Max: limit.Max}) == nil {
			return
		}
	}
}

func writeJSON(name string, value any) error {
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}
