package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"syscall"
	"time"
)

// tally is what one goroutine has counted.
type tally struct {
	all      int // requests, also those of the ramp-up
	bytes    int64
	resumed  int
	measured []time.Duration // from connect to the end of the connection
	err      error
}

// handshakes opens connections for one request each, so many at a time.
func handshakes(o *options, start func() error, out io.Writer) error {
	configs := make([]*tls.Config, o.conns)
	for i := range configs {
		var sessions tls.ClientSessionCache
		if o.resume {
			sessions = tls.NewLRUClientSessionCache(1)
		}
		configs[i] = config(alpnHTTP1, sessions)
		// The first connection gets the session that the next one resumes.
		if _, _, err := requestOnce(o, configs[i]); err != nil {
			return err
		}
	}
	if err := start(); err != nil {
		return err
	}
	before, err := processorTime()
	if err != nil {
		return err
	}
	begin := time.Now()
	tallies := make([]tally, o.conns)
	var all sync.WaitGroup
	for i := range tallies {
		all.Go(func() { tallies[i].collect(o, configs[i], begin) })
	}
	all.Wait()
	after, err := processorTime()
	if err != nil {
		return err
	}
	var sum tally
	for _, t := range tallies {
		if t.err != nil {
			return t.err
		}
		sum.all, sum.bytes, sum.resumed = sum.all+t.all, sum.bytes+t.bytes, sum.resumed+t.resumed
		sum.measured = append(sum.measured, t.measured...)
	}
	wanted := 0
	if o.resume {
		wanted = sum.all
	}
	if sum.resumed != wanted {
		return fmt.Errorf("%d of %d handshakes were resumed", sum.resumed, sum.all)
	}
	slices.Sort(sum.measured)
	n := len(sum.measured)
	_, err = fmt.Fprintf(out, "requests %d\nall_requests %d\nbytes %d\nall_bytes %d\nseconds %g\ncpu %g\np50 %.1f\np99 %.1f\np999 %.1f\n",
		n, sum.all, int64(n)*int64(o.bytes), sum.bytes, o.measured.Seconds(), (after - before).Seconds(),
		quantile(sum.measured, 500), quantile(sum.measured, 990), quantile(sum.measured, 999))
	return err
}

// collect makes requests until the measured time is over.
func (t *tally) collect(o *options, c *tls.Config, begin time.Time) {
	for time.Since(begin) < o.rampUp+o.measured {
		at := time.Now()
		n, resumed, err := requestOnce(o, c)
		if err != nil {
			t.err = err
			return
		}
		t.all++
		t.bytes += int64(n)
		if resumed {
			t.resumed++
		}
		if end := time.Now(); end.Sub(begin) >= o.rampUp && end.Sub(begin) < o.rampUp+o.measured {
			t.measured = append(t.measured, end.Sub(at))
		}
	}
}

// requestOnce makes a request on a connection of its own, which the server closes. It returns the size of the body.
func requestOnce(o *options, c *tls.Config) (n int, resumed bool, err error) {
	conn, err := connect(o.address, c)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = conn.NetConn().Close() }()
	if err := request(conn, o.path, "close"); err != nil {
		return 0, false, err
	}
	response, err := io.ReadAll(conn)
	// Some servers close without close_notify: the size says whether the response was complete.
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) {
		return 0, false, err
	}
	n, err = bodySize(response, o.bytes)
	return n, conn.ConnectionState().DidResume, err
}

func request(w io.Writer, path, connection string) error {
	_, err := fmt.Fprintf(w, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: %s\r\n\r\n", path, connection)
	return err
}

// bodySize returns the size of a response's body, which has to be the wanted one.
func bodySize(response []byte, wanted int) (int, error) {
	head, body, ok := bytes.Cut(response, []byte("\r\n\r\n"))
	if !ok || !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) || len(body) != wanted {
		return 0, fmt.Errorf("not a response with %d bytes: %.100q", wanted, response)
	}
	return len(body), nil
}

// quantile returns that of sorted times by the nearest rank, in microseconds.
func quantile(sorted []time.Duration, permille int) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return float64(sorted[max((n*permille+999)/1000, 1)-1]) / float64(time.Microsecond)
}

// processorTime returns what this process has used.
func processorTime() (time.Duration, error) {
	var r syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), err
}
