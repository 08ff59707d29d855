package serveconfig

import (
	"errors"
	"fmt"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"aws/goloop"
	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/kernel"
	"aws/internal/listeners"
)

// startTimeoutDefault is how long a worker may take until it serves.
const startTimeoutDefault = 30 * time.Second

// Listening holds the addresses, the number of loops and the options of the processes.
type Listening struct {
	addresses   []string
	socketMode  string
	socketGroup string
	deferAccept bool
	h2c         bool
	congestion  string

	Loops        int
	Supervise    bool          // serve from a worker process
	StartTimeout time.Duration // of a worker
	DrainTimeout time.Duration
}

func (l *Listening) table() config.Group {
	return config.Group{Name: "Listening", Options: []config.Option{
		{
			Name: "listen", Into: &l.addresses, Default: []string{"127.0.0.1:8080"},
			Usage:  "listen on `ADDRESS`: IP:PORT, :PORT for all addresses, or unix:/path for a Unix socket (repeatable)",
			Advice: "The default accepts connections from this machine only; :8080 and :80 accept them from everywhere. Sockets that systemd passes replace this option. With --supervise a reload adds and removes addresses.",
		},
		{
			Name: "socket-mode", Into: &l.socketMode, Default: "0666",
			Usage:  "permissions of Unix socket files, as octal `MODE`",
			Advice: "Every process that may write to the file may connect. 0660 together with --socket-group restricts access to one group, such as the proxy's.",
		},
		{
			Name: "socket-group", Into: &l.socketGroup,
			Usage:  "`GROUP` that owns Unix socket files, by name or number",
			Advice: "For example www-data for nginx. The server must be a member of the group, unless it starts as root.",
		},
		{
			Name: "h2c", Into: &l.h2c,
			Usage:  "serve HTTP/2 without TLS to clients that begin with it (prior knowledge), besides HTTP/1.1",
			Advice: "For proxies and load generators. Browsers use HTTP/2 over https only, where it needs no option.",
		},
		{
			Name: "loops", Into: &l.Loops, Default: runtime.NumCPU(), DefaultText: "one per core", Least: 1,
			Usage:  "number of event loops",
			Advice: "Fewer loops leave cores to other programs. More loops than cores have no advantage. A change needs a restart.",
		},
		{
			Name: "defer-accept", Into: &l.deferAccept, Default: true,
			Usage:  "accept a connection only when its first data has arrived (TCP_DEFER_ACCEPT)",
			Advice: "Turn it off if health checks connect without sending data, or to see connections that have not sent data. A change needs a restart.",
		},
		{
			Name: "local-congestion", Into: &l.congestion, Default: kernel.LocalCongestion,
			Usage:  "congestion control algorithm `NAME` of connections to loopback addresses; system means the default of the system",
			Advice: "For a proxy on the same machine: an algorithm that paces, as bbr does, costs it time. Choose system if you emulate a network on the loopback device. A change needs a restart.",
		},
		{
			Name: "supervise", Into: &l.Supervise,
			Usage:  "serve from a worker process, which SIGHUP and SIGUSR2 replace without losing a request",
			Advice: "Turn it on for services: reload and upgrade need it. A change needs a restart.",
		},
		{
			Name: "start-timeout", Into: &l.StartTimeout, Default: startTimeoutDefault, Least: 1,
			Usage:  "time in which a new worker process must start to serve, with --supervise",
			Advice: "A worker that takes longer is ended, and the worker before it stays. A change needs a restart.",
		},
		{
			Name: "drain-timeout", Into: &l.DrainTimeout, Default: goloop.ServeConfig().DrainTimeout, Least: 1,
			Usage:  "time that transfers may take to end when the server stops or a worker is replaced",
			Advice: "Raise it if clients download large files. Stopping the server can take this long: TimeoutStopSec of systemd should be longer.",
		},
	}}
}

// plain reads --listen.
func (l *Listening) plain() ([]kernel.Address, error) {
	file, err := l.socketFile()
	if err != nil {
		return nil, command.UsageError(err)
	}
	var addrs []kernel.Address
	for _, s := range l.addresses {
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

// ErrNoAddress means that no address to listen on is configured.
var ErrNoAddress = command.UsageError(errors.New("--listen: there is no address to listen at; name one, such as 127.0.0.1:8080, or leave the option out"))

// socketFile reads --socket-mode and --socket-group.
func (l *Listening) socketFile() (kernel.SocketAccess, error) {
	mode, err := strconv.ParseUint(l.socketMode, 8, 32)
	if err != nil || mode > 0o777 {
		return kernel.SocketAccess{}, fmt.Errorf("--socket-mode %q: expected permissions in octal, such as 0660", l.socketMode)
	}
	access := kernel.SocketAccess{Mode: uint32(mode), Group: -1}
	if l.socketGroup == "" {
		return access, nil
	}
	if gid, err := strconv.ParseUint(l.socketGroup, 10, 31); err == nil {
		access.Group = int(gid)
		return access, nil
	}
	group, err := user.LookupGroup(l.socketGroup)
	if err != nil {
		return access, fmt.Errorf("--socket-group: %w (getent group lists the groups)", err)
	}
	access.Group, err = strconv.Atoi(group.Gid)
	return access, err
}

// localCongestion returns the congestion control of connections from this machine, or "" for the system's.
func (l *Listening) localCongestion() string {
	if l.congestion == "system" {
		return ""
	}
	return l.congestion
}

// Sockets returns how the addresses are bound for workers.
func (l *Listening) Sockets(doing Doing) *listeners.Options {
	return &listeners.Options{
		Loops: l.Loops, Defer: l.deferAccept, Congestion: l.localCongestion(), Flag: "--listen",
		Binding: func(a kernel.Address) { doing("listening at %s", a) },
	}
}

// listensAt reports whether an address of --listen begins with a prefix.
func (l *Listening) listensAt(prefix string) bool {
	return slices.ContainsFunc(l.addresses, func(a string) bool { return strings.HasPrefix(a, prefix) })
}

// addTo puts the options of the loops into the server's configuration.
func (l *Listening) addTo(cfg *goloop.ServerConfig) error {
	cfg.Loop.H2C = l.h2c
	cfg.Loops, cfg.Defer, cfg.ListenFlag = l.Loops, l.deferAccept, "--listen"
	cfg.Loop.DrainTimeout = l.DrainTimeout
	if cfg.LocalCongestion = l.localCongestion(); cfg.LocalCongestion == "" {
		return nil
	}
	if err := kernel.CheckCongestion(cfg.LocalCongestion); err != nil {
		return command.UsageError(fmt.Errorf("--local-congestion: %w", err))
	}
	return nil
}
