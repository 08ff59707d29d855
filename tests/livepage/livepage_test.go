package livepage

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aws/internal/tlsconfig/certtest"
	"aws/tests/harness"
)

// load is a group of clients: quick ones, ones that ask for what is not there, and ones that take
// their time.
type load struct {
	end   context.CancelFunc
	group sync.WaitGroup
}

func startLoad(address string) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{end: cancel}
	for i := range 12 {
		l.group.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for n := 0; ctx.Err() == nil; n++ {
				path := [...]string{"/page", "/dynamic/m", "/large", "/absent", "/dynamic/k"}[(i+n)%5]
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
				if err != nil {
					return
				}
				if response, err := client.Do(r); err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
				}
				time.Sleep(time.Duration(i) * time.Millisecond)
			}
		})
	}
	for i := range 30 {
		l.group.Go(func() {
			for ctx.Err() == nil {
				crawl(ctx, address, i)
			}
		})
	}
	return l
}

// crawl takes one file a piece at a time, or part of a head.
func crawl(ctx context.Context, address string, i int) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	request := "GET /dynamic/large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	if i%3 == 0 {
		request = request[:20]
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return
	}
	piece := make([]byte, 128<<10)
	for range 25 {
		time.Sleep(100 * time.Millisecond)
		if i%3 != 0 {
			if _, err := conn.Read(piece); err != nil {
				return
			}
		}
		if ctx.Err() != nil {
			return
		}
	}
}

func (l *load) stop() {
	l.end()
	l.group.Wait()
}

// metrics reads /metrics.
func metrics(t *testing.T, admin string) map[string]float64 {
	t.Helper()
	r, err := http.Get(admin + "metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				all[name] = v
			}
		}
	}
	return all
}

// page reads the numbers that stand on the page, under the names of /metrics.
func page(t *testing.T, b *browser) map[string]float64 {
	t.Helper()
	var texts map[string]string
	b.eval(`const all = {};
		for (const e of document.querySelectorAll("[data-metric]")) all[e.dataset.metric] = e.textContent;
		for (const e of document.querySelectorAll("[data-state]")) all['awsd_connections{state="' + e.dataset.state + '"}'] = e.textContent;
		return all;`, &texts)
	numbers := map[string]float64{}
	for name, text := range texts {
		v, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", ""), 64)
		if err != nil {
			t.Fatalf("%s is %q on the page", name, text)
		}
		numbers[name] = v
	}
	return numbers
}

// shakeHands does handshakes of each kind, and one that fails.
func shakeHands(t *testing.T, address string, ca *certtest.Certificate) {
	t.Helper()
	cfg := &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	old := cfg.Clone()
	old.MaxVersion, old.ClientSessionCache = tls.VersionTLS12, nil
	for _, cfg := range []*tls.Config{cfg, cfg, old} {
		client := http.Client{Transport: &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true}}
		r, err := client.Get("https://" + address + "/page")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	r, err := http.Get("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
}

// checkTLS looks at the part about TLS.
func checkTLS(t *testing.T, b *browser) {
	t.Helper()
	want := "TLS 1.3, TLS_AES_128_GCM_SHA256|0|2;TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256|0|1;in all|0|3;;" +
		"1 (33 %);0;not_tls|0|1;;localhost|in 30 h;" + strings.Repeat("a-long-name.", 8) + "example.org|in 89 days;"
	harness.Eventually(t, patience, "handshakes and certificates are shown", func() error {
		var shown string
		b.eval(`const rows = (id, n) => Array.from(document.getElementById(id).rows,
				tr => Array.from(tr.cells, c => c.textContent).slice(0, n).join("|") + ";").join("");
			const text = id => document.getElementById(id).textContent;
			return document.getElementById("tls-part").checkVisibility() && rows("tls-handshakes", 3) + ";" + text("tls-resumed") + ";" +
				text("tls-progress") + ";" + rows("tls-failures", 3) + ";" + rows("tls-certificates", 2);`, &shown)
		if shown != want {
			return fmt.Errorf("%q, not %q", shown, want)
		}
		return nil
	})
}

// patience is only exhausted by a broken server or page.
const patience = time.Minute

func TestLivePage(t *testing.T) {
	directory := t.TempDir()
	if err := os.Mkdir(filepath.Join(directory, "dynamic"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"page": 4000, "large": 3 << 20, "dynamic/k": 1000, "dynamic/m": 1 << 20, "dynamic/large": 64 << 20} {
		if err := os.WriteFile(filepath.Join(directory, name), make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := startBrowser(t)
	ca := certtest.NewCA(t, "Test CA")
	certificates := t.TempDir()
	soon := ca.Issue(t, certtest.Template{Hosts: []string{"localhost"}, NotAfter: time.Now().Add(30 * time.Hour)})
	soonFile, soonKey := soon.WritePair(t, certificates, "soon")
	later := ca.Issue(t, certtest.Template{Hosts: []string{strings.Repeat("a-long-name.", 8) + "example.org"}, Key: certtest.RSA, NotAfter: time.Now().Add(2148 * time.Hour)})
	laterFile, laterKey := later.WritePair(t, certificates, "later")
	s := harness.StartServe(t, harness.Options{}, directory, "--admin", "127.0.0.1:0", "--pool-bytes", "16777216",
		"--listen-tls", "127.0.0.1:0", "--certificate", soonFile, "--key", soonKey, "--certificate", laterFile, "--key", laterKey)
	admin := s.Says(t, `admin at (http://\S+)`, 1)[1]
	shakeHands(t, s.Says(t, `listening at https://(\S+)/`, 1)[1], ca)
	b.screen(1280, 800, "light")
	b.open(admin)
	l := startLoad(fmt.Sprint(s.Address))
	harness.Eventually(t, patience, "there is load", func() error {
		n := metrics(t, admin)
		if n["awsd_requests_total"] < 100 || n["awsd_reads_completed_total"] < 100 {
			return fmt.Errorf("%v requests, %v reads", n["awsd_requests_total"], n["awsd_reads_completed_total"])
		}
		return nil
	})

	checkTLS(t, b)

	// A counter on the page comes to be what it was before, or more, and is never more than it is after.
	for range 5 {
		before := metrics(t, admin)
		harness.Eventually(t, patience, "the page is that of now", func() error {
			shown := page(t, b)
			after := metrics(t, admin)
			for name, v := range shown {
				if _, known := after[name]; !known {
					t.Errorf("/metrics has no %s", name)
				}
				if !strings.HasSuffix(name, "_total") {
					continue
				}
				if v > after[name] {
					t.Errorf("under load %s is %v on the page, and %v after that", name, v, after[name])
				}
				if v < before[name] {
					return fmt.Errorf("%s is %v on the page, and was %v", name, v, before[name])
				}
			}
			return nil
		})
	}
	for _, screen := range []struct{ width, height int }{{360, 740}, {1280, 800}} {
		for _, scheme := range []string{"light", "dark"} {
			b.screen(screen.width, screen.height, scheme)
			time.Sleep(1500 * time.Millisecond) // for the pictures to have moved
			var wide int
			b.eval("return document.documentElement.scrollWidth", &wide)
			if wide > screen.width {
				t.Errorf("at %d the page is %d wide", screen.width, wide)
			}
			harness.Eventually(t, patience, "slow transfers are shown", func() error {
				var rows int
				b.eval("return document.getElementById('slow-rows').rows.length", &rows)
				if rows < 3 {
					return fmt.Errorf("%d", rows)
				}
				return nil
			})
			name := fmt.Sprintf("%s-%dx%d", scheme, screen.width, screen.height)
			b.shoot(name, false)
			b.shoot(name+"-whole", true)
		}
	}
	l.stop()

	// When nothing happens any more, both say the same.
	harness.Eventually(t, patience, "the page equals /metrics", func() error {
		all, shown := metrics(t, admin), page(t, b)
		if len(shown) < 20 {
			return fmt.Errorf("there are %d numbers on the page", len(shown))
		}
		for name, v := range shown {
			if all[name] != v {
				return fmt.Errorf("%s is %v on the page, %v in /metrics", name, v, all[name])
			}
		}
		return nil
	})
	var summary, status string
	b.eval("return document.getElementById('summary').textContent", &summary)
	b.eval("return document.getElementById('status').textContent", &status)
	if status != "serving" || !strings.Contains(summary, "requests and") {
		t.Errorf("status %q, summary %q", status, summary)
	}
	if list := b.complaints(); len(list) > 0 {
		t.Errorf("the browser complains:\n%s", strings.Join(list, "\n"))
	}
}
