package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// TestProtocols requests a file over each protocol, from a server that has all of them.
func TestProtocols(t *testing.T) {
	for _, p := range []protocol{http1, tlsHTTP1, tlsHTTP2, h2c} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Proto)) }))
		s.Config.Protocols = &http.Protocols{}
		s.Config.Protocols.SetHTTP1(true)
		s.Config.Protocols.SetHTTP2(true)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		if p.overTLS() {
			s.EnableHTTP2 = true
			s.StartTLS()
		} else {
			s.Start()
		}
		n, port := &network{address: loopbackHost}, s.Listener.Addr().(*net.TCPAddr).Port
		response, err := n.download(p, port, "/")
		if err != nil {
			t.Errorf("%v over %s: %v", p, p.scheme(), err)
		} else {
			if (response.ProtoMajor == 2) != p.http2() || (response.TLS != nil) != p.overTLS() {
				t.Errorf("%v over %s: the response came over %s", p, p.scheme(), response.Proto)
			}
			_ = response.Body.Close()
		}
		if p != tlsHTTP2 && !n.responds(p, port, "/") { // the server over TLS of httptest has HTTP/2 alone
			t.Errorf("%v over %s: the server does not respond", p, p.scheme())
		}
		s.Close()
	}
}

// TestConfigurationsHaveTLS fills in the configurations of those that serve over TLS.
func TestConfigurationsHaveTLS(t *testing.T) {
	for _, file := range []string{"nginx.conf", "h2o.conf", "lighttpd.conf", "Caddyfile"} {
		for _, p := range []protocol{http1, tlsHTTP1, tlsHTTP2, h2c} {
			e := &env{network: &network{address: loopbackHost}, certificate: "/the/certificate", key: "/the/key", protocol: p}
			text, err := e.configuration(file, 443, nil)
			if err != nil {
				t.Fatal(err)
			}
			if has := strings.Contains(text, e.certificate) && strings.Contains(text, e.key); has != p.overTLS() {
				t.Errorf("%s for %v over %s:\n%s", file, p, p.scheme(), text)
			}
		}
	}
}

func TestListenFlags(t *testing.T) {
	for p, want := range map[protocol]string{http1: "--listen", tlsHTTP1: "--listen-tls", tlsHTTP2: "--listen-tls", h2c: "--listen"} {
		e := &env{network: &network{address: loopbackHost}, protocol: p}
		flags, err := e.listenFlags(443)
		if err != nil {
			t.Fatal(err)
		}
		if at := slices.Index(flags, "127.0.0.1:443"); at < 1 || flags[at-1] != want || slices.Contains(flags, "--h2c") != (p == h2c) {
			t.Errorf("%v over %s: the flags are %q", p, p.scheme(), flags)
		}
	}
}
