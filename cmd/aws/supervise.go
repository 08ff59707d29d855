package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"aws/goloop"
	"aws/internal/kernel"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// A supervised server is two processes: a supervisor, which binds the addresses and starts a worker,
// and the worker, which confines itself and serves. On SIGHUP and on SIGUSR2 the supervisor starts
// another worker, from the program and the configuration as they are then, with the same sockets. Once
// that one says that it serves, the one before it drains and ends. If it fails, its message is shown
// and the one before it stays. So a reload, or an upgrade, loses no request and no connection that
// waits in a backlog, and a worker may give up whatever it likes.

// Environment variables by which a supervisor tells a worker what it has inherited.
const (
	socketsEnv = "AWSD_SOCKETS" // addresses, one per socket, loop by loop, from descriptor 5 on
	readyFD    = 3              // the worker writes a byte when it serves
	lifeFD     = 4              // ends when the supervisor does
	socketsFD  = 5
)

// Times of a supervisor.
const (
	readyTimeout   = 30 * time.Second
	restartPause   = time.Second
	workerEndsSlow = 15 * time.Second // more than a drain takes
)

// sockets are listening sockets by loop and address.
type sockets struct {
	addrs []kernel.Address
	byFD  [][]int32 // for each loop, in the order of addrs
}

// bind listens at the addresses, with one socket per loop and TCP address.
func bind(addrs []kernel.Address, loops int, deferAccept bool) (*sockets, error) {
	s := &sockets{addrs: append([]kernel.Address(nil), addrs...)}
	for loop := range loops {
		var fds []int32
		for i, addr := range s.addrs {
			var fd int32
			var err error
			if addr.Path != "" && loop > 0 {
				fd, err = kernel.Duplicate(s.byFD[0][i])
			} else {
				fd, s.addrs[i], err = kernel.Listen(addr, kernel.ListenOptions{
					Shared: loops > 1, Defer: deferAccept, Alone: loop == 0, Flag: "--listen",
				})
			}
			if err != nil {
				return nil, errors.Join(err, kernel.CloseAll(fds), s.close())
			}
			fds = append(fds, fd)
		}
		s.byFD = append(s.byFD, fds)
	}
	return s, nil
}

// activated returns the sockets that systemd has handed over (sd_listen_fds(3)), or nil if there are
// none. All loops share them.
func activated(loops int) (*sockets, error) {
	files := activation.Files(true)
	if len(files) == 0 {
		return nil, nil
	}
	s := &sockets{}
	for loop := range loops {
		var fds []int32
		for _, f := range files {
			fd := int32(f.Fd())
			if loop == 0 {
				if err := kernel.Inherit(fd); err != nil {
					return nil, fmt.Errorf("LISTEN_FDS: %s: %w", f.Name(), err)
				}
				s.addrs = append(s.addrs, kernel.LocalAddress(fd))
			}
			own, err := kernel.Duplicate(fd)
			if err != nil {
				return nil, err
			}
			fds = append(fds, own)
		}
		s.byFD = append(s.byFD, fds)
	}
	for _, f := range files {
		_ = f.Close()
	}
	return s, nil
}

func (s *sockets) close() error {
	var errs []error
	for _, fds := range s.byFD {
		errs = append(errs, kernel.CloseAll(fds))
	}
	return errors.Join(errs...)
}

// inherited returns the sockets that a supervisor has handed over, or nil if there is none.
func inherited() (*sockets, error) {
	list, ok := os.LookupEnv(socketsEnv)
	if !ok {
		return nil, nil
	}
	_ = os.Unsetenv(socketsEnv)
	s := &sockets{}
	fd := int32(socketsFD)
	for loop, line := range strings.Split(list, ";") {
		var fds []int32
		for _, word := range strings.Split(line, ",") {
			addr, err := kernel.ParseAddress(word)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", socketsEnv, err)
			}
			if loop == 0 {
				s.addrs = append(s.addrs, addr)
			}
			if err := kernel.Inherit(fd); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", socketsEnv, word, err)
			}
			fds = append(fds, fd)
			fd++
		}
		s.byFD = append(s.byFD, fds)
	}
	return s, nil
}

// text says which sockets are handed over, as inherited reads it.
func (s *sockets) text() string {
	var loops []string
	for range s.byFD {
		var words []string
		for _, a := range s.addrs {
			words = append(words, a.String())
		}
		loops = append(loops, strings.Join(words, ","))
	}
	return strings.Join(loops, ";")
}

// worker is a process that serves.
type worker struct {
	cmd   *exec.Cmd
	life  *os.File
	ended chan struct{}
	err   error // valid once ended is closed
}

// startWorker starts a worker and waits until it serves, or fails.
func startWorker(s *sockets, report *reporter) (*worker, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	program = strings.TrimSuffix(program, " (deleted)") // it has been replaced: that is the one to start
	readyRead, readyWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = readyRead.Close() }()
	lifeRead, lifeWrite, err := os.Pipe()
	if err != nil {
		_ = readyWrite.Close()
		return nil, err
	}
	w := &worker{cmd: exec.Command(program, os.Args[1:]...), life: lifeWrite, ended: make(chan struct{})}
	w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = os.Stdin, os.Stdout, report.out
	w.cmd.Env = append(os.Environ(), socketsEnv+"="+s.text())
	w.cmd.ExtraFiles = []*os.File{readyWrite, lifeRead}
	for _, fds := range s.byFD {
		for _, fd := range fds {
			own, err := kernel.Duplicate(fd) // so that closing the file below leaves ours alone
			if err != nil {
				return nil, err
			}
			w.cmd.ExtraFiles = append(w.cmd.ExtraFiles, os.NewFile(uintptr(own), "socket"))
		}
	}
	err = w.cmd.Start()
	for _, f := range w.cmd.ExtraFiles {
		_ = f.Close()
	}
	if err != nil {
		_ = lifeWrite.Close()
		return nil, err
	}
	go func() {
		w.err = w.cmd.Wait()
		close(w.ended)
	}()
	_ = readyRead.SetReadDeadline(time.Now().Add(readyTimeout))
	if _, err := bufio.NewReader(readyRead).ReadByte(); err != nil {
		_ = w.cmd.Process.Kill()
		<-w.ended
		_ = lifeWrite.Close()
		return nil, errors.New("the worker did not come to serve")
	}
	return w, nil
}

// end lets a worker drain, and waits until it has ended.
func (w *worker) end() error {
	_ = w.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-w.ended:
	case <-time.After(workerEndsSlow):
		_ = w.cmd.Process.Kill()
		<-w.ended
	}
	_ = w.life.Close()
	return w.err
}

// supervise binds the addresses and keeps a worker running until the process is told to end.
func supervise(s *sockets, report *reporter) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	current, err := startWorker(s, report)
	if err != nil {
		return errors.Join(err, s.close())
	}
	notify(daemon.SdNotifyReady)
	stopWatchdog := watchdog()
	defer stopWatchdog()
	ending := make(chan error, 16) // workers that drain
	drains := 0
	for {
		select {
		case sig := <-signals:
			switch sig {
			case syscall.SIGUSR1:
				_ = current.cmd.Process.Signal(sig)
			case syscall.SIGHUP, syscall.SIGUSR2:
				notify(daemon.SdNotifyReloading + "\n" + monotonic())
				next, err := startWorker(s, report)
				if err != nil {
					report.Error(fmt.Sprintf("%v: worker %d stays", err, current.cmd.Process.Pid), "worker", current.cmd.Process.Pid)
				} else {
					report.Info(fmt.Sprintf("worker %d serves, worker %d drains", next.cmd.Process.Pid, current.cmd.Process.Pid),
						"worker", next.cmd.Process.Pid, "drains", current.cmd.Process.Pid)
					old := current
					current = next
					drains++
					go func() { ending <- old.end() }()
				}
				notify(daemon.SdNotifyReady)
			default:
				notify(daemon.SdNotifyStopping)
				err := current.end()
				for ; drains > 0; drains-- {
					err = errors.Join(err, <-ending)
				}
				return errors.Join(err, s.close())
			}
		case err := <-ending:
			drains--
			if err != nil {
				report.Warn(fmt.Sprintf("a worker that drained: %v", err), "error", err.Error())
			}
		case <-current.ended:
			report.Error(fmt.Sprintf("worker %d ended: %v; another one is started", current.cmd.Process.Pid, current.err),
				"worker", current.cmd.Process.Pid)
			_ = current.life.Close()
			for {
				next, err := startWorker(s, report)
				if err == nil {
					current = next
					break
				}
				report.fail(err)
				select {
				case sig := <-signals:
					if sig == syscall.SIGTERM || sig == syscall.SIGINT {
						return errors.Join(err, s.close())
					}
				case <-time.After(restartPause):
				}
			}
		}
	}
}

// serving tells whoever has started the process that it serves: a supervisor, or systemd. The
// server ends when its supervisor does.
func serving(worker bool, server *goloop.Server) {
	if !worker {
		notify(daemon.SdNotifyReady)
		return
	}
	ready := os.NewFile(readyFD, "ready")
	_, _ = ready.Write([]byte{1})
	_ = ready.Close()
	go func() {
		life := os.NewFile(lifeFD, "life")
		_, _ = life.Read(make([]byte, 1)) // nobody writes: it returns when the supervisor is gone
		server.Shutdown()
	}()
}

// notify tells systemd, if it has started the process and wants to know (sd_notify(3)).
func notify(state string) { _, _ = daemon.SdNotify(false, state) }

// monotonic is the field that goes with RELOADING=1.
func monotonic() string {
	return "MONOTONIC_USEC=" + strconv.FormatInt(kernel.Monotonic().Microseconds(), 10)
}

// watchdog keeps systemd's watchdog quiet, if there is one, until the function that it returns is
// called.
func watchdog() (stop func()) {
	period, err := daemon.SdWatchdogEnabled(false)
	if err != nil || period == 0 {
		return func() {}
	}
	ticker := time.NewTicker(period / 2)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				notify(daemon.SdNotifyWatchdog)
			case <-done:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
	}
}
