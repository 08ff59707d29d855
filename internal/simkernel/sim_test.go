package simkernel

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"aws/internal/kernel"
)

// echo is a loop of a few lines that drives every part of the kernel: it answers each peer with the
// beginning of a file, by sendfile or through a read, and stops when nobody is left.
type echo struct {
	k    *Kernel
	l    *Listener
	root kernel.Root
	mem  []byte
	ops  []kernel.Op
}

func (e *echo) run(iterations int) error {
	e.ops[0] = kernel.Op{Kind: kernel.OpEpollAdd, FD: e.l.FD(), File: e.k.Poller(), Mask: kernel.Readable}
	changes := e.ops[:1]
	done := make([]kernel.ReadDone, 8)
	for range iterations {
		if e.k.OpenPeers() == 0 {
			return nil
		}
		events, err := e.k.Wait(changes, 10*time.Millisecond)
		if err != nil {
			return err
		}
		changes = nil
		e.k.Reap(done)
		e.k.FinishedJobs(make([]*kernel.Job, 8))
		for i := range events {
			e.serve(kernel.Token(&events[i]))
		}
	}
	return nil
}

func (e *echo) serve(token uint64) {
	if token >= kernel.ReservedTokens {
		return
	}
	op := &e.ops[1]
	if token == 0 {
		*op = kernel.Op{Kind: kernel.OpAccept, FD: e.l.FD()}
		e.k.Do(e.ops[1:2])
		if op.Result >= 0 {
			fd := int32(op.Result)
			*op = kernel.Op{Kind: kernel.OpEpollAdd, FD: fd, File: e.k.Poller(), Mask: kernel.Readable, Token: uint64(fd)}
			e.k.Do(e.ops[1:2])
			if op.Result < 0 {
				*op = kernel.Op{Kind: kernel.OpClose, FD: fd}
				e.k.Do(e.ops[1:2])
			}
		}
		return
	}
	fd := int32(token)
	*op = kernel.Op{Kind: kernel.OpRecv, FD: fd}
	op.SetBuf(e.mem[:4096])
	e.k.Do(e.ops[1:2])
	if kernel.Classify(op.Result) == kernel.Again {
		return
	}
	e.response(fd)
}

// response sends what it can at once, and ends the connection.
func (e *echo) response(fd int32) {
	var f kernel.Opened
	n := 1
	if e.k.Open(e.root, []byte("a"), &f) == kernel.Done {
		e.k.Submit([]kernel.Read{{FD: f.FD, NoWait: true, Buf: e.mem[8192:12288]}})
		probe := kernel.Op{Kind: kernel.OpResident, FD: fd, File: f.FD}
		probe.SetLen(5000)
		send := kernel.Op{Kind: kernel.OpSendfile, Flags: kernel.Link, FD: fd, File: f.FD}
		send.SetLen(5000)
		e.ops[1], e.ops[2], e.ops[3] = probe, send, kernel.Op{Kind: kernel.OpClose, FD: f.FD}
		n += 3
	}
	e.ops[n] = kernel.Op{Kind: kernel.OpClose, FD: fd}
	e.k.Do(e.ops[1 : n+1])
}

// play runs one seed and returns its fingerprint and its trace.
func play(seed uint64) (uint64, string, []*Peer) {
	var trace bytes.Buffer
	k := New(Config{Seed: seed, Trace: &trace})
	e := &echo{k: k, l: k.Listen(0)}
	tree := k.AddTree("site")
	e.root = tree.Root()
	tree.Add("a", 6000)
	e.mem, _ = k.Map(1 << 16)
	e.ops, _ = k.Ops(8)
	rnd := rand.New(rand.NewPCG(seed, 3))
	for range 8 {
		k.AddPeer(e.l, DrawPlan(rnd, DrawManner(rnd), []byte("GET / HTTP/1.0\r\n\r\n")))
	}
	err := e.run(3000)
	fmt.Fprintln(&trace, err)
	return k.Fingerprint(), trace.String(), k.Peers()
}

func TestTheSameSeedGivesTheSameRun(t *testing.T) {
	prints := map[uint64]bool{}
	for seed := range uint64(200) {
		print1, trace1, _ := play(seed)
		print2, trace2, _ := play(seed)
		if print1 != print2 || trace1 != trace2 {
			t.Fatalf("seed %d: two runs differ", seed)
		}
		prints[print1] = true
	}
	if len(prints) < 190 {
		t.Errorf("200 seeds give only %d different runs", len(prints))
	}
}

func TestEveryFaultAndEveryMannerHappens(t *testing.T) {
	var manners [mannerCount]int
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		manners[DrawManner(rnd)]++
	}
	for m, n := range manners {
		if n == 0 {
			t.Errorf("nobody is %v", Manner(m))
		}
	}
	var ends [EndRefused + 1]int
	for seed := range uint64(200) {
		_, _, peers := play(seed)
		for _, p := range peers {
			ends[p.End]++
		}
	}
	for _, e := range []End{EndFIN, EndRST, EndOwn} {
		if ends[e] == 0 {
			t.Errorf("no connection ended by %v", e)
		}
	}
}
