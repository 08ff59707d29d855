package main

import (
	"crypto/tls"
	"errors"
)

// idle opens connections, gets one response on each, and keeps them until it gets a line.
func idle(o *options, start func() error) error {
	protocol := alpnHTTP1
	if o.http2 {
		protocol = alpnHTTP2
	}
	conns := make([]*tls.Conn, 0, o.conns)
	var err error
	for len(conns) < o.conns && err == nil {
		var conn *tls.Conn
		if conn, err = connect(o.address, config(protocol, nil)); err == nil {
			conns = append(conns, conn)
			err = requestKept(o, conn)
		}
	}
	if err == nil {
		err = start()
	}
	for _, conn := range conns {
		err = errors.Join(err, conn.NetConn().Close())
	}
	return err
}

// requestKept makes a request on a connection that stays open.
func requestKept(o *options, conn *tls.Conn) error {
	if o.http2 {
		return newStreams(conn, o, 1).fetch([]string{o.path})
	}
	if err := request(conn, o.path, "keep-alive"); err != nil {
		return err
	}
	var response []byte
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		response = append(response, buffer[:n]...)
		if err != nil {
			return err
		}
		if _, err := bodySize(response, o.bytes); err == nil {
			return nil
		}
	}
}
