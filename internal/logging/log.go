package logging

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"aws/internal/config"

	"github.com/coreos/go-systemd/v22/journal"
	"golang.org/x/sys/unix"
)

// Options say how the program prints what goes on. The access log reports the responses.
type Options struct {
	format string
	level  string
}

// The formats and levels of the log.
const (
	logText = "text"
	logJSON = "json"
)

var logLevels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// Table define the log.
func (o *Options) Table() []config.Option {
	return []config.Option{
		{
			Name: "log-format", Into: &o.format, Default: logText, OneOf: []string{logText, logJSON},
			Usage:  "`FORMAT` of messages on standard error",
			Advice: "text is for people, json for programs: one object per line, with time, level, msg, pid and a member for each value in the message. The access log has its own format.",
		},
		{
			Name: "log-level", Into: &o.level, Default: "info", OneOf: []string{"debug", "info", "warn", "error"},
			Usage:  "lowest `LEVEL` of messages that are printed",
			Advice: "warn prints problems only. debug also prints where each option comes from, and which rights the process has given up.",
		},
	}
}

// Reporter prints what goes on, for anyone who runs the program: a line per record, on the standard error. A
// message is a whole sentence, for people; the attributes repeat its parts, for programs, and are in
// the JSON only. It may be used by any goroutine once it is set up.
type Reporter struct {
	*slog.Logger
	Out   io.Writer // the standard error itself, for other processes
	sink  io.Writer // where messages go; the queue in front of Out, if that is a file
	queue *queue
	json  bool
}

// New returns a reporter that writes plain text.
func New(out io.Writer) *Reporter {
	r := &Reporter{Out: out, sink: out}
	if _, ok := out.(*os.File); ok {
		r.queue = newQueue(out, r.dropped)
		r.sink = r.queue
	}
	r.Logger = slog.New(r.textHandler(slog.LevelInfo, false))
	return r
}

// textHandler returns a handler that writes text to where messages go.
func (r *Reporter) textHandler(level slog.Level, colour bool) *textHandler {
	h := newTextHandler(r.Out, level, colour)
	h.out = r.sink
	return h
}

// dropped returns the message that says how many there was no room for.
func (r *Reporter) dropped(n int) []byte {
	var text bytes.Buffer
	handler := slog.Handler(newTextHandler(&text, slog.LevelInfo, false))
	if r.json {
		handler = slog.NewJSONHandler(&text, nil).WithAttrs([]slog.Attr{slog.Int("pid", os.Getpid())})
	}
	slog.New(handler).Warn(fmt.Sprintf("%d messages were dropped, because nobody read the standard error", n), "dropped", n)
	return text.Bytes()
}

// Flush waits until all messages are written, or for a second if nobody reads them.
func (r *Reporter) Flush() {
	if r.queue != nil {
		r.queue.flush()
	}
}

// Set takes over what the options say. colour allows it, where a terminal is.
func (r *Reporter) Set(o *Options, colour bool) {
	level := logLevels[o.level]
	if r.json = o.format == logJSON; r.json {
		r.Logger = slog.New(slog.NewJSONHandler(r.sink, &slog.HandlerOptions{Level: level})).With("pid", os.Getpid())
		return
	}
	r.Logger = slog.New(r.textHandler(level, colour && coloured(r.Out)))
}

// InfoText logs a message without attributes.
func (r *Reporter) InfoText(message string) { r.Info(message) }

// WarnText logs a warning without attributes.
func (r *Reporter) WarnText(message string) { r.Warn(message) }

// Fail reports the error that ends the program, a record for each of its lines.
func (r *Reporter) Fail(err error) {
	for line := range strings.Lines(err.Error()) {
		r.Error(strings.TrimSuffix(line, "\n"))
	}
}

// Lines returns where lines go that were asked for and are not messages, such as the counters at the
// end: as they are among text, and a record each among JSON.
func (r *Reporter) Lines(kind string) io.Writer {
	if !r.json {
		return r.sink
	}
	return &recordLines{log: r.Logger, kind: kind}
}

// recordLines makes a record of each line. Anyone who writes writes whole lines.
type recordLines struct {
	log  *slog.Logger
	kind string
}

func (w *recordLines) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		r := slog.NewRecord(time.Now(), slog.LevelInfo, string(bytes.TrimSuffix(line, []byte{'\n'})), 0)
		r.AddAttrs(slog.String("kind", w.kind))
		if err := w.log.Handler().Handle(context.Background(), r); err != nil { // whatever the level: it was asked for
			return 0, err
		}
	}
	return len(p), nil
}

// coloured reports whether colours are welcome: on a terminal that knows them, unless NO_COLOR is set.
func coloured(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// textHandler writes messages as people read them: "aws: warning: " and the sentence. To the journal of
// systemd it adds the level (sd-daemon(3)).
type textHandler struct {
	mu      *sync.Mutex
	out     io.Writer
	level   slog.Level
	colour  bool
	journal bool
}

func newTextHandler(out io.Writer, level slog.Level, colour bool) *textHandler {
	h := &textHandler{mu: new(sync.Mutex), out: out, level: level, colour: colour}
	if out == os.Stderr {
		h.journal, _ = journal.StderrIsJournalStream()
	}
	return h
}

// Enabled implements slog.Handler.
func (h *textHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// WithAttrs implements slog.Handler.
func (h *textHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler.
func (h *textHandler) WithGroup(string) slog.Handler { return h }

// levelStyle is how a level looks.
type levelStyle struct {
	word   string // before the message
	colour string // of that word, or else of the name of the program
	syslog string // the level's number for the journal
}

func styleOf(level slog.Level) levelStyle {
	switch {
	case level >= slog.LevelError:
		return levelStyle{"", "\x1b[31m", "<3>"}
	case level >= slog.LevelWarn:
		return levelStyle{"warning: ", "\x1b[33m", "<4>"}
	case level >= slog.LevelInfo:
		return levelStyle{"", "", "<6>"}
	default:
		return levelStyle{"debug: ", "", "<7>"}
	}
}

// Handle implements slog.Handler. Each line of a message gets the same beginning.
func (h *textHandler) Handle(_ context.Context, r slog.Record) error {
	s := styleOf(r.Level)
	begin := "aws: " + s.word
	if h.colour && s.colour != "" {
		begin = "aws: " + s.colour + s.word + "\x1b[0m"
		if s.word == "" {
			begin = s.colour + "aws:\x1b[0m "
		}
	}
	if h.journal {
		begin = s.syslog + begin
	}
	var text []byte
	for line := range strings.Lines(r.Message) {
		text = append(append(append(text, begin...), strings.TrimSuffix(line, "\n")...), '\n')
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.out.Write(text)
	return err
}
