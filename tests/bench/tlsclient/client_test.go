package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const bodyBytes = 3000

// serve starts a server over TLS, with HTTP/2, and returns its address. The certificate of httptest has an RSA key.
func serve(t *testing.T, streams int) (address string, requests *atomic.Int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	requests = &atomic.Int64{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.URL.Path == "/missing" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(bodyBytes)) // else the content is chunked
		_, _ = w.Write(make([]byte, bodyBytes))
	}))
	s.EnableHTTP2 = true
	s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streams}
	s.TLS = &tls.Config{NextProtos: []string{alpnHTTP2, alpnHTTP1}, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), requests
}

// figures runs the client and returns what it prints, by name.
func figures(t *testing.T, args ...string) map[string]float64 {
	t.Helper()
	var out bytes.Buffer
	if err := run(args, strings.NewReader("\n"), &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if lines[0] != "ready" {
		t.Fatalf("the first line is %q", lines[0])
	}
	values := map[string]float64{}
	for _, line := range lines[1:] {
		var name string
		var value float64
		if _, err := fmt.Sscan(line, &name, &value); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		values[name] = value
	}
	return values
}

func TestHandshakes(t *testing.T) {
	for _, resume := range []string{"-resume=false", "-resume=true"} {
		t.Run(resume, func(t *testing.T) {
			address, _ := serve(t, 0)
			got := figures(t, "handshakes", "-address", address, "-bytes", fmt.Sprint(bodyBytes), "-conns", "2", "-measured", "50ms", resume)
			if got["requests"] < 1 || got["all_requests"] < got["requests"] || got["all_bytes"] != got["all_requests"]*bodyBytes || got["p50"] <= 0 {
				t.Errorf("the figures are %v", got)
			}
		})
	}
}

func TestHandshakesNeedWholeResponses(t *testing.T) {
	address, _ := serve(t, 0)
	for _, args := range [][]string{
		{"-bytes", fmt.Sprint(bodyBytes + 1)},
		{"-bytes", fmt.Sprint(bodyBytes), "-path", "/missing"},
	} {
		args = append([]string{"handshakes", "-address", address}, args...)
		if err := run(args, strings.NewReader("\n"), io.Discard); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

func TestIdle(t *testing.T) {
	for _, http2 := range []string{"-http2=false", "-http2=true"} {
		address, requests := serve(t, 0)
		figures(t, "idle", "-address", address, "-bytes", fmt.Sprint(bodyBytes), "-conns", "5", http2)
		if n := requests.Load(); n != 5 {
			t.Errorf("%s: there were %d requests", http2, n)
		}
	}
}

// TestPage fetches pages from servers with more streams and with fewer than the client wants: what they refuse is requested again.
func TestPage(t *testing.T) {
	for _, streams := range []int{0, 5} {
		address, requests := serve(t, streams)
		got := figures(t, "page", "-address", address, "-path", "/%03d.bin", "-bytes", fmt.Sprint(bodyBytes),
			"-files", "30", "-streams", "20", "-delay", "5ms", "-measured", "1ms")
		if got["pages"] != leastPages || requests.Load() < 30*leastPages {
			t.Errorf("%d streams: %v with %d requests", streams, got, requests.Load())
		}
		// A handshake and a request have two round trips at least.
		if got["page_ms"] < 4*5 {
			t.Errorf("a page took %v ms", got["page_ms"])
		}
	}
}

func TestPageNeedsItsFiles(t *testing.T) {
	address, _ := serve(t, 0)
	err := run([]string{"page", "-address", address, "-path", "/missing?%d", "-bytes", fmt.Sprint(bodyBytes)}, strings.NewReader("\n"), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "status 404") {
		t.Errorf("the error is %v", err)
	}
}

// TestProxyDelays sends bytes through the proxy and back. What is sent at once comes at once, and the end comes through.
func TestProxyDelays(t *testing.T) {
	l, err := net.Listen("tcp", loopbackAny)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(conn, conn)
		_ = conn.Close()
	}()
	const delay = 20 * time.Millisecond
	p, err := newProxy(l.Addr().String(), delay)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	conn, err := net.Dial("tcp", p.address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	sent := bytes.Repeat([]byte("0123456789abcdef"), 20000)
	begin := time.Now()
	go func() {
		_, _ = conn.Write(sent)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(conn)
	if took := time.Since(begin); err != nil || !bytes.Equal(got, sent) || took < 2*delay {
		t.Errorf("%d bytes after %v, %v", len(got), took, err)
	}
}

func TestQuantile(t *testing.T) {
	times := []time.Duration{1000, 2000, 3000, 4000}
	for permille, want := range map[int]float64{0: 1, 250: 1, 500: 2, 990: 4, 1000: 4} {
		if got := quantile(times, permille); got != want {
			t.Errorf("the quantile of %d is %v, not %v", permille, got, want)
		}
	}
	if got := quantile(nil, 500); got != 0 {
		t.Errorf("the quantile of nothing is %v", got)
	}
}
