package sim

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"aws/internal/simkernel"
)

var (
	seeds = flag.Int("seeds", 10000, "how many seeds to run")
	first = flag.Uint64("first", 1, "the first of them")
	seed  = flag.Int64("seed", -1, "run this seed alone")
	most  = flag.Int("failures", 5, "how many failing seeds to report before giving up")
	steps = flag.Bool("steps", false, "write down all that happens; with -seed")

	unjust = flag.Bool("unjust", false, "do not look whether connections starve, to see what else finds a bug")
)

// stack is the stack of a panic, without the frames of this package.
func stack() string {
	s := string(debug.Stack())
	if at := strings.Index(s, "panic("); at >= 0 {
		s = s[at:]
	}
	return s
}

// mode is which server the simulation runs.
type mode uint8

const (
	dropIn mode = iota
	serve
	serveTLS   // `aws serve` with clients that speak TLS
	serveHTTP2 // and HTTP/2, half of them over TLS
)

// TestSim runs the seeds one after the other.
func TestSim(t *testing.T) { runSeeds(t, dropIn) }

// TestServe does the same with the handler of `aws serve` and clients that ask for several files.
func TestServe(t *testing.T) { runSeeds(t, serve) }

// TestTLS does the same with clients that speak TLS, for a quarter of the seeds: handshakes take time.
func TestTLS(t *testing.T) { runSeeds(t, serveTLS) }

// TestHTTP2 does the same with clients that speak HTTP/2, over TLS in every second seed.
func TestHTTP2(t *testing.T) { runSeeds(t, serveHTTP2) }

// TestRegressions plays the seeds that have found a bug which no mutation stands for. The draws that
// follow a seed may change with the simulation; then a seed is merely one more.
func TestRegressions(t *testing.T) {
	for _, r := range []struct {
		seed uint64
		mode mode
		bug  string
	}{
		{83606, dropIn, "waiting for the disk gave a client that took nothing a new deadline each time"},
		{102231, dropIn, "the same"},
		{147270, dropIn, "the same"},
		{34209, dropIn, "a client that reads slowly was taken for one that does not read"},
		{40, serve, "requests behind which the client shut its side were lost"},
		{98, serve, "the same"},
		{310, serve, "several ranges of a listing came without Vary: Accept"},
		{1168, serve, "a reset overtook the response to a request whose body was broken"},
		{1180, serve, "the same"},
		{6306, serve, "buffers were taken back while a text between two parts was waiting for its client, and nobody asked for others"},
		{12925, serveHTTP2, "a connection without a request was left while the client was still reading"},
		{15606, serveHTTP2, "the same"},
	} {
		if _, err := play(r.seed, r.mode); err != nil {
			t.Errorf("seed %d (%s): %v", r.seed, r.bug, err)
		}
	}
}

func runSeeds(t *testing.T, m mode) {
	t.Parallel()
	from, n := *first, *seeds
	if m == serveTLS || m == serveHTTP2 {
		n = (n + 3) / 4
	}
	if testing.Short() {
		n = min(n, 500)
	}
	if *seed >= 0 {
		from, n = uint64(*seed), 1
	}
	var sum tally
	failures := 0
	for s := from; s < from+uint64(n); s++ {
		w, err := play(s, m)
		if err == nil && s%64 == 0 {
			err = repeats(w, m)
		}
		sum.add(w)
		if err != nil {
			t.Errorf("seed %d: %v\nprofile: %v\nagain: go test ./tests/sim -run %s -seed %d -steps", s, err, w.k.Profile(), t.Name(), s)
			if failures++; failures == *most {
				t.Fatalf("gave up at seed %d", s)
			}
		}
	}
	t.Log(sum.String())
}

// play runs one seed and checks it.
func play(s uint64, m mode) (*world, error) {
	var trace io.Writer
	if *steps && *seed >= 0 {
		trace = os.Stdout
	}
	w, err := newWorld(s, trace, m)
	defer w.stopClients()
	if err != nil {
		return w, w.check(err)
	}
	return w, w.check(w.run())
}

// repeats runs a seed once more and compares.
func repeats(w *world, m mode) error {
	again, err := play(w.seed, m)
	if err != nil {
		return fmt.Errorf("the second time: %w", err)
	}
	if a, b := w.k.Fingerprint(), again.k.Fingerprint(); a != b {
		return fmt.Errorf("two runs differ: fingerprints %x and %x", a, b)
	}
	return nil
}

// tally is what all runs together have tried.
type tally struct {
	runs, clients, iterations int
	bytes                     int64
	virtual                   time.Duration
	served                    simkernel.Served
	ends                      [simkernel.EndRefused + 1]int
	struck                    [simkernel.Faults]int
	responses                 map[string]int
}

func (n *tally) add(w *world) {
	n.runs++
	n.iterations += w.k.Iterations()
	n.virtual += w.k.Time()
	if s := w.k.Served(); s.Waits > n.served.Waits {
		n.served = s
	}
	for _, p := range w.k.Peers() {
		n.clients++
		n.ends[p.End]++
		n.bytes += int64(len(p.Received))
	}
	if n.responses == nil {
		n.responses = map[string]int{}
	}
	for kind, count := range w.responses {
		n.responses[kind] += count
	}
	for f := range simkernel.Faults {
		n.struck[f] += w.k.Struck(f)
	}
}

func (n *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d seeds, %d clients, %d iterations, %d bytes, %v of virtual time\nends:", n.runs, n.clients, n.iterations, n.bytes, n.virtual)
	for e, count := range n.ends {
		fmt.Fprintf(&b, " %v %d", simkernel.End(e), count)
	}
	fmt.Fprintf(&b, "\nnobody was left alone for more than %d iterations, where %d were allowed", n.served.Waits, n.served.Limit)
	if len(n.responses) > 0 {
		b.WriteString("\nanswers:")
	}
	for _, kind := range slices.Sorted(maps.Keys(n.responses)) {
		fmt.Fprintf(&b, " %s %d;", kind, n.responses[kind])
	}
	b.WriteString("\nfaults:")
	for f := range simkernel.Faults {
		fmt.Fprintf(&b, " %v %d;", f, n.struck[f])
	}
	return b.String()
}
