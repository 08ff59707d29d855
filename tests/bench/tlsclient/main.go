// Command tlsclient is the benchmarks' client for what their client in C and h2load cannot measure:
// TLS handshakes, idle connections over TLS, and a page over a slow line.
//
//	tlsclient handshakes [FLAGS]   a connection for each request, with full or resumed handshakes
//	tlsclient idle [FLAGS]         connections that have got one response each
//	tlsclient page [FLAGS]         many files on one HTTP/2 connection, through a proxy that delays
//
// It prints "ready" when its connections or its sessions are there, begins when it gets a line, and
// prints one figure on a line, its name first. It offers TLS 1.3 with X25519 alone, as OpenSSL 3.0
// does, and fails if a server chooses another cipher suite than AES-128-GCM. It does not verify
// certificates: the benchmark compares the bytes, and verification is the client's work alone.
package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tlsclient:", err)
		os.Exit(1)
	}
}

// options are the flags of all modes.
type options struct {
	address  string
	path     string // of the file; with %03d for the number of a page's file
	bytes    int    // of each file
	conns    int
	http2    bool
	resume   bool
	rampUp   time.Duration
	measured time.Duration
	files    int // of a page
	streams  int
	delay    time.Duration
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("the first argument is handshakes, idle or page")
	}
	var o options
	flags := flag.NewFlagSet("tlsclient", flag.ContinueOnError)
	flags.StringVar(&o.address, "address", "", "the server's `IP:PORT`")
	flags.StringVar(&o.path, "path", "/", "the file's path; of a page's files, with %03d for the number")
	flags.IntVar(&o.bytes, "bytes", 0, "the file's size")
	flags.IntVar(&o.conns, "conns", 1, "connections at a time")
	flags.BoolVar(&o.http2, "http2", false, "idle connections are HTTP/2 connections")
	flags.BoolVar(&o.resume, "resume", false, "resume sessions")
	flags.DurationVar(&o.rampUp, "ramp-up", 0, "time before what is measured")
	flags.DurationVar(&o.measured, "measured", time.Second, "time that is measured")
	flags.IntVar(&o.files, "files", 1, "files of a page")
	flags.IntVar(&o.streams, "streams", 1, "streams at a time")
	flags.DurationVar(&o.delay, "delay", 0, "delay of the line in each direction")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	start := func() error {
		if _, err := fmt.Fprintln(out, "ready"); err != nil {
			return err
		}
		_, err := bufio.NewReader(in).ReadString('\n')
		return err
	}
	switch args[0] {
	case "handshakes":
		return handshakes(&o, start, out)
	case "idle":
		return idle(&o, start)
	case "page":
		return page(&o, start, out)
	default:
		return fmt.Errorf("there is no mode %q", args[0])
	}
}

// config returns what a connection offers.
func config(protocol string, sessions tls.ClientSessionCache) *tls.Config {
	return &tls.Config{
		ServerName: "localhost", InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{protocol},
		CurvePreferences: []tls.CurveID{tls.X25519}, ClientSessionCache: sessions,
	}
}

// The protocols, by their identifiers in ALPN.
const (
	alpnHTTP1 = "http/1.1"
	alpnHTTP2 = "h2"
)

// connect opens a connection, on which nothing may take longer than patience.
func connect(address string, c *tls.Config) (*tls.Conn, error) {
	raw, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	_ = raw.SetDeadline(time.Now().Add(patience))
	conn := tls.Client(raw, c)
	if err := conn.Handshake(); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	state := conn.ConnectionState()
	switch {
	case state.CipherSuite != tls.TLS_AES_128_GCM_SHA256:
		err = fmt.Errorf("the server chose %s", tls.CipherSuiteName(state.CipherSuite))
	case state.NegotiatedProtocol != c.NextProtos[0] && (state.NegotiatedProtocol != "" || c.NextProtos[0] == alpnHTTP2):
		err = fmt.Errorf("the server chose the protocol %q, not %s", state.NegotiatedProtocol, c.NextProtos[0])
	default:
		return conn, nil
	}
	return nil, errors.Join(err, raw.Close())
}

const patience = 30 * time.Second
