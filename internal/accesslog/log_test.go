package accesslog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/syslog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aws/internal/stats"

	"golang.org/x/sys/unix"
)

// warnings collects what a log says.
type warnings struct {
	mu   sync.Mutex
	list []string
}

func (w *warnings) add(message string) {
	w.mu.Lock()
	w.list = append(w.list, message)
	w.mu.Unlock()
}

func (w *warnings) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.list, "\n")
}

func open(t *testing.T, name string, stdout io.Writer) (*Queue, *Log, *warnings) {
	t.Helper()
	w := &warnings{}
	l, err := Open(Options{Target: name, Format: Fields, Stdout: stdout, Warn: w.add})
	if err != nil {
		t.Fatal(err)
	}
	return NewQueue(l), l, w
}

// put hands over n records that count upwards from first. It returns how many the queue took.
func put(q *Queue, first, n int) int {
	taken := 0
	for i := range n {
		var list [1]*stats.Record
		if q.Take(list[:]) == 1 {
			*list[0] = *record()
			list[0].Target = fmt.Appendf(list[0].Target[:0], "/%06d", first+i)
			q.Put(list[:])
			taken++
		}
	}
	return taken
}

// eventually waits for something that another goroutine does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not seen: %s", what)
		}
	}
}

func TestFileInOrder(t *testing.T) {
	name := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(name, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	q, l, w := open(t, name, nil)
	const n = 5000
	if got := put(q, 0, n); got != n {
		t.Fatalf("%d of %d records were taken", got, n)
	}
	q.Close()
	l.Close()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) != n+1 || lines[0] != "before" {
		t.Fatalf("%d lines", len(lines))
	}
	for i, line := range lines[1:] {
		if !strings.Contains(line, fmt.Sprintf(`"/%06d"`, i)) {
			t.Fatalf("line %d: %s", i, line)
		}
	}
	if s := l.Stats(); s.Lines != n || s.Bytes != uint64(len(text)-len("before\n")) || s.Dropped != 0 || s.Errors != 0 {
		t.Errorf("%+v", s)
	}
	if w.String() != "" {
		t.Error(w)
	}
}

func TestReopen(t *testing.T) {
	name := filepath.Join(t.TempDir(), "access.log")
	q, l, w := open(t, name, nil)
	put(q, 1, 1)
	eventually(t, "the first line", func() bool { return l.Stats().Lines == 1 })
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	put(q, 2, 1)
	eventually(t, "the second line", func() bool { return l.Stats().Lines == 2 })
	l.Reopen()
	eventually(t, "the reopening", func() bool { return l.Stats().Reopens == 1 })
	put(q, 3, 1)
	q.Close()
	l.Close()
	for file, want := range map[string]int{name + ".1": 2, name: 1} {
		text, err := os.ReadFile(file)
		if err != nil || bytes.Count(text, []byte{'\n'}) != want {
			t.Errorf("%s: %v, %q", file, err, text)
		}
	}
	if w.String() != "" {
		t.Error(w)
	}
}

func TestReopenThatFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "access.log")
	q, l, w := open(t, name, nil)
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	l.Reopen()
	eventually(t, "the error", func() bool { return l.Stats().Errors == 1 })
	put(q, 1, 1)
	q.Close()
	l.Close()
	text, err := os.ReadFile(filepath.Join(dir+".away", "access.log"))
	if err != nil || !bytes.Contains(text, []byte("/000001")) {
		t.Errorf("it did not go on as it was: %v, %q", err, text)
	}
	if !strings.Contains(w.String(), name) {
		t.Errorf("said: %s", w)
	}
}

// TestFullDisk writes to the device that is always full.
func TestFullDisk(t *testing.T) {
	q, l, w := open(t, "/dev/full", nil)
	for i := range 3 {
		put(q, i, 10)
		eventually(t, "the error", func() bool { return l.Stats().Errors == uint64(i)+1 })
	}
	q.Close()
	l.Close()
	if s := l.Stats(); s.Dropped != 30 || s.Lines != 0 {
		t.Errorf("%+v", s)
	}
	if n := strings.Count(w.String(), "no space left"); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, w)
	}
	if !strings.Contains(w.String(), "30 lines were dropped") {
		t.Errorf("said: %s", w)
	}
}

// TestPipeThatNobodyReads fills a pipe, and whatever may wait for it, without ever waiting.
func TestPipeThatNobodyReads(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	q, l, w := open(t, name, nil)
	began := time.Now()
	put1 := 0
	for l.Stats().Dropped == 0 {
		put1 += put(q, put1, 500)
		time.Sleep(time.Millisecond)
		if time.Since(began) > 20*time.Second {
			t.Fatal("nothing is dropped")
		}
	}
	q.Close()
	began = time.Now()
	l.Close()
	if d := time.Since(began); d > 10*closeWait {
		t.Errorf("closing took %v", d)
	}
	if s := l.Stats(); s.Lines+s.Dropped != uint64(put1) {
		t.Errorf("%+v do not add up to %d lines", s, put1)
	}
	if !strings.Contains(w.String(), "is given up") {
		t.Errorf("said: %s", w)
	}
}

// halting is a writer that takes part of what it gets, then fails once.
type halting struct {
	bytes.Buffer
	left int
}

func (h *halting) Write(p []byte) (int, error) {
	if len(p) > h.left && h.left >= 0 {
		n, _ := h.Buffer.Write(p[:h.left])
		h.left = -1
		return n, errors.New("disk quota exceeded")
	}
	return h.Buffer.Write(p)
}

// TestNoTwoLinesRunTogether writes on after a write that ended within a line.
func TestNoTwoLinesRunTogether(t *testing.T) {
	h := &halting{left: 50}
	q, l, _ := open(t, "-", h)
	put(q, 1, 1)
	eventually(t, "the error", func() bool { return l.Stats().Errors == 1 })
	put(q, 2, 1)
	q.Close()
	l.Close()
	lines := strings.Split(h.String(), "\n")
	whole := strings.TrimSuffix(string(NewFormatter(Fields).Append(nil, record())), "\n")
	if len(lines) != 3 || len(lines[0]) != 50 || !strings.Contains(lines[1], "/000002") || len(lines[1]) >= len(whole)+10 {
		t.Errorf("%q", lines)
	}
	if s := l.Stats(); s.Lines != 1 || s.Dropped != 1 {
		t.Errorf("%+v", s)
	}
}

func TestQueueIsNeverWaitedFor(t *testing.T) {
	block := make(chan struct{})
	q := NewQueue(&blocked{block})
	if n := put(q, 0, recordsMax+100); n > recordsMax {
		t.Errorf("%d records were taken", n)
	}
	if n := q.Take(make([]*stats.Record, 3)); n != 0 {
		t.Errorf("there are %d records more", n)
	}
	close(block)
	q.Close()
}

func TestSyslog(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	daemon, err := net.ListenPacket("unixgram", name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = daemon.Close() }()
	target, err := openSyslog("local3", func(p syslog.Priority) (*syslog.Writer, error) {
		return syslog.Dial("unixgram", name, p, "aws")
	})
	if err != nil {
		t.Fatal(err)
	}
	l := newLog(Options{Target: "syslog:local3", Format: Fields}, target)
	q := NewQueue(l)
	put(q, 1, 2)
	q.Close()
	l.Close()
	for i := range 2 {
		buf := make([]byte, 4096)
		n, _, err := daemon.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		// local3 is 19, info is 6.
		if m := string(buf[:n]); !strings.HasPrefix(m, "<158>") || !strings.Contains(m, fmt.Sprintf(`206 GET "/%06d"`, i+1)) {
			t.Errorf("message %d: %q", i, m)
		}
	}
	if s := l.Stats(); s.Lines != 2 {
		t.Errorf("%+v", s)
	}
}

func TestTargetsThatCanNotBe(t *testing.T) {
	for name, want := range map[string]string{
		"/nowhere/access.log": "/nowhere/access.log",
		"syslog:mail":         "local0",
	} {
		if _, err := Open(Options{Target: name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// blocked is a consumer that waits.
type blocked struct{ until chan struct{} }

func (b *blocked) Add(*stats.Record) { <-b.until }
func (b *blocked) Flush()            {}
