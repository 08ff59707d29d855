package goloop

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws/internal/handler/fileserver"
	"aws/internal/stats"
)

func TestRateBoundsAConnection(t *testing.T) {
	s := newSite(t)
	server := startServe(t, s, func(_ *fileserver.Options, cfg *ServerConfig) { cfg.Loop.RateMax = 2 << 20 })
	for path, file := range map[string][]byte{"/m": s.files["/static/m"], "/dynamic/m": s.files["/dynamic/m"]} {
		began := time.Now()
		resp, err := http.Get("http://" + server.Addrs()[0].String() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || !bytes.Equal(body, file) {
			t.Errorf("%s: %d bytes, %v", path, len(body), err)
		}
		// 1 MiB at 2 MiB a second, of which a quarter of a second's worth may go at once.
		if took := time.Since(began); took < 200*time.Millisecond {
			t.Errorf("%s: it took only %v", path, took)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// sinkFunc is a Sink that shows each record to a function.
type sinkFunc func(r *stats.Record)

func (f sinkFunc) Take(list []*stats.Record) int {
	list[0] = &stats.Record{}
	return 1
}

func (f sinkFunc) Put(list []*stats.Record) {
	for _, r := range list {
		f(r)
	}
}

func TestTrustedProxySaysWhomItSpeaksFor(t *testing.T) {
	s := newSite(t)
	peers := make(chan netip.AddrPort, 8)
	server := startServe(t, s, func(_ *fileserver.Options, cfg *ServerConfig) {
		cfg.Loop.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		cfg.Loop.Sink = sinkFunc(func(r *stats.Record) { peers <- r.Peer })
	})
	preface := "PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n"
	request := "GET /k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	for _, cut := range []int{0, 1, len(preface) - 1, len(preface), len(preface) + 5} {
		c := dial(t, server)
		whole := preface + request
		if _, err := io.WriteString(c, whole[:cut]); err != nil {
			t.Fatal(err)
		}
		if cut > 0 {
			time.Sleep(5 * time.Millisecond) // so that the pieces are likely to arrive apart
		}
		if _, err := io.WriteString(c, whole[cut:]); err != nil {
			t.Fatal(err)
		}
		response, err := io.ReadAll(c)
		if err != nil || !strings.HasPrefix(string(response), "HTTP/1.1 200 OK\r\n") {
			t.Errorf("cut at %d: %.40q, %v", cut, response, err)
			continue
		}
		if peer := <-peers; peer.String() != "192.0.2.7:4711" {
			t.Errorf("cut at %d: the peer is %v", cut, peer)
		}
	}
	// Version 2 with as many TLVs as there may be, in pieces, and requests close behind it.
	for _, size := range []int{12, 2048, 2049, 40_000, 65_535} {
		preface := append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11"), byte(size>>8), byte(size), 192, 0, 2, 9, 198, 51, 100, 1, 0x12, 0x34, 0, 80)
		whole := append(append(preface, bytes.Repeat([]byte{'T'}, size-12)...), request...)
		for _, piece := range []int{len(whole), 1000, 7919} {
			c := dial(t, server)
			for at := 0; at < len(whole); at += piece {
				if _, err := c.Write(whole[at:min(at+piece, len(whole))]); err != nil {
					t.Fatal(err)
				}
				if at == 0 {
					time.Sleep(5 * time.Millisecond)
				}
			}
			response, err := io.ReadAll(c)
			if err != nil || !strings.HasPrefix(string(response), "HTTP/1.1 200 OK\r\n") {
				t.Errorf("%d bytes in pieces of %d: %.40q, %v", size, piece, response, err)
				continue
			}
			if peer := <-peers; peer.String() != "192.0.2.9:4660" {
				t.Errorf("%d bytes in pieces of %d: the peer is %v", size, piece, peer)
			}
		}
	}
	c := dial(t, server)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	if response, _ := io.ReadAll(c); len(response) != 0 {
		t.Errorf("a proxy that says nothing gets %q", response)
	}
}

func TestAddressOverItsLimitGets503(t *testing.T) {
	s := newSite(t)
	server := startServe(t, s, func(_ *fileserver.Options, cfg *ServerConfig) { cfg.Loop.ConnsPerAddressMax = 2 })
	ask := func(c io.ReadWriter) *http.Response {
		if _, err := io.WriteString(c, "GET /one HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	first, second := dial(t, server), dial(t, server)
	for _, c := range []net.Conn{first, second} {
		if resp := ask(c); resp.StatusCode != 200 {
			t.Fatalf("one of two: %s", resp.Status)
		}
	}
	resp := ask(dial(t, server))
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !resp.Close {
		t.Errorf("the third: %s, Retry-After %q, close %v", resp.Status, resp.Header.Get("Retry-After"), resp.Close)
	}
	_ = first.Close()
	for end := time.Now().Add(10 * time.Second); ; {
		if resp := ask(dial(t, server)); resp.StatusCode == 200 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a place that is free again is not given")
		}
	}
}

func TestBrokenBodyOfARequestIsRefused(t *testing.T) {
	s := newSite(t)
	server := startServe(t, s, nil)
	for body, want := range map[string]int{
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n":    405,
		"Transfer-Encoding: chunked\r\n\r\nzz\r\n":       400,
		"Transfer-Encoding: chunked\r\n\r\n1\nx\r\n":     400,
		"Content-Length: 3\r\n\r\nabc":                   405,
		"Content-Length: 99999999\r\n\r\n":               413,
		"Content-Length: 3\r\nContent-Length: 3\r\n\r\n": 400,
	} {
		c := dial(t, server)
		if _, err := io.WriteString(c, "POST /one HTTP/1.1\r\nHost: x\r\n"+body); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != want {
			t.Errorf("%q: %v, %v; want %d", body, resp, err, want)
		}
	}
}

func TestSmallFilesFromMemoryAreTheFilesOfNow(t *testing.T) {
	s := newSite(t)
	server := startServe(t, s, func(_ *fileserver.Options, cfg *ServerConfig) { cfg.Cache.MaxAge = time.Millisecond })
	path := filepath.Join(s.dir, "static", "small")
	for i := range 40 {
		want := bytes.Repeat([]byte{byte('a' + i%26)}, 10) // the same size each time
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		time.Sleep(12 * time.Millisecond) // more than a timestamp's grain, and than MaxAge
		for range 2 {
			resp, err := http.Get("http://" + server.Addrs()[0].String() + "/small")
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if !bytes.Equal(got, want) {
				t.Fatalf("%d: %q, want %q", i, got, want)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestIdleConnectionsMakeRoom(t *testing.T) {
	s := newSite(t)
	server := startDropIn(t, s, func(cfg *ServerConfig) { cfg.Loop.ConnsMax = 8 })
	for range 8 {
		dial(t, server) // says nothing, and would be let go after a minute
	}
	began := time.Now()
	checkFile(t, s, server, "/static/k")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("idle connections kept another out for %v", took)
	}
}
