package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// proxy passes TCP connections on to a server, and delays every byte, in each direction. It reads
// as fast as bytes come: the line has a delay and no limit of its bandwidth.
type proxy struct {
	listener net.Listener
	server   string
	delay    time.Duration
}

// piece is what was read at once.
type piece struct {
	data []byte
	due  time.Time
}

const (
	pieceBytes  = 64 << 10
	linePieces  = 4096 // on the line at a time
	loopbackAny = "127.0.0.1:0"
)

func newProxy(server string, delay time.Duration) (*proxy, error) {
	l, err := net.Listen("tcp", loopbackAny)
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, server: server, delay: delay}
	go p.accept()
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// close ends accepting. A connection ends with its client.
func (p *proxy) close() { _ = p.listener.Close() }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.pass(client)
	}
}

// pass connects to the server and passes bytes in both directions until both have ended, or one is broken.
func (p *proxy) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			if err := delayed(way[1], way[0], p.delay); err != nil {
				_, _ = client.Close(), server.Close()
			}
		})
	}
	both.Wait()
}

// delayed copies from one connection to another until the end, which it passes on, too.
func delayed(to, from net.Conn, delay time.Duration) error {
	line := make(chan piece, linePieces)
	sent := make(chan error, 1)
	go func() {
		var err error
		for p := range line {
			time.Sleep(time.Until(p.due))
			if err == nil && len(p.data) > 0 {
				_, err = to.Write(p.data)
			}
		}
		if end, ok := to.(*net.TCPConn); ok && err == nil {
			err = end.CloseWrite()
		}
		sent <- err
	}()
	var err error
	for err == nil {
		p := piece{data: make([]byte, pieceBytes)}
		var n int
		n, err = from.Read(p.data)
		p.data, p.due = p.data[:n], time.Now().Add(delay)
		line <- p
	}
	close(line)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, <-sent)
}
