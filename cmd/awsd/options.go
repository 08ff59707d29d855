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
				Usage:  "listen on `ADDRESS`: IP:PORT, :PORT for all addresses, or unix:/path for a Unix socket (repeatable)",
				Advice: "The default accepts connections from this machine only; :8080 and :80 accept them from everywhere. Sockets that systemd passes replace this option. A change needs a restart.",
			},
			{
				Name: "socket-mode", Into: &o.socketMode, Default: "0666",
				Usage:  "permissions of Unix socket files, as octal `MODE`",
				Advice: "Every process that may write to the file may connect. 0660 together with --socket-group restricts access to one group, such as the proxy's. A change needs a restart.",
			},
			{
				Name: "socket-group", Into: &o.socketGroup,
				Usage:  "`GROUP` that owns Unix socket files, by name or number",
				Advice: "For example www-data for nginx. The server must be a member of the group, unless it starts as root. A change needs a restart.",
			},
			{
				Name: "loops", Into: &o.loops, Default: runtime.NumCPU(), DefaultText: "one per core", Least: 1,
				Usage:  "number of event loops",
				Advice: "Fewer loops leave cores to other programs. More loops than cores have no advantage. A change needs a restart.",
			},
			{
				Name: "defer-accept", Into: &o.deferAccept, Default: true,
				Usage:  "accept a connection only when its first data has arrived (TCP_DEFER_ACCEPT)",
				Advice: "Turn it off if health checks connect without sending data, or to see connections that have not sent data. A change needs a restart.",
			},
			{
				Name: "local-congestion", Into: &o.congestion, Default: kernel.LocalCongestion,
				Usage:  "congestion control algorithm `NAME` for connections from this machine; system means the default of the system",
				Advice: "Choose system if you emulate a network on the loopback device. A change needs a restart.",
			},
			{
				Name: "supervise", Into: &o.supervise,
				Usage:  "serve from a worker process, which SIGHUP and SIGUSR2 replace without losing a request",
				Advice: "Turn it on for services: reload and upgrade need it. A change needs a restart.",
			},
			{
				Name: "start-timeout", Into: &o.startTimeout, Default: startTimeoutDefault, Least: 1,
				Usage:  "time in which a new worker process must start to serve, with --supervise",
				Advice: "A worker that takes longer is ended, and the worker before it stays. A change needs a restart.",
			},
			{
				Name: "drain-timeout", Into: &o.drainTimeout, Default: limits.DrainTimeout, Least: 1,
				Usage:  "time that transfers may take to end when the server stops or a worker is replaced",
				Advice: "Raise it if clients download large files. Stopping the server can take this long: TimeoutStopSec of systemd should be longer.",
			},
		}},
		{Name: "Clients", Options: []config.Option{
			{
				Name: "auth", Into: &o.auth,
				Usage:  "require a user and password from FILE for PREFIX and everything below, as `PREFIX=FILE`; PREFIX=off requires none (repeatable)",
				Advice: "The longest PREFIX that covers a path applies, whatever is mounted below it. FILE has the format of htpasswd, with bcrypt hashes (htpasswd -B). Without TLS in front, passwords are readable on the network.",
			},
			{
				Name: "proxy-from", Into: &o.proxies,
				Usage:  "expect the PROXY protocol, version 1 or 2, on connections from these `ADDRESSES`: a CIDR, or unix for Unix sockets (repeatable)",
				Advice: "List the addresses of the load balancer only: a client at a listed address can claim any client address.",
			},
		}},
		{Name: "Files", Options: []config.Option{
			{
				Name: "root", Into: &o.root, Default: ".",
				Usage:  "serve the files below `DIR`; same as the argument ROOT",
				Advice: "A relative path starts at the directory in which the process was started. The server resolves a symbolic link in it again every second, so you can point a link at another release while the server runs.",
			},
			{
				Name: "static", Into: &o.static,
				Usage:  "serve DIR at PREFIX with sendfile, as `PREFIX=DIR` (repeatable)",
				Advice: "For files that are requested often: they stay in the page cache.",
			},
			{
				Name: "dynamic", Into: &o.dynamic,
				Usage:  "serve DIR at PREFIX with asynchronous reads, as `PREFIX=DIR` (repeatable)",
				Advice: "For files that are too many or too large for memory: reading them does not push other files out of the page cache.",
			},
			{
				Name: "index", Into: &o.index, Default: []string{"index.html"},
				Usage:  "send the file `NAME` for a directory (repeatable)",
				Advice: "The first name that exists is sent.",
			},
			{
				Name: "list", Into: &o.list,
				Usage:  "send a listing for a directory that has no index file",
				Advice: "Everybody who can read the files can then also read their names.",
			},
			{
				Name: "max-list-entries", Former: "list-max", Into: &o.listMax, Default: 10000, Least: 1, Usage: "largest number of entries in a listing",
				Advice: "A longer listing is cut, and says so. A response with a listing is made in memory; each entry takes about 200 bytes.",
			},
			{
				Name: "spa", Into: &o.spa,
				Usage:  "send the file at `PATH` instead of a 404 response",
				Advice: "For single-page applications that do their own routing: /index.html.",
			},
			{
				Name: "dotfiles", Into: &o.dotFiles,
				Usage:  "serve files whose names begin with a dot",
				Advice: "Leave it off if .git, .env or .htpasswd may be below the root.",
			},
		}},
		{Name: "Responses", Options: []config.Option{
			{
				Name: "precompressed", Into: &o.precompress, Default: true,
				Usage:  "send NAME.zst, NAME.br or NAME.gz in place of NAME to clients that accept the coding",
				Advice: "Turn it off if such files are not compressed forms of NAME. Without it, the server also does not look for them.",
			},
			{Name: "cors", Into: &o.cors, Usage: "allow web pages of any origin to read the files", Advice: "For public files only."},
			{Name: "header", Into: &o.headers, Usage: "add a header field to every response, as `'Name: value'` (repeatable)", Advice: "For browser policies, such as Content-Security-Policy."},
			{
				Name: "cache-control", Into: &o.cacheControl,
				Usage:  "set Cache-Control of matching files, as `GLOB=VALUE` (repeatable)",
				Advice: "A GLOB with a slash is compared with the whole path of a file, a GLOB without a slash with its name. Files that have a hash in their names can be cached for ever: '*.[0-9a-f]*.js=max-age=31536000, immutable'.",
			},
			{
				Name: "mime", Into: &o.mimes,
				Usage:  "set the media type of an extension or of matching names, as `EXT=TYPE` or GLOB=TYPE (repeatable)",
				Advice: "It has precedence over /etc/mime.types.",
			},
			{Name: "error-page", Into: &o.errorPages, Usage: "send FILE as the body of error responses with STATUS, as `STATUS=FILE` (repeatable)", Advice: "The file is read at the start and at a reload."},
		}},
		{Name: "Limits", Options: []config.Option{
			{
				Name: "max-connections", Former: "conns", Into: &o.connsMax, Default: limits.ConnsMax, Least: 1,
				FormerNote: "it counts the connections of all loops together",
				Usage:      "largest number of open connections",
				Advice:     "Further connections wait in the listen backlog. The server lowers the number if the descriptor limit is too small for it.",
			},
			{
				Name: "max-connections-per-ip", Former: "conns-per-address", Into: &o.perAddress, Default: limits.ConnsPerAddressMax,
				FormerNote: "it counts the connections of all loops together",
				Usage:      "largest number of open connections of one client address; 0 means no limit",
				Advice:     "Behind a proxy, set --proxy-from: then the proxy's clients are counted, and not the proxy.",
			},
			{
				Name: "keepalive-timeout", Former: "idle-timeout", Into: &o.idle, Default: limits.IdleTimeout, Least: 1,
				Usage:  "time that a connection may wait for its next request",
				Advice: "Behind a load balancer it must be longer than the load balancer's own timeout.",
			},
			{Name: "read-header-timeout", Former: "head-timeout", Into: &o.head, Default: limits.HeadTimeout, Least: 1, Usage: "time in which a request head must be complete", Advice: "Lower it against clients that send a byte now and then. Mobile clients may need some seconds."},
			{Name: "send-timeout", Into: &o.send, Default: limits.SendTimeout, Least: 1, Usage: "time that a client may receive nothing of a response", Advice: "Raise it for clients that pause, such as media players. Lower it if connections are short."},
			{
				Name: "min-send-rate", Former: "send-rate-min", Into: (*config.Size)(&o.sendRate), Default: config.Size(limits.SendRateMin),
				Usage:  "bytes per second that a client must receive, averaged over --send-timeout, as `SIZE`",
				Advice: "Lower it for clients that are slow on purpose, such as media players that buffer.",
			},
			{
				Name: "limit-rate", Former: "rate", Into: (*config.Size)(&o.rate),
				Usage:  "limit each connection to `SIZE` body bytes per second; 0 means no limit",
				Advice: "Set it so that one download does not fill the line.",
			},
			{
				Name: "limit-rate-total", Former: "rate-total", Into: (*config.Size)(&o.rateTotal),
				Usage:  "limit all connections together to `SIZE` body bytes per second; 0 means no limit",
				Advice: "Set it so that the files do not fill the line. Bursts may be as large as a quarter of a second's worth.",
			},
			{Name: "max-header-bytes", Former: "head-bytes", Into: (*config.Size)(&o.headMax), Default: config.Size(request.DefaultHeadBytesMax), Least: 1, Most: 1 << 30, Usage: "largest size of a request head", Advice: "Raise it if clients with large cookies get 431."},
			{Name: "max-target-bytes", Former: "target-bytes", Into: (*config.Size)(&o.targetMax), Default: config.Size(request.DefaultTargetBytesMax), Least: 1, Most: 1 << 30, Usage: "largest size of a request target", Advice: "Raise it if clients with long queries get 414."},
			{Name: "max-header-fields", Former: "fields", Into: &o.fieldsMax, Default: request.DefaultFieldsMax, Least: 1, Usage: "largest number of header fields of a request", Advice: "Proxies add some. A request with more gets 431."},
			{
				Name: "max-body-bytes", Former: "body-bytes", Into: (*config.Size)(&o.bodyMax), Default: config.Size(request.DefaultBodyBytesMax), Least: 1,
				Usage:  "largest request body that is discarded; a larger one is refused",
				Advice: "The server does not use request bodies. The limit prevents a body from occupying a connection.",
			},
			{Name: "max-ranges", Former: "ranges", Into: &o.rangesMax, Default: 64, Least: 1, Usage: "largest number of ranges of a request; with more, all are ignored", Advice: "Document viewers request some dozens. A request with very many is an attack."},
			{
				Name: "strict-crlf", Into: &o.strictCRLF, Usage: "refuse requests with lines that end in a bare LF",
				Advice: "Turn it on if a proxy in front recognises the ends of lines differently.",
			},
			{
				Name: "window-bytes", Into: (*config.Size)(&o.windowBytes), Default: config.Size(limits.WindowBytes), Least: 1,
				Usage:  "memory for one dynamic file of one connection, a multiple of 128KiB",
				Advice: "A larger window is faster for few clients on a slow disk, and needs more memory for many clients.",
			},
			{
				Name: "pool-bytes", Into: (*config.Size)(&o.poolBytes), Default: config.Size(limits.PoolBytes), Least: 1,
				Usage:  "memory for all dynamic files of one loop",
				Advice: "Raise it if connections wait for buffers (the counter waits grows). Memory that is never used costs nothing.",
			},
		}},
		{Name: "Watching", Options: append(append(o.watch.Table(), o.log.Table()...),
			config.Option{Name: "verbose", Into: &o.verbose, Usage: "print the counters at exit", Advice: "Shows what happened in a run, without --admin."},
			config.Option{Name: "trace", Into: &o.trace, Usage: "print every state transition of every connection", Advice: "For study: it prints a line per transition."},
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
	f.Var(onceValue{&l.file}, "config", "read options from the TOML file `FILE`")
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
