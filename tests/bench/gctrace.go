package main

import (
	"regexp"
	"strconv"
)

// gcTraced is the variable that makes a program in Go write a line for each collection of garbage (package runtime).
const gcTraced = "GODEBUG=gctrace=1"

// collections are collections of garbage.
type collections struct {
	count   int
	longest float64 // microseconds that all goroutines stood still
}

// gcLine is a line of the trace. The first and the last of the times are those in which the goroutines stand still.
var gcLine = regexp.MustCompile(`(?m)^gc \d+ @[\d.]+s \d+%: ([\d.]+)\+[\d.]+\+([\d.]+) ms clock`)

// collectionsIn reads the lines of the trace in a program's output.
func collectionsIn(output string) (c collections) {
	for _, line := range gcLine.FindAllStringSubmatch(output, -1) {
		c.count++
		for _, text := range line[1:] {
			if ms, err := strconv.ParseFloat(text, 64); err == nil {
				c.longest = max(c.longest, ms*1000)
			}
		}
	}
	return c
}
