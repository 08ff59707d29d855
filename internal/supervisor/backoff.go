package supervisor

import "time"

// Times of workers that die.
const (
	pauseFirst    = time.Second      // before a worker is started again for the second time; doubled each time,
	pauseMax      = 30 * time.Second // up to this,
	pausesForgets = 10 * time.Second // and forgotten when one has served for so long
)

// backoff computes the pause before a worker is started again after one died.
type backoff struct {
	deaths int // one soon after the other
}

// next returns the pause after a death: none at first, and then longer each time.
func (b *backoff) next() time.Duration {
	pause := time.Duration(0)
	if b.deaths > 0 {
		pause = min(pauseFirst<<min(b.deaths-1, 10), pauseMax)
	}
	b.deaths++
	return pause
}

// served notes how long the worker that died had served.
func (b *backoff) served(d time.Duration) {
	if d >= pausesForgets {
		b.deaths = 0
	}
}
