package serveconfig

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"aws/internal/config"
	"aws/internal/logging"
)

// Options that need a restart: a supervisor reads them only when it starts.
var (
	takeRestart = []string{"loops", "defer-accept", "local-congestion", "supervise", "start-timeout"}
	// The worker has them at once.
	takeRestartForSupervisor = []string{"log-format", "log-level"}
)

// listenOptions are options that the supervisor reads at each reload. A worker that has been started otherwise, or by a
// supervisor that can't read the configuration, may find another one than is in force.
var listenOptions = []string{"listen", "listen-tls"}

// kept returns a line for each of the options that are the supervisor's.
func (o *Options) kept() map[string]string {
	lines := map[string]string{}
	for _, group := range o.Table() {
		for _, option := range group.Options {
			if !slices.Contains(listenOptions, option.Name) && !slices.Contains(takeRestart, option.Name) && !slices.Contains(takeRestartForSupervisor, option.Name) {
				continue
			}
			one := []config.Group{{Options: []config.Option{option}}}
			_, line, _ := strings.Cut(string(config.AppendTOML(nil, one, nil)), "\n") // the group's name
			lines[option.Name] = strings.TrimSpace(line)
		}
	}
	return lines
}

// Kept returns a text that holds the options that are the supervisor's, for its workers. listen is the addresses
// that are in force, as ListenLine returns them; "" if the workers need not know it.
func (o *Options) Kept(listen string) string {
	lines := o.kept()
	inForce := strings.Split(listen, "\n")
	for i, name := range listenOptions {
		delete(lines, name)
		if listen != "" && i < len(inForce) {
			lines[name] = inForce[i]
		}
	}
	text, err := json.Marshal(lines)
	if err != nil { // strings always have a JSON form
		return "{}"
	}
	return string(text)
}

// ListenLine returns the addresses as lines of a configuration file, one per option.
func (o *Options) ListenLine() string {
	kept := o.kept()
	var lines []string
	for _, name := range listenOptions {
		lines = append(lines, kept[name])
	}
	return strings.Join(lines, "\n")
}

// WarnKept says which options differ from those that the supervisor has been started with, whose Kept returned the text,
// and will not come into force. The error is one of the text.
func (o *Options) WarnKept(text string, origins config.Origins, report *logging.Reporter) error {
	if text == "" {
		return nil
	}
	var was map[string]string
	if err := json.Unmarshal([]byte(text), &was); err != nil {
		return err
	}
	now := o.kept()
	warn := func(names []string, message, what string) {
		for _, name := range names {
			if line, ok := was[name]; ok && line != now[name] {
				report.Warn(fmt.Sprintf("%s %s: it stays %s%s (%s)", now[name], message, strings.TrimPrefix(line, name+" = "), what, origins[name]),
					"option", name, "origin", origins[name])
			}
		}
	}
	warn(listenOptions, "takes a reload, or a restart if the supervisor is of another version", "")
	warn(takeRestart, "takes a restart", "")
	warn(takeRestartForSupervisor, "takes a restart", " for the supervisor's own messages")
	return nil
}
