package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// leastPages are fetched, however long they take.
const leastPages = 3

// page fetches the files of a page on a new connection, again and again, and prints the median time
// from connect to the last byte.
func page(o *options, start func() error, out io.Writer) error {
	slow, err := newProxy(o.address, o.delay)
	if err != nil {
		return err
	}
	defer slow.close()
	through := *o
	through.address = slow.address()
	if err := start(); err != nil {
		return err
	}
	var times []time.Duration
	for begin := time.Now(); time.Since(begin) < o.measured || len(times) < leastPages; {
		took, err := fetchPage(&through)
		if err != nil {
			return err
		}
		times = append(times, took)
	}
	slices.Sort(times)
	_, err = fmt.Fprintf(out, "pages %d\npage_ms %.2f\n", len(times), quantile(times, 500)/1000)
	return err
}

// fetchPage fetches the files of a page once.
func fetchPage(o *options) (time.Duration, error) {
	paths := make([]string, o.files)
	for i := range paths {
		paths[i] = fmt.Sprintf(o.path, i)
	}
	begin := time.Now()
	conn, err := connect(o.address, config(alpnHTTP2, nil))
	if err != nil {
		return 0, err
	}
	err = newStreams(conn, o, o.streams).fetch(paths)
	took := time.Since(begin)
	return took, errors.Join(err, conn.NetConn().Close())
}
