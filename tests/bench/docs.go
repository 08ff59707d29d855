package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The list of experiments is written by hand; a run of the benchmarks does not measure it.
//
//go:embed tried.md
var tried string

// writeDocs writes benchmarks.md and its plots into a directory.
func writeDocs(directory string, r *report) error {
	plots := filepath.Join(directory, "benchmarks")
	if err := os.MkdirAll(plots, 0o755); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("# Benchmarks\n\n")
	writeMethod(&b, r)
	writeTargets(&b, r)
	for _, s := range scenarios {
		found := r.results(s.Name)
		if len(found) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", s.Title, s.Method)
		for _, one := range found {
			writeResult(&b, s, one)
		}
		// The pictures are those of the first network, the network path where there is one.
		for _, p := range plotsOf(s, found[0]) {
			name := s.Name + "-" + p.name + ".svg"
			if err := os.WriteFile(filepath.Join(plots, name), []byte(p.svg), 0o644); err != nil {
				return err
			}
			fmt.Fprintf(&b, "\n![%s](benchmarks/%s)\n", p.title, name)
		}
	}
	if !slices.ContainsFunc(scenarios, func(s *scenario) bool { return len(r.results(s.Name)) == 0 }) {
		b.WriteString("\n" + tried)
	}
	return os.WriteFile(filepath.Join(directory, "benchmarks.md"), []byte(b.String()), 0o644)
}

// writeResult writes the table of a network.
func writeResult(b *strings.Builder, s *scenario, r *result) {
	fmt.Fprintf(b, "\n### %s: %s\n\n", s.Title, r.network())
	writeMarkdown(b, s.table(r))
	for _, line := range r.leftOut() {
		fmt.Fprintf(b, "\n%s.\n", strings.TrimSuffix(line, "."))
	}
	if text := limits(r); text != "" {
		fmt.Fprintf(b, "\n%s\n", text)
	}
}

func writeMethod(b *strings.Builder, r *report) {
	m := r.Machine
	fmt.Fprintf(b, "Written by `%s`; mode %s, %s, %g s each; the scenarios that take long (isolation, idle connections over TLS) have half as many rounds. The figures are medians, "+
		"with the smallest and the largest value in brackets. The number after × is the ratio to the first line of aws.\n\n",
		r.Command, r.Mode, count(r.Rounds, "round"), r.Seconds)
	fmt.Fprintf(b, "Machine: %d cores, %s, %d MiB of memory, Linux %s, congestion control %s.\n",
		m.Cores, m.CPU, m.MemoryMB, m.Kernel, m.Congestion)
	names := make([]string, 0, len(m.Versions))
	for name := range m.Versions {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] += " " + m.Versions[name]
	}
	fmt.Fprintf(b, "Programs: %s.\n\n", strings.Join(names, ", "))
	b.WriteString(`Each server runs alone, pinned to one core, and the client to another core. Both have a higher priority (niceness) than
other programs on the machine. The rounds are interleaved: every server once, then every server again. Before a measurement,
the response of the server is compared with the file. The configurations of the peers are in ` + "`tests/bench/peers/conf`" + `. The C
loop parses nothing and always sends the same response. The client discards bodies in the kernel.
Over TLS and over HTTP/2 the client is h2load, for handshakes, idle connections and the page one in Go (` + "`tests/bench/tlsclient`" + `).
Both decrypt the bodies, and take much of the client's core. All connections over TLS use TLS 1.3 with X25519 and
` + cipherSuite + `, and all servers the same self-signed certificate with an ECDSA key of P-256.

The networks:

- **veth, cubic** and **veth, bbr**: server and client are in network namespaces of their own, joined by a veth pair. Client and
  server use the congestion control of the name. For the server, the client is a remote one. The pair has no delay, loses
  nothing, and passes segments on unsplit. The kernel does a part of the work of receiving on the core of the sender.
- **loopback**: both are in the machine's own namespace, with its own congestion control.

The columns: *CPU* is the time of all threads of the server, in the kernel and in user space, divided by the number of
requests. It does not include work of the kernel on the client's core or in threads of the kernel. *both* is the time that the two cores were busy
(` + "`/proc/stat`" + `), with whatever ran on them, divided by the number of requests: it shows the work that a server leaves to the
client's core. *p50*, *p99* and *p99.9* are the times from the request, or from connect, to the last byte of the response.
*switches* are the server's context switches. *server core* and *client core* are the shares of the time that the cores were busy.
`)
	for _, text := range r.Absent {
		fmt.Fprintf(b, "\nIn this run, %s.\n", text)
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func writeTargets(b *strings.Builder, r *report) {
	list := r.judge()
	if len(list) == 0 {
		return
	}
	b.WriteString("\n## Targets\n\nA ratio is the value of aws divided by the value of the other server.\n")
	for _, j := range list {
		fmt.Fprintf(b, "\n### Targets: %s\n\n", j.network)
		lines := [][]string{{"figure", "target", "measured", "met"}}
		for _, v := range j.verdicts {
			lines = append(lines, v.cells())
		}
		writeMarkdown(b, lines)
	}
}

func writeMarkdown(b *strings.Builder, lines [][]string) {
	for i, line := range lines {
		b.WriteString("| " + strings.Join(line, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|---" + strings.Repeat("|--:", len(line)-1) + "|\n")
		}
	}
}

// busyShare is from when on a core counts as used up.
const busyShare = 0.92

// limits says whose core was used up, which is what limits the requests per second.
func limits(r *result) string {
	var both, server, client, neither []string
	for _, row := range r.Rows {
		busy, ok := row.of(mServerCore)
		theirs, okClient := row.of(mClientCore)
		switch {
		case !ok || !okClient:
		case busy.median >= busyShare && theirs.median >= busyShare:
			both = append(both, row.Label)
		case busy.median >= busyShare:
			server = append(server, row.Label)
		case theirs.median >= busyShare:
			client = append(client, row.Label)
		default:
			neither = append(neither, row.Label)
		}
	}
	var parts []string
	for _, part := range []struct {
		text string
		who  []string
	}{
		{"Both cores were fully used, for: %s.", both},
		{"The server's core was fully used, and limits the rate, for: %s.", server},
		{"The client's core was fully used, and limits the rate but not the server's time per request, for: %s.", client},
		{"Neither core was fully used, so server and client wait for each other or for the disk, for: %s.", neither},
	} {
		if len(part.who) > 0 {
			parts = append(parts, fmt.Sprintf(part.text, strings.Join(part.who, "; ")))
		}
	}
	return strings.Join(parts, " ")
}
