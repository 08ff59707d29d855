package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"os/user"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"aws/goloop"
	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/docroot"
	"aws/internal/handler/fileserver"
	"aws/internal/kernel"
	"aws/internal/logging"
	"aws/internal/request"
	"aws/internal/response"
	"aws/internal/sandbox"

	"github.com/spf13/cobra"
)

// serveOptions are what can be said about `aws serve`.
type serveOptions struct {
	root         string
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
	congestion   string
	headMax      int64
	targetMax    int64
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
	watch        command.ObserverOptions
	log          logging.Options
	give         sandbox.Options
	socketMode   string
	socketGroup  string
	rate         int64
	rateTotal    int64
	auth         []string
	proxies      []string
	supervise    bool
	startTimeout time.Duration
	drainTimeout time.Duration
	verbose      bool
	trace        bool

	start     *command.StartUp // what is being done is reported, if it is not nil
	report    *logging.Reporter
	untouched bool // no option was given
}

// doing notes what is about to be done, which may take long.
func (o *serveOptions) doing(format string, args ...any) {
	o.start.Doing(o.report, format, args...)
}

// serveCommand is the file server.
func serveCommand(stdout io.Writer, report *logging.Reporter) *cobra.Command {
	var line commandLine
	cmd := newCommand("serve [ROOT]", "serve a directory over HTTP/1.1", oneRoot,
		func(_ *cobra.Command, args []string) error {
			var start command.StartUp
			if _, worker := os.LookupEnv(socketsEnv); worker {
				start.Name = command.WorkerName()
			}
			start.Begin()
			defer start.Done()
			if file := line.configFile(); file != "" {
				start.Doing(report, "reading %s", file)
			}
			o, origins, err := line.options(args, report)
			if err != nil {
				return err
			}
			reportOrigins(report, origins)
			o.start, o.untouched = &start, untouched(origins)
			return located(serve(o, origins, stdout, report), origins)
		})
	line.flags(cmd.Flags())
	cmd.Long = `Serves the files below ROOT over HTTP/1.1. The default of ROOT is the current directory.
If the directory ROOT/dynamic exists, it is served at /dynamic/ with asynchronous reads that do not fill the page cache.

Each option is a flag, an environment variable (AWSD_KEEPALIVE_TIMEOUT for --keepalive-timeout) and a key of the
configuration file that --config names (keepalive-timeout = "1m"). A flag has precedence over a variable, and a
variable over the file.`
	return cmd
}

// reportOrigins reports where each option comes from that is not as it would be by itself.
func reportOrigins(report *logging.Reporter, origins config.Origins) {
	for _, name := range slices.Sorted(maps.Keys(origins)) {
		if origin := origins[name]; origin != config.OriginDefault {
			report.Debug(fmt.Sprintf("%s comes from %s", name, origin), "option", name, "origin", origin)
		}
	}
}

// serve runs the file server until it is asked to end. With --supervise this process only starts others
// that do, with the sockets that it binds for them.
func serve(o *serveOptions, origins config.Origins, stdout io.Writer, report *logging.Reporter) error {
	handed, err := inherited()
	if err != nil {
		return err
	}
	worker := handed != nil
	if worker {
		warnKept(o, origins, report)
	} else if handed, err = activated(o.loops); err != nil {
		return err
	}
	addrs, err := o.addresses()
	if err != nil {
		return err
	}
	if len(addrs) == 0 && handed == nil {
		return errNoAddress
	}
	o.report = report
	if o.supervise && !worker { // the worker warns
		if _, err := o.effects(origins); err != nil {
			return err
		}
		if _, err := kernel.RaiseDescriptors(); err != nil {
			return err
		}
		if handed == nil {
			if handed, err = bind(addrs, o, report); err != nil {
				return err
			}
		}
		if o.give.User == "" {
			sandbox.WarnRoot(report.WarnText) // here, and not once for each worker
		}
		s, err := newSupervisor(handed, o, report)
		if err != nil {
			return err
		}
		return s.run()
	}
	if err := o.warnEffects(origins); err != nil {
		return err
	}
	return o.serve(addrs, handed, worker, stdout, report)
}

// addresses reads --listen.
func (o *serveOptions) addresses() ([]kernel.Address, error) {
	file, err := o.socketFile()
	if err != nil {
		return nil, command.UsageError(err)
	}
	var addrs []kernel.Address
	for _, s := range o.listen {
		addr, err := kernel.ParseAddress(s)
		if err != nil {
			return nil, command.UsageError(fmt.Errorf("--listen: %w", err))
		}
		if addr.Path != "" {
			addr.File = file
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// errNoAddress says that there would be a server that nobody can reach.
var errNoAddress = command.UsageError(errors.New("--listen: there is no address to listen at; name one, such as 127.0.0.1:8080, or leave the option out"))

// socketFile reads --socket-mode and --socket-group.
func (o *serveOptions) socketFile() (kernel.SocketAccess, error) {
	mode, err := strconv.ParseUint(o.socketMode, 8, 32)
	if err != nil || mode > 0o777 {
		return kernel.SocketAccess{}, fmt.Errorf("--socket-mode %q: expected permissions in octal, such as 0660", o.socketMode)
	}
	access := kernel.SocketAccess{Mode: uint32(mode), Group: -1}
	if o.socketGroup == "" {
		return access, nil
	}
	if gid, err := strconv.ParseUint(o.socketGroup, 10, 31); err == nil {
		access.Group = int(gid)
		return access, nil
	}
	group, err := user.LookupGroup(o.socketGroup)
	if err != nil {
		return access, fmt.Errorf("--socket-group: %w (getent group lists the groups)", err)
	}
	access.Group, err = strconv.Atoi(group.Gid)
	return access, err
}

// serve serves at the addresses, or with the sockets that were handed over.
func (o *serveOptions) serve(addrs []kernel.Address, handed *sockets, worker bool, stdout io.Writer, report *logging.Reporter) error {
	o.report = report
	so, closeRoots, err := o.handlerOptions()
	defer closeRoots()
	if err != nil {
		return err
	}
	cfg, err := o.server(so)
	if err != nil {
		return err
	}
	if o.trace {
		cfg.Loop.Trace = report.Lines("trace")
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
		FilesMax: min(command.FitDescriptors(cfg, descriptors), 8192),
		MaxAge:   time.Second, IdleMax: 10 * time.Second, AbsentMax: time.Second,
	}
	o.give.WarnRoot = !worker
	for _, m := range so.Mounts {
		o.give.Readable = append(o.give.Readable, command.Readable(m.Dir)...)
	}
	o.watch.Succeeds, o.watch.NewAdmin = worker, newAdmin
	watch, err := o.watch.Open(cfg, &o.give, stdout, report)
	if err != nil {
		return err
	}
	defer watch.Close()
	idle := []os.Signal{syscall.SIGUSR2}
	if !worker {
		idle = append(idle, syscall.SIGHUP)
	}
	return command.Run(cfg, &command.ProcessOptions{
		Give: &o.give, Watch: watch, Verbose: o.verbose, Report: report, Start: o.start, Worker: worker,
		Serves: func(r *command.Process) func() {
			for _, a := range r.Server.Addrs() {
				report.Info("listening at "+a.URL(), "url", a.URL())
			}
			for _, m := range so.Mounts {
				below := m.Prefix[m.Strip:]
				if below != "" && kernel.LookUp(m.Root, below) != kernel.Directory {
					continue // nobody needs to know of it
				}
				dir := path.Join(command.ShownDir(m.Dir), below)
				report.Info(fmt.Sprintf("%s serves %s (%s)", m.Prefix, dir, m.Kind), "prefix", m.Prefix, "dir", dir, "kind", m.Kind.String())
			}
			o.hints(so, report)
			if worker {
				return notifySupervisor(r)
			}
			return notifySystemd(r)
		},
		Idle: idle,
	})
}

// server returns the handler and the limits that the options ask for.
func (o *serveOptions) server(so *fileserver.Options) (*goloop.ServerConfig, error) {
	handler, err := fileserver.New(*so)
	if err != nil {
		return nil, command.UsageError(err)
	}
	cfg := &goloop.ServerConfig{
		Loop: goloop.ServeConfig(), Handler: handler, Loops: o.loops, Defer: o.deferAccept, ListenFlag: "--listen",
		Kernel: kernel.DefaultConfig(),
	}
	cfg.Loop.IdleTimeout, cfg.Loop.HeadTimeout, cfg.Loop.SendTimeout = o.idle, o.head, o.send
	cfg.Loop.DrainTimeout = o.drainTimeout
	if cfg.Loop.LocalCongestion = o.localCongestion(); cfg.Loop.LocalCongestion != "" {
		if err := kernel.CheckCongestion(cfg.Loop.LocalCongestion); err != nil {
			return nil, command.UsageError(fmt.Errorf("--local-congestion: %w", err))
		}
	}
	cfg.Loop.ConnsMax, cfg.Loop.ConnsPerAddressMax, cfg.Loop.SendRateMin = o.connsMax, o.perAddress, o.sendRate
	cfg.Loop.WindowBytes, cfg.Loop.PoolBytes = o.windowBytes, o.poolBytes
	cfg.Loop.RateMax, cfg.Loop.TotalRateMax = o.rate, o.rateTotal
	for _, s := range o.proxies {
		if s == proxyUnix {
			cfg.Loop.ProxyUnix = true
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, command.UsageError(fmt.Errorf("--proxy-from %q: expected a network, such as 10.0.0.0/8, or unix for anyone who connects to a Unix socket", s))
		}
		cfg.Loop.Proxies = append(cfg.Loop.Proxies, p)
	}
	if err := cfg.Loop.Check(); err != nil {
		return nil, command.UsageError(errors.New(limitFlags.Replace(err.Error())))
	}
	return cfg, nil
}

// localCongestion returns the congestion control of connections from this machine, or "" for the system's.
func (o *serveOptions) localCongestion() string {
	if o.congestion == "system" {
		return ""
	}
	return o.congestion
}

// handlerOptions opens the mounts and reads the files that the options name. The function that it
// returns closes the mounts; it is never nil.
func (o *serveOptions) handlerOptions() (*fileserver.Options, func(), error) {
	so := &fileserver.Options{
		Limits: request.Limits{
			HeadBytesMax: int(o.headMax), TargetBytesMax: int(o.targetMax), FieldsMax: o.fieldsMax, StrictCRLF: o.strictCRLF,
		},
		Body:      request.BodyLimits{BytesMax: o.bodyMax},
		RangesMax: o.rangesMax, Index: o.index, List: o.list, ListMax: o.listMax, SPA: o.spa,
		DotFiles: o.dotFiles, Precompress: o.precompress, CORS: o.cors,
		Types: response.NewMediaTypes(),
	}
	closeRoots := func() {
		for _, m := range so.Mounts {
			if m.HasOwnRoot() {
				_ = kernel.CloseRoot(m.Root)
			}
		}
	}
	for _, step := range []func(*fileserver.Options) error{
		o.mounts, o.instead, o.fields, o.types, o.pages, o.passwords,
	} {
		if err := step(so); err != nil {
			return so, closeRoots, err
		}
	}
	return so, closeRoots, nil
}

// mounts opens what is to be served: what the options say, and root unless something else is at "/".
func (o *serveOptions) mounts(so *fileserver.Options) error {
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
		list = append(list, mount{"--root", "/=" + o.root, docroot.Static})
	}
	for _, m := range list {
		prefix, dir, ok := strings.Cut(m.spec, "=")
		if !ok || dir == "" {
			return command.UsageError(fmt.Errorf("%s %s: expected PREFIX=DIR, such as /files/=/srv/files", m.flag, m.spec))
		}
		prefix, err := pathPrefix(prefix)
		if err != nil {
			return command.UsageError(fmt.Errorf("%s %s: %w", m.flag, m.spec, err))
		}
		o.doing("opening the directory %s", dir)
		r, err := command.OpenRoot(m.flag, dir)
		if err != nil {
			return err
		}
		so.Mounts = append(so.Mounts, &docroot.Mount{Prefix: prefix, Strip: len(prefix), Root: r, Kind: m.kind, Dir: dir})
	}
	o.addDynamicRoute(so)
	return nil
}

// proxyUnix is the ADDRESS of --proxy-from that stands for all Unix sockets.
const proxyUnix = "unix"

// dynamicPrefix is where files are read asynchronously if no option says where.
const dynamicPrefix = "/dynamic/"

// addDynamicRoute lets the files beneath ROOT/dynamic be read asynchronously, unless the options say what is, or what
// else is at that prefix. They stay files of ROOT, opened beneath it: a name from the served tree is never taken for
// the operator's word.
func (o *serveOptions) addDynamicRoute(so *fileserver.Options) {
	if len(o.dynamic) > 0 {
		return
	}
	var root *docroot.Mount
	for _, m := range so.Mounts {
		switch m.Prefix {
		case dynamicPrefix:
			return
		case "/":
			root = m
		}
	}
	if root.Dir == o.root {
		so.Mounts = append(so.Mounts, &docroot.Mount{Prefix: dynamicPrefix, Strip: root.Strip, Root: root.Root, Kind: docroot.Dynamic, Dir: root.Dir})
	}
}

// pathPrefix reads a prefix of paths and ends it with a slash. It refuses one that no path can have: paths are
// normalised before they are compared.
func pathPrefix(s string) (string, error) {
	if !strings.HasPrefix(s, "/") {
		return "", fmt.Errorf("the prefix %q does not begin with a slash; write %q", s, "/"+s)
	}
	if !strings.HasSuffix(s, "/") {
		s += "/"
	}
	clean := path.Clean(s)
	if clean != "/" {
		clean += "/"
	}
	if clean != s {
		return "", fmt.Errorf("no path begins with %q, because paths are normalised first; write %q", s, clean)
	}
	return s, nil
}

// instead reads --spa. It refuses a file that can never be sent.
func (o *serveOptions) instead(so *fileserver.Options) error {
	if so.SPA == "" {
		return nil
	}
	if !strings.HasPrefix(so.SPA, "/") {
		so.SPA = "/" + so.SPA
	}
	refuse := func(why string, args ...any) error {
		return command.UsageError(fmt.Errorf("--spa %s: %s", o.spa, fmt.Sprintf(why, args...)))
	}
	if clean := path.Clean(so.SPA); clean != so.SPA {
		return refuse("it is not the path of a file; write %s", clean)
	}
	if !so.DotFiles && strings.Contains(strings.TrimPrefix(so.SPA, "/.well-known/"), "/.") {
		return refuse("names that begin with a dot are not served (--dotfiles does)")
	}
	table, err := docroot.NewTable(so.Mounts...)
	if err != nil {
		return command.UsageError(err)
	}
	m := table.Match([]byte(so.SPA))
	if m == nil {
		return refuse("nothing is mounted there (--static %s/=DIR mounts a directory)", path.Dir(so.SPA))
	}
	switch name := string(m.Name([]byte(so.SPA))); kernel.LookUp(m.Root, name) {
	case kernel.Done:
	case kernel.Directory:
		return refuse("it is a directory; write the path of a file in it, such as %s", path.Join(so.SPA, "index.html"))
	default:
		o.report.Warn(fmt.Sprintf("--spa %s: there is no such file in %s now: what is missing is 404 until there is", o.spa, m.Dir), "spa", o.spa)
	}
	return nil
}

// authOff is the FILE of --auth that lets anybody in.
const authOff = "off"

// passwords reads --auth.
func (o *serveOptions) passwords(so *fileserver.Options) error {
	read := map[string]*docroot.Passwords{} // a file that is named twice has the same users
	for _, s := range o.auth {
		prefix, file, ok := strings.Cut(s, "=")
		if !ok || file == "" {
			return command.UsageError(fmt.Errorf("--auth %q: expected PREFIX=FILE, such as /private/=/etc/aws/users, or PREFIX=off", s))
		}
		prefix, err := pathPrefix(prefix)
		if err != nil {
			return command.UsageError(fmt.Errorf("--auth %q: %w", s, err))
		}
		rule := &docroot.AccessRule{Prefix: prefix}
		so.Access = append(so.Access, rule)
		if file == authOff {
			continue
		}
		if rule.Users = read[file]; rule.Users != nil {
			continue
		}
		o.doing("reading %s", file)
		content, err := os.ReadFile(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("--auth %s: %w (htpasswd -B -c %s NAME makes it, with the user NAME)", s, err, file)
		case err != nil:
			return command.FileError("--auth "+s, "read", err)
		}
		if rule.Users, err = docroot.ParsePasswords(content); err != nil {
			return fmt.Errorf("--auth %s: %w (htpasswd -B %s NAME writes a line for the user NAME)", s, err, file)
		}
		read[file] = rule.Users
	}
	return nil
}

// fields reads --header and --cache-control.
func (o *serveOptions) fields(so *fileserver.Options) error {
	for _, h := range o.headers {
		name, value, ok := strings.Cut(h, ":")
		value = strings.TrimSpace(value)
		if !ok || !response.ValidField(name, value) {
			return command.UsageError(fmt.Errorf("--header %q: expected 'Name: value', such as 'X-Robots-Tag: noindex'", h))
		}
		so.Fields = append(so.Fields, fileserver.Field{Name: name, Value: value})
	}
	for _, c := range o.cacheControl {
		pattern, value, ok := strings.Cut(c, "=")
		if !ok {
			return command.UsageError(fmt.Errorf("--cache-control %q: expected GLOB=VALUE, such as '*.css=max-age=3600'", c))
		}
		so.CacheControl = append(so.CacheControl, fileserver.Glob{Pattern: pattern, Value: value})
	}
	return nil
}

// systemTypes is where Debian keeps the media types that its packages know.
const systemTypes = "/etc/mime.types"

// types reads the system's media types and --mime.
func (o *serveOptions) types(so *fileserver.Options) error {
	if file, err := os.ReadFile(systemTypes); err == nil {
		so.Types.Load(file)
	}
	for _, s := range o.mimes {
		name, mediaType, ok := strings.Cut(s, "=")
		if !ok || !response.ValidMediaType(mediaType) {
			return command.UsageError(fmt.Errorf("--mime %q: expected EXT=TYPE or GLOB=TYPE, such as md=text/markdown", s))
		}
		if strings.ContainsAny(name, "*?[/") {
			so.TypeGlobs = append(so.TypeGlobs, fileserver.Glob{Pattern: name, Value: mediaType})
		} else if !so.Types.Set(name, mediaType) {
			return command.UsageError(fmt.Errorf("--mime %q: %q can't be an extension", s, name))
		}
	}
	return nil
}

// errorPageBytesMax bounds an error page, which is kept in memory.
const errorPageBytesMax = 64 << 10

// pages reads --error-page.
func (o *serveOptions) pages(so *fileserver.Options) error {
	so.ErrorPages = map[response.Status]fileserver.ErrorPage{}
	for _, s := range o.errorPages {
		code, file, ok := strings.Cut(s, "=")
		status, err := strconv.ParseUint(code, 10, 16)
		if !ok || err != nil || status < 400 || response.Status(status).Reason() == "" {
			return command.UsageError(fmt.Errorf("--error-page %q: expected STATUS=FILE with a status that is sent, such as 404=missing.html", s))
		}
		o.doing("reading %s", file)
		body, err := os.ReadFile(file)
		if err != nil {
			return command.FileError("--error-page "+s, "read", err)
		}
		if len(body) > errorPageBytesMax {
			return fmt.Errorf("--error-page %s: it has %d bytes, and may have %d; name a smaller file", s, len(body), errorPageBytesMax)
		}
		so.ErrorPages[response.Status(status)] = fileserver.ErrorPage{
			Type: response.WithCharset(so.Types.Lookup(file)), Body: body,
		}
	}
	return nil
}
