package sim

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"aws/goloop"
	"aws/internal/docroot"
	"aws/internal/handler/fileserver"
	"aws/internal/simkernel"
)

// TestFramesAreCutAnywhere has sockets that take so many bytes at once and not one more, from one byte to more than the frames of a small response have:
// the first send is cut at each of its offsets, and the others at many.
func TestFramesAreCutAnywhere(t *testing.T) {
	const room = 400
	for n := 1; n <= room; n++ {
		if err := sendInPieces(n); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// sendInPieces lets a client of HTTP/2 request files over a socket that takes n bytes at once.
func sendInPieces(n int) error {
	profile := simkernel.Quiet()
	k := simkernel.New(simkernel.Config{Seed: uint64(n), Profile: &profile, ReadsMax: 8})
	tree := k.AddTree("site")
	s := &session{inTurn: true}
	var files []*simkernel.File
	for _, f := range []struct {
		name string
		size int64
	}{{"static/small", 90}, {"dynamic/small", 80}, {"static/empty", 0}, {"static/file", 700}} {
		files = append(files, tree.Add(f.name, f.size))
		s.asks = append(s.asks, ask{text: "GET /" + f.name + " HTTP/1.1\r\nHost: x\r\n\r\n", method: "GET", name: f.name})
	}
	handler, err := fileserver.New(fileserver.Options{Mounts: []*docroot.Mount{
		{Prefix: "/", Strip: 1, Root: tree.Root(), Kind: docroot.Static}, {Prefix: "/dynamic/", Strip: 1, Root: tree.Root(), Kind: docroot.Dynamic},
	}})
	if err != nil {
		return err
	}
	cfg := goloop.ServeConfig()
	cfg.H2C, cfg.BufferBytes, cfg.WindowBytes, cfg.PoolBytes = true, 4096, 4*4096, 16*4096
	listener := k.Listen(1)
	var first []byte
	s.http2, first = newHTTP2Client(rand.New(rand.NewPCG(uint64(n), 1)), s)
	s.peer = k.AddPeer(listener, simkernel.Plan{
		Request: first, Steps: []simkernel.Step{{Do: simkernel.ActSend, N: len(first)}}, SendBuffer: n, Patience: time.Hour,
	})
	s.peer.OnData = func(p *simkernel.Peer) { s.goOn(p.Send) }
	loop, err := goloop.NewLoop(k, cfg, handler, docroot.NewCache(docroot.Limits{MaxAge: time.Second, FilesMax: 10}), listener.FD())
	if err != nil {
		return err
	}
	k.OnEnd = func(*simkernel.Peer) { k.After(time.Millisecond, loop.Shutdown) }
	if err := loop.Run(); err != nil {
		return err
	}
	if err := k.Audit(); err != nil {
		return err
	}
	if s.http2.err != nil {
		return s.http2.err
	}
	for i, f := range files {
		stream := &s.http2.streams[i]
		want := make([]byte, f.Size)
		f.Fill(0, want)
		if !stream.given && (!stream.complete || stream.fields[":status"] != "200" || !bytes.Equal(stream.body, want)) {
			return fmt.Errorf("stream %d: %v, %d bytes of %d, complete %v", 2*i+1, stream.fields, len(stream.body), f.Size, stream.complete)
		}
	}
	return nil
}
