package goloop

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"aws/internal/handler/fileserver"
	"aws/internal/kernel"
	"aws/internal/tlsrecord"
)

// needKernelTLS skips a test where the kernel has no TLS.
func needKernelTLS(t *testing.T) {
	t.Helper()
	if err := kernel.TryTLS(); err != nil {
		t.Skip("the kernel has no TLS (modprobe tls): ", err)
	}
}

// startKernelTLS runs a server that has the kernel make the records of every file.
func startKernelTLS(t *testing.T, s *site) (*Server, *tls.Config) {
	t.Helper()
	return startTLS(t, s, func(_ *fileserver.Options, cfg *ServerConfig) {
		cfg.Loop.KernelTLSBytes, cfg.Loop.Publish = 1, true
	})
}

// TestTLSByKernelServesEveryFile has kept connections and closed ones, twice over one connection. Where the kernel has no TLS, the loop
// makes the records.
func TestTLSByKernelServesEveryFile(t *testing.T) {
	s := newSite(t)
	server, client := startKernelTLS(t, s)
	for _, closes := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: client.Clone(), DisableKeepAlives: closes, DisableCompression: true, MaxConnsPerHost: 1}
		for range 2 {
			for path, want := range s.files {
				url := "https://" + server.Addrs()[0].String() + strings.TrimPrefix(path, "/static")
				res, err := (&http.Client{Transport: transport, Timeout: 60 * time.Second}).Get(url)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != 200 || !bytes.Equal(body, want) {
					t.Errorf("%s: %d, %d bytes, %v", path, res.StatusCode, len(body), err)
				}
			}
		}
		transport.CloseIdleConnections()
	}
}

// TestTLSByKernelEnds reads slowly to the end of connections that the server closes.
func TestTLSByKernelEnds(t *testing.T) {
	needKernelTLS(t)
	s := newSite(t)
	server, client := startKernelTLS(t, s)
	for _, path := range []string{"/k", "/m", "/dynamic/m", "/absent"} {
		c := dialTLS(t, server, client)
		fmt.Fprint(c, "GET /buffer HTTP/1.1\r\nHost: localhost\r\n\r\n") // a file that is not sent from memory
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path)
		time.Sleep(100 * time.Millisecond) // the socket is full
		all, err := io.ReadAll(c)
		if err != nil {
			t.Errorf("%s: %d bytes, %v", path, len(all), err)
		}
		if want := s.files["/static"+path]; len(want) > 0 && !bytes.HasSuffix(all, want) {
			t.Errorf("%s: %d bytes do not end with the file", path, len(all))
		}
	}
	if n := kernelTLSConns(t, server); n != 4 {
		t.Errorf("the kernel made the records of %d connections, not of 4", n)
	}
}

// kernelTLSConns returns for how many connections the kernel has made the records.
func kernelTLSConns(t *testing.T, server *Server) uint64 {
	t.Helper()
	sum := uint64(0)
	for range 300 {
		sum = 0
		for _, n := range server.Published() {
			sum += n.KernelTLS
		}
		if sum > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return sum
}

// TestTLSByKernelKeyUpdate requests a KeyUpdate, which the kernel can't send: the connection ends in order before the next response.
func TestTLSByKernelKeyUpdate(t *testing.T) {
	needKernelTLS(t)
	s := newSite(t)
	server, client := startKernelTLS(t, s)
	var secrets tlsrecord.Secrets
	client.KeyLogWriter = &secrets
	raw := dial(t, server)
	c := tls.Client(raw, client)
	const request = "GET /buffer HTTP/1.1\r\nHost: localhost\r\n\r\n"
	fmt.Fprint(c, request)
	in := newResponseReader(c)
	if body, err := in.next(); err != nil || !bytes.Equal(body, s.files["/static/buffer"]) {
		t.Fatalf("%d bytes, %v", len(body), err)
	}
	var sender tlsrecord.Sender
	if err := sender.Init(c.ConnectionState().CipherSuite, secrets.Client, 1); err != nil {
		t.Fatal(err)
	}
	wire := sender.Seal(nil, tlsrecord.TypeHandshake, []byte{24, 0, 0, 1, 1})
	if _, err := raw.Write(wire); err != nil {
		t.Fatal(err)
	}
	if _, err := sender.SealUpdate(nil); err != nil { // for the next key
		t.Fatal(err)
	}
	if _, err := raw.Write(sender.Seal(nil, tlsrecord.TypeData, []byte(request))); err != nil {
		t.Fatal(err)
	}
	if body, err := in.next(); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("%d, %v: no close_notify", n, err)
	}
}
