package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"strings"

	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/logging"
	"aws/internal/serveconfig"
	"aws/internal/supervisor"

	"github.com/spf13/pflag"
)

// From flags, variables and the configuration file to options. The options themselves, with the documents' tables, are
// defined in internal/serveconfig; `go test ./cmd/awsd -update` writes the documents again.

// configEnv names the configuration file if no flag does.
const configEnv = config.Prefix + "CONFIG"

// configBytesMax bounds a configuration file.
const configBytesMax = 1 << 20

// commandLine holds the flags of aws serve, or of a command with the same options.
type commandLine struct {
	given config.Given
	file  string
}

// flags adds --config and a flag for each option.
func (l *commandLine) flags(f *pflag.FlagSet) {
	f.Var(onceValue{&l.file}, "config", "read options from the TOML file `FILE`")
	l.given = config.Flags(f, new(serveconfig.Options).Table())
}

// options returns the options that result from arguments, flags, variables and the configuration file,
// and where each comes from. It may be called again, and reads the file and the variables again.
func (l *commandLine) options(args []string, report *logging.Reporter) (*serveconfig.Options, config.Origins, error) {
	given := maps.Clone(l.given)
	if len(args) > 0 {
		if len(given["root"]) > 0 {
			return nil, nil, command.UsageError(fmt.Errorf("ROOT is %s and --root is %s: one of them, not both; leave one out", args[0], given["root"][0]))
		}
		given["root"] = args[:1]
	}
	src := config.Sources{Given: given, Environ: os.Environ(), Tables: serveconfig.SiteTables, Own: []string{configEnv, supervisor.SocketsEnv, supervisor.SettingsEnv, supervisor.SharedEnv, command.StartedAsEnv}}
	src.File = l.configFile()
	if src.File != "" {
		var err error
		if src.Text, err = readConfig(src.File); err != nil {
			return nil, nil, l.configError(err)
		}
	}
	o := &serveconfig.Options{}
	origins, warnings, err := config.Resolve(o.Table(), src)
	report.Set(&o.Log, true)
	for _, s := range warnings {
		report.Warn(s)
	}
	if err := errors.Join(err, readSites(o, origins, &src)); err != nil {
		return nil, nil, command.ConfigError(err)
	}
	return o, origins, nil
}

// readSites reads the sites of the configuration file, if it has some. A malformed file has been reported before.
func readSites(o *serveconfig.Options, origins config.Origins, src *config.Sources) error {
	if _, err := config.ReadTree(src.File, src.Text); err != nil {
		return nil
	}
	s, err := serveconfig.ReadSites(src.File, src.Text)
	if s == nil || err != nil {
		return err
	}
	o.Sites, o.SiteWarnings, err = s.Compile()
	return errors.Join(serveconfig.SiteConflicts(origins), err)
}

// configFile returns the name of the configuration file, or nothing if there is none.
func (l *commandLine) configFile() string {
	if l.file == "" {
		return os.Getenv(configEnv)
	}
	return l.file
}

// configError says why the configuration file could not be read, with the remedy.
func (l *commandLine) configError(err error) error {
	option := "--config"
	if l.file == "" {
		option = configEnv
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w (name a file that is there; %s check prints one with all options)", option, err, program)
	}
	return command.FileError(option, "read", err)
}

// readConfig reads a configuration file.
func readConfig(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, configBytesMax+1))
	if err == nil && len(text) > configBytesMax {
		err = fmt.Errorf("%s: it has more than %d bytes", name, configBytesMax)
	}
	return text, err
}

// located adds to an error that names a flag where its value comes from, if that was not a flag.
func located(err error, origins config.Origins) error {
	if err == nil {
		return nil
	}
	for _, word := range strings.FieldsFunc(err.Error(), func(r rune) bool { return strings.ContainsRune(" :,()", r) }) {
		name, ok := strings.CutPrefix(word, "--")
		origin := origins[name]
		if !ok || origin == "" || origin == config.OriginDefault || strings.HasPrefix(origin, "flag ") {
			continue
		}
		return fmt.Errorf("%w (%s comes from %s)", err, name, origin)
	}
	return err
}
