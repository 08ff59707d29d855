package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// network is how the client reaches the server, and the congestion control of both.
type network struct {
	path       string // pathVeth or pathLoopback
	congestion string
	address    string // of the server
	sources    string // the first of the client's addresses, where it has several
	server     *namespace
	client     *namespace
}

// The paths.
const (
	pathVeth     = "veth"
	pathLoopback = "loopback"
)

// The addresses exist inside the namespaces only. The block is reserved for benchmarks (RFC 2544).
const (
	vethServer   = "198.18.0.1"
	vethClient   = "198.18.0.2"
	vethSources  = "198.18.1.1"
	loopbackHost = "127.0.0.1"
	// Each address of 127.0.0.0/8 is the machine's own.
	loopbackSources = "127.1.0.1"
)

// vethSourcesRoute is where the server sends what is for vethSources; the block is the client's as a whole.
const vethSourcesRoute = "198.18.1.0/24"

// vethCongestions are measured between namespaces, where the kernel has them.
var vethCongestions = []string{"cubic", "bbr"}

func (n *network) String() string { return n.path + ", " + n.congestion }

// openNetworks makes the networks whose names match the pattern, the network paths with open. What can't be had is returned as
// text that names it and says why. Where none of those that are wanted can be had, there is loopback.
func openNetworks(wanted *regexp.Regexp, open func(*network) error) (list []*network, absent []string) {
	for _, congestion := range vethCongestions {
		n := &network{path: pathVeth, congestion: congestion, address: vethServer, sources: vethSources}
		if !wanted.MatchString(n.String()) {
			continue
		}
		if err := open(n); err != nil {
			n.close()
			absent = append(absent, fmt.Sprintf("the network %q is left out: %v", n, err))
			continue
		}
		list = append(list, n)
	}
	loopback := &network{path: pathLoopback, congestion: "unknown", address: loopbackHost, sources: loopbackSources}
	if text, err := os.ReadFile(congestionSetting); err == nil {
		loopback.congestion = strings.TrimSpace(string(text))
	}
	if wanted.MatchString(loopback.String()) || len(list) == 0 && len(absent) > 0 {
		list = append(list, loopback)
	}
	return list, absent
}

// open makes two namespaces with a veth pair between them, and sets the congestion control of both.
func (n *network) open() error {
	if os.Geteuid() != 0 {
		return errors.New("making network namespaces needs root")
	}
	ip, err := findProgram("ip")
	if err != nil {
		return fmt.Errorf("%w (package iproute2)", err)
	}
	available, err := os.ReadFile("/proc/sys/net/ipv4/tcp_available_congestion_control")
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(string(available)), n.congestion) {
		return fmt.Errorf("the kernel has no congestion control %s, only %s", n.congestion, strings.TrimSpace(string(available)))
	}
	if n.server, err = newNamespace(); err != nil {
		return err
	}
	if n.client, err = newNamespace(); err != nil {
		return err
	}
	if err := configure(n.server, ip, n.client, "link add server type veth peer name client netns /proc/self/fd/3",
		"address add "+vethServer+"/24 dev server", "link set lo up", "link set server up",
		"route add "+vethSourcesRoute+" via "+vethClient); err != nil {
		return err
	}
	if err := configure(n.client, ip, nil, "address add "+vethClient+"/24 dev client", "link set lo up", "link set client up",
		"route add local "+vethSourcesRoute+" dev lo"); err != nil {
		return err
	}
	for _, side := range []*namespace{n.server, n.client} {
		if err := side.setCongestion(n.congestion); err != nil {
			return err
		}
		// What the connections of one server have seen must not slow down the next server's.
		if err := side.do(func() error { return writeSetting("/proc/sys/net/ipv4/tcp_no_metrics_save", "1") }); err != nil {
			return err
		}
	}
	return nil
}

// configure gives ip(8) commands inside a namespace; they may refer to other as descriptor 3.
func configure(n *namespace, ip string, other *namespace, commands ...string) error {
	cmd := exec.Command(ip, "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	if other != nil {
		cmd.ExtraFiles = []*os.File{other.file}
	}
	return n.do(func() error {
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("ip: %w: %s", err, lastLines(string(output)))
		}
		return nil
	})
}

const (
	congestionSetting = "/proc/sys/net/ipv4/tcp_congestion_control"
	allowedSetting    = "/proc/sys/net/ipv4/tcp_allowed_congestion_control"
)

// setCongestion sets the default of a namespace. Linux accepts there only what the machine allows to
// every process: for this one write it allows the wanted one too.
func (n *namespace) setCongestion(name string) error {
	set := func() error {
		return n.do(func() error { return writeSetting(congestionSetting, name) })
	}
	err := set()
	if err == nil {
		return nil
	}
	allowed, errAllowed := os.ReadFile(allowedSetting)
	if errAllowed != nil {
		return errors.Join(err, errAllowed)
	}
	if errAllowed := writeSetting(allowedSetting, strings.TrimSpace(string(allowed))+" "+name); errAllowed != nil {
		return errors.Join(err, errAllowed)
	}
	err = set()
	return errors.Join(err, writeSetting(allowedSetting, strings.TrimSpace(string(allowed))))
}

func writeSetting(name, value string) error { return os.WriteFile(name, []byte(value), 0o644) }

// close gives the namespaces up, and with them the veth pair.
func (n *network) close() {
	n.server.close()
	n.client.close()
}

// at returns the address of a port of the server.
func (n *network) at(port int) string { return net.JoinHostPort(n.address, strconv.Itoa(port)) }

// dial connects to the server from the client's side.
func (n *network) dial(port int) (conn net.Conn, err error) {
	err = n.client.do(func() error {
		var err error
		conn, err = net.DialTimeout("tcp4", n.at(port), startPatience)
		return err
	})
	return conn, err
}

// freePort returns a port of the server that nobody listens at just now.
func (n *network) freePort() (port int, err error) {
	err = n.server.do(func() error {
		l, err := net.Listen("tcp4", n.at(0))
		if err != nil {
			return err
		}
		addr, ok := l.Addr().(*net.TCPAddr)
		if !ok {
			return fmt.Errorf("%v is not a TCP address", l.Addr())
		}
		port = addr.Port
		return l.Close()
	})
	return port, err
}

// responds reports whether a server responds with 200. The request is one of HTTP/1.1, which every
// server understands. Without TLS it is as quick as a bare socket.
func (n *network) responds(over protocol, port int, path string) bool {
	conn, err := n.dial(port)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	if over.overTLS() {
		conn = tls.Client(conn, ownCertificate())
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path); err != nil {
		return false
	}
	var head [12]byte
	got, err := conn.Read(head[:])
	return err == nil && got == len(head) && string(head[9:]) == "200"
}

// download requests a path from a server over a protocol, on a connection of its own.
func (n *network) download(over protocol, port int, path string) (*http.Response, error) {
	transport := over.transport()
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) { return n.dial(port) }
	client := http.Client{Timeout: 30 * time.Second, Transport: transport}
	return client.Get(fmt.Sprintf("%s://%s%s", over.scheme(), n.at(port), path))
}
