package serveconfig

import (
	"errors"
	"strings"
	"time"

	"aws/goloop"
	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/handler/fileserver"
	"aws/internal/request"
)

// limits holds the limits of clients and connections.
type limits struct {
	headMax, targetMax int64
	fieldsMax          int
	bodyMax            int64
	rangesMax          int
	strictCRLF         bool
	idle, head, send   time.Duration
	handshake          time.Duration
	connsMax           int
	perAddress         int
	sendRate           int64
	rate, rateTotal    int64
	windowBytes        int64
	poolBytes          int64
}

func (l *limits) table() config.Group {
	defaults := goloop.ServeConfig()
	return config.Group{Name: "Limits", Options: []config.Option{
		{
			Name: "max-connections", Former: "conns", Into: &l.connsMax, Default: defaults.ConnsMax, Least: 1,
			FormerNote: "it counts the connections of all loops together",
			Usage:      "largest number of open connections",
			Advice:     "Further connections wait in the listen backlog. The server lowers the number if the descriptor limit is too small for it.",
		},
		{
			Name: "max-connections-per-ip", Former: "conns-per-address", Into: &l.perAddress, Default: defaults.ConnsPerAddressMax,
			FormerNote: "it counts the connections of all loops together",
			Usage:      "largest number of open connections of one client address; 0 means no limit",
			Advice:     "Behind a proxy, set --proxy-from: then the proxy's clients are counted, and not the proxy.",
		},
		{
			Name: "keepalive-timeout", Former: "idle-timeout", Into: &l.idle, Default: defaults.IdleTimeout, Least: 1,
			Usage:  "time that a connection may wait for its next request",
			Advice: "Behind a load balancer it must be longer than the load balancer's own timeout.",
		},
		{
			Name: "handshake-timeout", Into: &l.handshake, Default: defaults.HandshakeTimeout, Least: 1,
			Usage:  "time in which a TLS handshake must be complete, from its first byte on",
			Advice: "Lower it against clients that begin handshakes and do not complete them. Clients far away need a few seconds.",
		},
		{Name: "read-header-timeout", Former: "head-timeout", Into: &l.head, Default: defaults.HeadTimeout, Least: 1, Usage: "time in which a request head must be complete", Advice: "Lower it against clients that send a byte now and then. Mobile clients may need some seconds."},
		{Name: "send-timeout", Into: &l.send, Default: defaults.SendTimeout, Least: 1, Usage: "time that a client may receive nothing of a response", Advice: "Raise it for clients that pause, such as media players. Lower it if connections are short."},
		{
			Name: "min-send-rate", Former: "send-rate-min", Into: (*config.Size)(&l.sendRate), Default: config.Size(defaults.SendRateMin),
			Usage:  "bytes per second that a client must receive, averaged over --send-timeout, as `SIZE`",
			Advice: "Lower it for clients that are slow on purpose, such as media players that buffer.",
		},
		{
			Name: "limit-rate", Former: "rate", Into: (*config.Size)(&l.rate),
			Usage:  "limit each connection to `SIZE` body bytes per second; 0 means no limit",
			Advice: "Set it so that one download does not fill the line.",
		},
		{
			Name: "limit-rate-total", Former: "rate-total", Into: (*config.Size)(&l.rateTotal),
			Usage:  "limit all connections together to `SIZE` body bytes per second; 0 means no limit",
			Advice: "Set it so that the files do not fill the line. Bursts may be as large as a quarter of a second's worth.",
		},
		{Name: "max-header-bytes", Former: "head-bytes", Into: (*config.Size)(&l.headMax), Default: config.Size(request.DefaultHeadBytesMax), Least: 1, Most: 1 << 30, Usage: "largest size of a request head", Advice: "Raise it if clients with large cookies get 431."},
		{Name: "max-target-bytes", Former: "target-bytes", Into: (*config.Size)(&l.targetMax), Default: config.Size(request.DefaultTargetBytesMax), Least: 1, Most: 1 << 30, Usage: "largest size of a request target", Advice: "Raise it if clients with long queries get 414."},
		{Name: "max-header-fields", Former: "fields", Into: &l.fieldsMax, Default: request.DefaultFieldsMax, Least: 1, Usage: "largest number of header fields of a request", Advice: "Proxies add some. A request with more gets 431."},
		{
			Name: "max-body-bytes", Former: "body-bytes", Into: (*config.Size)(&l.bodyMax), Default: config.Size(request.DefaultBodyBytesMax), Least: 1,
			Usage:  "largest request body that is discarded; a larger one is refused",
			Advice: "The server does not use request bodies. The limit prevents a body from occupying a connection.",
		},
		{Name: "max-ranges", Former: "ranges", Into: &l.rangesMax, Default: 64, Least: 1, Usage: "largest number of ranges of a request; with more, all are ignored", Advice: "Document viewers request some dozens. A request with very many is an attack."},
		{
			Name: "strict-crlf", Into: &l.strictCRLF, Usage: "refuse requests with lines that end in a bare LF",
			Advice: "Turn it on if a proxy in front recognises the ends of lines differently.",
		},
		{
			Name: "window-bytes", Into: (*config.Size)(&l.windowBytes), Default: config.Size(defaults.WindowBytes), Least: 1,
			Usage:  "memory for one dynamic file of one connection, a multiple of 128KiB",
			Advice: "A larger window is faster for few clients on a slow disk, and needs more memory for many clients.",
		},
		{
			Name: "pool-bytes", Into: (*config.Size)(&l.poolBytes), Default: config.Size(defaults.PoolBytes), Least: 1,
			Usage:  "memory for all dynamic files of one loop",
			Advice: "Raise it if connections wait for buffers (the counter waits grows). Memory that is never used costs nothing.",
		},
	}}
}

// addTo puts the limits of connections into the server's configuration.
func (l *limits) addTo(cfg *goloop.ServerConfig) {
	cfg.Loop.IdleTimeout, cfg.Loop.HeadTimeout, cfg.Loop.SendTimeout = l.idle, l.head, l.send
	cfg.Loop.HandshakeTimeout = l.handshake
	cfg.Loop.ConnsMax, cfg.Loop.ConnsPerAddressMax, cfg.Loop.SendRateMin = l.connsMax, l.perAddress, l.sendRate
	cfg.Loop.WindowBytes, cfg.Loop.PoolBytes = l.windowBytes, l.poolBytes
	cfg.Loop.RateMax, cfg.Loop.TotalRateMax = l.rate, l.rateTotal
}

// addToHandler puts the limits of requests into the options of the handler.
func (l *limits) addToHandler(so *fileserver.Options) {
	so.Limits = request.Limits{
		HeadBytesMax: int(l.headMax), TargetBytesMax: int(l.targetMax), FieldsMax: l.fieldsMax, StrictCRLF: l.strictCRLF,
	}
	so.Body = request.BodyLimits{BytesMax: l.bodyMax}
	so.RangesMax = l.rangesMax
}

// limitFlags puts the names of flags in place of those of goloop.Config.
var limitFlags = strings.NewReplacer(
	"ConnsMax", "--max-connections", "ConnsPerAddressMax", "--max-connections-per-ip", "SendRateMin", "--min-send-rate",
	"IdleTimeout", "--keepalive-timeout", "HandshakeTimeout", "--handshake-timeout", "DrainTimeout", "--drain-timeout", "HeadTimeout", "--read-header-timeout", "SendTimeout", "--send-timeout",
	"TotalRateMax", "--limit-rate-total", "RateMax", "--limit-rate", "WindowBytes", "--window-bytes", "PoolBytes", "--pool-bytes", "BufferBytes", "a buffer",
)

// checkLimits returns what the loop would refuse, by the names of flags.
func checkLimits(cfg *goloop.ServerConfig) error {
	if err := cfg.Loop.Check(); err != nil {
		return command.UsageError(errors.New(limitFlags.Replace(err.Error())))
	}
	return nil
}
