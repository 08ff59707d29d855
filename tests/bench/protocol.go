package main

import (
	"crypto/tls"
	"net/http"
)

// protocol is what a scenario's requests are made over.
type protocol int

const (
	http1    protocol = iota // HTTP/1.1 without TLS
	tlsHTTP1                 // HTTP/1.1 over TLS 1.3
	tlsHTTP2                 // HTTP/2 over TLS 1.3
	h2c                      // HTTP/2 without TLS, with prior knowledge
)

// overTLS reports whether the server has to serve https.
func (p protocol) overTLS() bool { return p == tlsHTTP1 || p == tlsHTTP2 }

func (p protocol) http2() bool { return p == tlsHTTP2 || p == h2c }

func (p protocol) scheme() string {
	if p.overTLS() {
		return "https"
	}
	return "http"
}

func (p protocol) String() string {
	if p.http2() {
		return "HTTP/2"
	}
	return "HTTP/1.1"
}

// ownCertificate accepts any certificate, because that of the benchmarks is self-signed. The file that a server sends
// shows that it is the right server.
func ownCertificate() *tls.Config {
	return &tls.Config{ServerName: "localhost", InsecureSkipVerify: true}
}

// transport makes requests over this protocol alone.
func (p protocol) transport() *http.Transport {
	t := &http.Transport{DisableKeepAlives: true, DisableCompression: true, TLSClientConfig: ownCertificate(), Protocols: &http.Protocols{}}
	t.Protocols.SetHTTP1(!p.http2())
	t.Protocols.SetHTTP2(p == tlsHTTP2)
	t.Protocols.SetUnencryptedHTTP2(p == h2c)
	return t
}
