package admin

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"aws/internal/accesslog"
	"aws/internal/compression"
	"aws/internal/connstate"
	"aws/internal/docroot"
	"aws/internal/response"
	"aws/internal/stats"
	"aws/internal/tlsconn"
)

// world is a server that publishes what the test says.
type world struct {
	counts []stats.Counters
	mounts []*docroot.Mount
}

func (w *world) Published() []stats.Counters { return w.counts }
func (w *world) Mounts() []*docroot.Mount    { return w.mounts }
func (w *world) CachedFiles() int            { return 17 }
func (w *world) Compression() compression.Stats {
	return compression.Stats{Made: 18, Refused: 19, Bytes: 20}
}

func newWorld() *world {
	w := &world{mounts: []*docroot.Mount{{Prefix: "/", Number: 1}, {Prefix: "/dyn\"amic\\/", Number: 2, Kind: docroot.Dynamic}}}
	for i := 3; i <= 40; i++ {
		w.mounts = append(w.mounts, &docroot.Mount{Prefix: fmt.Sprintf("/m%d/", i), Number: i})
	}
	var n stats.Counters
	n.Requests, n.BytesSent, n.Accepted, n.OverAddressLimit = 1000, 123456789, 400, 3
	n.InState[connstate.StateSending], n.InState[connstate.StateReading] = 5, 2
	n.InState[connstate.StateFree] = -7
	n.ByMount = make([][stats.StatusSlots]uint64, 41)
	n.ByMount[40][stats.SlotOf(response.OK)] = 4
	n.ByMount[1][stats.SlotOf(response.OK)] = 900
	n.ByMount[2][stats.SlotOf(response.NotFound)] = 99
	n.ByMount[0][stats.SlotOf(response.BadRequest)] = 1
	n.ByStatus[404], n.ByStatus[400] = 99, 1
	n.Latency[4].Buckets = [stats.HistogramBuckets]uint64{0: 10, 10: 80, stats.HistogramBuckets - 1: 10}
	n.Latency[4].SumNs = 5e9
	n.OpsPerCgoCall.Buckets[2], n.OpsPerCgoCall.Sum = 4, 10
	n.ReadsDirect, n.ReadsByThread, n.ReadsDone, n.ReadsInFlight = 30, 2, 31, 1
	w.counts = []stats.Counters{n, {Requests: 1}}
	return w
}

// start serves until the test ends, and returns the address.
func start(t *testing.T, a *Admin) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(l) }()
	t.Cleanup(func() {
		a.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

func get(t *testing.T, url string) (int, http.Header, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header, string(body)
}

func TestMetrics(t *testing.T) {
	a := New(Options{Version: "1.2", Commit: "abc", Log: func() accesslog.Stats { return accesslog.Stats{Lines: 8, Dropped: 2, Errors: 1} }})
	a.Watch(newWorld())
	a.SetReady(true)
	status, header, body := get(t, start(t, a)+"/metrics")
	if status != 200 || !strings.HasPrefix(header.Get("Content-Type"), "text/plain") {
		t.Fatalf("%d, %s", status, header.Get("Content-Type"))
	}
	for _, line := range []string{
		`awsd_requests_total 1001`,
		`awsd_sent_bytes_total 1.23456789e+08`,
		`awsd_connections{state="CONN_SENDING"} 5`,
		`awsd_connections{state="CONN_READING"} 2`,
		`awsd_connections{state="CONN_READING_ASYNC"} 0`,
		`awsd_responses_total{kind="static",mount="/",status="200"} 900`,
		`awsd_responses_total{kind="dynamic",mount="/dyn\"amic\\/",status="404"} 99`,
		`awsd_responses_total{kind="none",mount="",status="400"} 1`,
		`awsd_responses_total{kind="static",mount="/m40/",status="200"} 4`,
		`awsd_request_duration_seconds_bucket{phase="total",le="1e-06"} 10`,
		`awsd_request_duration_seconds_bucket{phase="total",le="0.001024"} 90`,
		`awsd_request_duration_seconds_bucket{phase="total",le="+Inf"} 100`,
		`awsd_request_duration_seconds_sum{phase="total"} 5`,
		`awsd_cgo_call_operations_bucket{le="1"} 0`,
		`awsd_cgo_call_operations_bucket{le="3"} 4`,
		`awsd_cgo_call_operations_sum 10`,
		`awsd_reads_submitted_total{method="direct"} 30`,
		`awsd_reads_in_flight 1`,
		`awsd_cached_files 17`,
		`awsd_limit_drops_total{limit="max-connections-per-ip"} 3`,
		`awsd_access_log_lines_total{outcome="dropped"} 2`,
		`awsd_ready 1`,
		`awsd_loops 2`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if strings.Contains(body, "CONN_FREE") {
		t.Error("there are connections that are none")
	}
	if !strings.Contains(body, "go_goroutines ") {
		t.Error("nothing about the Go runtime")
	}
	t.Run("help and type of each", func(t *testing.T) {
		for name := range names(body) {
			if !strings.Contains(body, "# HELP "+name+" ") || !strings.Contains(body, "# TYPE "+name+" ") {
				t.Errorf("%s has none", name)
			}
			counter := strings.Contains(body, "# TYPE "+name+" counter")
			if strings.HasPrefix(name, "awsd_") && counter != strings.HasSuffix(name, "_total") {
				t.Errorf("%s: a counter's name ends in _total, and only that", name)
			}
		}
	})
}

var sampleName = regexp.MustCompile(`(?m)^([a-z_]+)[{ ]`)

// names returns the names of the metrics of an exposition, histograms without their suffixes.
func names(body string) map[string]bool {
	set := map[string]bool{}
	for _, m := range sampleName.FindAllStringSubmatch(body, -1) {
		name := m[1]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if base := strings.TrimSuffix(name, suffix); strings.Contains(body, "# TYPE "+base+" histogram") || strings.Contains(body, "# TYPE "+base+" summary") {
				name = base
			}
		}
		set[name] = true
	}
	return set
}

func TestHealth(t *testing.T) {
	a := New(Options{})
	url := start(t, a)
	for _, step := range []struct {
		ready bool
		want  int
	}{{false, 503}, {true, 200}, {false, 503}} {
		a.SetReady(step.ready)
		if status, _, body := get(t, url+"/readyz"); status != step.want {
			t.Errorf("ready %v: %d %s", step.ready, status, body)
		}
		if status, _, _ := get(t, url+"/healthz"); status != 200 {
			t.Errorf("ready %v: /healthz is %d", step.ready, status)
		}
	}
	if status, _, body := get(t, url+"/debug/pprof/goroutine?debug=1"); status != 200 || !strings.Contains(body, "goroutine profile") {
		t.Errorf("profiles: %d", status)
	}
	if status, _, _ := get(t, url+"/nothing"); status != 404 {
		t.Errorf("/nothing: %d", status)
	}
	r, err := http.Post(url+"/metrics", "text/plain", nil)
	if err != nil || r.StatusCode != 405 {
		t.Errorf("POST: %v, %v", r, err)
	}
}

// TestPageNeedsNothingElse sees that the page is one file and is not allowed to be more.
func TestPageNeedsNothingElse(t *testing.T) {
	url := start(t, New(Options{}))
	status, header, body := get(t, url+"/")
	if status != 200 {
		t.Fatal(status)
	}
	if outside := regexp.MustCompile(`(?i)(src|href)\s*=\s*"?(https?:)?//|@import|url\(`).FindString(body); outside != "" {
		t.Errorf("the page asks for %q", outside)
	}
	if policy := header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
		t.Error(policy)
	}
	for _, danger := range []string{"innerHTML", "insertAdjacentHTML", "document.write", "eval("} {
		if strings.Contains(body, danger) {
			t.Errorf("the page's script has %s", danger)
		}
	}
}

// TestForeignNames asks with a Host that somebody else's DNS may have led here.
func TestForeignNames(t *testing.T) {
	url := start(t, New(Options{}))
	for host, want := range map[string]int{
		"127.0.0.1:1": 200, "localhost:9100": 200, "[::1]": 200, "attacker.example": 421, "attacker.example:9100": 421, "localhost.attacker.example": 421,
	} {
		r, err := http.NewRequest(http.MethodGet, url+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %d", host, response.StatusCode)
		}
	}
}

// TestEvents sees that a page gets the numbers of /metrics.
func TestEvents(t *testing.T) {
	a := New(Options{Version: "1.2"})
	a.Watch(newWorld())
	url := start(t, a)
	r, err := http.Get(url + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if r.Header.Get("Content-Type") != "text/event-stream" {
		t.Error(r.Header.Get("Content-Type"))
	}
	text, err := bufio.NewReader(r.Body).ReadString('\n')
	if err != nil || !strings.HasPrefix(text, "data: ") {
		t.Fatalf("%v, %q", err, text)
	}
	var n news
	if err := json.Unmarshal([]byte(text[6:]), &n); err != nil {
		t.Fatal(err)
	}
	_, _, body := get(t, url+"/metrics")
	for name, v := range n.Metrics {
		m := regexp.MustCompile(`(?m)^` + name + ` (.*)$`).FindStringSubmatch(body)
		if m == nil {
			t.Errorf("/metrics has no %s", name)
			continue
		}
		if w, err := strconv.ParseFloat(m[1], 64); err != nil || w != v {
			t.Errorf("%s is %v on the page, %s in /metrics", name, v, m[1])
		}
	}
	for _, s := range n.States {
		if !strings.Contains(body, fmt.Sprintf("awsd_connections{state=%q} %d\n", s.Name, s.Value)) {
			t.Errorf("%s is %d on the page only", s.Name, s.Value)
		}
	}
	if n.Version != "1.2" || n.Loops != 2 || n.Ready {
		t.Errorf("%+v", n)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	a := New(Options{})
	url := start(t, a)
	for i := range streamsMax + 1 {
		r, err := http.Get(url + "/events")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		if want := map[bool]int{true: 200, false: 503}[i < streamsMax]; r.StatusCode != want {
			t.Fatalf("stream %d: %d", i, r.StatusCode)
		}
	}
}

func TestSlowest(t *testing.T) {
	a := New(Options{})
	now := time.Now()
	add := func(began time.Time, total time.Duration) {
		a.Add(&stats.Record{Began: began, Total: total, Target: []byte(strings.Repeat("x", 2*targetMax)), Status: 200})
	}
	add(now.Add(-slowFor-time.Hour), time.Minute)
	for _, s := range []int{5, 1, 9, 3, 12, 7, 2, 11, 6, 10, 8, 4} {
		add(now.Add(-time.Minute), time.Duration(s)*time.Second)
	}
	list := a.slow.copy(now)
	if len(list) != slowMax {
		t.Fatalf("%d transfers", len(list))
	}
	for i, s := range list {
		if s.Total != float64(12-i) || len(s.Target) != targetMax {
			t.Errorf("%d: %v s", i, s.Total)
		}
	}
	if list := a.slow.copy(now.Add(time.Hour)); len(list) != 0 {
		t.Errorf("%d are never forgotten", len(list))
	}
}

func TestQuantile(t *testing.T) {
	var from, to stats.Histogram
	from.Buckets[3], to.Buckets[3] = 7, 7+50
	to.Buckets[10] = 50
	q := quantilesOf(&to, &from)
	if q.Count != 100 || q.P50 != 8e-6 || q.P90 <= 512e-6 || q.P99 > 1024e-6 || q.P90 >= q.P99 {
		t.Errorf("%+v", q)
	}
	if q := quantilesOf(&from, &from); q != (quantiles{}) {
		t.Errorf("of nothing: %+v", q)
	}
}

// TestDashboard holds the names of the Grafana dashboard against those of /metrics.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("../../contrib/grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard any
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	a := New(Options{Certificates: func() []Certificate { return []Certificate{{Name: "example.org"}} }})
	a.Watch(w)
	_, _, body := get(t, start(t, a)+"/metrics")
	there := names(body)
	shown := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, value := range v {
				if s, ok := value.(string); ok && (key == "expr" || key == "query" || key == "definition") {
					for _, name := range regexp.MustCompile(`\b(awsd|process|go)_[a-z_]+`).FindAllString(s, -1) {
						for _, suffix := range []string{"_bucket", "_sum", "_count"} {
							if base := strings.TrimSuffix(name, suffix); there[base] {
								name = base
							}
						}
						if !there[name] {
							t.Errorf("%s: /metrics has no %s", s, name)
						}
						shown[name] = true
					}
				}
				walk(value)
			}
		case []any:
			for _, value := range v {
				walk(value)
			}
		}
	}
	walk(dashboard)
	for name := range there {
		if strings.HasPrefix(name, "awsd_") && !shown[name] && name != "awsd_build_info" && name != "awsd_loops" {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

// TestMountsOfOneLabel has two mounts with the same labels: their responses are one series, not two, which scrapers refuse.
func TestMountsOfOneLabel(t *testing.T) {
	w := newWorld()
	w.mounts[1].Prefix, w.mounts[1].Kind = "/", docroot.Static
	w.counts[0].ByMount[2][stats.SlotOf(response.OK)] = 11
	a := New(Options{})
	a.Watch(w)
	status, _, body := get(t, start(t, a)+"/metrics")
	const want = `awsd_responses_total{kind="static",mount="/",status="200"} 911`
	if status != 200 || !strings.Contains(body, want) {
		t.Errorf("status %d, no %s in\n%s", status, want, body)
	}
}

// TestTLS sees handshakes and certificates in the metrics and on the page.
func TestTLS(t *testing.T) {
	expires := time.Unix(1800000000, 0)
	var certificates []Certificate
	for i := range 150 {
		certificates = append(certificates, Certificate{Name: fmt.Sprintf("n%d.test", i), File: "b.pem", NotAfter: expires.Add(time.Duration(i+1) * time.Hour)})
	}
	certificates = append(certificates,
		Certificate{Name: "a.test", File: "a\xff.pem", NotAfter: expires}, Certificate{Name: "a.test", File: "a\xff.pem", NotAfter: expires},
		Certificate{Name: "new.test", File: "acme"})
	a := New(Options{Certificates: func() []Certificate { return certificates }})
	w := newWorld()
	n := &w.counts[0]
	suite := tlsconn.SlotOfSuite(tls.TLS_AES_128_GCM_SHA256)
	n.Handshakes[suite] = [2]uint64{30, 70}
	n.Handshakes[tlsconn.SlotOfSuite(tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)][0] = 5
	n.HandshakesFailed[tlsconn.FailureNotTLS], n.RecordsBroken = 4, 3
	n.InState[connstate.StateHandshake] = 6
	a.Watch(w)
	_, _, body := get(t, start(t, a)+"/metrics")
	for _, line := range []string{
		`awsd_tls_handshakes_total{cipher="TLS_AES_128_GCM_SHA256",resumed="false",version="TLS 1.3"} 30`,
		`awsd_tls_handshakes_total{cipher="TLS_AES_128_GCM_SHA256",resumed="true",version="TLS 1.3"} 70`,
		`awsd_tls_handshakes_total{cipher="TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",resumed="false",version="TLS 1.2"} 5`,
		`awsd_tls_handshakes_total{cipher="TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",resumed="true",version="TLS 1.2"} 0`,
		`awsd_tls_handshake_failures_total{reason="not_tls"} 4`,
		`awsd_tls_handshake_failures_total{reason="timeout"} 0`,
		`awsd_tls_broken_records_total 3`,
		`awsd_connections{state="CONN_HANDSHAKE"} 6`,
		`awsd_tls_certificate_expiry_timestamp_seconds{file="acme",name="new.test"} 0`,
		"awsd_tls_certificate_expiry_timestamp_seconds{file=\"a\ufffd.pem\",name=\"a.test\"} 1.8e+09",
		`awsd_tls_certificate_expiry_timestamp_seconds{file="b.pem",name="n0.test"} 1.8000036e+09`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if n := strings.Count(body, "\nawsd_tls_certificate_expiry_timestamp_seconds{"); n != certificatesMax {
		t.Errorf("%d certificates", n)
	}
	if strings.Contains(body, `cipher="other"`) {
		t.Error("a cipher suite that nobody has used is reported")
	}
	shown := a.news([]sample{{at: expires, n: *n}}, 1).TLS
	if shown == nil || shown.Full.Value != 35 || shown.Resumed.Value != 70 || shown.Failed.Value != 4 || len(shown.Suites) != 2 ||
		shown.Suites[0] != (namedCount{Name: "TLS 1.3, TLS_AES_128_GCM_SHA256", Value: 100}) || len(shown.Failures) != 1 ||
		len(shown.Certificates) != certificateRowsMax || shown.Certificates[1].Expiry != expires.Unix() {
		t.Errorf("%+v", shown)
	}
	if New(Options{}).news([]sample{{at: expires}}, 1).TLS != nil {
		t.Error("a server without TLS shows it")
	}
}
