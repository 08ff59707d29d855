package goloop

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/rate"
	"aws/internal/stats"
)

// ServerConfig says what a server serves, and where.
type ServerConfig struct {
	Loop    Config
	Handler handler.Handler
	Cache   docroot.Limits
	Loops   int // event loops, each with a listening socket of its own per address
	Listen  []kernel.Address
	// Sockets are listening already, for each loop one per address, in the order of Listen. Without
	// them the server binds the addresses itself.
	Sockets [][]int32
	Defer   bool // TCP_DEFER_ACCEPT
	Cork    bool // TCP_CORK, for a handler that keeps no connection
	// LocalCongestion is the congestion control of what is accepted at loopback addresses (kernel.ListenOptions); "" is the system's.
	LocalCongestion string
	ListenFlag      string // the flag by which an address is chosen, for messages
	Kernel          kernel.Config
	// Warn gets what the operator should know and the server can live with, if it is not nil.
	Warn func(message string)
	// Inform gets what the operator may want to know, if it is not nil.
	Inform func(message string)
	// Doing is called with what NewServer is about to do, if it is not nil: some of it may take long.
	Doing func(what string)
}

func (cfg *ServerConfig) doing(format string, args ...any) {
	if cfg.Doing != nil {
		cfg.Doing(fmt.Sprintf(format, args...))
	}
}

func (cfg *ServerConfig) warn(message string) {
	if cfg.Warn != nil {
		cfg.Warn(message)
	}
}

func (cfg *ServerConfig) inform(message string) {
	if cfg.Inform != nil {
		cfg.Inform(message)
	}
}

// Server is a set of loops that serve the same files at the same addresses.
type Server struct {
	loops []*Loop
	addrs []kernel.Address
	runs  []error
}

// NewServer binds the addresses and sets the loops up. Connections wait in the backlog until Run.
// The error names what is missing and what to change.
func NewServer(cfg *ServerConfig) (*Server, error) {
	s := &Server{}
	cfg.Loop.Corked = cfg.Cork
	if cfg.Loop.TotalRateMax > 0 {
		cfg.Loop.total = rate.NewTotal(cfg.Loop.TotalRateMax)
	}
	cfg.Loop.limits = newConnLimits(&cfg.Loop)
	cache := docroot.NewCache(cfg.Cache)
	loops, sockets := max(cfg.Loops, 1), cfg.Sockets
	s.addrs = cfg.Listen
	if sockets == nil {
		var err error
		sockets, s.addrs, err = kernel.ListenLoops(cfg.Listen, loops, kernel.ListenOptions{
			Defer: cfg.Defer, Flag: cfg.ListenFlag, Congestion: cfg.LocalCongestion, Cork: cfg.Cork,
		}, func(addr kernel.Address) { cfg.doing("listening at %s", addr) })
		if err != nil {
			return nil, errors.Join(err, closeSockets(sockets))
		}
	}
	cfg.Loop.Secure = nil
	for _, a := range s.addrs {
		cfg.Loop.Secure = append(cfg.Loop.Secure, a.TLS)
	}
	for i := range loops {
		if err := s.addLoop(cfg, cache, sockets[i]); err != nil {
			errs := []error{err, s.Discard()}
			if cfg.Sockets == nil { // else they are the caller's
				errs = append(errs, closeSockets(sockets[i+1:]))
			}
			return nil, errors.Join(errs...)
		}
	}
	return s, nil
}

// closeSockets closes the sockets of loops that there are not.
func closeSockets(sockets [][]int32) error {
	var errs []error
	for _, fds := range sockets {
		errs = append(errs, kernel.CloseAll(fds))
	}
	return errors.Join(errs...)
}

// addLoop adds a loop with its listening sockets, which are its own from now on.
func (s *Server) addLoop(cfg *ServerConfig, cache *docroot.Cache, fds []int32) error {
	first := len(s.loops) == 0
	cfg.doing("setting up loop %d of %d, with %d MiB for dynamic files", len(s.loops)+1, max(cfg.Loops, 1), cfg.Loop.PoolBytes>>20)
	for i, fd := range fds {
		kernel.LimitUnsent(fd, cfg.Loop.Secure[i] || cfg.Loop.H2C)
	}
	kcfg := cfg.Kernel
	var few string
	if kcfg.WorkersMax, few = kernel.WorkersMax(max(cfg.Loops, 1), kcfg.WorkersMax); few != "" && first {
		cfg.warn(few)
	}
	k, aioErr, err := kernel.NewLinux(kcfg)
	if err != nil {
		return errors.Join(err, kernel.CloseAll(fds))
	}
	if aioErr != nil && first {
		cfg.warn(fmt.Sprintf("kernel AIO is not available, dynamic files are read by threads: %v", aioErr))
	}
	if calls, slower := kernel.MissingCalls(); calls != "" && first {
		if slower {
			cfg.warn(calls)
		} else {
			cfg.inform(calls)
		}
	}
	if first && cfg.Loop.KernelTLSBytes > 0 && slices.Contains(cfg.Loop.Secure, true) {
		if err := kernel.TryTLS(); err != nil {
			cfg.inform(fmt.Sprintf("kernel TLS is not available, the server encrypts large responses itself (modprobe tls): %v", err))
		}
	}
	if advice := k.Advice(); advice != "" && first {
		cfg.warn(advice)
	}
	l, err := NewLoop(k, cfg.Loop, cfg.Handler, cache, fds...)
	if err != nil {
		return errors.Join(err, kernel.CloseAll(fds), k.Close())
	}
	l.id = len(s.loops)
	s.loops = append(s.loops, l)
	return nil
}

// Addrs returns the addresses that the server listens at, with the ports that were chosen.
func (s *Server) Addrs() []kernel.Address { return s.addrs }

// Run serves until Shutdown has been called and everything is given back, or until a loop fails.
func (s *Server) Run() error {
	// A loop that has waited wants a processor of the Go scheduler at once, whatever two other goroutines do.
	if n := len(s.loops) + 2; runtime.GOMAXPROCS(0) < n {
		runtime.GOMAXPROCS(n)
	}
	s.runs = make([]error, len(s.loops))
	var group sync.WaitGroup
	for i, l := range s.loops {
		group.Go(func() {
			runtime.LockOSThread()
			if s.runs[i] = l.Run(); s.runs[i] != nil {
				s.Shutdown()
			}
		})
	}
	group.Wait()
	return errors.Join(s.runs...)
}

// Shutdown ends the server: no new connections, transfers end or their time is over. It may be
// called from any goroutine, and more than once.
func (s *Server) Shutdown() {
	for _, l := range s.loops {
		l.Shutdown()
	}
}

// Discard gives back a server that was never run.
func (s *Server) Discard() error {
	var errs []error
	for _, l := range s.loops {
		l.drain()
		errs = append(errs, l.close())
	}
	return errors.Join(errs...)
}

// Counts returns the sum of the loops' counters. It is meant for after Run.
func (s *Server) Counts() stats.Counters {
	var sum stats.Counters
	for _, l := range s.loops {
		sum.Add(&l.counts)
	}
	return sum
}
