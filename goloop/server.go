package goloop

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
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
	Sockets    [][]int32
	Defer      bool   // TCP_DEFER_ACCEPT
	Cork       bool   // TCP_CORK, for a handler that keeps no connection
	ListenFlag string // the flag by which an address is chosen, for messages
	Kernel     kernel.Config
	// Warn gets what the operator should know and the server can live with, if it is not nil.
	Warn func(message string)
	// Doing is called with what NewServer is about to do, if it is not nil: some of it may take long.
	Doing func(what string)
}

func (cfg *ServerConfig) doing(format string, args ...any) {
	if cfg.Doing != nil {
		cfg.Doing(fmt.Sprintf(format, args...))
	}
}

// Server is a set of loops that serve the same files at the same addresses.
type Server struct {
	loops []*Loop
	addrs []kernel.Address
	runs  []error
}

// NewServer binds the addresses and sets the loops up. Connections wait in the backlog until Run.
// The error says what could not be had and what to change.
func NewServer(cfg *ServerConfig) (*Server, error) {
	s := &Server{}
	if cfg.Loop.SystemCongestion == "" {
		cfg.Loop.SystemCongestion = kernel.SystemCongestion()
	}
	cfg.Loop.Corked = cfg.Cork
	if cfg.Loop.TotalRateMax > 0 {
		cfg.Loop.total = &totalRate{rate: cfg.Loop.TotalRateMax}
	}
	cfg.Loop.limits = newConnLimits(&cfg.Loop)
	cache := docroot.NewCache(cfg.Cache)
	bound := append([]kernel.Address(nil), cfg.Listen...)
	for i := range max(cfg.Loops, 1) {
		if err := s.addLoop(cfg, cache, bound, i == 0); err != nil {
			return nil, errors.Join(err, s.Discard())
		}
	}
	s.addrs = bound
	return s, nil
}

// addLoop adds a loop. The first one finds out the ports that the kernel chooses.
func (s *Server) addLoop(cfg *ServerConfig, cache *docroot.Cache, bound []kernel.Address, first bool) error {
	var fds []int32
	if cfg.Sockets != nil {
		fds = cfg.Sockets[len(s.loops)]
		bound = nil
	}
	for i, addr := range bound {
		var fd int32
		var err error
		cfg.doing("listening at %s", addr)
		if addr.Path != "" && !first {
			fd, err = kernel.Duplicate(s.loops[0].acceptor.listeners[i].fd)
		} else {
			fd, bound[i], err = kernel.Listen(addr, kernel.ListenOptions{
				Shared: cfg.Loops > 1, Defer: cfg.Defer, Alone: first, Flag: cfg.ListenFlag,
				Congestion: cfg.Loop.LocalCongestion, Cork: cfg.Cork,
			})
		}
		if err != nil {
			return errors.Join(err, kernel.CloseAll(fds))
		}
		fds = append(fds, fd)
	}
	cfg.doing("setting up loop %d of %d, with %d MiB for dynamic files", len(s.loops)+1, max(cfg.Loops, 1), cfg.Loop.PoolBytes>>20)
	kcfg := cfg.Kernel
	var few string
	if kcfg.WorkersMax, few = kernel.WorkersMax(max(cfg.Loops, 1), kcfg.WorkersMax); few != "" && first && cfg.Warn != nil {
		cfg.Warn(few)
	}
	k, aioErr, err := kernel.NewLinux(kcfg)
	if err != nil {
		return errors.Join(err, kernel.CloseAll(fds))
	}
	if aioErr != nil && first && cfg.Warn != nil {
		cfg.Warn(fmt.Sprintf("kernel AIO is not available, dynamic files are read by threads: %v", aioErr))
	}
	if calls := kernel.MissingCalls(); calls != "" && first && cfg.Warn != nil {
		cfg.Warn(calls)
	}
	if advice := k.Advice(); advice != "" && first && cfg.Warn != nil {
		cfg.Warn(advice)
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
