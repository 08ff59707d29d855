package sim

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"aws/goloop"
	"aws/internal/docroot"
	"aws/internal/handler/fileserver"
	"aws/internal/simkernel"
)

// archiveWorld is a run in which clients download a directory as an archive, two of them one after the other on one connection.
type archiveWorld struct {
	seed  uint64
	k     *simkernel.Kernel
	files map[string]*simkernel.File
	peers []*simkernel.Peer
	calm  bool // no file becomes shorter
}

// TestArchives lets clients download archives while anything may fail, files become shorter, clients leave and the server shuts
// down. What looks whole is whole.
func TestArchives(t *testing.T) {
	t.Parallel()
	whole, broken := 0, 0
	for seed := uint64(1); seed <= uint64(max(*seeds/10, 100)); seed++ {
		w := &archiveWorld{seed: seed}
		if err := w.run(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
			continue
		}
		for _, p := range w.peers {
			n, err := w.check(p)
			if err != nil {
				t.Errorf("seed %d: %v: %v", seed, p, err)
			}
			whole += n
			if n == 0 {
				broken++
			}
		}
	}
	t.Logf("%d archives are whole, %d clients got none", whole, broken)
	if whole == 0 || broken == 0 {
		t.Error("the runs are all alike")
	}
}

func (w *archiveWorld) run() error {
	rnd := rand.New(rand.NewPCG(w.seed, 50))
	kcfg := simkernel.Config{Seed: w.seed, JobsMax: pick(rnd, 1, 4, 64)}
	if w.seed%4 == 0 {
		profile := simkernel.Quiet()
		kcfg.Profile = &profile
	}
	w.k = simkernel.New(kcfg)
	tree := w.k.AddTree("site")
	w.files = map[string]*simkernel.File{}
	for i := range 1 + rnd.IntN(12) {
		name := pick(rnd, "d/", "d/a/", "d/a/b/") + fmt.Sprint("file", i)
		w.files[name] = tree.Add(name, rnd.Int64N(pick[int64](rnd, 10, 5000, 300000)))
	}
	tree.Add("d/z", 10)
	w.files["d/z"] = nil
	handler, err := fileserver.New(fileserver.Options{
		Mounts: []*docroot.Mount{{Prefix: "/", Strip: 1, Root: tree.Root()}}, List: true, Archive: []string{"tar.gz"},
	})
	if err != nil {
		return err
	}
	listener := w.k.Listen(128)
	for range 1 + rnd.IntN(20) {
		const get = "GET /d/?archive=tar.gz HTTP/1.1\r\nHost: x\r\n"
		text := get + "\r\n" + get + "Connection: close\r\n\r\n"
		if rnd.IntN(3) == 0 { // the end of the connection is that of the archive
			text = "GET /d/?archive=tar.gz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
		}
		w.peers = append(w.peers, w.k.AddPeer(listener, simkernel.Plan{
			Start: time.Duration(rnd.Int64N(int64(time.Second))), Request: []byte(text), Steps: []simkernel.Step{{Do: simkernel.ActSend, N: len(text)}},
			ReadChunk: pick(rnd, 0, 0, 1000, 70000), ReadEvery: pick(rnd, 0, time.Millisecond, 20*time.Millisecond), SendBuffer: pick(rnd, 0, 4096, 1<<20),
			Patience: pick(rnd, 50*time.Millisecond, time.Second, time.Minute, time.Minute),
		}))
	}
	if w.calm = rnd.IntN(3) > 0; !w.calm {
		for _, f := range w.files {
			if f != nil && f.Size > 1 {
				w.k.After(time.Duration(rnd.Int64N(int64(2*time.Second))), func() { w.k.Resize(f, f.Size/2) })
				break
			}
		}
	}
	cfg := goloop.ServeConfig()
	cfg.Tracer = &states{w: &world{k: w.k, cfg: cfg}}
	loop, err := goloop.NewLoop(w.k, cfg, handler, docroot.NewCache(docroot.Limits{MaxAge: time.Second, AbsentMax: time.Second}), listener.FD())
	if err != nil {
		return err
	}
	if rnd.IntN(8) == 0 {
		w.k.After(time.Duration(rnd.Int64N(int64(2*time.Second))), loop.Shutdown)
	}
	w.k.OnEnd = func(*simkernel.Peer) {
		if w.k.OpenPeers() == 0 {
			w.k.After(time.Millisecond, loop.Shutdown)
		}
	}
	if err := loop.Run(); err != nil {
		return err
	}
	if n := loop.Counts(); n.Archives != 0 {
		return fmt.Errorf("%d archives are in progress at the end, %d completed, %d aborted", n.Archives, n.ArchivesCompleted, n.ArchivesAborted)
	}
	return w.k.Audit()
}

// check returns how many whole archives a client has got.
func (w *archiveWorld) check(p *simkernel.Peer) (int, error) {
	in := bufio.NewReader(bytes.NewReader(p.Received))
	for n := 0; ; n++ {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return n, nil // as with a connection that has broken
		}
		body, err := io.ReadAll(r.Body)
		if r.StatusCode != http.StatusOK || err != nil {
			return n, nil
		}
		if isOld := bytes.Contains(p.Plan.Request, []byte("HTTP/1.0")); isOld != (len(r.TransferEncoding) == 0) {
			return n, fmt.Errorf("%v", r.Header)
		} else if isOld && p.End != simkernel.EndFIN {
			return n, nil
		}
		if err := w.checkArchive(body); err != nil {
			return n, fmt.Errorf("archive %d: %w", n, err)
		}
	}
}

// checkArchive compares an archive with the files. One that may have become shorter is compared as far as it goes.
func (w *archiveWorld) checkArchive(body []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return err
	}
	found := 0
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		got, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		f, ok := w.files[h.Name]
		if ok {
			found++
		}
		if f == nil {
			continue
		}
		want := make([]byte, len(got))
		f.Fill(0, want)
		if !bytes.Equal(got, want) || w.calm && int64(len(got)) != f.Size {
			return fmt.Errorf("%s has %d bytes of %d, or others", h.Name, len(got), f.Size)
		}
	}
	if found != len(w.files) {
		return fmt.Errorf("%d of %d files", found, len(w.files))
	}
	return nil
}
