package goloop

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aws/internal/handler/fileserver"
	"aws/internal/rate"
	"aws/internal/response"
)

// rated is a way in which body bytes travel, and the bytes of a response's body when it is chosen.
type rated struct {
	name     string
	request  string // without the first and the last line's end
	bytes    int
	times    int
	pipeline bool // all requests are sent at once
}

// limitedSite is a site with a file for each way.
func limitedSite(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	if err := os.WriteFile(filepath.Join(s.dir, "static", "small"), make([]byte, 8000), 0o644); err != nil {
		t.Fatal(err)
	}
	lists := filepath.Join(s.dir, "static", "list")
	if err := os.Mkdir(lists, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := os.WriteFile(filepath.Join(lists, fmt.Sprintf("a-file-with-a-name-%d", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

const errorPageBytes = 6000

func limit(o *fileserver.Options, _ *ServerConfig) {
	o.List = true
	o.ErrorPages = map[response.Status]fileserver.ErrorPage{
		response.NotFound: {Type: "text/html", Body: []byte(strings.Repeat("x", errorPageBytes))},
	}
}

var ratedBodies = []rated{
	{name: "small file", request: "GET /small HTTP/1.1\r\nHost: x", bytes: 8000, times: 12},
	{name: "small file, pipelined", request: "GET /small HTTP/1.1\r\nHost: x", bytes: 8000, times: 12, pipeline: true},
	{name: "sendfile", request: "GET /buffer HTTP/1.1\r\nHost: x", bytes: 128 << 10, times: 1},
	{name: "sendfile, pipelined", request: "GET /buffer HTTP/1.1\r\nHost: x\r\nRange: bytes=0-9999", bytes: 10000, times: 9, pipeline: true},
	{name: "loaded buffers", request: "GET /dynamic/buffer HTTP/1.1\r\nHost: x", bytes: 128 << 10, times: 1},
	{name: "loaded buffers, small", request: "GET /dynamic/page HTTP/1.1\r\nHost: x", bytes: 4096, times: 20, pipeline: true},
	{name: "several parts", request: "GET /odd HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0,50-50,100-100,150-150,200-200,250-250,300-300,350-350,400-400,450-450", bytes: -1, times: 70},
	{name: "listing", request: "GET /list/ HTTP/1.1\r\nHost: x\r\nAccept: text/html", bytes: -1, times: 8},
	{name: "error page", request: "GET /none HTTP/1.1\r\nHost: x", bytes: errorPageBytes, times: 15},
	{name: "error page, pipelined", request: "GET /none HTTP/1.1\r\nHost: x", bytes: errorPageBytes, times: 15, pipeline: true},
}

// ask sends the requests on one connection and calls got for what has come of each body.
func (r *rated) ask(t *testing.T, server *Server, got func(n int)) {
	c := dial(t, server)
	defer func() { _ = c.Close() }()
	in := bufio.NewReaderSize(c, 1024)
	sent := 0
	for i := range r.times {
		for sent <= i || r.pipeline && sent < r.times {
			if _, err := io.WriteString(c, r.request+"\r\n\r\n"); err != nil {
				t.Error(err)
				return
			}
			sent++
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Errorf("%s: response %d: %v", r.name, i, err)
			return
		}
		sum, piece := 0, make([]byte, 1024)
		for {
			n, err := resp.Body.Read(piece)
			sum += n
			got(n)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Errorf("%s: body %d: %v after %d bytes", r.name, i, err, sum)
				return
			}
		}
		if r.bytes >= 0 && sum != r.bytes {
			t.Errorf("%s: body %d has %d bytes, not %d", r.name, i, sum, r.bytes)
		}
	}
}

// meter checks that no more has come since it was made than a rate and its burst give.
type meter struct {
	mu    sync.Mutex
	began time.Time
	rate  int64
	sum   int64
	over  string
}

func (m *meter) got(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sum += int64(n)
	after := time.Since(m.began)
	if most := rate.Burst(m.rate) + int64(float64(m.rate)*after.Seconds()); m.sum > most && m.over == "" {
		m.over = fmt.Sprintf("%d bytes after %v, where %d are allowed", m.sum, after, most)
	}
}

func (m *meter) check(t *testing.T, what string, least int64) {
	t.Helper()
	if m.over != "" {
		t.Errorf("%s: %s", what, m.over)
	}
	if m.sum < least {
		t.Errorf("%s: only %d bytes came: the rate is not put to the test", what, m.sum)
	}
}

func TestRateBoundsEveryBody(t *testing.T) {
	const perSecond = 100_000
	s := limitedSite(t)
	server := startServe(t, s, func(o *fileserver.Options, cfg *ServerConfig) {
		limit(o, cfg)
		cfg.Loop.RateMax = perSecond
	})
	for _, r := range ratedBodies {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			m := &meter{began: time.Now(), rate: perSecond}
			r.ask(t, server, m.got)
			m.check(t, r.name, 2*rate.Burst(perSecond))
		})
	}
	t.Run("of all sorts", func(t *testing.T) {
		t.Parallel()
		c := rated{name: "of all sorts", request: "HEAD /large HTTP/1.1\r\nHost: x\r\n\r\n", bytes: -1}
		for _, r := range ratedBodies {
			c.request += r.request + "\r\n\r\n"
		}
		conn := dial(t, server)
		m := &meter{began: time.Now(), rate: perSecond} // before the server has the first of the requests
		if _, err := io.WriteString(conn, c.request); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(conn)
		resp, err := http.ReadResponse(in, &http.Request{Method: http.MethodHead})
		if err != nil || resp.ContentLength != int64(len(s.files["/static/large"])) {
			t.Fatalf("HEAD: %v, %v", resp, err)
		}
		for _, r := range ratedBodies {
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("%s: %v", r.name, err)
			}
			n, err := io.Copy(io.Discard, resp.Body)
			if err != nil {
				t.Fatalf("%s: %v", r.name, err)
			}
			m.got(int(n))
		}
		m.check(t, c.name, 2*rate.Burst(perSecond))
	})
}

// Heads are not body: fifty of a file of 20 MiB are there long before one of its bodies would be.
func TestRateLeavesHeadsAlone(t *testing.T) {
	s := newSite(t)
	server := startServe(t, s, func(_ *fileserver.Options, cfg *ServerConfig) { cfg.Loop.RateMax = 2000 })
	c := dial(t, server)
	if _, err := io.WriteString(c, strings.Repeat("HEAD /large HTTP/1.1\r\nHost: x\r\n\r\n", 50)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	for range 50 {
		if _, err := http.ReadResponse(in, &http.Request{Method: http.MethodHead}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTotalRateBoundsAllLoopsTogether(t *testing.T) {
	const perSecond = 400_000
	s := limitedSite(t)
	server := startServe(t, s, func(o *fileserver.Options, cfg *ServerConfig) {
		limit(o, cfg)
		cfg.Loop.TotalRateMax = perSecond
		cfg.Loops = 4
	})
	m := &meter{began: time.Now(), rate: perSecond}
	var group sync.WaitGroup
	for _, r := range ratedBodies {
		group.Go(func() { r.ask(t, server, m.got) })
	}
	group.Wait()
	m.check(t, "all together", 4*rate.Burst(perSecond))
}

// However low the rate and many the loops: none is left with 0, which would be no bound.
func TestLowTotalRateHoldsOnManyLoops(t *testing.T) {
	s := limitedSite(t)
	server := startServe(t, s, func(o *fileserver.Options, cfg *ServerConfig) {
		cfg.Loop.SendRateMin = 0
		cfg.Loop.TotalRateMax = rate.Floor
		cfg.Loops = 8
	})
	m := &meter{began: time.Now(), rate: rate.Floor}
	r := rated{name: "one byte", request: "GET /k HTTP/1.1\r\nHost: x", bytes: 1024, times: 1}
	r.ask(t, server, m.got)
	m.check(t, r.name, 1024)
}

// Clients that get less than --min-send-rate because the rates leave no more for them are not taken for slow.
func TestClientIsNotSlowWhileRatesHoldItBack(t *testing.T) {
	s := newSite(t)
	server := startServe(t, s, func(_ *fileserver.Options, cfg *ServerConfig) {
		cfg.Loop.TotalRateMax = rate.Floor
		cfg.Loop.SendRateMin = rate.Floor
		cfg.Loop.SendTimeout = 500 * time.Millisecond
	})
	r := rated{name: "a share", request: "GET /dynamic/k HTTP/1.1\r\nHost: x", bytes: 1024, times: 1}
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() { r.ask(t, server, func(int) {}) })
	}
	group.Wait()
}
