package serveconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"

	"aws/goloop"
	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/docroot"
	"aws/internal/handler/fileserver"
)

// clients holds the access rules and the trusted proxies.
type clients struct {
	auth    []string
	proxies []string
}

func (c *clients) table() config.Group {
	return config.Group{Name: "Clients", Options: []config.Option{
		{
			Name: "auth", Into: &c.auth,
			Usage:  "require a user and password from FILE for PREFIX and everything below, as `PREFIX=FILE`; PREFIX=off requires none (repeatable)",
			Advice: "The longest PREFIX that covers a path applies, whatever is mounted below it. FILE has the format of htpasswd, with bcrypt hashes (htpasswd -B). Over http, passwords are readable on the network.",
		},
		{
			Name: "proxy-from", Into: &c.proxies,
			Usage:  "expect the PROXY protocol, version 1 or 2, on connections from these `ADDRESSES`: a CIDR, or unix for Unix sockets (repeatable)",
			Advice: "List the addresses of the load balancer only: a client at a listed address can claim any client address.",
		},
	}}
}

// proxyUnix is the ADDRESS of --proxy-from that stands for all Unix sockets.
const proxyUnix = "unix"

// authOff is the FILE of --auth that lets anybody in.
const authOff = "off"

// addTo reads --proxy-from.
func (c *clients) addTo(cfg *goloop.ServerConfig) error {
	for _, s := range c.proxies {
		if s == proxyUnix {
			cfg.Loop.ProxyUnix = true
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return command.UsageError(fmt.Errorf("--proxy-from %q: expected a network, such as 10.0.0.0/8, or unix for anyone who connects to a Unix socket", s))
		}
		cfg.Loop.Proxies = append(cfg.Loop.Proxies, p)
	}
	return nil
}

// addAccess reads --auth.
func (c *clients) addAccess(so *fileserver.Options, doing Doing) error {
	read := map[string]*docroot.Passwords{} // a file that is named twice has the same users
	for _, s := range c.auth {
		prefix, file, ok := strings.Cut(s, "=")
		if !ok || file == "" {
			return command.UsageError(fmt.Errorf("--auth %q: expected PREFIX=FILE, such as /private/=/etc/aws/users, or PREFIX=off", s))
		}
		prefix, err := pathPrefix(prefix)
		if err != nil {
			return command.UsageError(fmt.Errorf("--auth %q: %w", s, err))
		}
		rule := &docroot.AccessRule{Prefix: prefix}
		so.Access = append(so.Access, rule)
		if file == authOff {
			continue
		}
		if rule.Users = read[file]; rule.Users != nil {
			continue
		}
		doing("reading %s", file)
		content, err := os.ReadFile(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("--auth %s: %w (htpasswd -B -c %s NAME makes it, with the user NAME)", s, err, file)
		case err != nil:
			return command.FileError("--auth "+s, "read", err)
		}
		if rule.Users, err = docroot.ParsePasswords(content); err != nil {
			return fmt.Errorf("--auth %s: %w (htpasswd -B %s NAME writes a line for the user NAME)", s, err, file)
		}
		read[file] = rule.Users
	}
	return nil
}

// asksAbove reports whether an --auth asks for a password at a prefix of another.
func (c *clients) asksAbove(prefix string) bool {
	prefix = strings.TrimSuffix(prefix, "/") + "/"
	return slices.ContainsFunc(c.auth, func(s string) bool {
		above, file, _ := strings.Cut(s, "=")
		above = strings.TrimSuffix(above, "/") + "/"
		return file != authOff && above != prefix && strings.HasPrefix(prefix, above)
	})
}
