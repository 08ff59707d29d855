package contract

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// checker is how users of the classic server run it when they check it.
func checker(tb testing.TB) []string {
	return []string{
		harness.Tool(tb, "valgrind"), "--leak-check=full", "--show-reachable=yes",
		"--vex-iropt-register-updates=allregs-at-mem-access", "--show-leak-kinds=all", "--error-exitcode=123",
	}
}

// Times of the checker.
const (
	checkerWaits  = 2 * time.Second // from exec to the first request
	checkerTries  = 5               // on a busy machine
	checkerAtOnce = 50
)

// freePort skips the test if somebody else listens on the port of the drop-in.
func freePort(t *testing.T) {
	t.Helper()
	probe, err := net.Listen("tcp4", "0.0.0.0:8888")
	if err != nil {
		t.Skipf("port 8888 is taken on this machine: %v", err)
	}
	if err := probe.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestChecker starts aws as a checker of the classic server does, under valgrind with the calls cut short, sends
// the first requests two seconds after exec, whether it listens by then or not, and ends it by SIGKILL. That
// takes a processor that is not busy with something else, so each check has a few tries.
func TestChecker(t *testing.T) {
	freePort(t)
	s := newSite(t)
	for _, clients := range []int{1, 2, checkerAtOnce} {
		for _, path := range []string{"static/small", "static/large", "dynamic/small", "dynamic/large"} {
			t.Run(fmt.Sprintf("%d clients, %s", clients, path), func(t *testing.T) {
				var failed error
				for range checkerTries {
					if failed = s.check(t, path, clients); failed == nil {
						return
					}
					t.Log(failed)
				}
				if least := leastStart(t); least > checkerWaits*4/5 {
					t.Skipf("this machine is too busy: a program that only listens does so after %v", least)
				}
				t.Error(failed)
			})
		}
	}
}

// check has clients fetch a file of a server that is started for that, and returns what was wrong.
func (s *site) check(t *testing.T, path string, clients int) error {
	server := harness.Launch(t, harness.Options{
		Wrap: checker(t), Path: harness.AWS(t), Directory: s.root, Address: "127.0.0.1:8888", Preload: harness.Build(t).Shorten,
	})
	time.Sleep(checkerWaits) // the checker's own habit
	failures := make(chan error, clients)
	var fetches sync.WaitGroup
	for range clients {
		fetches.Go(func() {
			if got := get(server, "/"+path); got.Status != 200 || got.BodySum != s.sums[path] || got.Ending != harness.Closed {
				failures <- fmt.Errorf("%s for %d clients: %v", path, clients, got)
			}
		})
	}
	fetches.Wait()
	server.Signal(t, syscall.SIGKILL)
	server.Wait(t)
	close(failures)
	return <-failures // nil when there are none
}

// Bounds of how much later than a program that does nothing else aws may listen.
const (
	startRatioMax = 1.4 // 1.1 as a rule
	startRounds   = 9
)

// TestStartUnderValgrind holds that aws listens about as soon as a program that only listens: what is linked in is
// initialised before, and valgrind makes that a hundred times slower. Both are started by turns. A
// machine may be busy at the wrong moment, so the test fails when the ratio of the medians is too high three times.
func TestStartUnderValgrind(t *testing.T) {
	freePort(t)
	dir, listener := t.TempDir(), buildListener(t)
	const tries = 3
	var ratio float64
	for range tries {
		var times [2][]time.Duration
		for range startRounds {
			times[0] = append(times[0], startTime(t, harness.Options{
				Wrap: checker(t), Path: listener, Args: []string{"127.0.0.1:8888"}, Address: "127.0.0.1:8888",
			}))
			times[1] = append(times[1], startTime(t, harness.Options{
				Wrap: checker(t), Path: harness.AWS(t), Directory: dir, Address: "127.0.0.1:8888",
			}))
		}
		least, own := median(times[0]), median(times[1])
		ratio = own.Seconds() / least.Seconds()
		t.Logf("a program that only listens does so after %v, aws after %v: %.2f", least, own, ratio)
		if ratio <= startRatioMax {
			return
		}
	}
	t.Errorf("aws listens %.2f times as late as a program that only listens, want %.1f at most", ratio, startRatioMax)
}

// buildListener builds the program that only listens.
func buildListener(t *testing.T) string {
	t.Helper()
	listener := filepath.Join(t.TempDir(), "listener")
	if out, err := exec.Command("go", "build", "-o", listener, "testdata/listener/main.go").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return listener
}

// leastStart returns after how long a program that only listens does so now, the median of three.
func leastStart(t *testing.T) time.Duration {
	t.Helper()
	listener := buildListener(t)
	var times []time.Duration
	for range 3 {
		times = append(times, startTime(t, harness.Options{
			Wrap: checker(t), Path: listener, Args: []string{"127.0.0.1:8888"}, Address: "127.0.0.1:8888",
		}))
	}
	return median(times)
}

// startTime returns how long a server takes until it listens, and ends it.
func startTime(t *testing.T, o harness.Options) time.Duration {
	t.Helper()
	began := time.Now()
	server := harness.Start(t, o)
	took := time.Since(began)
	server.Signal(t, syscall.SIGKILL)
	server.Wait(t)
	return took
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}
