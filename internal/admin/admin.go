package admin

import (
	"context"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"aws/internal/accesslog"
	"aws/internal/compression"
	"aws/internal/docroot"
	"aws/internal/stats"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Source provides the data about the loops. A goloop.Server whose Config.Publish is on implements it. Its
// methods may be called from any goroutine.
type Source interface {
	Published() []stats.Counters
	Mounts() []*docroot.Mount
	CachedFiles() int
	Compression() compression.Stats
}

// Options contain the data to report in addition to that of the loops.
type Options struct {
	Version, Commit string
	Log             func() accesslog.Stats // nil: there is no access log
	Certificates    func() []Certificate   // nil: the server does not speak TLS
}

// Limits of the HTTP server, which has few clients.
const (
	streamsMax   = 32
	headTimeout  = 10 * time.Second
	writeTimeout = 10 * time.Second // for an event, and for what is not a stream
	closeTimeout = time.Second
)

// Admin is the HTTP server. It is also an accesslog.Consumer, so that it can show slow transfers.
type Admin struct {
	o        Options
	source   atomic.Pointer[Source]
	ready    atomic.Bool
	loopback bool
	server   http.Server
	ended    context.Context
	end      context.CancelFunc
	hub      hub
	slow     slowest
}

// New returns a server without a source; see Watch.
func New(o Options) *Admin {
	a := &Admin{o: o}
	a.ended, a.end = context.WithCancel(context.Background())
	a.hub.streams = map[*stream]struct{}{}
	registry := prometheus.NewRegistry()
	registry.MustRegister(a, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: writeTimeout}))
	mux.HandleFunc("GET /healthz", a.health)
	mux.HandleFunc("GET /readyz", a.readiness)
	mux.HandleFunc("GET /events", a.events)
	mux.HandleFunc("GET /{$}", a.page)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	a.server = http.Server{
		Handler: a.guard(mux), ReadHeaderTimeout: headTimeout, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(nothing{}, "", 0),
	}
	return a
}

// nothing is a writer that discards messages about errors of clients.
type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return len(p), nil }

// Watch sets the source of the data.
func (a *Admin) Watch(s Source) { a.source.Store(&s) }

// SetReady sets the result of /readyz.
func (a *Admin) SetReady(ready bool) { a.ready.Store(ready) }

// Serve serves requests at the listener until Close.
func (a *Admin) Serve(l net.Listener) error {
	if addr, ok := l.Addr().(*net.TCPAddr); ok {
		a.loopback = addr.IP.IsLoopback()
	}
	if err := a.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("--admin: %w", err)
	}
	return nil
}

// Close ends the streams and the server. It may be called before Serve, and more than once.
func (a *Admin) Close() {
	a.end()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if a.server.Shutdown(ctx) != nil {
		_ = a.server.Close()
	}
}

// guard prevents web pages from reading a loopback address through a host name whose DNS entry they control
// (DNS rebinding): it refuses requests whose Host is such a name.
func (a *Admin) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.loopback && !local(r.Host) {
			http.Error(w, "this address is for this machine: ask for it by its IP address or as localhost", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// local reports whether a Host is an IP address or a name that always means this machine.
func local(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func (a *Admin) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}

func (a *Admin) readiness(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !a.ready.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "not ready: starting or draining")
		return
	}
	fmt.Fprintln(w, "ready")
}

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// render returns the page and its content security policy, which permits only the page's own style and
// script, and requests to this server.
var render = sync.OnceValues(func() (body []byte, policy string) {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	policy = "default-src 'none'; style-src " + hash(pageCSS) + "; script-src " + hash(pageJS) +
		"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return []byte(strings.NewReplacer("/*style*/", pageCSS, "/*script*/", pageJS).Replace(pageHTML)), policy
})

func (a *Admin) page(w http.ResponseWriter, _ *http.Request) {
	body, policy := render()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", policy)
	_, _ = w.Write(body)
}

// sum returns the sum of the loops' counters, and the number of loops.
func (a *Admin) sum() (stats.Counters, int) {
	var n stats.Counters
	s := a.source.Load()
	if s == nil {
		return n, 0
	}
	list := (*s).Published()
	for i := range list {
		n.Add(&list[i])
	}
	return n, len(list)
}

func (a *Admin) compression() compression.Stats {
	if s := a.source.Load(); s != nil {
		return (*s).Compression()
	}
	return compression.Stats{}
}

func (a *Admin) cachedFiles() int {
	if s := a.source.Load(); s != nil {
		return (*s).CachedFiles()
	}
	return 0
}

// mountLabel contains the labels of metrics about responses.
type mountLabel struct{ prefix, kind string }

// mountLabels returns the labels of the mounts, by their numbers.
func (a *Admin) mountLabels() []mountLabel {
	labels := []mountLabel{{"", "none"}}
	if s := a.source.Load(); s != nil {
		mounts := (*s).Mounts()
		labels = append(labels, make([]mountLabel, len(mounts))...)
		for _, m := range mounts {
			labels[m.Number] = mountLabel{m.Label(), m.Kind.String()}
		}
	}
	return labels
}
