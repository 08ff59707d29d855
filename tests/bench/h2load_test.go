package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// What h2load 1.52 prints, without its lines about the ramp-up.
const (
	h2loadHead = `starting benchmark...
spawning thread #0: 16 total client(s). Timing-based test with 0.4s of main duration for measurements.
progress: 6% of clients started
progress: 100% of clients started
`
	h2loadTLS = `TLS Protocol: TLSv1.3
Cipher: TLS_AES_128_GCM_SHA256
Server Temp Key: X25519 253 bits
`
	h2loadRun = `Main benchmark duration is started for thread #0.
Main benchmark duration is over for thread #0. Stopping all clients.
Stopped all clients for thread #0

finished in 601.46ms, 25567.50 req/s, 31.36MB/s
requests: 10259 total, 10259 started, 10227 done, 10227 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 10227 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 12.54MB (13151922) total, 3.08MB (3227878) headers (space savings 0.00%), 14.94MB (15665152) data
                     min         max         mean         sd        +/- sd
time for request:      168us      8.64ms       625us       460us    94.66%
req/s           :    1550.44     1634.86     1594.17       26.51    62.50%
`
	h2loadOverTLS = h2loadHead + h2loadTLS + "Application protocol: http/1.1\n" + h2loadRun
)

func TestParseH2load(t *testing.T) {
	got, err := parseH2load(h2loadOverTLS)
	want := h2loadReport{tls: "TLSv1.3", cipher: cipherSuite, application: "http/1.1", done: 10227, succeeded: 10227, bytes: 15665152}
	if err != nil || got != want {
		t.Errorf("the report is %+v, %v", got, err)
	}
	got, err = parseH2load(h2loadHead + "Application protocol: h2c\n" + h2loadRun)
	want.tls, want.cipher, want.application = "", "", "h2c"
	if err != nil || got != want {
		t.Errorf("without TLS the report is %+v, %v", got, err)
	}
	if _, err := parseH2load(h2loadHead); err == nil {
		t.Error("there is a report without figures")
	}
}

func TestH2loadReportCheck(t *testing.T) {
	good := h2loadReport{tls: "TLSv1.3", cipher: cipherSuite, application: "h2", done: 10, succeeded: 10, bytes: 10240}
	for name, test := range map[string]struct {
		change   func(r *h2loadReport)
		protocol protocol
		wrong    string
	}{
		"good":         {func(*h2loadReport) {}, tlsHTTP2, ""},
		"h2c":          {func(r *h2loadReport) { r.tls, r.cipher, r.application = "", "", "h2c" }, h2c, ""},
		"ramp-up":      {func(r *h2loadReport) { r.bytes *= 2 }, tlsHTTP2, ""},
		"protocol":     {func(*h2loadReport) {}, tlsHTTP1, "negotiated"},
		"version":      {func(r *h2loadReport) { r.tls = "TLSv1.2" }, tlsHTTP2, "negotiated"},
		"cipher suite": {func(r *h2loadReport) { r.cipher = "TLS_AES_256_GCM_SHA384" }, tlsHTTP2, "negotiated"},
		"failed":       {func(r *h2loadReport) { r.succeeded-- }, tlsHTTP2, "only 9 of 10"},
		"short":        {func(r *h2loadReport) { r.bytes-- }, tlsHTTP2, "shorter"},
		"nothing":      {func(r *h2loadReport) { r.done, r.succeeded = 0, 0 }, tlsHTTP2, "no responses"},
	} {
		r := good
		test.change(&r)
		err := r.check(test.protocol, 1024)
		if (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

func TestH2loadArgs(t *testing.T) {
	l := load{conns: 16, streams: 32, rampUp: 500 * time.Millisecond, measured: 2 * time.Second}
	got := h2loadArgs(tlsHTTP2, &l, "https://x/")
	want := []string{"-t1", "-c16", "-m32", "--warm-up-time=500ms", "-D2000ms", "--tls13-ciphers=" + cipherSuite, "https://x/"}
	if !slices.Equal(got, want) {
		t.Errorf("the arguments are %q", got)
	}
	l.streams = 0
	if got := h2loadArgs(http1, &l, "http://x/"); !slices.Contains(got, "-m1") || !slices.Contains(got, "--h1") || slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "tls") }) {
		t.Errorf("the arguments are %q", got)
	}
}

// TestFollowH2load takes readings at the lines that say when, once each.
func TestFollowH2load(t *testing.T) {
	taken := 0
	take := func() (reading, error) {
		taken++
		return reading{at: time.Unix(int64(taken), 0)}, nil
	}
	text, before, after, err := followH2load(strings.NewReader(h2loadOverTLS), take, take)
	if err != nil || text != h2loadOverTLS || taken != 2 || before.at.Unix() != 1 || after.at.Unix() != 2 {
		t.Errorf("readings at %v and %v of %d, %v, text:\n%s", before.at, after.at, taken, err, text)
	}
	if _, _, _, err := followH2load(strings.NewReader(h2loadHead), take, take); err == nil {
		t.Error("there is no error without a measured time")
	}
	broken := func() (reading, error) { return reading{}, errors.New("broken") }
	if _, _, _, err := followH2load(strings.NewReader(h2loadOverTLS), take, broken); err == nil {
		t.Error("the error of a reading is lost")
	}
}
