package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

// TestTextLog holds what people read: each line with its beginning, and no attributes.
func TestTextLog(t *testing.T) {
	var out bytes.Buffer
	r := New(&out)
	r.Info("listening at http://[::1]:80/", "url", "http://[::1]:80/")
	r.With("conn", 1).WithGroup("g").Warn("two\nlines")
	r.Debug("nobody has asked for it")
	r.Fail(errors.Join(errors.New("a"), errors.New("b")))
	fmt.Fprint(r.Lines("counters"), "turns 1\n")
	const want = "aws: listening at http://[::1]:80/\naws: warning: two\naws: warning: lines\naws: a\naws: b\nturns 1\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// TestJSONLog sees an object per line, whatever a message holds.
func TestJSONLog(t *testing.T) {
	var out bytes.Buffer
	r := New(&out)
	r.Set(&Options{format: "json", level: "warn"}, true)
	r.Info("left out")
	r.Warn("a \"name\"\nwith\x1b[31m everything", "url", "x")
	r.Fail(errors.New("the end"))
	fmt.Fprint(r.Lines("counters"), "turns 1\nbuffers 2\n")
	var messages []string
	for line := range strings.Lines(out.String()) {
		var record struct {
			Time       time.Time
			Level, Msg string
			Pid        int
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Time.IsZero() || record.Pid != os.Getpid() {
			t.Fatalf("%v: %s", err, line)
		}
		messages = append(messages, record.Level+" "+record.Msg)
	}
	want := []string{"WARN a \"name\"\nwith\x1b[31m everything", "ERROR the end", "INFO turns 1", "INFO buffers 2"}
	if fmt.Sprint(messages) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", messages, want)
	}
}

func TestLogLevels(t *testing.T) {
	for level, want := range map[string]string{
		"debug": "aws: debug: d\naws: i\naws: warning: w\naws: e\n",
		"info":  "aws: i\naws: warning: w\naws: e\n",
		"warn":  "aws: warning: w\naws: e\n",
		"error": "aws: e\n",
	} {
		var out bytes.Buffer
		r := New(&out)
		r.Set(&Options{format: "text", level: level}, true)
		r.Debug("d")
		r.Info("i")
		r.Warn("w")
		r.Error("e")
		if out.String() != want {
			t.Errorf("%s: %q, want %q", level, out.String(), want)
		}
	}
}

// TestColours sees colours on a terminal alone, and there unless NO_COLOR or TERM speaks against it.
func TestColours(t *testing.T) {
	write := func(h *textHandler) string {
		var out bytes.Buffer
		h.out = &out
		if err := h.Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelWarn, "w", 0)); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if got := write(newTextHandler(nil, 0, true)); got != "aws: \x1b[33mwarning: \x1b[0mw\n" {
		t.Errorf("%q", got)
	}
	if got := write(newTextHandler(nil, 0, false)); got != "aws: warning: w\n" {
		t.Errorf("%q", got)
	}
	journal := newTextHandler(nil, 0, false)
	journal.journal = true
	if got := write(journal); got != "<4>aws: warning: w\n" {
		t.Errorf("%q", got)
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal: %v", err)
	}
	defer func() { _ = terminal.Close() }()
	pipe, other, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = pipe.Close(), other.Close() }()
	for _, c := range []struct {
		out           *os.File
		noColor, term string
		want          bool
	}{
		{terminal, "", "xterm", true},
		{terminal, "1", "xterm", false},
		{terminal, "", "dumb", false},
		{other, "", "xterm", false},
	} {
		t.Setenv("NO_COLOR", c.noColor)
		t.Setenv("TERM", c.term)
		if got := coloured(c.out); got != c.want {
			t.Errorf("%s, NO_COLOR=%s, TERM=%s: %v", c.out.Name(), c.noColor, c.term, got)
		}
	}
}
