package harness

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/textproto"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Site is a directory that both modes of the server can serve, with its contents at hand to compare with.
type Site struct {
	Root  string
	Paths []string          // of its URLs, without the first slash, sorted
	Bytes map[string][]byte // by path
}

// siteSizes are the files that NewSite puts into static and into dynamic alike. The largest fits the
// window of neither mode.
var siteSizes = map[string]int{
	"empty": 0, "one": 1, "small": 2 << 10, "odd": 100_001, "large": 2<<20 + 13, "huge": 9<<20 + 1,
}

// NewSite makes a directory with files that differ in every byte.
func NewSite(tb testing.TB) *Site {
	tb.Helper()
	s := &Site{Root: filepath.Join(tb.TempDir(), "root"), Bytes: map[string][]byte{}}
	for i, name := range slices.Sorted(maps.Keys(siteSizes)) {
		for j, directory := range []string{"static", "dynamic"} {
			s.Add(tb, directory+"/"+name, Content(siteSizes[name], uint64(100*j+i+1)))
		}
	}
	return s
}

// Add writes a file of the site.
func (s *Site) Add(tb testing.TB, path string, content []byte) {
	tb.Helper()
	WriteFile(tb, filepath.Join(s.Root, path), content)
	s.Bytes[path] = content
	s.Paths = slices.Sorted(maps.Keys(s.Bytes))
}

// Load is what a number of clients ask of a server, comparing every byte of every response.
type Load struct {
	Address  string
	Site     *Site
	Clients  int
	Paths    []string      // what is asked for; nil: all of the site
	PerConn  int           // requests over one connection, pipelined and with ranges now and then; 1 is the drop-in's
	Seed     uint64        // of what each client asks for
	From     string        // the clients' address; empty: the system's choice
	Pause    time.Duration // of a client between two connections
	Patience time.Duration // for one response to make progress; 0 means a minute
	Missing  bool          // 404 is how this server refuses what it can't open
	TLS      *tls.Config   // of https, with session resumption and KeyUpdates; nil: plain HTTP
}

// Loaded is what has come of a load.
type Loaded struct {
	Requests  int             // asked
	Whole     int             // answered in full, byte for byte
	Lost      int             // ended before that by the end of the connection, all before the end being right
	Refused   int             // answered 408, 500 or 503, or 404 where that may be
	Unheard   int             // connections that could not be made, or ended before a byte of a response
	Bytes     int64           // of bodies
	Latencies []time.Duration // of the responses in full, sorted
	Wrong     []string        // anything else: a promise broken
}

// String sums it up in one line.
func (l *Loaded) String() string {
	text := fmt.Sprintf("%d requests: %d whole (%d MiB), %d lost, %d unheard, %d refused, %d wrong",
		l.Requests, l.Whole, l.Bytes>>20, l.Lost, l.Unheard, l.Refused, len(l.Wrong))
	if l.Whole > 0 {
		text += fmt.Sprintf("; p50 %v, p99 %v, longest %v", l.Quantile(0.5), l.Quantile(0.99), l.Quantile(1))
	}
	return text
}

// Quantile returns the latency that the share q of the responses kept within.
func (l *Loaded) Quantile(q float64) time.Duration {
	if len(l.Latencies) == 0 {
		return 0
	}
	at := min(int(q*float64(len(l.Latencies))), len(l.Latencies)-1)
	return l.Latencies[at].Round(10 * time.Microsecond)
}

// Check fails the test for what is wrong, and, if nothing may be lost, for what is lost.
func (l *Loaded) Check(tb testing.TB, mayLose bool) {
	tb.Helper()
	for _, wrong := range l.Wrong {
		tb.Errorf("wrong: %s", wrong)
	}
	if lost := l.Lost + l.Unheard + l.Refused; lost > 0 && !mayLose {
		tb.Errorf("%d lost, %d unheard, %d refused of %d", l.Lost, l.Unheard, l.Refused, l.Requests)
	}
	if l.Whole == 0 {
		tb.Errorf("nothing was answered in full: %v", l)
	}
}

// Running is a load that is going on.
type Running struct {
	load  Load
	left  atomic.Int64 // requests that may still be begun
	stop  atomic.Bool
	group sync.WaitGroup
	mu    sync.Mutex
	sum   Loaded
	whole atomic.Int64
}

const forEver = 1 << 62

// Start begins the load. Stop ends it.
func (l Load) Start() *Running { return l.start(forEver) }

// Run makes a number of requests.
func (l Load) Run(requests int) *Loaded {
	r := l.start(int64(requests))
	r.group.Wait()
	return r.Stop()
}

// RunFor loads the server for a while.
func (l Load) RunFor(d time.Duration) *Loaded {
	r := l.Start()
	time.Sleep(d)
	return r.Stop()
}

func (l Load) start(requests int64) *Running {
	if l.Paths == nil {
		l.Paths = l.Site.Paths
	}
	if l.Patience == 0 {
		l.Patience = time.Minute
	}
	l.PerConn = max(l.PerConn, 1)
	r := &Running{load: l}
	r.left.Store(requests)
	for i := range l.Clients {
		r.group.Go(func() {
			c := &loader{Running: r, random: rand.New(rand.NewPCG(l.Seed, uint64(i)))}
			for !r.stop.Load() && r.left.Load() > 0 {
				c.connection()
				if l.Pause > 0 {
					time.Sleep(l.Pause)
				}
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.sum.add(&c.Loaded)
		})
	}
	return r
}

// Served returns how many responses have come in full so far.
func (r *Running) Served() int64 { return r.whole.Load() }

// Stop lets the clients end what they have begun and returns what has come of all of it.
func (r *Running) Stop() *Loaded {
	r.stop.Store(true)
	r.group.Wait()
	slices.Sort(r.sum.Latencies)
	return &r.sum
}

// wrongMax is how many wrongs are kept: the first few say it all.
const wrongMax = 10

func (l *Loaded) add(o *Loaded) {
	l.Requests += o.Requests
	l.Whole += o.Whole
	l.Lost += o.Lost
	l.Refused += o.Refused
	l.Unheard += o.Unheard
	l.Bytes += o.Bytes
	l.Latencies = append(l.Latencies, o.Latencies...)
	l.Wrong = append(l.Wrong, o.Wrong...)
	l.Wrong = l.Wrong[:min(len(l.Wrong), wrongMax)]
}

// loader is one client.
type loader struct {
	*Running
	Loaded
	random *rand.Rand
	conn   net.Conn
	reader *bufio.Reader
	buf    [64 << 10]byte
}

// ask is a request.
type ask struct {
	path     string
	from, to int64 // the bytes wanted
	ranged   bool
	last     bool
}

// connection makes a connection and as many requests over it as one may have.
func (c *loader) connection() {
	dialer := net.Dialer{Timeout: c.load.Patience}
	if c.load.From != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(c.load.From)}
	}
	var err error
	if c.conn, err = dialer.Dial("tcp", c.load.Address); err != nil {
		if c.left.Add(-1) >= 0 {
			c.Requests++
			c.Unheard++
			time.Sleep(10 * time.Millisecond) // it may have no descriptor, or be over
		}
		return
	}
	defer func() { _ = c.conn.Close() }()
	if c.load.TLS != nil && !c.secure() {
		return
	}
	if c.reader == nil {
		c.reader = bufio.NewReaderSize(c.conn, len(c.buf))
	}
	c.reader.Reset(c.conn)
	for asked := 0; asked < c.load.PerConn && !c.stop.Load(); {
		count := 1
		if c.load.PerConn > 1 && c.random.IntN(8) == 0 {
			count = min(4, c.load.PerConn-asked)
		}
		batch := c.next(count, c.load.PerConn-asked)
		if len(batch) == 0 || !c.round(batch) {
			return
		}
		asked += len(batch)
	}
}

// secure makes the connection one of TLS. It returns false if the handshake has failed.
func (c *loader) secure() bool {
	cfg := c.load.TLS
	if c.random.IntN(4) == 0 {
		cfg = cfg.Clone()
		cfg.MaxVersion = tls.VersionTLS12
	}
	c.extend()
	s, err := Secure(c.conn, cfg)
	if err == nil {
		c.conn = s
		return true
	}
	if c.left.Add(-1) >= 0 {
		c.Requests++
		var alert tls.AlertError
		var timeout net.Error
		if errors.As(err, &alert) || errors.As(err, &timeout) && timeout.Timeout() {
			c.Wrong = append(c.Wrong, fmt.Sprintf("handshake: %v", err))
		} else {
			c.Unheard++
		}
	}
	return false
}

// next chooses what to ask for.
func (c *loader) next(count, left int) []ask {
	var batch []ask
	for i := range count {
		if c.left.Add(-1) < 0 {
			break
		}
		path := c.load.Paths[c.random.IntN(len(c.load.Paths))]
		size := int64(len(c.load.Site.Bytes[path]))
		a := ask{path: path, to: size, last: i+1 == left}
		if c.load.PerConn > 1 && size > 0 && c.random.IntN(4) == 0 {
			a.ranged = true
			a.from = c.random.Int64N(size)
			a.to = a.from + 1 + c.random.Int64N(size-a.from)
		}
		batch = append(batch, a)
	}
	return batch
}

// round sends requests and takes their responses. It returns whether the connection can be used again.
func (c *loader) round(batch []ask) bool {
	var text strings.Builder
	for _, a := range batch {
		fmt.Fprintf(&text, "GET /%s HTTP/1.1\r\nHost: load\r\n", a.path)
		if a.ranged {
			fmt.Fprintf(&text, "Range: bytes=%d-%d\r\n", a.from, a.to-1)
		}
		if a.last {
			text.WriteString("Connection: close\r\n")
		}
		text.WriteString("\r\n")
	}
	c.Requests += len(batch)
	begin := time.Now()
	c.extend()
	if s, ok := c.conn.(*SecureConn); ok && c.random.IntN(8) == 0 {
		_ = s.UpdateKey(c.random.IntN(2) == 0)
	}
	_, err := io.WriteString(c.conn, text.String())
	for i, a := range batch {
		outcome := unheard
		if err == nil || i > 0 {
			outcome = c.response(a)
		}
		switch outcome {
		case whole:
			c.Whole++
			c.whole.Add(1)
			c.Latencies = append(c.Latencies, time.Since(begin))
			continue
		case lost:
			c.Lost++
			c.Unheard += len(batch) - i - 1
		case unheard:
			c.Unheard += len(batch) - i
		case refused:
			c.Refused++
			c.Unheard += len(batch) - i - 1
		case wrong:
		}
		return false
	}
	return !batch[len(batch)-1].last
}

// outcome is what has come of one request.
type outcome int

const (
	whole outcome = iota
	lost
	unheard
	refused
	wrong
)

func (c *loader) extend() { _ = c.conn.SetDeadline(time.Now().Add(c.load.Patience)) }

func (c *loader) wrong(a ask, format string, args ...any) outcome {
	c.Wrong = append(c.Wrong, fmt.Sprintf("%s [%d, %d): ", a.path, a.from, a.to)+fmt.Sprintf(format, args...))
	return wrong
}

// ended says what the end of a connection means to its request.
func (c *loader) ended(a ask, err error, before outcome) outcome {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return c.wrong(a, "stuck: %v", err)
	}
	return before
}

// response takes one response and compares it with the file.
func (c *loader) response(a ask) outcome {
	head, err := readHead(c.reader)
	if err != nil {
		if len(head) > 0 {
			return c.ended(a, err, lost)
		}
		return c.ended(a, err, unheard)
	}
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	fields := strings.SplitN(string(line), " ", 3)
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(rest))).ReadMIMEHeader()
	if err != nil || len(fields) < 2 {
		return c.wrong(a, "broken head %q", head)
	}
	length, err := strconv.ParseInt(header.Get("Content-Length"), 10, 64)
	if err != nil {
		return c.wrong(a, "no length in %q", head)
	}
	want := c.load.Site.Bytes[a.path][a.from:a.to]
	status := "200"
	if a.ranged {
		status = "206"
		span := fmt.Sprintf("bytes %d-%d/%d", a.from, a.to-1, len(c.load.Site.Bytes[a.path]))
		if fields[1] == status && header.Get("Content-Range") != span {
			return c.wrong(a, "Content-Range %q", header.Get("Content-Range"))
		}
	}
	switch fields[1] {
	case status:
	case "408", "500", "503":
		return refused
	case "404":
		if c.load.Missing {
			return refused
		}
		fallthrough
	default:
		return c.wrong(a, "%s", line)
	}
	if length != int64(len(want)) {
		return c.wrong(a, "Content-Length %d", length)
	}
	for done := 0; done < len(want); {
		c.extend()
		n, err := c.reader.Read(c.buf[:min(len(c.buf), len(want)-done)])
		if !bytes.Equal(c.buf[:n], want[done:done+n]) {
			return c.wrong(a, "other bytes within %d of offset %d", n, done)
		}
		done += n
		c.Bytes += int64(n)
		if err != nil && done < len(want) {
			if c.load.TLS != nil && errors.Is(err, io.EOF) {
				return c.wrong(a, "a close_notify after %d bytes", done)
			}
			return c.ended(a, err, lost)
		}
	}
	if a.last {
		n, err := c.reader.Read(c.buf[:])
		if n > 0 {
			return c.wrong(a, "%d bytes behind the end, %v", n, err)
		}
		if c.load.TLS != nil && !errors.Is(err, io.EOF) {
			return c.ended(a, err, lost) // without a close_notify
		}
	}
	return whole
}
