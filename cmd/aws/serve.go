package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"aws/goloop"
	"aws/internal/docroot"
	"aws/internal/kernel"
	"aws/internal/request"
	"aws/internal/response"

	"github.com/spf13/cobra"
)

// serveOptions are what can be said about `aws serve`.
type serveOptions struct {
	listen       []string
	loops        int
	static       []string
	dynamic      []string
	index        []string
	list         bool
	listMax      int
	spa          string
	dotFiles     bool
	precompress  bool
	cors         bool
	headers      []string
	cacheControl []string
	mimes        []string
	errorPages   []string
	deferAccept  bool
	headMax      int
	targetMax    int
	fieldsMax    int
	bodyMax      int64
	rangesMax    int
	strictCRLF   bool
	idle, head   time.Duration
	send         time.Duration
	connsMax     int
	perAddress   int
	sendRate     int64
	windowBytes  int64
	poolBytes    int64
	watch        observeOptions
	give         restrictOptions
	supervise    bool
	verbose      bool
	trace        bool
}

// serveCommand is the file server.
func serveCommand(stdout, stderr io.Writer) *cobra.Command {
	limits := goloop.ServeConfig()
	var o serveOptions
	cmd := newCommand("serve [ROOT]", "serve a folder over HTTP/1.1", cobra.MaximumNArgs(1),
		func(_ *cobra.Command, args []string) error {
			root := "."
			if len(args) > 0 {
				root = args[0]
			}
			return serve(&o, root, stdout, stderr)
		})
	cmd.Long = `Serves the files beneath ROOT, which is the current folder if it is not given, over HTTP/1.1.
ROOT/dynamic, if there is one, is served at /dynamic/ by asynchronous reads past the page cache.`
	f := cmd.Flags()
	f.StringArrayVar(&o.listen, "listen", []string{"127.0.0.1:8080"}, "listen at this `ADDRESS`: IP:PORT, :PORT for all addresses, unix:/path (repeatable)")
	f.IntVar(&o.loops, "loops", runtime.NumCPU(), "event loops")
	f.StringArrayVar(&o.static, "static", nil, "serve DIR at PREFIX by sendfile, as `PREFIX=DIR` (repeatable)")
	f.StringArrayVar(&o.dynamic, "dynamic", nil, "serve DIR at PREFIX by asynchronous reads, as `PREFIX=DIR` (repeatable)")
	f.StringArrayVar(&o.index, "index", []string{"index.html"}, "the `NAME` that stands for a folder (repeatable)")
	f.BoolVar(&o.list, "list", false, "list folders that have no index")
	f.IntVar(&o.listMax, "list-max", 10000, "entries that a listing shows")
	f.StringVar(&o.spa, "spa", "", "answer the file at this `PATH` instead of 404")
	f.BoolVar(&o.dotFiles, "dotfiles", false, "serve names that begin with a dot")
	f.BoolVar(&o.precompress, "precompressed", true, "send NAME.zst, NAME.br or NAME.gz for NAME to clients that take it")
	f.BoolVar(&o.cors, "cors", false, "let pages of any origin read")
	f.StringArrayVar(&o.headers, "header", nil, "add a field to every answer, as `'Name: value'` (repeatable)")
	f.StringArrayVar(&o.cacheControl, "cache-control", nil, "Cache-Control of matching names, as `GLOB=VALUE` (repeatable)")
	f.StringArrayVar(&o.mimes, "mime", nil, "media type of an extension or of matching names, as `EXT=TYPE` or GLOB=TYPE (repeatable)")
	f.StringArrayVar(&o.errorPages, "error-page", nil, "the body of an error, as `STATUS=FILE` (repeatable)")
	f.BoolVar(&o.deferAccept, "defer-accept", true, "let the kernel hold new connections back until they send something")
	f.IntVar(&o.headMax, "head-bytes", request.DefaultHeadBytesMax, "longest request head")
	f.IntVar(&o.targetMax, "target-bytes", request.DefaultTargetBytesMax, "longest request target")
	f.IntVar(&o.fieldsMax, "fields", request.DefaultFieldsMax, "most fields of a request")
	f.Int64Var(&o.bodyMax, "body-bytes", request.DefaultBodyBytesMax, "longest request body that is thrown away rather than refused")
	f.IntVar(&o.rangesMax, "ranges", 64, "most ranges of a request; with more, all are ignored")
	f.BoolVar(&o.strictCRLF, "strict-crlf", false, "refuse lines that end in a bare LF")
	f.DurationVar(&o.idle, "idle-timeout", limits.IdleTimeout, "how long a connection may wait for its next request")
	f.DurationVar(&o.head, "head-timeout", limits.HeadTimeout, "how long a request head may take")
	f.DurationVar(&o.send, "send-timeout", limits.SendTimeout, "how long a client may take nothing of an answer")
	f.IntVar(&o.connsMax, "conns", limits.ConnsMax, "connections per loop")
	f.IntVar(&o.perAddress, "conns-per-address", limits.ConnsPerAddressMax, "connections of one client address per loop; 0 is no bound")
	f.Int64Var(&o.sendRate, "send-rate-min", limits.SendRateMin, "bytes per second that a client has to take, on average over --send-timeout")
	f.Int64Var(&o.windowBytes, "window-bytes", limits.WindowBytes, "of one dynamic file in memory per connection, a multiple of 131072")
	f.Int64Var(&o.poolBytes, "pool-bytes", limits.PoolBytes, "of all dynamic files in memory, per loop")
	o.watch.flags(f)
	f.BoolVar(&o.supervise, "supervise", false, "serve from a process of its own, which SIGHUP and SIGUSR2 replace without losing a request")
	o.give.flags(f)
	f.BoolVar(&o.verbose, "verbose", false, "print the counters at exit")
	f.BoolVar(&o.trace, "trace", false, "print every transition of every connection's state")
	return cmd
}

// serve runs the file server until it is told to end. With --supervise this process only starts others
// that do, with the sockets that it binds for them.
func serve(o *serveOptions, root string, stdout, stderr io.Writer) error {
	if o.loops < 1 {
		return usageError{fmt.Errorf("--loops %d: there must be one at least", o.loops)}
	}
	handed, err := inherited()
	if err != nil {
		return err
	}
	worker := handed != nil
	if !worker {
		if handed, err = activated(o.loops); err != nil {
			return err
		}
	}
	addrs, err := o.addresses()
	if err != nil {
		return err
	}
	if o.supervise && !worker {
		if _, err := kernel.RaiseDescriptors(); err != nil {
			return err
		}
		if handed == nil {
			if handed, err = bind(addrs, o.loops, o.deferAccept); err != nil {
				return err
			}
		}
		return supervise(handed, stderr)
	}
	return o.serve(root, addrs, handed, worker, stdout, stderr)
}

// addresses reads --listen.
func (o *serveOptions) addresses() ([]kernel.Address, error) {
	var addrs []kernel.Address
	for _, s := range o.listen {
		addr, err := kernel.ParseAddress(s)
		if err != nil {
			return nil, usageError{fmt.Errorf("--listen: %w", err)}
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// serve serves at the addresses, or with the sockets that were handed over.
func (o *serveOptions) serve(root string, addrs []kernel.Address, handed *sockets, worker bool, stdout, stderr io.Writer) error {
	so, closeRoots, err := o.dialectOptions(root)
	defer closeRoots()
	if err != nil {
		return err
	}
	dialect, err := goloop.NewServe(*so)
	if err != nil {
		return usageError{err}
	}
	cfg := goloop.ServerConfig{
		Loop: goloop.ServeConfig(), Dialect: dialect, Loops: o.loops, Defer: o.deferAccept,
		Kernel: kernel.DefaultConfig(),
	}
	cfg.Loop.IdleTimeout, cfg.Loop.HeadTimeout, cfg.Loop.SendTimeout = o.idle, o.head, o.send
	cfg.Loop.ConnsMax, cfg.Loop.ConnsPerAddressMax, cfg.Loop.SendRateMin = o.connsMax, o.perAddress, o.sendRate
	cfg.Loop.WindowBytes, cfg.Loop.PoolBytes = o.windowBytes, o.poolBytes
	if err := cfg.Loop.Check(); err != nil {
		return usageError{err}
	}
	if o.trace {
		cfg.Loop.Trace = stderr
	}
	cfg.Listen = addrs
	if handed != nil {
		cfg.Listen, cfg.Sockets, cfg.Loops = handed.addrs, handed.byFD, len(handed.byFD)
	}
	descriptors, err := kernel.RaiseDescriptors()
	if err != nil {
		return err
	}
	cfg.Cache = docroot.Limits{
		FilesMax: min(fitDescriptors(&cfg, descriptors), 8192),
		MaxAge:   time.Second, IdleMax: 10 * time.Second, AbsentMax: time.Second,
	}
	o.give.warnRoot = true
	for _, m := range so.Mounts {
		o.give.readable = append(o.give.readable, m.Dir)
	}
	watch, err := o.watch.open(&cfg, &o.give, stdout, stderr)
	if err != nil {
		return err
	}
	defer watch.close()
	return runServer(&cfg, &o.give, watch, o.verbose, stderr, func(s *goloop.Server) {
		for _, a := range s.Addrs() {
			fmt.Fprintf(stderr, "aws: listening at %s\n", a.URL())
		}
		for _, m := range so.Mounts {
			fmt.Fprintf(stderr, "aws: %s serves %s (%s)\n", m.Prefix, m.Dir, m.Kind)
		}
		serving(worker, s)
	}, syscall.SIGHUP, syscall.SIGUSR2)
}

// dialectOptions opens the mounts and reads the files that the options name. The function that it
// returns closes the mounts; it is never nil.
func (o *serveOptions) dialectOptions(root string) (*goloop.ServeOptions, func(), error) {
	so := &goloop.ServeOptions{
		Limits: request.Limits{
			HeadBytesMax: o.headMax, TargetBytesMax: o.targetMax, FieldsMax: o.fieldsMax, StrictCRLF: o.strictCRLF,
		},
		Body:      request.BodyLimits{BytesMax: o.bodyMax},
		RangesMax: o.rangesMax, Index: o.index, List: o.list, ListMax: o.listMax, SPA: o.spa,
		DotFiles: o.dotFiles, Precompress: o.precompress, CORS: o.cors,
		Types: response.NewMediaTypes(),
	}
	closeRoots := func() {
		for _, m := range so.Mounts {
			_ = kernel.CloseRoot(m.Root)
		}
	}
	if so.SPA != "" && !strings.HasPrefix(so.SPA, "/") {
		so.SPA = "/" + so.SPA
	}
	for _, step := range []func(*goloop.ServeOptions) error{
		func(so *goloop.ServeOptions) error { return o.mounts(so, root) },
		o.fields, o.types, o.pages,
	} {
		if err := step(so); err != nil {
			return so, closeRoots, err
		}
	}
	return so, closeRoots, nil
}

// mounts opens what is to be served: what the options say, or root and its folder dynamic.
func (o *serveOptions) mounts(so *goloop.ServeOptions, root string) error {
	type mount struct {
		flag, spec string
		kind       docroot.Kind
	}
	var list []mount
	for _, s := range o.static {
		list = append(list, mount{"--static", s, docroot.Static})
	}
	for _, s := range o.dynamic {
		list = append(list, mount{"--dynamic", s, docroot.Dynamic})
	}
	slash := false
	for _, m := range list {
		slash = slash || strings.HasPrefix(m.spec, "/=")
	}
	if !slash {
		list = append(list, mount{"ROOT", "/=" + root, docroot.Static})
	}
	if dynamic := filepath.Join(root, "dynamic"); len(o.dynamic) == 0 {
		if info, err := os.Stat(dynamic); err == nil && info.IsDir() {
			list = append(list, mount{"ROOT", "/dynamic/=" + dynamic, docroot.Dynamic})
		}
	}
	for _, m := range list {
		prefix, dir, ok := strings.Cut(m.spec, "=")
		if !ok || !strings.HasPrefix(prefix, "/") || dir == "" {
			return usageError{fmt.Errorf("%s %s: expected PREFIX=DIR, such as /files/=/srv/files", m.flag, m.spec)}
		}
		if !strings.HasSuffix(prefix, "/") {
			prefix += "/"
		}
		r, err := kernel.OpenRoot(dir)
		if err != nil {
			return fmt.Errorf("%s %s: %w (it must be a folder that this user may enter)", m.flag, dir, errors.Unwrap(err))
		}
		so.Mounts = append(so.Mounts, &docroot.Mount{Prefix: prefix, Strip: len(prefix), Root: r, Kind: m.kind, Dir: dir})
	}
	return nil
}

// fields reads --header and --cache-control.
func (o *serveOptions) fields(so *goloop.ServeOptions) error {
	for _, h := range o.headers {
		name, value, ok := strings.Cut(h, ":")
		value = strings.TrimSpace(value)
		if !ok || !response.ValidField(name, value) {
			return usageError{fmt.Errorf("--header %q: expected 'Name: value'", h)}
		}
		so.Fields = append(so.Fields, goloop.Field{Name: name, Value: value})
	}
	for _, c := range o.cacheControl {
		pattern, value, ok := strings.Cut(c, "=")
		if !ok {
			return usageError{fmt.Errorf("--cache-control %q: expected GLOB=VALUE, such as '*.css=max-age=3600'", c)}
		}
		so.CacheControl = append(so.CacheControl, goloop.Glob{Pattern: pattern, Value: value})
	}
	return nil
}

// systemTypes is where Debian keeps the media types that its packages know.
const systemTypes = "/etc/mime.types"

// types reads the system's media types and --mime.
func (o *serveOptions) types(so *goloop.ServeOptions) error {
	if file, err := os.ReadFile(systemTypes); err == nil {
		so.Types.Load(file)
	}
	for _, s := range o.mimes {
		name, mediaType, ok := strings.Cut(s, "=")
		if !ok || !response.ValidMediaType(mediaType) {
			return usageError{fmt.Errorf("--mime %q: expected EXT=TYPE or GLOB=TYPE, such as md=text/markdown", s)}
		}
		if strings.ContainsAny(name, "*?[/") {
			so.TypeGlobs = append(so.TypeGlobs, goloop.Glob{Pattern: name, Value: mediaType})
		} else if !so.Types.Set(name, mediaType) {
			return usageError{fmt.Errorf("--mime %q: %q can't be an extension", s, name)}
		}
	}
	return nil
}

// errorPageBytesMax bounds an error page, which is kept in memory.
const errorPageBytesMax = 64 << 10

// pages reads --error-page.
func (o *serveOptions) pages(so *goloop.ServeOptions) error {
	so.ErrorPages = map[response.Status]goloop.ErrorPage{}
	for _, s := range o.errorPages {
		code, file, ok := strings.Cut(s, "=")
		status, err := strconv.ParseUint(code, 10, 16)
		if !ok || err != nil || status < 400 || response.Status(status).Reason() == "" {
			return usageError{fmt.Errorf("--error-page %q: expected STATUS=FILE with a status that is sent, such as 404=missing.html", s)}
		}
		body, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("--error-page %s: %w", s, err)
		}
		if len(body) > errorPageBytesMax {
			return fmt.Errorf("--error-page %s: it has %d bytes, and may have %d", s, len(body), errorPageBytesMax)
		}
		so.ErrorPages[response.Status(status)] = goloop.ErrorPage{
			Type: response.WithCharset(so.Types.Lookup(file)), Body: body,
		}
	}
	return nil
}
