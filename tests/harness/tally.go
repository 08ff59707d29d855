package harness

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
)

// Tally is one row of the counters that a preload library keeps (tests/preload/tally.h).
type Tally struct {
	Calls  uint64 // calls that reached the library
	Errors uint64 // calls that it made fail
	Shorts uint64 // calls that it cut short
}

// ReadTally reads the counters of a running or ended process, by the call's name.
func ReadTally(tb testing.TB, path string) map[string]Tally {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatalf("the preload library was not loaded: %v", err)
	}
	type row struct {
		Name [32]byte
		Tally
	}
	tallies := map[string]Tally{}
	for reader := bytes.NewReader(data); reader.Len() > 0; {
		var r row
		if err := binary.Read(reader, binary.NativeEndian, &r); err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		name, _, _ := bytes.Cut(r.Name[:], []byte{0})
		tallies[string(name)] = r.Tally
	}
	return tallies
}
