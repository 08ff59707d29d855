package contract

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"aws/tests/harness"
)

// TestExhaustion lets the system run out of things, or break connections, in a fifth of the calls of one
// kind. A connection may be lost; what arrives as a whole response is right, the server stays and serves on,
// and it ends with status 0.
func TestExhaustion(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct {
		calls string
		skip  string // calls that succeed first, where the server could not start otherwise
		fatal bool   // whether a connection may be lost
	}{
		{calls: "accept4=EMFILE:ENFILE:ENOBUFS:ENOMEM:ECONNABORTED"},
		{calls: "io_submit=EAGAIN"},
		{calls: "epoll_ctl=ENOMEM:ENOSPC", skip: "8", fatal: true},
		{calls: "recv=ECONNRESET", fatal: true},
		{calls: "recv=ENOMEM", fatal: true},
		{calls: "send=ECONNRESET:EPIPE", fatal: true},
		{calls: "send=ENOBUFS:ENOMEM", fatal: true},
		{calls: "sendfile=ECONNRESET:EPIPE:EIO:ENOMEM", fatal: true},
		{calls: "io_submit=EINVAL:EIO:ENOMEM", fatal: true},
		{calls: "preadv2=EOPNOTSUPP"},
	} {
		t.Run(c.calls, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			server := harness.StartAWS(t, s.root, harness.Options{Preload: harness.Build(t).Faults, Env: []string{
				"AWS_FAULT_CALLS=" + c.calls, "AWS_FAULT_PERMILLE=200", "AWS_FAULT_SKIP=" + c.skip,
				"AWS_FAULT_LOG=" + log,
			}})
			sockets := socketCount(t, server)
			var group sync.WaitGroup
			for i := range 80 {
				path := []string{"static/small", "dynamic/large", "static/large", "dynamic/small"}[i%4]
				group.Go(func() {
					got := get(server, "/"+path)
					whole := got.Status == 200 && got.BodyBytes == got.ContentLength
					if whole && got.BodySum != s.sums[path] || !whole && !c.fatal || got.Ending == harness.Open {
						t.Errorf("%s: %v", path, got)
					}
				})
			}
			group.Wait()
			for _, path := range []string{"static/small", "dynamic/small"} {
				harness.Eventually(t, harness.StopDeadline, path+" is served", func() error {
					if got := get(server, "/"+path); got.BodySum != s.sums[path] {
						return errors.New(got.String())
					}
					return nil
				})
			}
			call, _, _ := strings.Cut(c.calls, "=")
			harness.Eventually(t, harness.StopDeadline, "a call has failed", func() error {
				get(server, "/dynamic/small")
				get(server, "/static/small")
				if tally := harness.ReadTally(t, log)[call]; tally.Errors == 0 {
					return fmt.Errorf("none in %d calls", tally.Calls)
				}
				return nil
			})
			wantSockets(t, server, sockets)
			if status := server.Stop(t); status != 0 {
				t.Errorf("status %d\n%s", status, server.Output())
			}
		})
	}
}

// TestNoAIO: where the system has no AIO context left, aws says which setting to raise and serves all the
// same.
func TestNoAIO(t *testing.T) {
	s := newSite(t)
	server := harness.StartAWS(t, s.root, harness.Options{Preload: harness.Build(t).Faults, Env: []string{
		"AWS_FAULT_CALLS=io_setup=EAGAIN", "AWS_FAULT_PERMILLE=1000",
	}})
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { s.wantFile(t, server, "dynamic/large") })
	}
	group.Wait()
	if !strings.Contains(server.Output(), "fs.aio-max-nr") {
		t.Errorf("the output does not name the setting:\n%s", server.Output())
	}
	if status := server.Stop(t); status != 0 {
		t.Errorf("status %d\n%s", status, server.Output())
	}
}
