package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// bench is one run of the benchmarks.
type bench struct {
	env
	repository  string
	directory   string // what is built, served and found
	rounds      int
	rampUp      time.Duration
	measured    time.Duration
	isolation   time.Duration // how long a hot file is measured before a disturbance
	checked     map[string]bool
	interrupted chan os.Signal
}

// on returns the same run with another network.
func (b *bench) on(n *network) *bench {
	other := *b
	other.network = n
	return &other
}

// report is what a run has found.
type report struct {
	Machine   machine   `json:"machine"`
	Command   string    `json:"command"` // by which it can be repeated
	Mode      string    `json:"mode"`
	Rounds    int       `json:"rounds"`
	Seconds   float64   `json:"seconds"`          // measured in each round
	Absent    []string  `json:"absent,omitempty"` // networks that could not be had, and why
	Scenarios []*result `json:"scenarios"`
}

// commandLine is how a person repeats a run.
func commandLine(args []string) string {
	line := "go run ./tests/bench"
	for _, a := range args {
		if strings.ContainsAny(a, " ^|()*'") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		line += " " + a
	}
	return line
}

// result is what a scenario has found on a network.
type result struct {
	Name       string              `json:"name"`
	Path       string              `json:"path"`
	Congestion string              `json:"congestion"`
	Rows       []*row              `json:"rows"`
	Timelines  map[string][]moment `json:"timelines,omitempty"` // of the first round, by label
}

// network returns the name of the network, which every table carries.
func (r *result) network() string { return (&network{path: r.Path, congestion: r.Congestion}).String() }

func (r *result) row(label string) *row {
	for _, row := range r.Rows {
		if row.Label == label {
			return row
		}
	}
	return nil
}

// results returns what a scenario has found, network by network.
func (r *report) results(name string) []*result {
	var list []*result
	for _, s := range r.Scenarios {
		if s.Name == name {
			list = append(list, s)
		}
	}
	return list
}

// run measures what is selected.
func (b *bench) run(chosen *selection) (*report, error) {
	var err error
	if b.aws, err = underTest(b.aws); err != nil {
		return nil, err
	}
	release, err := b.prepare()
	if err != nil {
		return nil, err
	}
	defer release()
	install(say)
	if err := buildOwn(b.repository, b.bin, ownPrograms, say); err != nil {
		return nil, err
	}
	if err := makeSite(b.site, true); err != nil {
		return nil, err
	}
	if b.certificate, b.key, err = makeCertificate(b.work); err != nil {
		return nil, err
	}
	found := &report{Machine: describeMachine(b), Command: commandLine(os.Args[1:]), Mode: "full", Rounds: b.rounds, Seconds: b.measured.Seconds()}
	if chosen.quick {
		found.Mode = "quick"
	}
	networks, absent := openNetworks(chosen.networks, (*network).open)
	if len(networks) == 0 {
		return nil, fmt.Errorf("no network matches -networks %q", chosen.networks)
	}
	found.Absent = absent
	for _, text := range absent {
		say("%s", text)
	}
	defer func() {
		for _, n := range networks {
			n.close()
		}
	}()
	for _, s := range scenarios {
		entries, on := s.selected(chosen), s.reach(networks)
		if !chosen.only.MatchString(s.Name) || len(entries) == 0 || len(on) == 0 {
			continue
		}
		list, err := b.scenario(s, entries, on, chosen.quick)
		if err != nil {
			return nil, err
		}
		found.Scenarios = append(found.Scenarios, list...)
		// What is there is kept, whatever becomes of the rest.
		if err := writeJSON(filepath.Join(b.directory, "results.json"), found); err != nil {
			return nil, err
		}
	}
	if found.Scenarios == nil {
		return nil, fmt.Errorf("no server of a scenario matches -only %q, -servers %q and -networks %q; -list lists the scenarios",
			chosen.only, chosen.servers, chosen.networks)
	}
	return found, nil
}

func listScenarios(w io.Writer, compare bool) {
	list := scenarios
	if compare {
		list = compareWorks
	}
	for _, s := range list {
		_, _ = fmt.Fprintf(w, "%-20s %s\n", s.Name, s.Title)
	}
}

// selected returns the entries that are wanted.
func (s *scenario) selected(chosen *selection) []entry {
	var list []entry
	for _, t := range s.entries {
		if (!chosen.quick || slices.Contains(s.quick, t.name())) && chosen.servers.MatchString(t.name()) {
			list = append(list, t)
		}
	}
	return list
}

// reach returns the networks that a scenario is measured on.
func (s *scenario) reach(networks []*network) []*network {
	switch s.networks {
	case firstNetwork:
		return networks[:1]
	case loopbackOnly:
		for _, n := range networks {
			if n.path == pathLoopback {
				return []*network{n}
			}
		}
		return nil
	default:
		return networks
	}
}

// scenario measures each server once on each network in each round. A server that is not there is
// left out; one that fails is, too, and says so.
func (b *bench) scenario(s *scenario, entries []entry, networks []*network, quick bool) ([]*result, error) {
	list := make([]*result, len(networks))
	for i, n := range networks {
		list[i] = &result{Name: s.Name, Path: n.path, Congestion: n.congestion}
		for _, t := range entries {
			list[i].Rows = append(list[i].Rows, &row{Label: t.name(), Ours: t.ours()})
		}
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
		for i, n := range networks {
			for j := range entries {
				if err := b.stopped(); err != nil {
					return nil, err
				}
				b.on(n).sampleRow(s, &entries[j], list[i], list[i].Rows[j], round)
			}
		}
	}
	say("%s: %s of %s on %s in %.0f s", s.Name, count(rounds, "round"), count(len(entries), "server"),
		count(len(networks), "network"), time.Since(begin).Seconds())
	return list, nil
}

// sampleRow takes a server's sample of one round, unless the server has been left out.
func (b *bench) sampleRow(s *scenario, t *entry, found *result, r *row, round int) {
	if r.Skipped != "" {
		return
	}
	once := s.once
	if once == nil {
		once = onceLoad
	}
	m, timeline, err := once(b, s, t)
	if err != nil {
		r.Skipped, r.Samples = err.Error(), nil
		say("%s, %s: %s is left out: %v", s.Name, b.network, r.Label, err)
		return
	}
	r.Samples = append(r.Samples, m)
	if round == 0 && len(timeline) > 0 {
		if found.Timelines == nil {
			found.Timelines = map[string][]moment{}
		}
		found.Timelines[r.Label] = timeline
	}
}

func writeJSON(name string, value any) error {
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}
