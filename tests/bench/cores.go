package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// coreTimes is how long each core has been busy since the machine has started: with programs, with
// the kernel's work for them, and with interrupts. The time that the hypervisor took is not in it.
type coreTimes map[int]time.Duration

// userTick is the unit of /proc/stat (proc_stat(5)), which is 1/100 s on every architecture of Go.
const userTick = 10 * time.Millisecond

// The fields of a line of /proc/stat that count as busy. What guests have used is in user and nice.
const (
	statUser = iota
	statNice
	statSystem
	statIdle
	statIOWait
	statIRQ
	statSoftIRQ
	statFields
)

// parseCoreTimes reads the text of /proc/stat.
func parseCoreTimes(text string) (coreTimes, error) {
	times := coreTimes{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		name, ok := strings.CutPrefix(fields[0], "cpu")
		if !ok || name == "" {
			continue
		}
		core, err := strconv.Atoi(name)
		if err != nil || len(fields) < 1+statFields {
			return nil, fmt.Errorf("/proc/stat: a core's line was expected: %q", line)
		}
		var ticks int64
		for _, i := range []int{statUser, statNice, statSystem, statIRQ, statSoftIRQ} {
			n, err := strconv.ParseInt(fields[1+i], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("/proc/stat: %w", err)
			}
			ticks += n
		}
		times[core] = time.Duration(ticks) * userTick
	}
	if len(times) == 0 {
		return nil, fmt.Errorf("/proc/stat: no core in %q", text)
	}
	return times, nil
}

func readCoreTimes() (coreTimes, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil, err
	}
	return parseCoreTimes(string(text))
}

// since returns how long the given cores, together, have been busy between two readings.
func (t coreTimes) since(before coreTimes, cores []int) time.Duration {
	var sum time.Duration
	for _, core := range cores {
		sum += t[core] - before[core]
	}
	return sum
}

// reading is what a server, and the cores of server and client, have used until a moment.
type reading struct {
	usage
	cores coreTimes
	at    time.Time
}

// before reads what has been used before a measurement. The cores come last: what reading costs is not counted.
func (r *running) before() (reading, error) {
	u := r.usage()
	cores, err := readCoreTimes()
	return reading{usage: u, cores: cores, at: time.Now()}, err
}

// after reads what has been used after a measurement, the cores first.
func (r *running) after() (reading, error) {
	now := time.Now()
	cores, err := readCoreTimes()
	return reading{usage: r.usage(), cores: cores, at: now}, err
}
