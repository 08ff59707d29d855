package goloop

import (
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestRateBoundsAConnection(t *testing.T) {
	s := newSite(t)
	server := startServe(t, s, func(_ *ServeOptions, cfg *ServerConfig) { cfg.Loop.RateMax = 2 << 20 })
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
type sinkFunc func(r *Record)

func (f sinkFunc) Take() *Record { return &Record{} }
func (f sinkFunc) Put(r *Record) { f(r) }

func TestTrustedProxySaysWhomItSpeaksFor(t *testing.T) {
	s := newSite(t)
	peers := make(chan netip.AddrPort, 8)
	server := startServe(t, s, func(_ *ServeOptions, cfg *ServerConfig) {
		cfg.Loop.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		cfg.Loop.Sink = sinkFunc(func(r *Record) { peers <- r.Peer })
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
		answer, err := io.ReadAll(c)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 OK\r\n") {
			t.Errorf("cut at %d: %.40q, %v", cut, answer, err)
			continue
		}
		if peer := <-peers; peer.String() != "192.0.2.7:4711" {
			t.Errorf("cut at %d: the peer is %v", cut, peer)
		}
	}
	c := dial(t, server)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	if answer, _ := io.ReadAll(c); len(answer) != 0 {
		t.Errorf("a proxy that says nothing gets %q", answer)
	}
}
