package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"aws/goloop"
	"aws/internal/compression"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/handler/dropin"
	"aws/internal/handler/fileserver"
	"aws/internal/request"
	"aws/internal/response"
	"aws/internal/simkernel"
)

// world is one run: everything that was drawn from its seed.
type world struct {
	seed       uint64
	rnd        *rand.Rand
	k          *simkernel.Kernel
	listener   *simkernel.Listener
	tree       *simkernel.Tree
	site       []*page
	clients    []*client
	sessions   []*session // instead of clients, where the server is `aws serve`
	options    fileserver.Options
	calm       bool           // nothing happens to the files
	responses  map[string]int // that sessions have got in full or in part, by kind
	cfg        goloop.Config
	tls        *tlsWorld // nil if the clients speak no TLS
	http2      bool      // most clients speak HTTP/2
	loop       *goloop.Loop
	scarce     bool          // there are fewer descriptors than the connections need
	stopAt     time.Duration // an early shutdown; 0: none
	stopped    time.Duration // when the shutdown was asked for
	formsMax   int           // compressed forms that the server may have made
	filesMax   int           // descriptors that the cache may hold open for nobody
	opened     int           // descriptors that had ever been opened at the latest iteration
	unused     int           // iterations in a row in which nobody has had a file
	sends      []sending     // all that sockets have taken, if there is a rate
	routeRates []routeRate   // of `aws serve`
}

// page is a name beneath the root and what was made to stand for it.
type page struct {
	name string
	file *simkernel.File
	size int64
}

func pick[T any](rnd *rand.Rand, from ...T) T { return from[rnd.IntN(len(from))] }

// newWorld draws a world for a server.
func newWorld(seed uint64, trace io.Writer, m mode) (*world, error) {
	w := &world{seed: seed, responses: map[string]int{}, rnd: rand.New(rand.NewPCG(seed, 10))}
	rnd := w.rnd
	w.drawConfig()
	w.cfg.Trace = trace
	w.cfg.Tracer = &states{w: w}
	kcfg := simkernel.Config{
		Seed: seed, Trace: trace, Unjust: *unjust,
		EventsMax: pick(rnd, 1, 4, 64), ReadsMax: pick(rnd, 1, 2, 8, 32), JobsMax: pick(rnd, 1, 4, 64),
	}
	if rnd.IntN(10) == 0 {
		kcfg.DescriptorsMax = 12 + rnd.IntN(20)
		// The kernel, the listener and the root have eight; each connection needs one, and two for its file.
		if rnd.IntN(2) == 0 {
			w.cfg.ConnsMax = min(w.cfg.ConnsMax, (kcfg.DescriptorsMax-9)/3)
		}
		w.scarce = 3*w.cfg.ConnsMax+9 > kcfg.DescriptorsMax
		if m != dropIn { // anyone who chooses among the forms of a file has all of them open
			w.scarce = 3*w.cfg.ConnsMax+9+len(codings) > kcfg.DescriptorsMax
		}
	}
	if m != dropIn {
		w.drawRates(rand.New(rand.NewPCG(seed, 30)))
		w.drawRouteRates(rand.New(rand.NewPCG(seed, 31)))
		kcfg.Unjust = kcfg.Unjust || w.limited() // anyone who waits for a rate could be served sooner
	}
	w.cfg.Corked = m == dropIn
	w.http2 = m == serveHTTP2
	w.cfg.H2C = w.http2 && seed%2 == 0
	if m == serveTLS || w.http2 && seed%2 == 1 {
		w.drawTLS(rand.New(rand.NewPCG(seed, 50)), &kcfg)
	}
	w.k = simkernel.New(kcfg)
	w.watchRates()
	w.listener = w.k.Listen(pick(rnd, 1, 4, 128))
	w.listener.Cork = m == dropIn
	w.tree = w.k.AddTree("site")
	w.drawSite()
	if m != dropIn {
		w.drawOptions(rand.New(rand.NewPCG(seed, 20)))
	}
	w.drawMisfortunes()
	n := 1 + rnd.IntN(pick(rnd, 3, 6, 12))
	if rnd.IntN(100) == 0 {
		n = 100
	}
	spread := pick(rnd, 1, int64(time.Millisecond), int64(50*time.Millisecond), int64(3*time.Second))
	for i := range n {
		if m != dropIn {
			w.sessions = append(w.sessions, w.drawSession(i, spread))
		} else {
			w.clients = append(w.clients, w.drawClient(i, spread))
		}
	}
	if rnd.IntN(12) == 0 {
		w.stopAt = time.Duration(1 + rnd.Int64N(pick(rnd, int64(time.Millisecond), int64(100*time.Millisecond), int64(time.Second))))
	}
	handler, limits, err := w.mode(m)
	if err != nil {
		return nil, err
	}
	limits.FilesMax = pick(rnd, 1, 4, 1000)
	w.filesMax = limits.FilesMax + w.formsMax
	w.loop, err = goloop.NewLoop(w.k, w.cfg, handler, docroot.NewCache(limits), w.listener.FD())
	return w, err
}

// maxAge is how old a response of `aws serve` may be.
const maxAge = time.Second

// mode returns what differs between the server's two modes.
func (w *world) mode(m mode) (handler.Handler, docroot.Limits, error) {
	if m == dropIn {
		d, err := dropin.New(w.tree.Root(), "site")
		return d, dropin.CacheLimits(0), err
	}
	w.options.Mounts = []*docroot.Mount{
		{Prefix: "/", Strip: 1, Root: w.tree.Root(), Kind: docroot.Static},
		{Prefix: "/dynamic/", Strip: 1, Root: w.tree.Root(), Kind: docroot.Dynamic},
	}
	d, err := fileserver.New(w.options)
	if err == nil && len(w.routeRates) > 0 {
		d = &limitedHandler{d, w.routeRates}
	}
	return d, docroot.Limits{MaxAge: maxAge, IdleMax: maxAge, AbsentMax: maxAge}, err
}

// drawOptions draws what `aws serve` answers, and the compressed forms of files.
func (w *world) drawOptions(rnd *rand.Rand) {
	w.options = fileserver.Options{
		RangesMax: pick(rnd, 0, 0, 2), List: rnd.IntN(4) > 0, ListMax: pick(rnd, 0, 0, 2), Precompress: rnd.IntN(4) > 0,
		Body: request.BodyLimits{BytesMax: pick(rnd, int64(0), 100, 5000), OverheadBytesMax: pick(rnd, 0, 100)},
	}
	w.drawForms()
	ages := rand.New(rand.NewPCG(w.seed, 40))
	for _, p := range w.site {
		for _, c := range codings {
			if rnd.IntN(4) > 0 {
				continue
			}
			form := &page{name: p.name + suffixes[c], size: w.drawSize()}
			form.file = w.tree.Add(form.name, form.size)
			if ages.IntN(8) == 0 { // it was made from an earlier version of the file
				form.file.Age(time.Hour)
			}
			w.site = append(w.site, form)
		}
	}
}

// drawForms draws whether the server compresses files. A form is the first half of the content; contents of an odd size have none.
// Files that are older than the run are compressed at once.
func (w *world) drawForms() {
	rnd := rand.New(rand.NewPCG(w.seed, 41))
	if w.options.Compress = rnd.IntN(2) > 0; !w.options.Compress {
		return
	}
	for _, p := range w.site {
		if rnd.IntN(2) > 0 && len(p.file.Sizes) == 1 && p.file.Sizes[0].From >= 0 { // not again by its other name
			p.file.Age(time.Hour)
		}
	}
	w.formsMax = pick(rnd, 1, 2, 100)
	w.cfg.Forms = compression.NewCache(compression.Limits{
		MemoryBytesMax: pick(rnd, int64(10<<10), 100<<10, 10<<20), FilesMax: w.formsMax, Running: pick(rnd, 1, 2), PendingMax: pick(rnd, 1, 2, 64),
	}, compression.Encoder{Version: 1, Encode: func(content []byte, _ response.Coding) ([]byte, bool) {
		return content[:len(content)/2], len(content)%2 == 0
	}}, nil)
}

// drawConfig draws the loop's limits: small ones, so that everything runs out now and then.
func (w *world) drawConfig() {
	rnd := w.rnd
	buffer := pick(rnd, 4096, 8192, 16384)
	window := int64(buffer * (1 + rnd.IntN(5)))
	c := goloop.DropInConfig() // for the limits that nothing is drawn for
	c.ConnsMax = pick(rnd, 1, 3, 8, 1000)
	c.BufferBytes = buffer
	c.WindowBytes = window
	c.PoolBytes = window + int64(buffer*rnd.IntN(pick(rnd, 1, 3, 20)))
	c.ReadsPerConnMax = pick(rnd, 1, 2, 8)
	c.ReadsShared = min(c.ConnsMax*c.BufferBytes/4096%7, 5) // from what was drawn: the seeds stay what they are
	c.CoalesceAbove = c.ConnsMax % 5
	c.SubmitsMax = 1 + (c.ConnsMax+c.BufferBytes/4096)%5
	c.HandshakeTimeout = time.Minute
	c.IdleTimeout = 6 * time.Second
	c.HeadTimeout = 4 * time.Second
	c.SendTimeout = 20 * time.Second // the slowest reader makes room in a third of the largest buffer in less
	c.DiskTimeout = time.Minute
	c.LingerTimeout = 2 * time.Second
	c.DrainTimeout = pick(rnd, 20*time.Millisecond, 3*time.Second)
	c.StallTimeout = pick(rnd, 20*time.Millisecond, time.Second)
	w.cfg = c
}

// drawSize draws a file's size, usually near an edge of something.
func (w *world) drawSize() int64 {
	rnd := w.rnd
	edge := pick(rnd, 0, 512, 4096, int64(w.cfg.BufferBytes), w.cfg.WindowBytes, 2*w.cfg.WindowBytes)
	switch rnd.IntN(12) {
	case 0:
		return rnd.Int64N(300 << 10)
	case 1, 2, 3:
		return rnd.Int64N(64 << 10)
	case 4:
		if rnd.IntN(20) == 0 {
			return 500<<10 + rnd.Int64N(1<<20)
		}
		return rnd.Int64N(2000)
	default:
		return max(0, edge+rnd.Int64N(3)-1)
	}
}

func (w *world) drawSite() {
	rnd := w.rnd
	for i := range 1 + rnd.IntN(6) {
		p := &page{name: fmt.Sprintf("%s/f%d.%s", pick(rnd, "static", "dynamic"), i, pick(rnd, "html", "png", "bin"))}
		p.size = w.drawSize()
		p.file = w.tree.Add(p.name, p.size)
		w.site = append(w.site, p)
	}
	if rnd.IntN(3) == 0 { // a link from dynamic/ to a file that has another name, too
		to := pick(rnd, w.site...)
		p := &page{name: "dynamic/link", file: to.file, size: to.size}
		w.tree.Link(p.name, p.file)
		w.site = append(w.site, p)
	}
	w.tree.AddSpecial("static/directory")
	w.tree.Add("static/secret", 10)
	w.tree.Deny("static/secret")
	w.tree.Add("outside", 10)
}

// drawMisfortunes draws what happens to files while they are served.
func (w *world) drawMisfortunes() {
	rnd := w.rnd
	if w.calm = rnd.IntN(3) > 0; w.calm {
		return
	}
	for range 1 + rnd.IntN(4) {
		p := pick(rnd, w.site...)
		at := time.Duration(rnd.Int64N(pick(rnd, int64(2*time.Millisecond), int64(100*time.Millisecond), int64(3*time.Second))))
		size := w.drawSize()
		from := rnd.Int64N(p.size + 1)
		switch rnd.IntN(6) {
		case 0:
			w.k.After(at, func() { w.k.Resize(p.file, min(p.file.Size, from)) })
		case 1:
			w.k.After(at, func() { w.k.Resize(p.file, p.file.Size+size) })
		case 2:
			w.k.After(at, func() { w.tree.Remove(p.name) })
		case 3, 4:
			w.k.After(at, func() { w.tree.Add(p.name, size) })
		case 5:
			if rnd.IntN(2) == 0 {
				w.k.After(at, func() { w.k.Break(p.file, from, from+4096) })
			}
		}
	}
}

// errSpinning is the end of a run that does not end.
var errSpinning = fmt.Errorf("the loop iterates without end")

const iterationsMax = 400_000

// checkFiles looks whether more files are open than may be, once nobody has used one for some iterations.
func (w *world) checkFiles() error {
	if n := w.k.EverOpened(); n != w.opened || w.k.OpenConns() > 0 || w.k.Jobs() > 0 {
		w.opened, w.unused = n, 0
		return nil
	}
	const iterationsToClose = 3 // the files of those who have just left
	if w.unused++; w.unused > iterationsToClose && w.k.OpenFiles() > w.filesMax {
		return fmt.Errorf("%d descriptors of files are open for nobody, and %d may be", w.k.OpenFiles(), w.filesMax)
	}
	return nil
}

// run lets the loop serve until all clients are gone, and shuts it down.
func (w *world) run() (err error) {
	w.k.OnWait = func() error {
		if w.k.Iterations() > iterationsMax {
			return errSpinning
		}
		return w.checkFiles()
	}
	w.k.OnEnd = func(*simkernel.Peer) {
		if w.k.OpenPeers() == 0 {
			w.k.After(time.Millisecond, w.stop)
		}
	}
	if w.k.OpenPeers() == 0 { // all left while the loop was made
		w.k.After(time.Millisecond, w.stop)
	}
	if w.stopAt > 0 {
		w.k.After(w.stopAt, w.stop)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, stack())
		}
	}()
	err = w.loop.Run()
	w.k.Settle()
	return err
}

// stop shuts the loop down, once.
func (w *world) stop() {
	if w.stopped == 0 {
		w.stopped = w.k.Time()
		w.loop.Shutdown()
	}
}
