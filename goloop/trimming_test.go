package goloop

import (
	"testing"
	"time"

	"aws/internal/docroot"
)

// stale is a cache with files that nobody asks for.
type stale struct{ files int }

func (s *stale) Trim(_ time.Duration, filesMax int, closing []docroot.Descriptor) ([]docroot.Descriptor, bool) {
	for range min(s.files, filesMax) {
		s.files--
		closing = append(closing, docroot.Descriptor{})
	}
	return closing, s.files == 0
}

// TestTrimming has more files than one iteration trims.
func TestTrimming(t *testing.T) {
	const now = time.Hour
	trim := trimming{next: now}
	if at := trim.dueAt(0); at != never {
		t.Errorf("due at %v without files", at)
	}
	files := &stale{files: trimFilesMax + 1}
	for _, step := range []struct {
		at     time.Duration
		closed int
		due    time.Duration
	}{
		{-1, 0, 0},
		{0, trimFilesMax, trimAgain},
		{trimAgain - 1, 0, trimAgain},
		{trimAgain, 1, trimAgain + trimEvery},
		{trimEvery, 0, trimAgain + trimEvery},
	} {
		if closed := len(trim.run(files, now+step.at, nil)); closed != step.closed {
			t.Errorf("at %v: %d files are closed, want %d", step.at, closed, step.closed)
		}
		if at := trim.dueAt(1); at != now+step.due {
			t.Errorf("at %v: due at %v, want %v", step.at, at-now, step.due)
		}
	}
}
