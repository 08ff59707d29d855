package main

import (
	"errors"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Without the network path there is loopback, also when only the network path was asked for.
func TestLoopbackIsTheFallback(t *testing.T) {
	const why = "it needs root"
	fails := func(*network) error { return errors.New(why) }
	for _, test := range []struct {
		pattern string
		paths   []string
		absent  int
	}{{"", []string{pathLoopback}, 2}, {"cubic|bbr", []string{pathLoopback}, 2}, {"veth, bbr", []string{pathLoopback}, 1}, {"loop", []string{pathLoopback}, 0}, {"no such", nil, 0}} {
		list, absent := openNetworks(regexp.MustCompile(test.pattern), fails)
		var paths []string
		for _, n := range list {
			paths = append(paths, n.path)
		}
		if !slices.Equal(paths, test.paths) || len(absent) != test.absent {
			t.Errorf("%q: the networks are %q, absent are %q", test.pattern, paths, absent)
		}
		for _, text := range absent {
			if !strings.Contains(text, pathVeth) || !strings.Contains(text, why) {
				t.Errorf("absent is %q", text)
			}
		}
	}
}

func TestReach(t *testing.T) {
	veth, loopback := &network{path: pathVeth}, &network{path: pathLoopback}
	both := []*network{veth, loopback}
	for _, test := range []struct {
		on   reach
		have []*network
		want []*network
	}{
		{everyNetwork, both, both},
		{firstNetwork, both, both[:1]},
		{loopbackOnly, both, both[1:]},
		{loopbackOnly, both[:1], nil},
	} {
		if got := (&scenario{networks: test.on}).reach(test.have); !slices.Equal(got, test.want) {
			t.Errorf("%v of %v are %v", test.on, test.have, got)
		}
	}
}

// A listener on one side is reached from the other side, by an address that the machine does not have.
func TestVethPair(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	allowed, _ := os.ReadFile(allowedSetting)
	list, absent := openNetworks(regexp.MustCompile("^veth"), (*network).open)
	if list[0].path != pathVeth {
		t.Skipf("there is no network path here: %s", strings.Join(absent, "; "))
	}
	for _, n := range list {
		defer n.close()
		for _, side := range []*namespace{n.server, n.client} {
			_ = side.do(func() error {
				if text, err := os.ReadFile(congestionSetting); err != nil || strings.TrimSpace(string(text)) != n.congestion {
					t.Errorf("%v: the congestion control is %q, %v", n, text, err)
				}
				return nil
			})
		}
		port, err := n.freePort()
		if err != nil {
			t.Fatal(err)
		}
		var listener net.Listener
		err = n.server.do(func() (err error) {
			listener, err = net.Listen("tcp4", n.at(port))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		conn, err := n.dial(port)
		if err != nil {
			t.Fatal(err)
		}
		if host, _, _ := net.SplitHostPort(conn.LocalAddr().String()); host != vethClient {
			t.Errorf("%v: the client is %v", n, conn.LocalAddr())
		}
		_ = conn.Close()
		err = n.client.do(func() error {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(n.sources)}, Timeout: startPatience}
			conn, err := dialer.Dial("tcp4", n.at(port))
			if err == nil {
				err = conn.Close()
			}
			return err
		})
		if err != nil {
			t.Errorf("%v: the server is not reached from %s: %v", n, n.sources, err)
		}
	}
	if addresses, err := net.InterfaceAddrs(); err != nil || strings.Contains(joined(addresses), "198.18.0.") {
		t.Errorf("the machine has %v, %v", addresses, err)
	}
	if after, _ := os.ReadFile(allowedSetting); string(after) != string(allowed) {
		t.Errorf("allowed congestion controls were %q and are %q", allowed, after)
	}
}

func joined(addresses []net.Addr) string {
	var list []string
	for _, a := range addresses {
		list = append(list, a.String())
	}
	return strings.Join(list, " ")
}
