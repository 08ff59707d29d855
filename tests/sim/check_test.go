package sim

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"aws/internal/simkernel"
)

// slack is how much later than the clock of an iteration something may have happened within the iteration.
const slack = 20 * time.Millisecond

// check returns all that is wrong after a run.
func (w *world) check(runErr error) error {
	errs := []error{runErr, w.k.Audit(), w.checkRates()}
	for _, c := range w.clients {
		if err := w.checkClient(c); err != nil {
			errs = append(errs, fmt.Errorf("%v, %v, asking for %q: %w; excuses: %q", c.peer, c.manner, c.name, err, c.peer.Excuses))
		}
	}
	for _, c := range w.sessions {
		if err := w.checkSession(c); err != nil {
			errs = append(errs, fmt.Errorf("%v, %v, %d requests: %w; excuses: %q", c.peer, c.manner, len(c.asks), err, c.peer.Excuses))
		}
	}
	return errors.Join(errs...)
}

// rawResponse is what a client has received, taken apart.
type rawResponse struct {
	status int
	length int64 // Content-Length
	body   []byte
	fields map[string]string
}

// errHead means that there is no complete header, which is for the caller to judge.
var errHead = errors.New("no complete header")

// parseResponse takes a response apart, strictly.
func parseResponse(b []byte) (*rawResponse, error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		const start = "HTTP/1.1 "
		if n := min(len(b), len(start)); string(b[:n]) != start[:n] {
			return nil, fmt.Errorf("it begins with %q", b[:n])
		}
		return nil, errHead
	}
	lines := strings.Split(string(b[:end]), "\r\n")
	a := &rawResponse{body: b[end+4:], fields: map[string]string{}}
	switch lines[0] {
	case "HTTP/1.1 200 OK":
		a.status = 200
	case "HTTP/1.1 404 Not Found":
		a.status = 404
	default:
		return nil, fmt.Errorf("status line %q", lines[0])
	}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ": ")
		if !ok || a.fields[name] != "" {
			return nil, fmt.Errorf("header line %q", line)
		}
		a.fields[name] = value
	}
	var err error
	if a.length, err = strconv.ParseInt(a.fields["Content-Length"], 10, 64); err != nil || a.length < 0 {
		return nil, fmt.Errorf("Content-Length %q", a.fields["Content-Length"])
	}
	if a.fields["Connection"] != "close" || a.fields["Date"] == "" || a.fields["Server"] == "" {
		return nil, fmt.Errorf("header %q", lines)
	}
	return a, nil
}

// checkClient checks what one client has received and how it ended.
func (w *world) checkClient(c *client) error {
	p := c.peer
	if p.End == simkernel.EndNone {
		return errors.New("its connection was left open")
	}
	for _, why := range p.Excuses {
		if why == simkernel.OutOfPatience {
			return errors.New("nothing has ended its connection")
		}
	}
	a, err := parseResponse(p.Received)
	switch {
	case errors.Is(err, errHead) && w.owed(c) && !w.spoiled(c):
		return fmt.Errorf("it is owed a response and has got %d bytes", len(p.Received))
	case errors.Is(err, errHead):
		if len(p.Received) > 0 && p.End == simkernel.EndFIN {
			return errors.New("a header ends early, and in order")
		}
		return nil
	case err != nil:
		return err
	}
	if err := w.checkBody(c, a); err != nil {
		return err
	}
	want := a.length
	if c.head || a.status == 404 && c.manner != simkernel.MannerGarbage && len(a.body) == 0 {
		want = 0
	}
	switch got := int64(len(a.body)); {
	case got > a.length:
		return fmt.Errorf("%d bytes follow a response of %d", got-a.length, a.length)
	case got < want && p.End == simkernel.EndFIN && c.manner != simkernel.MannerGarbage:
		return fmt.Errorf("%d of %d bytes, and an end as if that were all", got, want)
	case got < want && w.owed(c) && !w.spoiled(c):
		return fmt.Errorf("it is owed %d bytes and has got %d", want, got)
	case got == want && w.owed(c) && p.End != simkernel.EndFIN && !w.spoiled(c):
		return fmt.Errorf("a complete response ends with %v", p.End)
	}
	return nil
}

// owed reports whether the server has no excuse for not answering in full.
func (w *world) owed(c *client) bool { return w.owes(c.peer, c.manner) }

func (w *world) owes(p *simkernel.Peer, manner simkernel.Manner) bool {
	switch {
	case !manner.Polite() || len(p.Excuses) > 0 || p.End == simkernel.EndOwn || p.End == simkernel.EndRefused:
		return false
	case w.scarce:
		return false // connections may be waiting for each other's descriptors until their time is over
	case w.stopAt > 0 && w.stopped > 0 && p.EndedAt >= w.stopped:
		return false // the drain may have ended it
	}
	return true
}

// spoiled reports whether one of the files that the client may have got was damaged.
func (w *world) spoiled(c *client) bool { return w.damaged(c.name) }

func (w *world) damaged(name string) bool {
	for _, v := range w.tree.Past(name) {
		if v.File != nil && (v.File.Faulted > 0 || v.File.Shrunk) {
			return true
		}
	}
	return false
}

// openFailed reports whether the disk has failed at opening a name within a time.
func (w *world) openFailed(name string, from, to time.Duration) bool {
	for _, at := range w.tree.OpenFaults(name) {
		if from <= at && at <= to {
			return true
		}
	}
	return false
}

// checkBody checks the status, the length and each byte of a response against what the name has
// stood for since the request was sent.
func (w *world) checkBody(c *client, a *rawResponse) error {
	if c.manner == simkernel.MannerGarbage {
		return nil // it may have become a request for anything
	}
	past := w.tree.Past(c.name)
	mayBeAbsent := !c.valid || len(past) == 0 || c.name == "static/secret"
	asked := c.peer.SentAt - slack
	if c.manner == simkernel.MannerPipelined {
		asked = c.peer.ConnectedAt - slack
	}
	for i, v := range past {
		until := c.peer.EndedAt
		if i+1 < len(past) {
			until = past[i+1].From
		}
		if until < asked || v.From > c.peer.EndedAt {
			continue
		}
		if v.File == nil {
			mayBeAbsent = true
			continue
		}
		if a.status == 200 && c.valid && c.name != "static/secret" && w.isVersion(c, v.File, a, asked) {
			return nil
		}
	}
	if a.status == 404 {
		if !mayBeAbsent && !w.openFailed(c.name, asked, c.peer.EndedAt) {
			return errors.New("404 for a file that was there")
		}
		return nil
	}
	return fmt.Errorf("200 with a body of %d of %d bytes that is not a version of the file", len(a.body), a.length)
}

// isVersion reports whether a response is a prefix of a file as it was at one time.
func (w *world) isVersion(c *client, f *simkernel.File, a *rawResponse, asked time.Duration) bool {
	ok := false
	for i, x := range f.Sizes {
		if i+1 < len(f.Sizes) && f.Sizes[i+1].From < asked {
			continue
		}
		ok = ok || x.Size == a.length
	}
	if !ok || c.head && len(a.body) > 0 {
		return false
	}
	want := make([]byte, len(a.body))
	f.Fill(0, want)
	return bytes.Equal(a.body, want)
}
