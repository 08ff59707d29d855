package goloop_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aws/goloop"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/handler/dropin"
	"aws/internal/handler/fileserver"
	"aws/internal/kernel"
	"aws/internal/simkernel"
)

// coldKernel is a simulated kernel in which only worker threads can look names up, and which counts what they are asked for.
type coldKernel struct {
	*simkernel.Kernel
	jobs []string // the names of each look-up, and "function" for each job of another kind that requests cause
	most int      // names of one job
}

func (k *coldKernel) Open(kernel.Root, []byte, *kernel.Opened) kernel.Class { return kernel.Again }

func (k *coldKernel) Ask(j *kernel.Job) bool {
	switch j.Kind {
	case kernel.JobLookUp:
		k.most = max(k.most, len(j.Names))
		var names []string
		for i := range j.Names {
			if n := &j.Names[i]; !n.Known && !n.Sibling {
				names = append(names, string(n.Name))
			} else if n.Known {
				names = append(names, "(known)")
			}
		}
		k.jobs = append(k.jobs, strings.Join(names, " "))
	case kernel.JobFunc, kernel.JobCompute:
		k.jobs = append(k.jobs, "function")
	default:
	}
	return k.Kernel.Ask(j)
}

// lookupWorld is a loop on a cold kernel, with one client after the other.
type lookupWorld struct {
	t        *testing.T
	k        *coldKernel
	tree     *simkernel.Tree
	listener *simkernel.Listener
	peers    []*simkernel.Peer
}

func newLookupWorld(t *testing.T, files ...string) *lookupWorld {
	profile := simkernel.Quiet()
	profile.Resident, profile.Cold = 1, 1
	w := &lookupWorld{t: t, k: &coldKernel{Kernel: simkernel.New(simkernel.Config{Seed: 1, Profile: &profile})}}
	w.tree = w.k.AddTree("site")
	for _, name := range files {
		w.tree.Add(name, 100)
	}
	w.listener = w.k.Listen(16)
	return w
}

// get lets a client that comes a tenth of a second after the one before it request a path.
func (w *lookupWorld) get(path string, fields ...string) {
	request := "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + strings.Join(append(fields, ""), "\r\n") + "\r\n"
	w.peers = append(w.peers, w.k.AddPeer(w.listener, simkernel.Plan{
		Start:   time.Duration(len(w.peers)) * 100 * time.Millisecond,
		Request: []byte(request), Steps: []simkernel.Step{{Do: simkernel.ActSend, N: len(request)}}, Patience: time.Minute,
	}))
}

// run serves the clients and returns the status of each response.
func (w *lookupWorld) run(h handler.Handler, limits docroot.Limits) (statuses []string) {
	w.t.Helper()
	cfg := goloop.ServeConfig()
	loop, err := goloop.NewLoop(w.k, cfg, h, docroot.NewCache(limits), w.listener.FD())
	if err != nil {
		w.t.Fatal(err)
	}
	w.k.OnEnd = func(*simkernel.Peer) {
		if w.k.OpenPeers() == 0 {
			w.k.After(time.Millisecond, loop.Shutdown)
		}
	}
	if err := loop.Run(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.k.Audit(); err != nil {
		w.t.Error(err)
	}
	for _, p := range w.peers {
		status, _, _ := strings.Cut(strings.TrimPrefix(string(p.Received), "HTTP/1.1 "), " ")
		statuses = append(statuses, status)
	}
	return statuses
}

// TestColdRequestsCostOneJob has requests for names that nobody has looked up before: each costs one round trip to the worker
// threads, whatever it needs.
func TestColdRequestsCostOneJob(t *testing.T) {
	indexes := []string{"first.html", "index.html"}
	exhausted := func(w *lookupWorld) { w.tree.FailOpen("index.html.br", kernel.Exhausted) }
	for _, test := range []struct {
		name     string
		files    []string
		options  fileserver.Options
		prepare  func(w *lookupWorld)
		paths    []string
		statuses string
		jobs     []string
	}{
		{
			name: "the second index, with siblings and a fallback", files: []string{"index.html", "index.html.br", "app.html"},
			options: fileserver.Options{SPA: "/app.html"}, paths: []string{"/"},
			statuses: "200", jobs: []string{"first.html index.html app.html"},
		},
		{
			name: "a file with siblings", files: []string{"a.css", "a.css.gz", "a.css.zst"}, paths: []string{"/a.css"},
			statuses: "200", jobs: []string{"a.css"},
		},
		{name: "a directory", files: []string{"dir/a"}, paths: []string{"/dir"}, statuses: "301", jobs: []string{"dir"}},
		{name: "nothing", files: []string{"a"}, paths: []string{"/none"}, statuses: "404", jobs: []string{"none"}},
		{
			name: "nothing but the fallback", files: []string{"app.html", "app.html.br"},
			options: fileserver.Options{SPA: "/app.html"}, paths: []string{"/none"},
			statuses: "200", jobs: []string{"none app.html"},
		},
		{
			name: "neither an index nor the fallback", options: fileserver.Options{SPA: "/app.html"}, paths: []string{"/"},
			statuses: "404", jobs: []string{"first.html index.html app.html"},
		},
		{
			name: "a fallback that is known", files: []string{"app.html", "app.html.br"},
			options: fileserver.Options{SPA: "/app.html"}, paths: []string{"/none", "/other", "/app.html"},
			statuses: "200 200 200", jobs: []string{"none app.html", "other"},
		},
		{
			name: "a listing", files: []string{"dir/a"}, options: fileserver.Options{List: true}, paths: []string{"/dir/"},
			statuses: "200", jobs: []string{"dir/first.html dir/index.html", "function"},
		},
		{
			name: "no listing, but the fallback", files: []string{"app.html"},
			options: fileserver.Options{List: true, SPA: "/app.html"}, paths: []string{"/none/"},
			statuses: "200", jobs: []string{"none/first.html none/index.html", "function", "app.html"},
		},
		{
			name: "no descriptor for a sibling", files: []string{"index.html", "index.html.br"}, prepare: exhausted, paths: []string{"/"},
			statuses: "200", jobs: []string{"first.html index.html", "(known)"},
		},
		{
			name: "no descriptor for the path", files: []string{"a"}, paths: []string{"/a"},
			prepare:  func(w *lookupWorld) { w.tree.FailOpen("a", kernel.Exhausted) },
			statuses: "200", jobs: []string{"a", "a"},
		},
		{
			name: "the disk fails at a sibling", files: []string{"a", "a.gz"}, paths: []string{"/a"},
			prepare:  func(w *lookupWorld) { w.tree.FailOpen("a.zst", kernel.Fault) },
			statuses: "200", jobs: []string{"a"},
		},
		{
			name: "the disk fails at the path", files: []string{"a", "app.html"}, options: fileserver.Options{SPA: "/app.html"}, paths: []string{"/a"},
			prepare:  func(w *lookupWorld) { w.tree.FailOpen("a", kernel.Fault) },
			statuses: "500", jobs: []string{"a app.html"},
		},
		{
			name: "denied", files: []string{"a", "app.html"}, options: fileserver.Options{SPA: "/app.html"}, paths: []string{"/a"},
			prepare:  func(w *lookupWorld) { w.tree.Deny("a") },
			statuses: "403", jobs: []string{"a app.html"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newLookupWorld(t, test.files...)
			if test.prepare != nil {
				test.prepare(w)
			}
			o := test.options
			o.Mounts = []*docroot.Mount{{Prefix: "/", Strip: 1, Root: w.tree.Root()}}
			o.Index, o.Precompress = indexes, true
			h, err := fileserver.New(o)
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range test.paths {
				w.get(path, "Accept-Encoding: br")
			}
			statuses := w.run(h, docroot.Limits{FilesMax: 16, MaxAge: time.Second, AbsentMax: time.Second, IdleMax: time.Second})
			if got := strings.Join(statuses, " "); got != test.statuses {
				t.Errorf("status %s, want %s", got, test.statuses)
			}
			if !slices.Equal(w.k.jobs, test.jobs) {
				t.Errorf("jobs %q, want %q", w.k.jobs, test.jobs)
			}
		})
	}
}

// TestColdRequestOfTheDropIn has a cache that remembers nothing: what the worker thread has found is held until the request
// is decided.
func TestColdRequestOfTheDropIn(t *testing.T) {
	w := newLookupWorld(t, "static/a")
	h, err := dropin.New(w.tree.Root(), "site")
	if err != nil {
		t.Fatal(err)
	}
	w.get("/static/a")
	w.get("/static/none")
	if got := strings.Join(w.run(h, dropin.CacheLimits(16)), " "); got != "200 404" {
		t.Errorf("status %s", got)
	}
	if want := []string{"static/a", "static/none"}; !slices.Equal(w.k.jobs, want) {
		t.Errorf("jobs %q, want %q", w.k.jobs, want)
	}
}

// TestManyIndexNames has more names than one job takes.
func TestManyIndexNames(t *testing.T) {
	const indexes = 50
	w := newLookupWorld(t, fmt.Sprintf("index%d", indexes-1))
	o := fileserver.Options{Mounts: []*docroot.Mount{{Prefix: "/", Strip: 1, Root: w.tree.Root()}}, Precompress: true}
	for i := range indexes {
		o.Index = append(o.Index, fmt.Sprintf("index%d", i))
	}
	h, err := fileserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.get("/")
	limits := docroot.Limits{FilesMax: 16, MaxAge: time.Second, AbsentMax: time.Second, IdleMax: time.Second}
	if got := strings.Join(w.run(h, limits), " "); got != "200" {
		t.Errorf("status %s", got)
	}
	if n := len(w.k.jobs); n < 2 || n > indexes/4 || w.k.most > 32 {
		t.Errorf("%d jobs of up to %d names", n, w.k.most)
	}
}
