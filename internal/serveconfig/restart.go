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
	takeRestart = []string{"listen", "listen-tls", "socket-mode", "socket-group", "loops", "defer-accept", "local-congestion", "supervise", "start-timeout"}
	// The worker has them at once.
	takeRestartForSupervisor = []string{"log-format", "log-level"}
)

// kept returns a line for each of the options that take a restart.
func (o *Options) kept() map[string]string {
	lines := map[string]string{}
	for _, group := range o.Table() {
		for _, option := range group.Options {
			if !slices.Contains(takeRestart, option.Name) && !slices.Contains(takeRestartForSupervisor, option.Name) {
				continue
			}
			one := []config.Group{{Options: []config.Option{option}}}
			_, line, _ := strings.Cut(string(config.AppendTOML(nil, one, nil)), "\n") // the group's name
			lines[option.Name] = strings.TrimSpace(line)
		}
	}
	return lines
}

// Kept returns a text that holds the options that take a restart, for the workers of a supervisor.
func (o *Options) Kept() string {
	text, err := json.Marshal(o.kept())
	if err != nil { // strings always have a JSON form
		return "{}"
	}
	return string(text)
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
	warn := func(names []string, what string) {
		for _, name := range names {
			if line, ok := was[name]; ok && line != now[name] {
				report.Warn(fmt.Sprintf("%s takes a restart: it stays %s%s (%s)", now[name], strings.TrimPrefix(line, name+" = "), what, origins[name]),
					"option", name, "origin", origins[name])
			}
		}
	}
	warn(takeRestart, "")
	warn(takeRestartForSupervisor, " for the supervisor's own messages")
	return nil
}
