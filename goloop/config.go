package goloop

import (
	"fmt"
	"io"
	"net/netip"
	"time"

	"aws/internal/compression"
	"aws/internal/rate"
	"aws/internal/stats"
	"aws/internal/tlsconn"
)

// Config holds every limit of a loop. All durations and sizes must be positive; Check says which
// one is not.
type Config struct {
	// ConnsMax bounds the connections at once, those of all of a server's loops together; further ones wait in the listeners'
	// backlogs.
	ConnsMax int

	BufferBytes     int   // size of one buffer of the pool, a multiple of 4096
	WindowBytes     int64 // of a dynamic file in memory per connection, at the most
	PoolBytes       int64 // of all dynamic files in memory, at the most; at least one window
	ReadsPerConnMax int   // reads in flight for one connection, at the most; a whole file that is in memory is asked for at once
	// ReadsShared is how many reads in flight the connections share before each is held to two: more of them make
	// no disk faster, and what they bring is no longer in the processor's cache when it is sent. 0 means no limit.
	ReadsShared int

	// ConnsPerAddressMax bounds the connections of one client address at once (of an IPv6 client, its
	// /64), with all of a server's loops; further ones are closed at once. 0 means no limit.
	ConnsPerAddressMax int
	// SendRateMin is how many bytes per second a client has to take, averaged over SendTimeout. With 0
	// it has to take one byte per SendTimeout.
	SendRateMin int64

	// DeferAbove is the rate of connections per second above which the kernel holds each back until it has
	// sent something. 0 leaves that to how the addresses were bound.
	DeferAbove int
	// CoalesceAbove is the rate of connections per second above which the loop tries whether they come no slower when
	// it lets some gather before it waits for the next, and then does. 0 is never.
	CoalesceAbove int

	// Corked says that the connections' sockets have TCP_CORK (tcp(7)): what is sent waits for a full packet or for the
	// connection's end. The loop pushes it out when what follows has to be waited for.
	Corked bool

	// SubmitsMax is how many reads of a whole buffer one iteration submits. Each takes the loop up to 0.1 ms,
	// during which all other connections wait.
	SubmitsMax int

	HandshakeTimeout time.Duration // from the first byte of a TLS handshake to its end

	IdleTimeout   time.Duration // without a byte of a request
	HeadTimeout   time.Duration // from the first byte of a head to its last
	SendTimeout   time.Duration // without the client taking a byte
	DiskTimeout   time.Duration // without the disk delivering
	LingerTimeout time.Duration // for a client to stop sending after our last byte
	DrainIdle     time.Duration // for a kept connection to send another request after that
	DrainTimeout  time.Duration // for transfers to end once Shutdown was called
	StallTimeout  time.Duration // after which the buffers of a client that takes nothing may be reclaimed

	// Proxies are trusted to send the client's address by the PROXY protocol. They must send it.
	Proxies []netip.Prefix
	// ProxyUnix says the same of anyone who connects to a Unix socket.
	ProxyUnix bool
	// RateMax bounds the body bytes per second of a connection, and TotalRateMax those of all of the
	// server's connections together, however many loops it has. 0 means no limit.
	RateMax, TotalRateMax int64

	// TLS is where connections that speak TLS have their configuration from. Secure says which listeners' connections do.
	TLS    TLS
	Secure []bool
	// HandshakeFailed, if it is not nil, is called for each failed handshake that had begun. It must not wait. err is nil if the failure says
	// it all. Its text has parts that the client has chosen.
	HandshakeFailed func(peer netip.AddrPort, why tlsconn.Failure, err error)
	// KernelTLSBytes is from how many bytes of a file in one response on the kernel makes a connection's records, if it can. 0 means never.
	KernelTLSBytes int64

	// H2C says that a connection without TLS may speak HTTP/2, if the client knows that (RFC 9113, section 3.3).
	H2C bool

	Sink    stats.Sink // gets a record for each response, if not nil
	Tracer  Tracer     // gets what the loop does, if not nil
	Publish bool       // the counters are copied for other goroutines now and then
	Trace   io.Writer  // gets a line for each transition, if not nil

	Forms *compression.Cache // of the compressed forms of files; nil: nothing is compressed

	limits *connLimits // that a Server's loops share; a loop without one has its own

	total *rate.Total // that a Server's loops share; a loop without one has its own
}

// DropInConfig returns the limits of the drop-in.
func DropInConfig() Config {
	return Config{
		ConnsMax:         10000,
		BufferBytes:      128 << 10,
		WindowBytes:      8 << 20,
		PoolBytes:        256 << 20,
		ReadsPerConnMax:  8,
		SubmitsMax:       16,
		DeferAbove:       2000,
		CoalesceAbove:    2000,
		HandshakeTimeout: 10 * time.Second,
		IdleTimeout:      60 * time.Second,
		HeadTimeout:      30 * time.Second,
		SendTimeout:      60 * time.Second,
		DiskTimeout:      120 * time.Second,
		LingerTimeout:    2 * time.Second,
		DrainIdle:        500 * time.Millisecond,
		DrainTimeout:     10 * time.Second,
		StallTimeout:     time.Second,
	}
}

// ServeConfig returns the limits of `aws serve`, for each of its loops.
func ServeConfig() Config {
	c := DropInConfig()
	c.WindowBytes = 1 << 20
	c.PoolBytes = 128 << 20
	c.DrainIdle = 2 * time.Second
	c.ReadsShared = 16
	c.DeferAbove = 0
	c.ConnsMax, c.ConnsPerAddressMax = 20000, 1000
	c.SendRateMin = 500
	return c
}

// Check returns an error that names the first value that can't work.
func (cfg *Config) Check() error {
	type limit struct {
		name  string
		value int64
	}
	for _, v := range []limit{
		{"ConnsMax", int64(cfg.ConnsMax)},
		{"BufferBytes", int64(cfg.BufferBytes)},
		{"WindowBytes", cfg.WindowBytes},
		{"PoolBytes", cfg.PoolBytes},
		{"ReadsPerConnMax", int64(cfg.ReadsPerConnMax)},
		{"SubmitsMax", int64(cfg.SubmitsMax)},
		{"HandshakeTimeout", int64(cfg.HandshakeTimeout)},
		{"IdleTimeout", int64(cfg.IdleTimeout)},
		{"HeadTimeout", int64(cfg.HeadTimeout)},
		{"SendTimeout", int64(cfg.SendTimeout)},
		{"DiskTimeout", int64(cfg.DiskTimeout)},
		{"LingerTimeout", int64(cfg.LingerTimeout)},
		{"DrainIdle", int64(cfg.DrainIdle)},
		{"DrainTimeout", int64(cfg.DrainTimeout)},
		{"StallTimeout", int64(cfg.StallTimeout)},
	} {
		if v.value <= 0 {
			return fmt.Errorf("%s is %d: it must be positive", v.name, v.value)
		}
	}
	for _, v := range []limit{ // for which 0 means that there is none
		{"CoalesceAbove", int64(cfg.CoalesceAbove)},
		{"DeferAbove", int64(cfg.DeferAbove)},
		{"ReadsShared", int64(cfg.ReadsShared)},
		{"ConnsPerAddressMax", int64(cfg.ConnsPerAddressMax)},
		{"SendRateMin", cfg.SendRateMin},
	} {
		if v.value < 0 {
			return fmt.Errorf("%s is %d: it may not be negative", v.name, v.value)
		}
	}
	for _, r := range []int64{cfg.RateMax, cfg.TotalRateMax} {
		if r != 0 && r < max(rate.Floor, cfg.SendRateMin) {
			return fmt.Errorf("RateMax is %d and TotalRateMax %d: a rate is 0, or at least %d, and at least SendRateMin, %d",
				cfg.RateMax, cfg.TotalRateMax, rate.Floor, cfg.SendRateMin)
		}
	}
	if cfg.BufferBytes%4096 != 0 {
		return fmt.Errorf("BufferBytes is %d: it must be a multiple of 4096", cfg.BufferBytes)
	}
	if cfg.WindowBytes < int64(cfg.BufferBytes) || cfg.WindowBytes%int64(cfg.BufferBytes) != 0 {
		return fmt.Errorf("WindowBytes is %d: it must be a multiple of BufferBytes, %d",
			cfg.WindowBytes, cfg.BufferBytes)
	}
	if cfg.PoolBytes < cfg.WindowBytes {
		return fmt.Errorf("PoolBytes is %d: it must hold one window, %d", cfg.PoolBytes, cfg.WindowBytes)
	}
	if cfg.ConnsMax > connsLimit {
		return fmt.Errorf("ConnsMax is %d: it can't be more than %d", cfg.ConnsMax, connsLimit)
	}
	return nil
}

// connsLimit is what fits a slot number's 24 bits.
const connsLimit = 1<<24 - 1
