package goloop

import (
	"time"

	"aws/internal/docroot"
)

const (
	trimEvery    = time.Second
	trimAgain    = 10 * time.Millisecond // when there was more to trim than one iteration should
	trimFilesMax = 256                   // files that are trimmed in one iteration
)

// trimming is when a loop closes the files that nobody has asked for in a while.
type trimming struct{ next time.Duration }

// trimmable is a cache of files.
type trimmable interface {
	Trim(now time.Duration, filesMax int, closing []docroot.Descriptor) ([]docroot.Descriptor, bool)
}

// run trims a cache if that is due. It appends what is to be closed.
func (t *trimming) run(files trimmable, now time.Duration, closing []docroot.Descriptor) []docroot.Descriptor {
	if now < t.next {
		return closing
	}
	closing, done := files.Trim(now, trimFilesMax, closing)
	if t.next = now + trimEvery; !done {
		t.next = now + trimAgain
	}
	return closing
}

// dueAt returns when a cache of so many files is to be trimmed.
func (t *trimming) dueAt(files int) time.Duration {
	if files == 0 {
		return never
	}
	return t.next
}
