package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"runtime"
	"slices"
	"syscall"

	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/handler/fileserver"
	"aws/internal/kernel"
	"aws/internal/listeners"
	"aws/internal/logging"
	"aws/internal/serveconfig"
	"aws/internal/supervisor"
	"aws/internal/systemd"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/spf13/cobra"
)

// fileServer is a run of the file server, or of the supervisor of one.
type fileServer struct {
	line      *commandLine // what the options are read from, with args
	args      []string
	options   *serveconfig.Options
	origins   config.Origins
	untouched bool                // no option was given
	single    *fileserver.Options // what is served, if there are no sites
	start     *logging.StartUp
	report    *logging.Reporter
	stdout    io.Writer
}

// serveCommand is the file server.
func serveCommand(stdout io.Writer, report *logging.Reporter) *cobra.Command {
	var line commandLine
	cmd := newCommand("serve [ROOT]", "serve a directory over HTTP/1.1", oneRoot,
		func(_ *cobra.Command, args []string) error {
			var start logging.StartUp
			if supervisor.IsWorker() {
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
			s := &fileServer{line: &line, args: args, options: o, origins: origins, untouched: untouched(origins), start: &start, report: report, stdout: stdout}
			return located(s.run(), origins)
		})
	line.flags(cmd.Flags())
	cmd.Long = `Serves the files below ROOT over HTTP/1.1. The default of ROOT is the current directory.
If the directory ROOT/dynamic exists, it is served at /dynamic/ with asynchronous reads that do not fill the page cache.

Each option is a flag, an environment variable (AWSD_KEEPALIVE_TIMEOUT for --keepalive-timeout) and a key of the
configuration file that --config names (keepalive-timeout = "1m"). A flag has precedence over a variable, and a
variable over the file. A file can also have tables that describe several sites: see docs/configuration.md.`
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

// doing notes what is about to be done, which may take long. Nothing is noted by check, which has no start.
func (s *fileServer) doing(format string, args ...any) {
	if s.start != nil {
		s.start.Doing(s.report, format, args...)
	}
}

// run runs the file server until it is asked to end. With --supervise this process only starts others that do, with the
// sockets that it binds for them.
func (s *fileServer) run() error {
	from, err := supervisor.Inherit()
	if err != nil {
		return err
	}
	var sockets *listeners.Set
	if from != nil {
		sockets = from.Listeners
		if err := s.options.WarnKept(from.Settings, s.origins, s.report); err != nil {
			s.report.Warn(fmt.Sprintf("%s: %v", supervisor.SettingsEnv, err))
		}
	} else if sockets, err = listeners.Activated(activation.Files(true), s.options.Listening.Loops); err != nil {
		return err
	}
	addrs, err := s.options.Addresses()
	if err != nil {
		return err
	}
	if len(addrs) == 0 && sockets == nil {
		return serveconfig.ErrNoAddress
	}
	if s.options.Listening.Supervise && from == nil {
		return s.supervise(addrs, sockets)
	}
	if err := warnEffects(s.options, s.origins, s.report); err != nil {
		return err
	}
	return s.serve(addrs, sockets, from)
}

// warnEffects warns of what is set and does nothing.
func warnEffects(o *serveconfig.Options, origins config.Origins, report *logging.Reporter) error {
	warnings, err := o.Effects(origins)
	for _, w := range warnings {
		report.Warn(w)
	}
	return err
}

// serve serves at the addresses, or with the sockets that this process was started with, which are nil if there are none.
// from is nil unless a supervisor has started it.
func (s *fileServer) serve(addrs []kernel.Address, sockets *listeners.Set, from *supervisor.Handover) error {
	o, worker := s.options, from != nil
	descriptors, err := kernel.RaiseDescriptors() // before there are many roots
	if err != nil {
		return err
	}
	issued, err := s.openACME()
	if err != nil {
		return err
	}
	handler, closeRoots, err := s.handler()
	defer closeRoots()
	if err != nil {
		return err
	}
	cfg, err := o.ServerOf(handler)
	if err != nil {
		return err
	}
	var shared *os.File
	if worker {
		shared = from.Shared
	}
	certificates, err := s.certificates(true, shared)
	if err != nil {
		return err
	}
	if certificates != nil {
		defer func() { _ = certificates.Close() }()
		ballast := make([]byte, ballastBytes)
		defer runtime.KeepAlive(ballast)
		watching, end := context.WithCancel(context.Background())
		defer end()
		go certificates.Watch(watching)
		handshakes := &transport{certificates: certificates}
		go handshakes.giveBack(watching)
		cfg.Loop.TLS, cfg.Loop.HandshakeFailed = handshakes, logHandshakes(o.Verbose, s.report)
	}
	if o.Trace {
		cfg.Loop.Trace = s.report.Lines("trace")
	}
	cfg.Listen = addrs
	if sockets != nil {
		cfg.Listen, cfg.Sockets, cfg.Loops = sockets.Addresses(), sockets.Descriptors(), len(sockets.Descriptors())
	}
	if err := serveconfig.CheckCertificates(cfg.Listen, certificates != nil); err != nil {
		return err
	}
	if o.Sites != nil {
		descriptors -= len(handler.Mounts()) // of their roots
	}
	serveconfig.Fit(cfg, descriptors)
	closeForms, err := o.AddForms(cfg, s.report.WarnText)
	defer closeForms()
	if err != nil {
		return err
	}
	o.Give.WarnRoot = !worker
	for _, m := range handler.Mounts() {
		o.Give.Readable = append(o.Give.Readable, command.Readable(m.Dir)...)
	}
	if certificates != nil {
		for _, file := range certificates.Files() {
			o.Give.Readable = append(o.Give.Readable, command.ReadableFile(file)...)
		}
	}
	o.Watch.Succeeds, o.Watch.NewAdmin = worker, newAdmin(reported(certificates, issued))
	watch, err := o.Watch.Open(cfg, &o.Give, s.stdout, s.report)
	if err != nil {
		return err
	}
	defer watch.Close()
	idle := []os.Signal{syscall.SIGUSR2}
	var reload func()
	switch {
	case worker:
	case certificates != nil:
		reload = func() { s.reloadCertificates(certificates) }
	default:
		idle = append(idle, syscall.SIGHUP)
	}
	return command.Run(cfg, &command.ProcessOptions{
		Give: &o.Give, Watch: watch, Verbose: o.Verbose, Report: s.report, Start: s.start, Worker: worker, Idle: idle, Reload: reload,
		Serves: func(r *command.Process) (end func()) {
			s.announce(r, handler.Mounts())
			renew(issued, r.Drains)
			return s.notify(r, from)
		},
	})
}

// handler opens what is to be served.
func (s *fileServer) handler() (h handler.Handler, closeRoots func(), err error) {
	if s.options.Sites != nil {
		if h, closeRoots, err = s.options.SiteHandler(s.doing); err == nil {
			for _, w := range s.options.MissingFiles(h.Mounts()) {
				s.report.Warn(w)
			}
		}
		return h, closeRoots, err
	}
	so, closeRoots, err := s.options.Handler(s.doing, s.report)
	if err != nil {
		return nil, closeRoots, err
	}
	s.single = so
	if h, err = fileserver.New(*so); err != nil {
		err = command.UsageError(err)
	}
	return h, closeRoots, err
}

// announcedMax bounds how many directories are announced one by one.
const announcedMax = 20

// announce reports where the server listens and what it serves, and what somebody who starts it for the first time does not
// expect.
func (s *fileServer) announce(r *command.Process, mounts []*docroot.Mount) {
	for _, a := range r.Server.Addrs() {
		s.report.Info("listening at "+a.URL(), "url", a.URL())
	}
	if s.single != nil {
		mounts = s.single.Mounts // in the order of the options
	} else if len(mounts) > announcedMax {
		n := len(s.options.Sites.Sites())
		s.report.Info(fmt.Sprintf("%d sites serve %d directories", n, len(mounts)), "sites", n, "directories", len(mounts))
		mounts = nil
	}
	announced := map[string]bool{} // mounts may differ in how links are followed alone
	for _, m := range mounts {
		below := m.Prefix[m.Strip:]
		if below != "" && kernel.LookUp(m.Root, below) != kernel.Directory {
			continue // nobody needs to know of it
		}
		dir := path.Join(command.ShownDir(m.Dir), below)
		text := fmt.Sprintf("%s serves %s (%s)", m.Label(), dir, m.Kind)
		if announced[text] {
			continue
		}
		announced[text] = true
		s.report.Info(text, "prefix", m.Label(), "dir", dir, "kind", m.Kind.String())
	}
	hints(s.single, s.untouched && s.options.Sites == nil, s.report)
}

// notify notifies the supervisor, or else systemd, that the server serves, and from then on that it is alive. The function
// that it returns ends that.
func (s *fileServer) notify(r *command.Process, from *supervisor.Handover) (end func()) {
	heartbeat := r.Server.Pulse().Beat
	if from == nil {
		return systemd.Serving(heartbeat, r.Drains, s.report)
	}
	from.Serves(supervisor.Report{DrainMs: s.options.Listening.DrainTimeout.Milliseconds(), Version: command.Version},
		heartbeat, func() { r.Drain("the supervisor is gone") })
	return func() {}
}
