package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"strings"

	"aws/goloop"
	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/kernel"
	"aws/internal/logging"
	"aws/internal/request"

	"github.com/spf13/pflag"
)

// The tables below are where options are defined. Flags, variables, keys of the configuration file,
// the manual page and the tables in the documents derive from them; `go test ./cmd/awsd -update` writes
// the documents again.

// table defines the options of aws serve.
func (o *serveOptions) table() []config.Group {
	limits := goloop.ServeConfig()
	return []config.Group{
		{Name: "Listening", Options: []config.Option{
			{
				Name: "listen", Into: &o.listen, Default: []string{"127.0.0.1:8080"},
				Usage:  "listen at this `ADDRESS`: IP:PORT, :PORT for all addresses, unix:/path (repeatable)",
				Advice: "The default is for this machine alone; :8080 or :80 is for others. Sockets that systemd hands over go before it. Takes a restart to change.",
			},
			{
				Name: "socket-mode", Into: &o.socketMode, Default: "0666",
				Usage:  "permissions of the files of Unix sockets, as octal `MODE`",
				Advice: "Anyone who may write to the file may connect. 0660 with --socket-group lets the proxy's group in and nobody else. Takes a restart to change.",
			},
			{
				Name: "socket-group", Into: &o.socketGroup,
				Usage:  "`GROUP` of the files of Unix sockets, by name or number",
				Advice: "Such as www-data for nginx. It has to be one of the server's own groups, unless it starts as root. Takes a restart to change.",
			},
			{
				Name: "loops", Into: &o.loops, Default: runtime.NumCPU(), DefaultText: "one per core", Least: 1,
				Usage:  "event loops",
				Advice: "Fewer leave cores to others; more than there are cores gain nothing. Takes a restart to change.",
			},
			{
				Name: "defer-accept", Into: &o.deferAccept, Default: true,
				Usage:  "let the kernel hold new connections back until they send something",
				Advice: "Turn it off if health checks connect without sending, or if you want to see idle connections as such. Takes a restart to change.",
			},
			{
				Name: "local-congestion", Into: &o.congestion, Default: kernel.LocalCongestion,
				Usage:  "congestion control `NAME` of connections from this machine; system is that of all others",
				Advice: "Choose system if you emulate a network on the loopback device. Takes a restart to change.",
			},
			{
				Name: "supervise", Into: &o.supervise,
				Usage:  "serve from a process of its own, which SIGHUP and SIGUSR2 replace without losing a request",
				Advice: "Turn it on for services: it is what makes reload and upgrade possible. Takes a restart to change.",
			},
			{
				Name: "start-timeout", Into: &o.startTimeout, Default: startTimeoutDefault, Least: 1,
				Usage:  "how long a worker may take until it serves, with --supervise",
				Advice: "After that it is given up, and the one before it stays. Takes a restart to change.",
			},
			{
				Name: "drain-timeout", Into: &o.drainTimeout, Default: limits.DrainTimeout, Least: 1,
				Usage:  "how long transfers may go on when the server ends, or a worker is replaced",
				Advice: "Raise it where large files are fetched. Anyone who ends the server has to wait as long: TimeoutStopSec of systemd should be longer.",
			},
		}},
		{Name: "Clients", Options: []config.Option{
			{
				Name: "auth", Into: &o.auth,
				Usage:  "ask for a user and password of FILE at PREFIX and below, as `PREFIX=FILE`; PREFIX=off asks for none (repeatable)",
				Advice: "The longest PREFIX that covers a path counts, whatever is mounted below it. FILE is in the format of htpasswd with bcrypt hashes (htpasswd -B). Without TLS in front, passwords are readable on the way.",
			},
			{
				Name: "proxy-from", Into: &o.proxies,
				Usage:  "connections from these `ADDRESSES` (CIDR, or unix for Unix sockets) come from a proxy and begin with the PROXY protocol, version 1 or 2 (repeatable)",
				Advice: "Name the load balancer's addresses and no others: anyone who is named may claim to be anyone.",
			},
		}},
		{Name: "Files", Options: []config.Option{
			{
				Name: "root", Into: &o.root, Default: ".",
				Usage:  "serve the files beneath `DIR`; the argument ROOT says the same",
				Advice: "A relative path counts from the directory in which the process was started. A symbolic link in it is followed again every second, so a link to the current release may be changed while the server runs.",
			},
			{
				Name: "static", Into: &o.static,
				Usage:  "serve DIR at PREFIX by sendfile, as `PREFIX=DIR` (repeatable)",
				Advice: "For files that are asked for often: they stay in the page cache.",
			},
			{
				Name: "dynamic", Into: &o.dynamic,
				Usage:  "serve DIR at PREFIX by asynchronous reads, as `PREFIX=DIR` (repeatable)",
				Advice: "For files that are too many or too large to stay in memory: they don't push others out.",
			},
			{
				Name: "index", Into: &o.index, Default: []string{"index.html"},
				Usage:  "the `NAME` that stands for a directory (repeatable)",
				Advice: "The first that is there is sent.",
			},
			{
				Name: "list", Into: &o.list,
				Usage:  "list directories that have no index",
				Advice: "Everybody who may read the files may then read their names.",
			},
			{
				Name: "max-list-entries", Former: "list-max", Into: &o.listMax, Default: 10000, Least: 1, Usage: "entries that a listing shows",
				Advice: "A listing with more says so. Each entry takes some 200 bytes of a response that is made in memory.",
			},
			{
				Name: "spa", Into: &o.spa,
				Usage:  "send the file at this `PATH` instead of 404",
				Advice: "For applications of a single page, which route by themselves: /index.html.",
			},
			{
				Name: "dotfiles", Into: &o.dotFiles,
				Usage:  "serve names that begin with a dot",
				Advice: "Leave it off where .git, .env or .htpasswd may lie beneath the root.",
			},
		}},
		{Name: "Responses", Options: []config.Option{
			{
				Name: "precompressed", Into: &o.precompress, Default: true,
				Usage:  "send NAME.zst, NAME.br or NAME.gz for NAME to clients that take it",
				Advice: "Turn it off if such files are something else than NAME compressed; it saves looking for them, too.",
			},
			{Name: "cors", Into: &o.cors, Usage: "let pages of any origin read", Advice: "Only for files that everybody may have."},
			{Name: "header", Into: &o.headers, Usage: "add a field to every response, as `'Name: value'` (repeatable)", Advice: "For policies of browsers, such as Content-Security-Policy."},
			{
				Name: "cache-control", Into: &o.cacheControl,
				Usage:  "Cache-Control of matching files, as `GLOB=VALUE` (repeatable)",
				Advice: "A GLOB with a slash is compared with the whole path of the file, one without with its name. Names that have a hash in them may be kept for ever: '*.[0-9a-f]*.js=max-age=31536000, immutable'.",
			},
			{
				Name: "mime", Into: &o.mimes,
				Usage:  "media type of an extension or of matching names, as `EXT=TYPE` or GLOB=TYPE (repeatable)",
				Advice: "It goes before /etc/mime.types.",
			},
			{Name: "error-page", Into: &o.errorPages, Usage: "the body of an error, as `STATUS=FILE` (repeatable)", Advice: "It is read at the start."},
		}},
		{Name: "Limits", Options: []config.Option{
			{
				Name: "max-connections", Former: "conns", Into: &o.connsMax, Default: limits.ConnsMax, Least: 1,
				FormerNote: "it counts the connections of all loops together",
				Usage:      "connections of the server at once",
				Advice:     "Further ones wait in the backlog. It is lowered to what the limit of descriptors allows.",
			},
			{
				Name: "max-connections-per-ip", Former: "conns-per-address", Into: &o.perAddress, Default: limits.ConnsPerAddressMax,
				FormerNote: "it counts the connections of all loops together",
				Usage:      "connections of one client address at once; 0 means no limit",
				Advice:     "Behind a proxy, name it with --proxy-from: its clients are counted then, and not the proxy.",
			},
			{
				Name: "keepalive-timeout", Former: "idle-timeout", Into: &o.idle, Default: limits.IdleTimeout, Least: 1,
				Usage:  "how long a connection may wait for its next request",
				Advice: "Behind a balancer it should be longer than the balancer's own.",
			},
			{Name: "read-header-timeout", Former: "head-timeout", Into: &o.head, Default: limits.HeadTimeout, Least: 1, Usage: "how long a request head may take", Advice: "Lower it against clients that send a byte now and then; mobile ones may need some seconds."},
			{Name: "send-timeout", Into: &o.send, Default: limits.SendTimeout, Least: 1, Usage: "how long a client may take nothing of a response", Advice: "Raise it for clients that pause, such as players; lower it where connections are short."},
			{
				Name: "min-send-rate", Former: "send-rate-min", Into: (*config.Size)(&o.sendRate), Default: config.Size(limits.SendRateMin),
				Usage:  "bytes per second that a client has to take, on average over --send-timeout, as `SIZE`",
				Advice: "Lower it for clients that are slow on purpose, such as players that buffer.",
			},
			{
				Name: "limit-rate", Former: "rate", Into: (*config.Size)(&o.rate),
				Usage:  "body bytes per second of one connection, as `SIZE`; 0 means no limit",
				Advice: "Set it where one download must not fill the line.",
			},
			{
				Name: "limit-rate-total", Former: "rate-total", Into: (*config.Size)(&o.rateTotal),
				Usage:  "body bytes per second of all connections together, as `SIZE`; 0 means no limit",
				Advice: "Set it where the files must not fill the line. A quarter of a second's worth may go at once.",
			},
			{Name: "max-header-bytes", Former: "head-bytes", Into: (*config.Size)(&o.headMax), Default: config.Size(request.DefaultHeadBytesMax), Least: 1, Most: 1 << 30, Usage: "longest request head", Advice: "Raise it if cookies make clients get 431."},
			{Name: "max-target-bytes", Former: "target-bytes", Into: (*config.Size)(&o.targetMax), Default: config.Size(request.DefaultTargetBytesMax), Least: 1, Most: 1 << 30, Usage: "longest request target", Advice: "Raise it if long queries make clients get 414."},
			{Name: "max-header-fields", Former: "fields", Into: &o.fieldsMax, Default: request.DefaultFieldsMax, Least: 1, Usage: "most fields of a request", Advice: "Proxies add some; a request with more gets 431."},
			{
				Name: "max-body-bytes", Former: "body-bytes", Into: (*config.Size)(&o.bodyMax), Default: config.Size(request.DefaultBodyBytesMax), Least: 1,
				Usage:  "longest request body that is thrown away rather than refused",
				Advice: "There is no use for bodies here; the bound keeps a connection from being taken up by one.",
			},
			{Name: "max-ranges", Former: "ranges", Into: &o.rangesMax, Default: 64, Least: 1, Usage: "most ranges of a request; with more, all are ignored", Advice: "Readers of documents ask for some dozens; a great many are an attack."},
			{
				Name: "strict-crlf", Into: &o.strictCRLF, Usage: "refuse lines that end in a bare LF",
				Advice: "Turn it on behind a proxy that sees the ends of lines differently.",
			},
			{
				Name: "window-bytes", Into: (*config.Size)(&o.windowBytes), Default: config.Size(limits.WindowBytes), Least: 1,
				Usage:  "of one dynamic file in memory per connection, a multiple of 128KiB",
				Advice: "Larger is faster for few clients on a slow disk, and costs memory for many.",
			},
			{
				Name: "pool-bytes", Into: (*config.Size)(&o.poolBytes), Default: config.Size(limits.PoolBytes), Least: 1,
				Usage:  "of all dynamic files in memory, per loop",
				Advice: "Raise it if connections wait for buffers (the counter waits grows). What is never used costs nothing.",
			},
		}},
		{Name: "Watching", Options: append(append(o.watch.Table(), o.log.Table()...),
			config.Option{Name: "verbose", Into: &o.verbose, Usage: "print the counters at exit", Advice: "To see what a run was about, without --admin."},
			config.Option{Name: "trace", Into: &o.trace, Usage: "print every transition of every connection's state", Advice: "It costs a line per transition: for study."},
		)},
		{Name: "Safety", Options: o.give.Table()},
	}
}

// limitFlags puts the names of flags in place of those of goloop.Config.
var limitFlags = strings.NewReplacer(
	"ConnsMax", "--max-connections", "ConnsPerAddressMax", "--max-connections-per-ip", "SendRateMin", "--min-send-rate",
	"IdleTimeout", "--keepalive-timeout", "DrainTimeout", "--drain-timeout", "HeadTimeout", "--read-header-timeout", "SendTimeout", "--send-timeout",
	"TotalRateMax", "--limit-rate-total", "RateMax", "--limit-rate", "WindowBytes", "--window-bytes", "PoolBytes", "--pool-bytes", "BufferBytes", "a buffer",
)

// configEnv names the configuration file if no flag does.
const configEnv = config.Prefix + "CONFIG"

// configBytesMax bounds a configuration file.
const configBytesMax = 1 << 20

// commandLine is what was said about aws serve, or about a command that takes the same options.
type commandLine struct {
	given config.Given
	file  string
}

// flags adds --config and a flag for each option.
func (l *commandLine) flags(f *pflag.FlagSet) {
	f.Var(onceValue{&l.file}, "config", "read options from this TOML `FILE`")
	l.given = config.Flags(f, new(serveOptions).table())
}

// options returns the options that result from arguments, flags, variables and the configuration file,
// and where each comes from. It may be called again, and reads the file and the variables again.
func (l *commandLine) options(args []string, report *logging.Reporter) (*serveOptions, config.Origins, error) {
	given := maps.Clone(l.given)
	if len(args) > 0 {
		if len(given["root"]) > 0 {
			return nil, nil, command.UsageError(fmt.Errorf("ROOT is %s and --root is %s: one of them, not both; leave one out", args[0], given["root"][0]))
		}
		given["root"] = args[:1]
	}
	src := config.Sources{Given: given, Environ: os.Environ(), Own: []string{configEnv, socketsEnv, keptEnv, command.StartedAsEnv}}
	src.File = l.configFile()
	if src.File != "" {
		var err error
		if src.Text, err = readConfig(src.File); err != nil {
			return nil, nil, l.configError(err)
		}
	}
	o := &serveOptions{}
	origins, warnings, err := config.Resolve(o.table(), src)
	report.Set(&o.log, true)
	for _, s := range warnings {
		report.Warn(s)
	}
	if err != nil {
		return nil, nil, command.ConfigError(err)
	}
	return o, origins, nil
}

// configFile returns the name of the configuration file, or nothing if there is none.
func (l *commandLine) configFile() string {
	if l.file == "" {
		return os.Getenv(configEnv)
	}
	return l.file
}

// configError says why the configuration file could not be read, with the remedy.
func (l *commandLine) configError(err error) error {
	option := "--config"
	if l.file == "" {
		option = configEnv
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w (name a file that is there; %s check prints one with all options)", option, err, program)
	}
	return command.FileError(option, "read", err)
}

// readConfig reads a configuration file.
func readConfig(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, configBytesMax+1))
	if err == nil && len(text) > configBytesMax {
		err = fmt.Errorf("%s: it has more than %d bytes", name, configBytesMax)
	}
	return text, err
}

// located adds to an error that names a flag where its value comes from, if that was not a flag.
func located(err error, origins config.Origins) error {
	if err == nil {
		return nil
	}
	for _, word := range strings.FieldsFunc(err.Error(), func(r rune) bool { return r == ' ' || r == ':' || r == ',' }) {
		name, ok := strings.CutPrefix(word, "--")
		origin := origins[name]
		if !ok || origin == "" || origin == config.OriginDefault || strings.HasPrefix(origin, "flag ") {
			continue
		}
		return fmt.Errorf("%w (%s comes from %s)", err, name, origin)
	}
	return err
}
