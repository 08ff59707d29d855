package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"aws/internal/config"
	"aws/internal/logging"
	"aws/internal/supervisor"
)

// Options that a supervisor goes by as they were when it was started.
var (
	takeRestart = []string{"listen", "socket-mode", "socket-group", "loops", "defer-accept", "local-congestion", "supervise", "start-timeout"}
	// The worker has them at once.
	takeRestartForSupervisor = []string{"log-format", "log-level"}
)

// kept returns a line for each of the options that take a restart.
func (o *serveOptions) kept() map[string]string {
	lines := map[string]string{}
	wanted := append(append([]string{}, takeRestart...), takeRestartForSupervisor...)
	for _, group := range o.table() {
		for _, option := range group.Options {
			for _, name := range wanted {
				if option.Name == name {
					one := []config.Group{{Options: []config.Option{option}}}
					_, line, _ := strings.Cut(string(config.AppendTOML(nil, one, nil)), "\n") // the group's name
					lines[name] = strings.TrimSpace(line)
				}
			}
		}
	}
	return lines
}

// keptText is kept for the environment.
func (o *serveOptions) keptText() string {
	text, err := json.Marshal(o.kept())
	if err != nil { // strings can be had as JSON
		return "{}"
	}
	return string(text)
}

// warnKept says which options differ from those that the supervisor has been started with, and will not
// come into force.
func warnKept(text string, o *serveOptions, origins config.Origins, report *logging.Reporter) {
	if text == "" {
		return
	}
	var was map[string]string
	if err := json.Unmarshal([]byte(text), &was); err != nil {
		report.Warn(fmt.Sprintf("%s: %v", supervisor.SettingsEnv, err))
		return
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
}
