package main

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"testing"
)

func TestCollections(t *testing.T) {
	const output = `aws: ready
gc 1 @0.008s 4%: 0.017+1.1+0.004 ms clock, 0.035+0.10/0.45/0+0.009 ms cpu, 3->4->1 MB, 4 MB goal, 0 MB stacks, 0 MB globals, 3 P
aws: gc 9 @1.0s 0%: 9.0+9.0+9.0 ms clock
gc 2 @0.120s 0%: 0.021+0.90+0.250 ms clock, 0.042+0/0.88/0+0.50 ms cpu, 5->5->4 MB, 6 MB goal, 0 MB stacks, 0 MB globals, 3 P (forced)
`
	if got := collectionsIn(output); got != (collections{count: 2, longest: 250}) {
		t.Errorf("the collections are %+v", got)
	}
	if got := collectionsIn("aws: ready\n"); got != (collections{}) {
		t.Errorf("the collections of none are %+v", got)
	}
}

// The runtime writes the lines as they are expected here.
func TestCollectionsOfThisRuntime(t *testing.T) {
	const inside = "TEST_COLLECT_GARBAGE"
	if os.Getenv(inside) != "" {
		for range 2 { // the line of the first one is complete before the second one begins
			runtime.GC()
		}
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	var output bytes.Buffer
	cmd.Env, cmd.Stderr = append(os.Environ(), gcTraced, inside+"=1"), &output
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if got := collectionsIn(output.String()); got.count == 0 || got.longest <= 0 {
		t.Errorf("the collections are %+v in %q", got, output.String())
	}
}
