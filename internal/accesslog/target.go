package accesslog

import (
	"bytes"
	"fmt"
	"io"
	"log/syslog"
	"os"
	"path/filepath"
	"strings"
)

// target is the destination of lines. Only the writer's goroutine uses it.
type target interface {
	// write writes whole lines and returns how many bytes of them were taken.
	write(lines []byte) (int, error)
	// reopen goes on with a new file of the same name, if there is such a thing.
	reopen() error
	close() error
}

// facilityOf returns the facility of a target that is the system's log: syslog or syslog:FACILITY.
func facilityOf(name string) (facility string, isSyslog bool) {
	rest, isSyslog := strings.CutPrefix(name, "syslog")
	switch {
	case isSyslog && rest == "":
		return "daemon", true
	case isSyslog && rest[0] == ':':
		return rest[1:], true
	default:
		return "", false
	}
}

// CheckTarget returns the error that Open would have because of the name of a target, and changes nothing. mayWrite says whether a file can be
// written.
func CheckTarget(name string, mayWrite func(file string) error) error {
	if facility, isSyslog := facilityOf(name); isSyslog {
		_, err := priorityOf(facility)
		return err
	}
	if name == "-" {
		return nil
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	return mayWrite(path)
}

// openTarget opens a target by its name: - is the standard output, syslog and syslog:FACILITY are the
// system's log, any other name is a file.
func openTarget(name string, stdout io.Writer) (target, error) {
	if name == "-" {
		return &streamTarget{w: stdout}, nil
	}
	if facility, isSyslog := facilityOf(name); isSyslog {
		return openSyslog(facility, dialLocal)
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return openStream(path, info.Mode())
	}
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	return &fileTarget{streamTarget: streamTarget{w: f}, path: path, file: f}, nil
}

// openFile opens a file to append to.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
}

// openStream opens a device or a named pipe. It opens a pipe also for reading, so that the open does not
// wait for a reader, and the pipe stays open when a reader closes it (fifo(7)).
func openStream(path string, mode os.FileMode) (target, error) {
	flags := os.O_WRONLY
	if mode&os.ModeNamedPipe != 0 {
		flags = os.O_RDWR
	}
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return nil, err
	}
	return &streamTarget{w: f}, nil
}

// streamTarget writes to a stream. If a write ended within a line, the next one begins with a line feed, so
// that two lines are never joined.
type streamTarget struct {
	w     io.Writer
	midst bool
}

func (t *streamTarget) write(lines []byte) (int, error) {
	if t.midst {
		if _, err := t.w.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
		t.midst = false
	}
	n, err := t.w.Write(lines)
	if n > 0 {
		t.midst = lines[n-1] != '\n'
	}
	return n, err
}

func (t *streamTarget) reopen() error { return nil }
func (t *streamTarget) close() error  { return nil }

// fileTarget writes to a file, which may be renamed and created again.
type fileTarget struct {
	streamTarget
	path string
	file *os.File
}

func (t *fileTarget) reopen() error {
	f, err := openFile(t.path)
	if err != nil {
		return err
	}
	_ = t.file.Close() // what it could say, its writes have said
	t.file, t.w, t.midst = f, f, false
	return nil
}

func (t *fileTarget) close() error { return t.file.Close() }

// syslogTarget writes each line as a message, with package log/syslog of the standard library. That supports
// the protocol of the local socket, and connects again after a restart of the daemon.
type syslogTarget struct{ w *syslog.Writer }

func dialLocal(p syslog.Priority) (*syslog.Writer, error) { return syslog.New(p, "aws") }

var facilities = map[string]syslog.Priority{
	"user": syslog.LOG_USER, "daemon": syslog.LOG_DAEMON,
	"local0": syslog.LOG_LOCAL0, "local1": syslog.LOG_LOCAL1, "local2": syslog.LOG_LOCAL2, "local3": syslog.LOG_LOCAL3,
	"local4": syslog.LOG_LOCAL4, "local5": syslog.LOG_LOCAL5, "local6": syslog.LOG_LOCAL6, "local7": syslog.LOG_LOCAL7,
}

func openSyslog(facility string, dial func(syslog.Priority) (*syslog.Writer, error)) (target, error) {
	p, err := priorityOf(facility)
	if err != nil {
		return nil, err
	}
	w, err := dial(p | syslog.LOG_INFO)
	if err != nil {
		return nil, fmt.Errorf("%w (is a syslog daemon running?)", err)
	}
	return &syslogTarget{w: w}, nil
}

// priorityOf returns the priority of a facility.
func priorityOf(facility string) (syslog.Priority, error) {
	p, ok := facilities[facility]
	if !ok {
		return 0, fmt.Errorf("syslog has no facility %q for this: user, daemon, or local0 to local7", facility)
	}
	return p, nil
}

func (t *syslogTarget) write(lines []byte) (int, error) {
	n := 0
	for line := range bytes.Lines(lines) {
		if _, err := t.w.Write(line); err != nil {
			return n, err
		}
		n += len(line)
	}
	return n, nil
}

func (t *syslogTarget) reopen() error { return nil }
func (t *syslogTarget) close() error  { return t.w.Close() }
