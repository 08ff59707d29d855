package simkernel

import (
	"bytes"
	"testing"

	"aws/internal/kernel"
)

func TestReadStart(t *testing.T) {
	w := newWorld(t, func(p *Profile) { p.Ratio[FaultShortRead] = 0.5 })
	file := w.tree.Add("dir/a", 10000)
	bad := w.tree.Add("bad", 10000)
	w.Break(bad, 5000, 6000)
	w.tree.Add("empty", 0)
	w.tree.Add("secret", 1)
	w.tree.Deny("secret")
	w.tree.AddSpecial("fifo")
	content := make([]byte, 10000)
	file.Fill(0, content)
	for _, most := range []int{0, 1, 4096, 9999, 10000, 20000} {
		start, class := w.ReadStart(w.tree.Root(), "dir/a", most)
		if class != kernel.Done || !bytes.Equal(start, content[:min(most, len(content))]) {
			t.Errorf("%d bytes: %v, %d bytes", most, class, len(start))
		}
	}
	for name, want := range map[string]kernel.Class{
		"dir": kernel.Directory, "none": kernel.Absent, "fifo": kernel.Absent, "secret": kernel.Denied, "empty": kernel.Done, "bad": kernel.Fault,
	} {
		if start, class := w.ReadStart(w.tree.Root(), name, 10000); class != want || len(start) > 0 {
			t.Errorf("%s: %v, %d bytes, want %v", name, class, len(start), want)
		}
	}
	if start, class := w.ReadStart(w.tree.Root(), "bad", 5000); class != kernel.Done || len(start) != 5000 {
		t.Errorf("before the bad part: %v, %d bytes", class, len(start))
	}
	w.finish()
}
