package command

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"aws/goloop"
	"aws/internal/config"
	"aws/internal/handler/dropin"
	"aws/internal/kernel"
	"aws/internal/logging"
	"aws/internal/sandbox"

	"github.com/spf13/pflag"
)

// DropIn is the command that takes the place of the classic C server, with its options.
type DropIn struct {
	port int
	root string

	drainTimeout time.Duration

	verbose bool
	trace   bool
	watch   ObserverOptions
	log     logging.Options
	give    sandbox.Options
}

// Table defines the options of the drop-in.
func (o *DropIn) Table() []config.Group {
	return []config.Group{{Name: "Options", Options: slices.Concat([]config.Option{
		{Name: "port", Into: &o.port, Default: 8888, Most: 65535, Usage: "listen on `PORT` of all IPv4 addresses; 0 lets the system choose"},
		{Name: "root", Into: &o.root, Default: ".", Usage: "`DIR` that holds static/ and dynamic/"},
		{
			Name: "drain-timeout", Into: &o.drainTimeout, Default: goloop.DropInConfig().DrainTimeout, Least: 1,
			Usage: "time that transfers may take to end after SIGTERM or SIGINT",
		},
		{Name: "verbose", Into: &o.verbose, Usage: "print the counters at exit"},
		{Name: "trace", Into: &o.trace, Usage: "print every state transition of every connection"},
	}, o.watch.Table(), o.log.Table(), o.give.Table())}}
}

// ParseDropIn returns the drop-in that the arguments describe, or false where they describe something else, are wrong,
// ask for help, or ask for --admin, whose server is not part of every program.
func ParseDropIn(args []string) (*DropIn, bool) {
	flags := pflag.NewFlagSet("aws", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolP("help", "h", false, "")
	flags.BoolP("version", "v", false, "")
	given := config.Flags(flags, new(DropIn).Table())
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 || flags.Changed("help") || flags.Changed("version") {
		return nil, false
	}
	o, err := NewDropIn(given)
	return o, err == nil && o.watch.admin == ""
}

// NewDropIn returns the drop-in with the options that were given as flags. No variables and no file: it is the
// classic server.
func NewDropIn(given config.Given) (*DropIn, error) {
	o := &DropIn{}
	if _, _, err := config.Resolve(o.Table(), config.Sources{Given: given}); err != nil {
		return nil, UsageError(err)
	}
	return o, nil
}

// SetAdmin says how the server behind --admin is made.
func (o *DropIn) SetAdmin(newAdmin NewAdmin) { o.watch.NewAdmin = newAdmin }

// Run runs the drop-in until it is asked to end.
func (o *DropIn) Run(stdout io.Writer, report *logging.Reporter) error {
	report.Set(&o.log, false)
	var start logging.StartUp
	start.Begin()
	defer start.Done()
	return o.run(stdout, report, &start)
}

// run runs the drop-in, and reports to start what is done until it serves.
func (o *DropIn) run(stdout io.Writer, report *logging.Reporter, start *logging.StartUp) error {
	start.Doing(report, "opening the directory %s", o.root)
	root, err := OpenRoot("--root", o.root, kernel.LinksBeneath)
	if err != nil {
		return err
	}
	defer func() { _ = kernel.CloseRoot(root) }()
	found := warnMissing(o.root, report)
	handler, err := dropin.New(root, o.root)
	if err != nil {
		return err
	}
	cfg := goloop.ServerConfig{
		Loop:       goloop.DropInConfig(),
		Handler:    handler,
		Loops:      1,
		Listen:     []kernel.Address{{TCP: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(o.port))}},
		ListenFlag: "--port",
		Cork:       true,
		Kernel:     kernel.DefaultConfig(),
	}
	cfg.Loop.DrainTimeout = o.drainTimeout
	if o.trace {
		cfg.Loop.Trace = report.Lines("trace")
	}
	descriptors, err := kernel.RaiseDescriptors()
	if err != nil {
		return err
	}
	cfg.Cache = dropin.CacheLimits(min(FitDescriptors(&cfg, descriptors), 1024))
	o.give.Readable = Readable(o.root)
	watch, err := o.watch.Open(&cfg, &o.give, stdout, report)
	if err != nil {
		return err
	}
	defer watch.Close()
	return Run(&cfg, &ProcessOptions{
		Give: &o.give, Watch: watch, Verbose: o.verbose, Report: report, Start: start,
		Serves: func(r *Process) func() {
			url := fmt.Sprintf("http://localhost:%d/", r.Server.Addrs()[0].TCP.Port())
			text := fmt.Sprintf("serving %s at %s (all IPv4 addresses)", ShownDir(o.root), url)
			for i, name := range found {
				text += []string{": ", ", "}[min(i, 1)] + fmt.Sprintf("%s/ at /%s/", name, name)
			}
			report.Info(text, "root", o.root, "url", url)
			return func() {}
		},
	})
}

// servedDirs are the directories of a root that the drop-in serves.
var servedDirs = []string{"static", "dynamic"}

// warnMissing returns which of the directories are there, and says which are not, and what to do. Their files are 404
// until they are.
func warnMissing(root string, report *logging.Reporter) (found []string) {
	var missing []string
	for _, name := range servedDirs {
		if info, err := os.Stat(filepath.Join(root, name)); err == nil && info.IsDir() {
			found = append(found, name)
		} else {
			missing = append(missing, name)
		}
	}
	shown := ShownDir(root)
	switch len(missing) {
	case 1:
		dir := missing[0]
		report.Warn(fmt.Sprintf("%s has no %s/: requests for /%s/ get 404 (mkdir %s makes it)", shown, dir, dir, filepath.Join(shown, dir)), "root", root)
	case 2:
		report.Warn(fmt.Sprintf("%s has neither static/ nor dynamic/: every request gets 404 (make one of them, or name the directory "+
			"that holds them: %s --root DIR; to serve this one as it is: %s serve %s)", shown, Name(), Name(), root), "root", root)
	}
	return found
}

// ShownDir returns how a directory is named in messages: the current one by its path, for "." says nothing.
func ShownDir(dir string) string {
	if filepath.Clean(dir) != "." {
		return dir
	}
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}
