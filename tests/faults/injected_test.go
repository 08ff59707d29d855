package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"aws/tests/harness"
)

// plan is a family of faults that the preload library injects into one kind of call.
type plan struct {
	calls    string // as AWS_FAULT_CALLS has it
	permille int
	skip     int  // calls that succeed first, where the server could not start otherwise
	fatal    bool // whether a connection may be lost
}

var plans = []plan{
	{calls: "accept4=EINTR:EAGAIN:ECONNABORTED", permille: 300},
	{calls: "accept4=EMFILE:ENFILE:ENOBUFS:ENOMEM", permille: 100},
	{calls: "recv=EINTR:EAGAIN:short", permille: 300},
	{calls: "recv=ECONNRESET", permille: 50, fatal: true},
	{calls: "recv=ENOMEM:ENOBUFS", permille: 50, fatal: true},
	{calls: "send=EINTR:EAGAIN:short", permille: 300},
	{calls: "send=ENOBUFS:ENOMEM", permille: 100},
	{calls: "send=ECONNRESET:EPIPE", permille: 50, fatal: true},
	{calls: "sendfile=EINTR:EAGAIN:short", permille: 300},
	{calls: "sendfile=ENOMEM:ENOBUFS", permille: 100},
	{calls: "sendfile=ECONNRESET:EPIPE", permille: 50, fatal: true},
	{calls: "sendfile=EIO", permille: 50, fatal: true},
	{calls: "sendfile=EINVAL", permille: 200},
	{calls: "epoll_wait=EINTR", permille: 300},
	{calls: "epoll_ctl=ENOMEM:ENOSPC", permille: 100, skip: 12, fatal: true},
	{calls: "io_setup=EAGAIN", permille: 1000},
	{calls: "io_setup=ENOMEM:ENOSYS", permille: 1000},
	{calls: "io_submit=EAGAIN:short", permille: 400},
	{calls: "io_submit=EIO:EINVAL", permille: 100, fatal: true},
	{calls: "io_getevents=EINTR:short", permille: 400},
	{calls: "preadv2=EAGAIN:EINTR", permille: 300},
	{calls: "preadv2=EOPNOTSUPP", permille: 300},
	{calls: "recv,send,sendfile,accept4,io_submit,io_getevents,epoll_wait,preadv2", permille: 150},
	{
		calls: "accept4=EMFILE:EINTR,recv=ECONNRESET:EAGAIN:short,send=EPIPE:ENOBUFS:short," +
			"sendfile=EIO:ENOMEM:short,io_submit=EAGAIN:EIO:short,io_getevents=EINTR,preadv2=EAGAIN",
		permille: 60, fatal: true,
	},
}

// requestsPerPlan is what each plan's load asks for: FAULT_REQUESTS, or half of what docs/robustness.md has.
func requestsPerPlan(t *testing.T) int {
	t.Helper()
	text := os.Getenv("FAULT_REQUESTS")
	if text == "" {
		return 150
	}
	count, err := strconv.Atoi(text)
	if err != nil || count < 1 {
		t.Fatalf("FAULT_REQUESTS=%s: it must be a number of requests", text)
	}
	return count
}

// options are those of a server for the plan with number i, which counts the faults in a file.
func (p *plan) options(t *testing.T, i int, log string) harness.Options {
	t.Helper()
	return harness.Options{Preload: harness.Build(t).Faults, Env: []string{
		"AWS_FAULT_CALLS=" + p.calls, fmt.Sprintf("AWS_FAULT_PERMILLE=%d", p.permille),
		fmt.Sprintf("AWS_FAULT_SKIP=%d", p.skip), fmt.Sprintf("AWS_FAULT_SEED=%d", i+1), "AWS_FAULT_LOG=" + log,
	}}
}

// check reports what has come of a load and its faults.
func (p *plan) check(t *testing.T, log string, got *harness.Loaded) {
	t.Helper()
	var calls, failed, short uint64
	for name, tally := range harness.ReadTally(t, log) {
		if strings.Contains(p.calls, name) {
			calls, failed, short = calls+tally.Calls, failed+tally.Errors, short+tally.Shorts
		}
	}
	row(t, fmt.Sprintf("%d‰, %d calls: %d failed, %d short", p.permille, calls, failed, short), got)
	got.Check(t, p.fatal)
	if failed+short == 0 {
		t.Errorf("no fault in %d calls", calls)
	}
}

// TestInjected lets a seeded share of the calls of a kind fail under load.
func TestInjected(t *testing.T) {
	site := harness.NewSite(t)
	requests := requestsPerPlan(t)
	onModes(t, func(t *testing.T, mode string) {
		for i, p := range plans {
			t.Run(p.calls, func(t *testing.T) {
				log := filepath.Join(t.TempDir(), "log")
				server := start(t, mode, site.Root, p.options(t, i, log))
				// Where all bytes are there before the server looks, it need not ask for them to be reported, and next to
				// no epoll_ctl could fail.
				waiting := begin(t, server, 50)
				defer waiting.leave()
				l := load(server, mode, site, 16)
				l.Seed = uint64(i + 1)
				got := l.Run(requests)
				p.check(t, log, got)
				waiting.leave()
				wantQuiet(t, server, mode)
				stop(t, server)
			})
		}
	})
}

// TestPoolTooLarge asks for a pool that no address space has: the server says so and ends.
func TestPoolTooLarge(t *testing.T) {
	site := harness.NewSite(t)
	server := harness.Launch(t, harness.Options{Path: harness.AWS(t), Args: []string{
		"serve", site.Root, "--listen", "127.0.0.1:0", "--pool-bytes", fmt.Sprint(int64(1) << 50),
	}})
	if status := server.Wait(t); status != 1 || !strings.Contains(server.Output(), "cannot allocate memory") {
		t.Errorf("status %d, %q", status, server.Output())
	}
}
