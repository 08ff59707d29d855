package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// cipherSuite is the one that all connections over TLS use.
const cipherSuite = "TLS_AES_128_GCM_SHA256"

// What h2load prints when the time begins and ends that its figures are about.
const (
	h2loadBegins = "Main benchmark duration is started"
	h2loadEnds   = "Main benchmark duration is over"
)

// h2loadReport is what h2load says about a run.
type h2loadReport struct {
	tls, cipher, application string  // what was negotiated; without TLS, the application protocol alone
	done, succeeded          float64 // requests within the measured time
	bytes                    float64 // of bodies
}

var h2loadLines = struct{ tls, cipher, application, done, succeeded, bytes *regexp.Regexp }{
	tls:         regexp.MustCompile(`TLS Protocol: (\S+)`),
	cipher:      regexp.MustCompile(`Cipher: (\S+)`),
	application: regexp.MustCompile(`Application protocol: (\S+)`),
	done:        regexp.MustCompile(`requests: .* (\d+) done`),
	succeeded:   regexp.MustCompile(`requests: .* (\d+) succeeded`),
	bytes:       regexp.MustCompile(`traffic: .*\((\d+)\) data`),
}

// parseH2load reads the output of h2load.
func parseH2load(text string) (h2loadReport, error) {
	var r h2loadReport
	var err error
	for pattern, value := range map[*regexp.Regexp]*float64{
		h2loadLines.done: &r.done, h2loadLines.succeeded: &r.succeeded, h2loadLines.bytes: &r.bytes,
	} {
		n, errNumber := number(pattern, text)
		*value, err = n, errors.Join(err, errNumber)
	}
	for pattern, value := range map[*regexp.Regexp]*string{
		h2loadLines.tls: &r.tls, h2loadLines.cipher: &r.cipher, h2loadLines.application: &r.application,
	} {
		if match := pattern.FindStringSubmatch(text); match != nil {
			*value = match[1]
		}
	}
	return r, err
}

// check returns what is wrong with a run over a protocol whose responses have so many bytes.
func (r *h2loadReport) check(p protocol, bytes int64) error {
	want := h2loadReport{application: map[protocol]string{http1: "http/1.1", tlsHTTP1: "http/1.1", tlsHTTP2: "h2", h2c: "h2c"}[p]}
	if p.overTLS() {
		want.tls, want.cipher = "TLSv1.3", cipherSuite
	}
	switch {
	case r.tls != want.tls || r.cipher != want.cipher || r.application != want.application:
		return fmt.Errorf("%q with %q and %q were negotiated, not %q with %q and %q",
			r.application, r.tls, r.cipher, want.application, want.tls, want.cipher)
	case r.done == 0:
		return errors.New("there were no responses")
	case r.succeeded != r.done:
		return fmt.Errorf("only %.0f of %.0f responses were 200", r.succeeded, r.done)
	// The bytes of HTTP/1.1 include those of the ramp-up.
	case r.bytes < r.done*float64(bytes):
		return fmt.Errorf("the responses were shorter than the file: %.0f bytes for %.0f requests", r.bytes, r.done)
	default:
		return nil
	}
}

// h2loadArgs are the arguments for a load of one file. Servers with an order of their own choose among what the client offers,
// so it offers one cipher suite.
func h2loadArgs(p protocol, l *load, url string) []string {
	ms := func(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }
	args := []string{
		"-t1", "-c" + strconv.Itoa(l.conns), "-m" + strconv.Itoa(max(l.streams, 1)),
		"--warm-up-time=" + ms(l.rampUp), "-D" + ms(l.measured),
	}
	if p.overTLS() {
		args = append(args, "--tls13-ciphers="+cipherSuite)
	}
	if !p.http2() {
		args = append(args, "--h1")
	}
	return append(args, url)
}

// onceH2load starts the server, compares its bytes the first time, and measures it with h2load.
func onceH2load(b *bench, s *scenario, t *entry) (sample, []moment, error) {
	program, err := findProgram("h2load")
	if err != nil {
		return nil, nil, missingError{err}
	}
	r, size, err := b.startChecked(s, t)
	if err != nil {
		return nil, nil, err
	}
	defer r.stop()
	l := s.load
	l.rampUp, l.measured = b.rampUp, b.measured
	url := fmt.Sprintf("%s://%s%s", s.protocol.scheme(), r.at.at(r.port), s.pathOf(t))
	text, before, after, err := runH2load(exec.Command(program, h2loadArgs(s.protocol, &l, url)...), r)
	if err != nil {
		return nil, nil, err
	}
	found, err := parseH2load(text)
	if err == nil {
		err = found.check(s.protocol, size)
	}
	if err != nil {
		return nil, nil, err
	}
	bytes := found.done * float64(size)
	m := sampleOf(&outcome{values: map[string]float64{
		"requests": found.done, "bytes": bytes, "seconds": l.measured.Seconds(), "all_requests": found.done, "all_bytes": bytes,
	}}, before, after)
	for _, unknown := range []metric{mP50, mP99, mP999, mErrors, mClient} {
		delete(m, unknown)
	}
	return m, nil, nil
}

// startChecked starts a scenario's server and compares its bytes the first time. The file, whose size it returns, is then in memory.
func (b *bench) startChecked(s *scenario, t *entry) (*running, int64, error) {
	path := s.pathOf(t)
	r, err := b.start(s, t, "")
	if err != nil {
		return nil, 0, err
	}
	whole, err := os.ReadFile(filepath.Join(b.site, path))
	if err == nil {
		err = b.check(r, t, path)
	}
	if err != nil {
		r.stop()
		return nil, 0, err
	}
	return r, int64(len(whole)), nil
}

// runH2load runs h2load on the client's core. It returns what h2load printed, and what was used until the measured time began
// and until it ended: handshakes are not in it.
func runH2load(cmd *exec.Cmd, r *running) (text string, before, after reading, err error) {
	var complaint strings.Builder
	cmd.Stderr = &complaint
	output, err := cmd.StdoutPipe()
	if err != nil {
		return "", before, after, err
	}
	if err := startOn(cmd, r.at.client, clientCores...); err != nil {
		return "", before, after, err
	}
	watch := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer watch.Stop()
	text, before, after, err = followH2load(output, r.before, r.after)
	if errWait := cmd.Wait(); errWait != nil {
		err = errors.Join(err, fmt.Errorf("h2load: %w: %s", errWait, lastLines(text+complaint.String())))
	}
	return text, before, after, err
}

// followH2load reads the output to its end, and takes the readings at the lines that say when.
func followH2load(output io.Reader, takeBefore, takeAfter func() (reading, error)) (text string, before, after reading, err error) {
	var all strings.Builder
	begun, ended := false, false
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		var failed error
		switch line := lines.Text(); {
		case strings.HasPrefix(line, h2loadBegins) && !begun:
			begun = true
			before, failed = takeBefore()
		case strings.HasPrefix(line, h2loadEnds) && !ended:
			ended = true
			after, failed = takeAfter()
		}
		err = errors.Join(err, failed)
		all.WriteString(lines.Text() + "\n")
	}
	err = errors.Join(err, lines.Err())
	if !begun || !ended {
		err = errors.Join(err, fmt.Errorf("h2load does not say when it measures: %s", lastLines(all.String())))
	}
	return all.String(), before, after, err
}
