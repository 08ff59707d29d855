package main

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// Each peer at its best documented configuration.
//
//go:embed peers/conf
var configurations embed.FS

// env is where everything lies.
type env struct {
	aws  string // the server under test
	bin  string // what has been built for the benchmarks
	site string // the document root
	work string // for configurations and logs
	// What servers over TLS use.
	certificate, key string
	// network is the one that is measured now.
	network *network
	// connsMax is how many connections a server may have; connsUsual if it is 0.
	connsMax int
	traceGC  bool // programs in Go write a line for each collection of garbage
	// protocol is the one that a server is started for.
	protocol protocol
}

// connsUsual is how many connections servers may have where it does not matter.
const connsUsual = 20000

// connections returns how many connections a server may have.
func (e *env) connections() int {
	if e.connsMax > 0 {
		return e.connsMax
	}
	return connsUsual
}

// server makes the command that starts a server at a port. path is what will be asked for. The
// error says why the server can't be had.
type server func(e *env, port int, path string) (*exec.Cmd, error)

// servers are all that can be measured, by the names that the scenarios use.
var servers = map[string]server{
	"aws":                   dropIn,
	"aws serve":             serve(),
	"aws serve, log":        serve("--access-log", "access.log"),
	"aws serve, two loops":  serve("--loops", "2"),
	"aws serve, four loops": serve("--loops", "4"),
	"aws serve, no defer":   serve("--defer-accept=false"),
	"h2o":                   configured("h2o", "h2o.conf", nil, "-c"),
	"nginx":                 configured("nginx", "nginx.conf", nil, "-c"),
	"nginx, deferred":       configured("nginx", "nginx.conf", map[string]bool{"Deferred": true}, "-c"),
	"nginx, aio threads":    configured("nginx", "nginx.conf", map[string]bool{"Threads": true}, "-c"),
	"nginx, directio":       configured("nginx", "nginx.conf", map[string]bool{"Direct": true}, "-c"),
	"lighttpd":              configured("lighttpd", "lighttpd.conf", nil, "-D", "-f"),
	"caddy":                 configured("caddy", "Caddyfile", nil, "run", "--adapter", "caddyfile", "--config"),
	"fasthttp":              goPeer("fasthttp"),
	"net/http":              goPeer("nethttp"),
	"reference":             reference,
	"C loop":                cLoop(),
	"C loop, deferred":      cLoop("-d"),
	"C loop, kept":          cLoop("-k"),
	"C loop, kept, memory":  cLoop("-k", "-m"),
	"C loop, unpaced":       cLoop("-u"),
	"C loop, copying":       cLoop("-u", "-r"),
	"C loop, kept, unpaced": cLoop("-k", "-u"),
	"C loop, kept, copying": cLoop("-k", "-u", "-r"),
}

func dropIn(e *env, port int, _ string) (*exec.Cmd, error) {
	return exec.Command(e.aws, "--port", strconv.Itoa(port), "--root", e.site), nil
}

func serve(flags ...string) server {
	return func(e *env, port int, _ string) (*exec.Cmd, error) {
		if output, err := exec.Command(e.aws, "serve", "--help").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s serve: %w: %s", e.aws, err, lastLines(string(output)))
		}
		listen, err := e.listenFlags(port)
		if err != nil {
			return nil, err
		}
		args := []string{"serve", "--loops", "1", "--max-connections", strconv.Itoa(e.connections()), "--max-connections-per-ip", "0"}
		cmd := exec.Command(e.aws, slices.Concat(args, listen, flags, []string{e.site})...)
		cmd.Dir = e.work
		if e.traceGC {
			cmd.Env = append(os.Environ(), gcTraced)
		}
		return cmd, nil
	}
}

// listenFlags are the flags of aws serve that decide what it serves over. It always listens without TLS, too.
func (e *env) listenFlags(port int) ([]string, error) {
	switch e.protocol {
	case tlsHTTP1, tlsHTTP2:
		other, err := e.network.freePort()
		return []string{"--listen", e.network.at(other), "--listen-tls", e.network.at(port), "--certificate", e.certificate, "--key", e.key}, err
	case h2c:
		return []string{"--listen", e.network.at(port), "--h2c"}, nil
	case http1:
		return []string{"--listen", e.network.at(port)}, nil
	default:
		return nil, fmt.Errorf("there is no protocol %d", e.protocol)
	}
}

// configured is a server that reads a configuration, whose name follows the arguments.
func configured(program, file string, variant map[string]bool, args ...string) server {
	return func(e *env, port int, _ string) (*exec.Cmd, error) {
		path, err := findProgram(program)
		if err != nil {
			return nil, err
		}
		text, err := e.configuration(file, port, variant)
		if err != nil {
			return nil, err
		}
		name := filepath.Join(e.work, file)
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return nil, err
		}
		cmd := exec.Command(path, append(args, name)...)
		cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+e.work, "XDG_CONFIG_HOME="+e.work)
		return cmd, nil
	}
}

// configuration fills in a peer's configuration.
func (e *env) configuration(file string, port int, variant map[string]bool) (string, error) {
	t, err := template.ParseFS(configurations, "peers/conf/"+file)
	if err != nil {
		return "", err
	}
	values := map[string]any{
		"Address": e.network.address, "Port": port, "Root": e.site, "Dir": e.work,
		"TLS": e.protocol.overTLS(), "Certificate": e.certificate, "Key": e.key,
		"Deferred": variant["Deferred"], "Threads": variant["Threads"], "Direct": variant["Direct"],
		"Connections": e.connections(), "Descriptors": 2 * e.connections(),
	}
	var text strings.Builder
	err = t.Execute(&text, values)
	return text.String(), err
}

// built is a program of ours; it is missing when it could not be built.
func built(e *env, name string, args ...string) (*exec.Cmd, error) {
	path := filepath.Join(e.bin, name)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%s has not been built", name)
	}
	return exec.Command(path, args...), nil
}

func goPeer(name string) server {
	return func(e *env, port int, _ string) (*exec.Cmd, error) {
		return built(e, "gopeers", name, e.network.at(port), e.site)
	}
}

func reference(e *env, port int, _ string) (*exec.Cmd, error) {
	cmd, err := built(e, "server", strconv.Itoa(port))
	if err == nil {
		cmd.Dir = e.site
	}
	return cmd, err
}

func cLoop(flags ...string) server {
	return func(e *env, port int, path string) (*exec.Cmd, error) {
		return built(e, "cloop", append(slices.Clone(flags), "-a", e.network.address, strconv.Itoa(port), filepath.Join(e.site, path))...)
	}
}
