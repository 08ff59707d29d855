package connstate

import (
	"slices"
	"strings"
	"testing"
)

// TestTable sees every state with a name of its own, a way in and a way out.
func TestTable(t *testing.T) {
	names := map[string]bool{}
	for s := range StateCount {
		if name := s.String(); !strings.HasPrefix(name, "CONN_") || names[name] {
			t.Errorf("state %d is called %q", s, name)
		}
		names[s.String()] = true
		in, out := false, false
		for o := range StateCount {
			in = in || o.MayBecome(s)
			out = out || s.MayBecome(o)
		}
		if !in || !out {
			t.Errorf("%v: way in %v, way out %v", s, in, out)
		}
		if s != StateFree && s != StateInit && s.Phase() == PhaseDisk && s.Deadline() != DeadlineDisk {
			t.Errorf("%v waits for a disk under the deadline %v", s, s.Deadline())
		}
	}
	if got := State(StateCount).String(); got != "State(13)" {
		t.Errorf("a state that there is not is called %q", got)
	}
	if lines := Transitions(); !slices.Contains(lines, "CONN_READING -> CONN_WREADY") || slices.Contains(lines, "CONN_FREE -> CONN_SENDING") {
		t.Errorf("transitions: %q", lines)
	}
	if d := Diagram(); strings.Count(d, "-->") != len(Transitions()) || !strings.Contains(d, "    CONN_CLOSING --> [*]\n") {
		t.Errorf("diagram:\n%s", d)
	}
}
