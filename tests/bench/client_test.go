package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// resolution is that of the client's histogram: 128 buckets for each power of two.
const resolution = 1.0 / 128

// TestClientQuantiles compares the client's quantiles with those of sorted values, by the nearest rank.
func TestClientQuantiles(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip(err)
	}
	bin := t.TempDir()
	if err := buildOwn(filepath.Join("..", ".."), bin, ownPrograms[:1], t.Logf); err != nil {
		t.Fatal(err)
	}
	series := map[string][]int64{"one": {5000}, "two": {1000000, 3000000}, "none": nil}
	for i := range int64(1000) {
		series["1 to 1000 µs"] = append(series["1 to 1000 µs"], (1000-i)*1000)
		series["a long tail"] = append(series["a long tail"], 50000+i*i*i*7)
		series["alike"] = append(series["alike"], 123456)
	}
	for name, values := range series {
		t.Run(name, func(t *testing.T) {
			var input strings.Builder
			for _, v := range values {
				fmt.Fprintln(&input, v)
			}
			cmd := exec.Command(filepath.Join(bin, "load"), "-q")
			cmd.Stdin = strings.NewReader(input.String())
			output, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			sorted := slices.Sorted(slices.Values(values))
			for line := range strings.Lines(string(output)) {
				var figure string
				var got float64
				if _, err := fmt.Sscan(line, &figure, &got); err != nil {
					t.Fatal(err)
				}
				permille := map[string]int{"p50": 500, "p90": 900, "p99": 990, "p999": 999, "max": 1000}[figure]
				want := 0.0
				if n := len(sorted); n > 0 {
					want = float64(sorted[max((n*permille+999)/1000, 1)-1]) / 1000
				}
				// The client rounds up to the end of a bucket, and prints tenths.
				if got < want-0.06 || got > want*(1+resolution)+0.12 {
					t.Errorf("%s is %v, not %v", figure, got, want)
				}
			}
		})
	}
}
