package fleet

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws/tests/harness"
)

// TestRollingUpgrade replaces the program of all replicas under load, one after the other: first each worker, by SIGUSR2, then
// each process as a whole, by SIGTERM and another start. No request may fail.
func TestRollingUpgrade(t *testing.T) {
	l := newLab(t)
	defer l.close()
	wanted, begun := requestsWanted(), time.Now()
	running := l.startLoad()
	defer running.end()
	const steps = 2 * replicas
	for step := range steps {
		l.waitProgress(running, int64(step+1)*wanted/(steps+1))
		r := l.replicas[step%replicas]
		if step < replicas {
			l.install(r, harness.AWS(t)) // another file, with the same content
			r.Signal(t, syscall.SIGUSR2)
			worker := r.Says(t, `worker (\d+) serves, worker \d+ drains`, 1)[1]
			if !sameFile("/proc/"+worker+"/exe", harness.Daemon(r.program)) {
				t.Errorf("worker %s of %s runs another program than the one that was installed", worker, r.name)
			}
		} else {
			if status := r.Stop(t); status != 0 {
				t.Errorf("%s has ended with status %d:\n%s", r.name, status, r.Output())
			}
			l.start(r)
		}
		l.waitReady(r)
		l.waitState(r, "UP")
	}
	l.waitProgress(running, wanted)
	running.end()
	t.Logf("%v; %v", &running.tally, time.Since(begun).Round(100*time.Millisecond))
	for _, f := range running.failures[:min(len(running.failures), 10)] {
		t.Errorf("%s of %q: %v", f.url, f.replica, f.err)
	}
	for _, r := range l.replicas {
		if running.replicas[r.name] == 0 {
			t.Errorf("%s has not served: %v", r.name, running.replicas)
		}
	}
	if running.cached.Load() == 0 {
		t.Error("Varnish has not served from its cache")
	}
}

// sameFile reports whether two names are those of one file.
func sameFile(a, b string) bool {
	first, errA := os.Stat(a)
	second, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(first, second)
}

// downloads are responses in flight: their heads have come, and the clients read nothing more until they may.
type downloads struct {
	tally

	proceed chan struct{}
	clients []<-chan struct{}
}

// startDownloads starts downloads of the film, and waits for their heads.
func (l *lab) startDownloads(clients int) *downloads {
	l.t.Helper()
	d := &downloads{tally: tally{replicas: map[string]int{}, heads: map[string]int{}}, proceed: make(chan struct{})}
	for range clients {
		c := &client{tally: &d.tally, address: webAddress, files: l.site.Bytes, receive: 64 << 10, pause: d.proceed}
		d.clients = append(d.clients, l.client.start(func() { c.request(film) }))
	}
	harness.Eventually(l.t, deadline, "the downloads have begun", func() error {
		started := 0
		for _, r := range l.replicas {
			started += d.begun(r)
		}
		if started < clients {
			return fmt.Errorf("%d", started)
		}
		return nil
	})
	return d
}

// end lets the clients read on, and waits for them.
func (d *downloads) end() {
	close(d.proceed)
	for _, done := range d.clients {
		<-done
	}
}

// TestReplicaDies kills a replica under load. What fails is what it had begun to send.
func TestReplicaDies(t *testing.T) {
	l := newLab(t)
	defer l.close()
	running := l.startLoad()
	defer running.end()
	const clients = 8
	films := l.startDownloads(clients)
	var victim *replica // all downloads of a path are one replica's
	for _, r := range l.replicas {
		if films.begun(r) == clients {
			victim = r
		}
	}
	if victim == nil {
		t.Fatalf("no replica has begun to send all films: %v", films.heads)
	}
	l.waitProgress(running, 2000)
	killed := time.Now()
	l.kill(victim)
	dead := time.Now()
	l.waitState(victim, "DOWN")
	l.waitProgress(running, running.whole.Load()+2000)
	l.start(victim)
	l.waitReady(victim)
	l.waitState(victim, "UP")
	before := running.served(victim)
	harness.Eventually(t, deadline, victim.name+" serves again", func() error {
		if running.served(victim) == before {
			return fmt.Errorf("%d responses", before)
		}
		return nil
	})
	films.end()
	running.end()
	t.Logf("load: %v", &running.tally)
	t.Logf("films: %v", &films.tally)
	for _, f := range append(running.failures, films.failures...) {
		if f.replica != victim.name || f.begun.After(dead) {
			t.Errorf("%s of %q, begun %v after the signal: %v", f.url, f.replica, f.begun.Sub(killed), f.err)
		}
	}
	if len(films.failures) != clients {
		t.Errorf("%d films have failed, and %d were in flight to the replica that was killed", len(films.failures), clients)
	}
}

// TestReplicaVanishes takes a replica off the network under load, without any packet that says so, and connects it again once HAProxy
// has found out. What may fail is what it had begun to send; all other requests are sent again to another replica.
func TestReplicaVanishes(t *testing.T) {
	l := newLab(t)
	defer l.close()
	running := l.startLoad()
	defer running.end()
	l.waitProgress(running, 2000)
	victim := l.replicas[1]
	victim.space.ip(t, nil, "link set "+victim.name+" down")
	gone := time.Now()
	l.waitState(victim, "DOWN")
	found := time.Since(gone)
	l.waitProgress(running, running.whole.Load()+2000)
	victim.space.ip(t, nil, "link set "+victim.name+" up")
	l.waitState(victim, "UP")
	running.end()
	t.Logf("found after %v; %v", found.Round(100*time.Millisecond), &running.tally)
	for _, f := range running.failures[:min(len(running.failures), 10)] {
		if f.replica != victim.name || f.begun.After(gone) {
			t.Errorf("%s of %q, begun %v after the link was down: %v", f.url, f.replica, f.begun.Sub(gone), f.err)
		}
	}
}

// waitProgress waits until a load has had a number of responses.
func (l *lab) waitProgress(r *load, responses int64) {
	l.t.Helper()
	harness.Eventually(l.t, 10*deadline, "the load makes progress", func() error {
		if whole := r.whole.Load(); whole < responses {
			return fmt.Errorf("%d responses", whole)
		}
		return nil
	})
}

// begun returns how many downloads a replica has begun, whose clients wait.
func (t *tally) begun(r *replica) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.heads[r.name]
}

// served returns how many responses a replica has made.
func (t *tally) served(r *replica) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.replicas[r.name]
}

// TestReplicasAgree compares the validators of all replicas, and looks at what else the files of contrib/fleet promise: a path has its
// replica, a client that goes on at another replica gets the rest of the same file, Varnish has one object for each coding, and the
// access log has the address of the client.
func TestReplicasAgree(t *testing.T) {
	l := newLab(t, "--access-log", "-")
	defer l.close()
	for _, path := range []string{"static/one", "static/odd", "dynamic/odd", "static/huge"} {
		tags := map[string]bool{}
		tag := ""
		for _, r := range l.replicas {
			response, err := r.space.get("http://127.0.0.1:8080/" + path)
			if err != nil {
				t.Fatal(err)
			}
			tag = response.Header.Get("ETag")
			tags[tag+" "+response.Header.Get("Last-Modified")] = true
		}
		if len(tags) != 1 || tag == "" {
			t.Errorf("%s has the validators %v", path, tags)
		}
		for _, r := range l.replicas {
			response, err := r.space.get("http://127.0.0.1:8080/"+path, "If-None-Match", tag)
			if err != nil || response.StatusCode != http.StatusNotModified {
				t.Errorf("%s with the ETag of another replica: %v, %v", path, response, err)
			}
		}
		for _, address := range []string{webAddress, cacheAddress} {
			owners := map[string]bool{}
			for i := range 6 {
				response, err := l.client.get(fmt.Sprintf("http://%s/%s?%d", address, path, i), "If-Range", tag, "Range", "bytes=0-0")
				if err != nil || response.StatusCode != http.StatusPartialContent || response.Header.Get("ETag") != tag {
					t.Fatalf("%s of %s: %v, %v", path, address, response, err)
				}
				owners[response.Header.Get("X-Replica")] = true
			}
			if len(owners) != 1 {
				t.Errorf("%s of %s is served by %v, and should be by one", path, address, owners)
			}
		}
	}
	for _, r := range l.replicas {
		if out := r.Output(); strings.Contains(out, "\n"+edgeAddress+" ") {
			t.Errorf("%s has logged the address of HAProxy:\n%s", r.name, out)
		}
	}
	if all := l.replicas[0].Output() + l.replicas[1].Output() + l.replicas[2].Output(); strings.Count(all, "\n"+clientAddress+" ") < 40 {
		t.Errorf("the address of the client is not in the logs:\n%s", all)
	}
}
