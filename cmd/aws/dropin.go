package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"

	"aws/goloop"
	"aws/internal/config"
	"aws/internal/kernel"

	"github.com/spf13/cobra"
)

// dropInOptions are what can be said about the drop-in.
type dropInOptions struct {
	port    int
	root    string
	verbose bool
	trace   bool
	watch   observeOptions
	log     logOptions
	give    restrictOptions
}

// rootCommand is the program without a command: the drop-in.
func rootCommand(stdout io.Writer, report *reporter) *cobra.Command {
	var given config.Given
	cmd := newCommand(program, "the asynchronous web server", cobra.NoArgs,
		func(*cobra.Command, []string) error {
			var o dropInOptions
			// No variables and no file: whoever starts it without arguments gets the classic server.
			if _, _, err := config.Resolve(o.table(), config.Sources{Given: given}); err != nil {
				return usageError{err}
			}
			report.set(&o.log, false)
			var start startUp
			start.begin()
			defer start.done()
			return dropIn(&o, stdout, report, &start)
		})
	given = config.Flags(cmd.Flags(), new(dropInOptions).table())
	cmd.Long = `Serves the files in DIR/static by sendfile and those in DIR/dynamic by asynchronous
reads, over HTTP, one answer per connection; anything else is 404 Not Found.
"aws serve" is a complete file server.`
	cmd.Version = version
	cmd.SetVersionTemplate(versionText())
	return cmd
}

// dropIn runs the drop-in until it is told to end.
func dropIn(o *dropInOptions, stdout io.Writer, report *reporter, start *startUp) error {
	start.doing(report, "opening the folder %s", o.root)
	root, err := kernel.OpenRoot(o.root)
	if err != nil {
		return fmt.Errorf("--root %s: %w (it must be a folder that this user may enter)", o.root, errors.Unwrap(err))
	}
	defer func() { _ = kernel.CloseRoot(root) }()
	warnMissing(o.root, report)
	dialect, err := goloop.NewDropIn(root, o.root)
	if err != nil {
		return err
	}
	cfg := goloop.ServerConfig{
		Loop:       goloop.DropInConfig(),
		Dialect:    dialect,
		Loops:      1,
		Listen:     []kernel.Address{{TCP: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(o.port))}},
		ListenFlag: "--port",
		Cork:       true,
		Kernel:     kernel.DefaultConfig(),
	}
	if kernel.CheckCongestion(cfg.Loop.LocalCongestion) != nil {
		cfg.Loop.LocalCongestion = "" // nobody has asked for it here
	}
	if o.trace {
		cfg.Loop.Trace = report.lines("trace")
	}
	descriptors, err := kernel.RaiseDescriptors()
	if err != nil {
		return err
	}
	cfg.Cache = goloop.DropInCacheLimits(min(fitDescriptors(&cfg, descriptors), 1024))
	o.give.readable = []string{o.root}
	watch, err := o.watch.open(&cfg, &o.give, stdout, report)
	if err != nil {
		return err
	}
	defer watch.close()
	return runServer(&cfg, &serverRun{
		give: &o.give, watch: watch, verbose: o.verbose, report: report, start: start,
		serves: func(r *running) func() {
			url := fmt.Sprintf("http://%s/", r.server.Addrs()[0])
			report.Info(fmt.Sprintf("serving %s at %s", o.root, url), "root", o.root, "url", url)
			return func() {}
		},
	})
}

// warnMissing says which of the two folders are not there. Their files are 404 until they are.
func warnMissing(root string, report *reporter) {
	missing := ""
	for _, name := range []string{"static", "dynamic"} {
		if info, err := os.Stat(filepath.Join(root, name)); err == nil && info.IsDir() {
			continue
		}
		if missing != "" {
			missing += " and "
		}
		missing += name + "/"
	}
	if missing != "" {
		report.Warn(fmt.Sprintf("%s has no %s: requests for it are answered 404 (start it where they are, or use --root)", root, missing), "root", root)
	}
}
