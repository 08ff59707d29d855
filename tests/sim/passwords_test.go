package sim

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"aws/goloop"
	"aws/internal/docroot"
	"aws/internal/handler/fileserver"
	"aws/internal/simkernel"

	"golang.org/x/crypto/bcrypt"
)

// TestFloodOfPasswords lets many clients of two addresses send another wrong password each, while a check takes long. No more
// checks wait than each address may have, the others are refused with 503 and come back later, files that need no password
// are not waited for, and what a client has asked for that has gone is not done.
func TestFloodOfPasswords(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users, err := docroot.ParsePasswords(fmt.Appendf(nil, "ali:%s\n", hash))
	if err != nil {
		t.Fatal(err)
	}
	const (
		flood    = 40
		checks   = 2 * 4 // two addresses
		takes    = 500 * time.Millisecond
		soon     = 100 * time.Millisecond
		patience = 200 * time.Millisecond // of some, who leave before their check is over
	)
	dropped := uint64(0)
	for seed := uint64(1); seed <= 12; seed++ {
		profile := simkernel.Quiet()
		profile.Resident, profile.Cold, profile.JobTime = 1, 0, takes
		k := simkernel.New(simkernel.Config{Seed: seed, Profile: &profile})
		tree := k.AddTree("site")
		tree.Add("private/a", 10)
		tree.Add("public", 10)
		handler, err := fileserver.New(fileserver.Options{
			Mounts: []*docroot.Mount{{Prefix: "/", Strip: 1, Root: tree.Root()}},
			Access: []*docroot.AccessRule{{Prefix: "/private/", Users: users}},
		})
		if err != nil {
			t.Fatal(err)
		}
		listener := k.Listen(128)
		ask := func(target, password string, at, patience time.Duration) *simkernel.Peer {
			request := "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
			if password != "" {
				request += "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ali:"+password)) + "\r\n"
			}
			request += "\r\n"
			return k.AddPeer(listener, simkernel.Plan{
				Start: at, Request: []byte(request), Steps: []simkernel.Step{{Do: simkernel.ActSend, N: len(request)}}, Patience: patience,
			})
		}
		var wrong, public []*simkernel.Peer
		for i := range flood {
			at := time.Duration(i) * time.Millisecond
			if i%5 == 0 {
				ask("/private/a", fmt.Sprint("impatient ", i), at, patience)
			} else {
				wrong = append(wrong, ask("/private/a", fmt.Sprint("wrong ", i), at, time.Minute))
			}
			public = append(public, ask("/public", "", at, time.Minute))
		}
		right := ask("/private/a", "sesame", 5*time.Second, time.Minute)
		loop, err := goloop.NewLoop(k, goloop.ServeConfig(), handler, docroot.NewCache(docroot.Limits{MaxAge: time.Second, AbsentMax: time.Second}), listener.FD())
		if err != nil {
			t.Fatal(err)
		}
		most := 0
		for at := time.Duration(0); at < 3*time.Second; at += time.Millisecond {
			k.After(at, func() { most = max(most, k.Jobs()) })
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
		if most > checks || most < 2 {
			t.Errorf("seed %d: %d jobs at the same time, want %d at the most", seed, most, checks)
		}
		refused := 0
		for _, p := range wrong {
			switch {
			case bytes.HasPrefix(p.Received, []byte("HTTP/1.1 401 ")):
			case bytes.HasPrefix(p.Received, []byte("HTTP/1.1 503 ")) && bytes.Contains(p.Received, []byte("\r\nRetry-After: ")):
				refused++
			default:
				t.Errorf("seed %d: a wrong password gets %.60q", seed, p.Received)
			}
		}
		counts := loop.Counts()
		if refused == 0 || int(counts.ChecksRefused) < refused {
			t.Errorf("seed %d: %d refused, %d counted", seed, refused, counts.ChecksRefused)
		}
		dropped += counts.JobsDropped
		for _, p := range public {
			if took := p.LastAt - p.ConnectedAt; !bytes.HasPrefix(p.Received, []byte("HTTP/1.1 200 ")) || took > soon {
				t.Errorf("seed %d: a file that needs no password took %v: %.40q", seed, took, p.Received)
			}
		}
		if !bytes.HasPrefix(right.Received, []byte("HTTP/1.1 200 ")) {
			t.Errorf("seed %d: the right password gets %.60q", seed, right.Received)
		}
	}
	if dropped == 0 { // in most runs some leave while their check waits
		t.Error("no check was dropped whose client had gone")
	}
}
