// Command aws is the asynchronous web server.
//
// Without arguments it takes the place of the classic C server: it serves the folders static and
// dynamic of the current folder on port 8888.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"aws/goloop"
	"aws/internal/kernel"
)

// Set by the Makefile.
var (
	version = "devel"
	commit  = "unknown"
)

// Exit statuses.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

const usage = `aws: the asynchronous web server

usage: aws [--port PORT] [--root DIR] [--verbose] [--trace]

Serves the files in DIR/static by sendfile and those in DIR/dynamic by asynchronous reads, over
HTTP, one answer per connection; anything else is 404 Not Found.

  --port PORT   listen on PORT of all IPv4 addresses; 0 lets the system choose (default 8888)
  --root DIR    the folder that holds static/ and dynamic/ (default .)
  --verbose     print the counters at exit
  --trace       print every transition of every connection's state
  --help        print this and exit
  --version     print the version and exit
`

type options struct {
	port    uint16
	root    string
	verbose bool
	trace   bool
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program, apart from its process. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	opts, done, err := parse(args, stdout)
	if done {
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "aws: %v (aws --help says what there is)\n", err)
		return exitUsage
	}
	if err := serve(opts, stderr); err != nil {
		fmt.Fprintf(stderr, "aws: %v\n", err)
		return exitError
	}
	return exitOK
}

// parse reads the command line. done says that all there is to do has been done.
func parse(args []string, stdout io.Writer) (opts options, done bool, err error) {
	flags := flag.NewFlagSet("aws", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	port := flags.Uint("port", 8888, "")
	flags.StringVar(&opts.root, "root", ".", "")
	flags.BoolVar(&opts.verbose, "verbose", false, "")
	flags.BoolVar(&opts.trace, "trace", false, "")
	showVersion := flags.Bool("version", false, "")
	err = flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return opts, true, nil
	case err != nil:
		return opts, false, err
	case flags.NArg() > 0:
		return opts, false, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case *port > 65535:
		return opts, false, fmt.Errorf("--port %d: a port is a number from 0 to 65535", *port)
	case *showVersion:
		fmt.Fprintf(stdout, "aws %s (commit %s, %s)\n", version, commit, runtime.Version())
		return opts, true, nil
	}
	opts.port = uint16(*port)
	return opts, false, nil
}

// serve runs the drop-in until it is told to end.
func serve(opts options, stderr io.Writer) error {
	signal.Ignore(syscall.SIGPIPE) // sendfile(2) has no MSG_NOSIGNAL
	root, err := kernel.OpenRoot(opts.root)
	if err != nil {
		return fmt.Errorf("--root %s: %w (it must be a folder that this user may enter)", opts.root, errors.Unwrap(err))
	}
	defer func() { _ = kernel.CloseRoot(root) }()
	warnMissing(opts.root, stderr)
	dialect, err := goloop.NewDropIn(root, opts.root)
	if err != nil {
		return err
	}
	cfg := goloop.ServerConfig{
		Loop:    goloop.DropInConfig(),
		Dialect: dialect,
		Loops:   1,
		Listen:  []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), opts.port)},
		Kernel:  kernel.DefaultConfig(),
		Warn:    func(message string) { fmt.Fprintf(stderr, "aws: warning: %s\n", message) },
	}
	if opts.trace {
		cfg.Loop.Trace = stderr
	}
	descriptors, err := kernel.RaiseDescriptors()
	if err != nil {
		return err
	}
	fitDescriptors(&cfg, descriptors)
	server, err := goloop.NewServer(&cfg)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for range signals {
			server.Shutdown()
		}
	}()
	fmt.Fprintf(stderr, "aws: serving %s at http://%s/\n", opts.root, server.Addrs()[0])
	err = server.Run()
	signal.Stop(signals)
	close(signals)
	if opts.verbose {
		counts := server.Counts()
		fmt.Fprint(stderr, counts.String())
	}
	return err
}

// Descriptors that the program itself needs, besides connections and files.
const descriptorsReserved = 24

// fitDescriptors shares the descriptors out: a quarter for files, so that there is always one for
// a connection that waits for its file, and the rest for connections.
func fitDescriptors(cfg *goloop.ServerConfig, descriptors int) {
	left := max(descriptors-descriptorsReserved, 4)
	files := max(left/4, 2)
	cfg.Loop.ConnsMax = min(cfg.Loop.ConnsMax, max(left-files, 2))
	cfg.Cache = goloop.DropInCacheLimits(min(files/2, 1024))
}

// warnMissing says which of the two folders are not there. Their files are 404 until they are.
func warnMissing(root string, stderr io.Writer) {
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
		fmt.Fprintf(stderr, "aws: warning: %s has no %s: requests for it are answered 404 (start it where they are, or use --root)\n", root, missing)
	}
}
