package sim

import (
	"fmt"
	"testing"
	"time"

	"aws/goloop"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/handler/dropin"
	"aws/internal/handler/fileserver"
	"aws/internal/simkernel"
)

// TestFilesInMemoryDoNotWaitForDisks lets clients ask for dynamic files that are in memory, small ones and such as are
// larger than a window, while others wait for a slow disk: more of them than there are slots for reads, or than
// the pool has windows. No read that takes its bytes from memory may stand behind one that waits.
func TestFilesInMemoryDoNotWaitForDisks(t *testing.T) {
	const (
		buffer, window = 4096, 16 * 4096
		come           = 20 * time.Millisecond
		soon           = 100 * time.Millisecond // the disk takes a second for a read
	)
	for seed := uint64(1); seed <= 60; seed++ {
		serve := seed%2 == 0
		profile := simkernel.Quiet()
		profile.Resident, profile.Cold, profile.ReadTime = 1, 0, time.Second
		k := simkernel.New(simkernel.Config{Seed: seed, Profile: &profile, ReadsMax: 8 << (seed % 3)})
		tree := k.AddTree("site")
		cfg := goloop.DropInConfig()
		cfg.BufferBytes, cfg.WindowBytes, cfg.PoolBytes = buffer, window, 8*window
		cfg.SubmitsMax = 1 + int(seed%7)
		if seed%5 == 0 {
			cfg.ReadsShared = 4
		}
		listener := k.Listen(128)
		var handler handler.Handler
		limits := dropin.CacheLimits(0)
		var err error
		if serve {
			handler, err = fileserver.New(fileserver.Options{Mounts: []*docroot.Mount{
				{Prefix: "/dynamic/", Strip: 1, Root: tree.Root(), Kind: docroot.Dynamic},
			}})
			limits.MaxAge = time.Second
		} else {
			handler, err = dropin.New(tree.Root(), "site")
		}
		if err != nil {
			t.Fatal(err)
		}
		ask := func(name string, at time.Duration) *simkernel.Peer {
			request := "GET /" + name + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
			return k.AddPeer(listener, simkernel.Plan{
				Start: at, Request: []byte(request), Steps: []simkernel.Step{{Do: simkernel.ActSend, N: len(request)}},
				SendBuffer: 1 << 20, Patience: 10 * time.Minute,
			})
		}
		for i := range 30 {
			name := fmt.Sprintf("dynamic/cold%d", i)
			k.Evict(tree.Add(name, int64(window/2*(1+i%4))))
			ask(name, time.Duration(i)*time.Microsecond)
		}
		var hot []*simkernel.Peer
		for i, size := range []int64{1, buffer, window, window + 1, 5 * window} {
			name := fmt.Sprintf("dynamic/hot%d", i)
			tree.Add(name, size)
			for j := range 3 {
				hot = append(hot, ask(name, come+time.Duration(j)*time.Millisecond))
			}
		}
		loop, err := goloop.NewLoop(k, cfg, handler, docroot.NewCache(limits), listener.FD())
		if err != nil {
			t.Fatal(err)
		}
		k.OnEnd = func(*simkernel.Peer) {
			if k.OpenPeers() == 0 {
				k.After(time.Millisecond, loop.Shutdown)
			}
		}
		if err := loop.Run(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := k.Audit(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		for _, p := range hot {
			if took := p.LastAt - p.ConnectedAt; p.End != simkernel.EndFIN || took > soon {
				t.Errorf("seed %d: %v: its last byte took %v", seed, p, took)
			}
		}
		for _, p := range k.Peers() {
			if p.End != simkernel.EndFIN {
				t.Errorf("seed %d: %v has not got its file", seed, p)
			}
		}
	}
}
