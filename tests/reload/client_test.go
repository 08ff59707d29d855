package reload

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tally is what has come of a load.
type tally struct {
	whole     atomic.Int64 // answered in full, byte for byte
	lasts     atomic.Int64 // of them, those that said that they were the connection's last, which the client had not asked for
	idle      atomic.Int64 // kept connections that the server closed while nothing was asked: no request was under way
	crossed   atomic.Int64 // requests on a kept connection that was closed before a byte of a response; asked again, as RFC 9110 9.2.2 has it
	failed    atomic.Int64 // anything else
	mu        sync.Mutex
	failures  []string // the first of them
	fresh     atomic.Int64
	bytesRead atomic.Int64
}

func (t *tally) fail(format string, args ...any) {
	t.failed.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failures) < 10 {
		t.failures = append(t.failures, fmt.Sprintf(format, args...))
	}
}

func (t *tally) String() string {
	return fmt.Sprintf("%d requests answered (%d MiB) over %d connections, %d failed, %d asked again after a close that crossed them; "+
		"%d responses said that they were the last, %d kept connections were closed while idle",
		t.whole.Load(), t.bytesRead.Load()>>20, t.fresh.Load(), t.failed.Load(), t.crossed.Load(), t.lasts.Load(), t.idle.Load())
}

// client asks for files, one after the other, and compares every byte.
type client struct {
	*tally
	network, address string
	kept             bool                           // connections are used again
	think            func(*rand.Rand) time.Duration // the pause before a request, if not nil
	paths            []string
	files            map[string][]byte
	random           *rand.Rand

	conn   net.Conn
	reader *bufio.Reader
	used   bool // the connection has brought a response
	buf    [64 << 10]byte
}

// patience is how long one response may take; only a broken server lets it pass.
const patience = time.Minute

// run asks until it is asked to stop.
func (c *client) run(stop *atomic.Bool) {
	for !stop.Load() {
		if c.think != nil {
			time.Sleep(c.think(c.random))
		}
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

// request asks for a path until it has a response, or has failed.
func (c *client) request(path string) {
	if c.conn != nil && c.closed() {
		c.idle.Add(1)
		c.hangUp()
	}
	for {
		if c.conn == nil {
			if err := c.dial(); err != nil {
				c.fail("%s: %v", c.network, err)
				return
			}
		}
		again, err := c.exchange(path)
		switch {
		case err == nil:
			c.whole.Add(1)
			return
		case again: // once: the next connection is a new one
			c.crossed.Add(1)
			c.hangUp()
		default:
			c.fail("%s %s, connection used before: %v: %v", c.network, path, c.used, err)
			c.hangUp()
			return
		}
	}
}

func (c *client) dial() error {
	conn, err := net.DialTimeout(c.network, c.address, patience)
	if err != nil {
		return err
	}
	c.conn, c.used = conn, false
	c.reader = bufio.NewReaderSize(conn, 16<<10)
	c.fresh.Add(1)
	return nil
}

// closed reports whether the server has closed a connection of which nothing is expected.
func (c *client) closed() bool {
	raw, err := c.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	gone := false
	err = raw.Read(func(fd uintptr) bool {
		n, _, err := unix.Recvfrom(int(fd), c.buf[:1], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		gone = n == 0 && err == nil || err != nil && !errors.Is(err, unix.EAGAIN)
		return true
	})
	return gone || err != nil
}

// exchange makes one request. again says that it may be made again: the connection has been used before,
// and has ended before a byte of this response.
func (c *client) exchange(path string) (again bool, err error) {
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	ask := "GET /" + path + " HTTP/1.1\r\nHost: reload\r\n"
	if !c.kept {
		ask += "Connection: close\r\n"
	}
	if _, err := io.WriteString(c.conn, ask+"\r\n"); err != nil {
		return c.used, err
	}
	if _, err := c.reader.Peek(1); err != nil {
		return c.used && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)), err
	}
	length, last, err := c.head()
	if err != nil {
		return false, err
	}
	want := c.files[path]
	if length != len(want) {
		return false, fmt.Errorf("Content-Length %d, want %d", length, len(want))
	}
	for done := 0; done < length; {
		n, err := io.ReadFull(c.reader, c.buf[:min(len(c.buf), length-done)])
		c.bytesRead.Add(int64(n))
		if !bytes.Equal(c.buf[:n], want[done:done+n]) {
			return false, fmt.Errorf("other bytes within %d of offset %d", n, done)
		}
		if done += n; err != nil {
			return false, fmt.Errorf("after %d of %d bytes: %w", done, length, err)
		}
	}
	c.used = true
	if c.kept && last {
		c.lasts.Add(1)
	}
	if !c.kept || last {
		if n, err := c.reader.Read(c.buf[:]); n != 0 || !errors.Is(err, io.EOF) {
			return false, fmt.Errorf("after the last response: %d bytes, %w", n, err)
		}
		c.hangUp()
	}
	return false, nil
}

// head reads the head of a response.
func (c *client) head() (length int, last bool, err error) {
	length = -1
	for i := 0; ; i++ {
		line, err := c.reader.ReadString('\n')
		if err != nil {
			return 0, false, fmt.Errorf("in the head: %w", err)
		}
		line = strings.TrimSuffix(line, "\r\n")
		if i == 0 {
			if !strings.HasPrefix(line, "HTTP/1.1 200 ") {
				return 0, false, errors.New(line)
			}
			continue
		}
		if line == "" {
			return length, last, nil
		}
		name, value, _ := strings.Cut(line, ": ")
		switch strings.ToLower(name) {
		case "content-length":
			if length, err = strconv.Atoi(value); err != nil {
				return 0, false, err
			}
		case "connection":
			last = value == "close"
		}
	}
}
