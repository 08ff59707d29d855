package fleet

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// failure is a request without a complete and correct response.
type failure struct {
	url     string
	replica string // which the head named; empty if there was no head
	begun   time.Time
	err     error
}

// tally is what has come of the requests of several clients.
type tally struct {
	whole    atomic.Int64 // with a complete response, compared byte for byte
	cached   atomic.Int64 // of them, those that Varnish had
	again    atomic.Int64 // requests on a kept connection that ended before the response began; sent again (RFC 9110 section 9.2.2)
	longest  atomic.Int64 // nanoseconds
	mu       sync.Mutex
	failures []failure
	replicas map[string]int // responses by replica
	heads    map[string]int // responses by replica of which the head has come, and whose clients wait then
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("%d responses, %d of them by the cache; %d failed, %d sent again by the client; by replica: %v; the longest took %v",
		t.whole.Load(), t.cached.Load(), len(t.failures), t.again.Load(), t.replicas, time.Duration(t.longest.Load()).Round(time.Millisecond))
}

// client requests files, one after the other.
type client struct {
	*tally
	address string
	kept    bool // the connection is used again
	fresh   bool // with a query, which makes another object for Varnish and the same file for aws
	paths   []string
	files   map[string][]byte
	random  *rand.Rand
	think   time.Duration // the pause before a request
	receive int           // size of the receive buffer, if not 0
	pause   chan struct{} // if not nil: closed when the client may read what follows the head

	conn   net.Conn
	reader *bufio.Reader
	buf    [64 << 10]byte
}

// run makes requests until it is asked to stop.
func (c *client) run(stop *atomic.Bool) {
	for !stop.Load() {
		time.Sleep(c.think)
		c.request(c.paths[c.random.IntN(len(c.paths))])
	}
	c.hangUp()
}

func (c *client) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// request requests a path, and counts what comes of it.
func (c *client) request(path string) {
	begun := time.Now()
	for {
		used := c.conn != nil
		replica, err := c.exchange(path)
		if err == nil {
			c.whole.Add(1)
			c.longest.Store(max(c.longest.Load(), int64(time.Since(begun))))
			c.mu.Lock()
			c.replicas[replica]++
			c.mu.Unlock()
			return
		}
		c.hangUp()
		if used && replica == "" && (errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE)) {
			c.again.Add(1)
			continue
		}
		c.mu.Lock()
		c.failures = append(c.failures, failure{url: c.address + "/" + path, replica: replica, begun: begun, err: err})
		c.mu.Unlock()
		return
	}
}

func (c *client) dial() error {
	dialer := net.Dialer{Timeout: deadline}
	conn, err := dialer.Dial("tcp4", c.address)
	if err != nil {
		return err
	}
	if tcp, ok := conn.(*net.TCPConn); ok && c.receive > 0 {
		if err := tcp.SetReadBuffer(c.receive); err != nil {
			return errors.Join(err, conn.Close())
		}
	}
	c.conn, c.reader = conn, bufio.NewReaderSize(conn, 16<<10)
	return nil
}

// exchange makes one request. replica is set once the head has come.
func (c *client) exchange(path string) (replica string, err error) {
	if c.conn == nil {
		if err := c.dial(); err != nil {
			return "", err
		}
	}
	if err := c.conn.SetDeadline(time.Now().Add(2 * deadline)); err != nil {
		return "", err
	}
	target, connection := "/"+path, "keep-alive"
	if c.fresh {
		target += fmt.Sprintf("?%x", c.random.Uint64())
	}
	if !c.kept {
		connection = "close"
	}
	if _, err := fmt.Fprintf(c.conn, "GET %s HTTP/1.1\r\nHost: fleet\r\nConnection: %s\r\n\r\n", target, connection); err != nil {
		return "", err
	}
	// ReadResponse turns an end before the first byte into io.ErrUnexpectedEOF.
	if _, err := c.reader.Peek(1); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	replica = response.Header.Get("X-Replica")
	if c.pause != nil {
		c.mu.Lock()
		c.heads[replica]++
		c.mu.Unlock()
		<-c.pause
	}
	if response.StatusCode != http.StatusOK {
		return replica, errors.New(response.Status)
	}
	if err := c.compare(response, c.files[path]); err != nil {
		return replica, err
	}
	if response.Header.Get("Age") > "0" {
		c.cached.Add(1)
	}
	if response.Close || !c.kept {
		c.hangUp()
	}
	return replica, nil
}

// compare reads a body, which has to be want.
func (c *client) compare(response *http.Response, want []byte) error {
	if response.ContentLength != int64(len(want)) {
		return fmt.Errorf("Content-Length %d, want %d", response.ContentLength, len(want))
	}
	for done := 0; done < len(want); {
		n, err := response.Body.Read(c.buf[:])
		if n > len(want)-done || !bytes.Equal(c.buf[:n], want[done:done+n]) {
			return fmt.Errorf("other bytes within %d of offset %d", n, done)
		}
		if done += n; err != nil && done < len(want) {
			return fmt.Errorf("after %d of %d bytes: %w", done, len(want), err)
		}
	}
	if n, err := response.Body.Read(c.buf[:1]); n != 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("%d bytes more, %w", n, err)
	}
	return nil
}

// load is a group of clients that make requests at the same time.
type load struct {
	tally

	stop    atomic.Bool
	clients []<-chan struct{}
}

// startLoad starts clients of all kinds, whose sockets are in the clients' namespace.
func (l *lab) startLoad() *load {
	running := &load{tally: tally{replicas: map[string]int{}}}
	small := []string{"static/one", "static/empty", "dynamic/small", "dynamic/one", "static/odd", "dynamic/odd"}
	for i := range smallFiles {
		small = append(small, fmt.Sprintf("static/small-%d", i))
	}
	large := []string{"static/huge", "dynamic/huge", "static/large"}
	const rarely = 500 * time.Millisecond // large files take most of the time
	for i, kind := range []struct {
		address     string
		kept, fresh bool
		paths       []string
		think       time.Duration
	}{
		{address: webAddress, kept: true, paths: small},
		{address: webAddress, kept: true, paths: small},
		{address: webAddress, kept: true, paths: small},
		{address: webAddress, kept: true, paths: small},
		{address: webAddress, paths: small},
		{address: webAddress, paths: large, think: rarely},
		{address: cacheAddress, kept: true, paths: small},
		{address: cacheAddress, paths: small},
		{address: cacheAddress, kept: true, fresh: true, paths: small},
		{address: cacheAddress, kept: true, fresh: true, paths: small},
		{address: cacheAddress, paths: large, think: rarely},
	} {
		c := &client{
			tally: &running.tally, address: kind.address, kept: kind.kept, fresh: kind.fresh, paths: kind.paths, think: kind.think,
			files: l.site.Bytes, random: rand.New(rand.NewPCG(1, uint64(i))),
		}
		running.clients = append(running.clients, l.client.start(func() { c.run(&running.stop) }))
	}
	return running
}

// end waits until the clients have completed their requests. It may be called again.
func (r *load) end() {
	r.stop.Store(true)
	for _, done := range r.clients {
		<-done
	}
}

// requestsWanted is how many requests are to have a response.
func requestsWanted() int64 {
	wanted := int64(100_000)
	if text := os.Getenv("REQUESTS"); text != "" {
		if _, err := fmt.Sscan(text, &wanted); err != nil {
			panic("REQUESTS: " + err.Error())
		}
	}
	return wanted
}
