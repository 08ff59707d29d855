package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"
)

func main() {
	if err := start(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// selection says what of everything is measured.
type selection struct {
	quick    bool
	only     *regexp.Regexp // the names of scenarios
	servers  *regexp.Regexp
	networks *regexp.Regexp
}

func start(args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "usage: bench [FLAGS]\n       bench [FLAGS] -compare OLD NEW\n")
		flags.PrintDefaults()
	}
	quick := flags.Bool("quick", false, "less of everything, in a few minutes")
	rounds := flags.Int("rounds", 0, "rounds; 0: as the mode has it")
	seconds := flags.Float64("seconds", 0, "seconds that each run is measured for, and a hot file before it is disturbed; 0: as the mode has it")
	only := flags.String("only", "", "only the scenarios whose names match this `PATTERN`")
	servers := flags.String("servers", "", "only the servers whose names match this `PATTERN`")
	networks := flags.String("networks", "", "only the networks whose names match this `PATTERN`: \"veth, cubic\", \"veth, bbr\", \"loopback, ...\"")
	compare := flags.Bool("compare", false, "measure two binaries of aws, which are the arguments OLD and NEW, side by side")
	aws := flags.String("aws", "aws", "the server under test")
	docs := flags.String("docs", "", "write benchmarks.md and its plots into this `DIR`")
	input := flags.String("from", "", "measure nothing, report on the results in this `FILE`")
	list := flags.Bool("list", false, "list the scenarios")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if wanted := map[bool]int{true: 2}[*compare]; flags.NArg() != wanted {
		return fmt.Errorf("there are %s, not %d; -compare takes OLD and NEW, behind all flags", count(flags.NArg(), "argument"), wanted)
	}
	if *list {
		listScenarios(os.Stdout, *compare)
		return nil
	}
	chosen := selection{quick: *quick}
	for text, pattern := range map[*string]**regexp.Regexp{only: &chosen.only, servers: &chosen.servers, networks: &chosen.networks} {
		var err error
		if *pattern, err = regexp.Compile(*text); err != nil {
			return err
		}
	}
	b := &bench{rounds: 5, rampUp: 500 * time.Millisecond, measured: 2 * time.Second, isolation: 3 * time.Second, checked: map[string]bool{}}
	if *quick {
		b.rounds, b.rampUp, b.measured, b.isolation = 2, 100*time.Millisecond, 400*time.Millisecond, 700*time.Millisecond
	} else if *compare {
		b.rampUp, b.measured = 300*time.Millisecond, time.Second
	}
	if *rounds > 0 {
		b.rounds = *rounds
	}
	if *seconds > 0 {
		b.measured = time.Duration(*seconds * float64(time.Second))
		b.isolation = b.measured
	}
	if *compare {
		return b.compare(flags.Arg(0), flags.Arg(1), &chosen)
	}
	b.aws = *aws
	return b.benchmark(&chosen, *input, *docs)
}

// benchmark measures or reads, prints, and writes the documents if there is a directory for them.
func (b *bench) benchmark(chosen *selection, input, docs string) error {
	var found *report
	var err error
	if input != "" {
		found, err = readReport(input)
	} else {
		found, err = b.run(chosen)
	}
	if err != nil {
		return err
	}
	if err := printReport(os.Stdout, found); err != nil {
		return err
	}
	if docs != "" {
		return writeDocs(docs, found)
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
