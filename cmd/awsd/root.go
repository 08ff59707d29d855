package main

import (
	"io"

	"aws/goloop"
	"aws/internal/accesslog"
	"aws/internal/admin"
	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/logging"

	"github.com/spf13/cobra"
)

// rootCommand is the program without a command: the drop-in, which aws runs by itself as far as it can.
func rootCommand(stdout io.Writer, report *logging.Reporter) *cobra.Command {
	var given config.Given
	cmd := newCommand(program, "the asynchronous web server", noRoot,
		func(*cobra.Command, []string) error {
			o, err := command.NewDropIn(given)
			if err != nil {
				return err
			}
			o.SetAdmin(newAdmin(nil))
			return o.Run(stdout, report)
		})
	given = config.Flags(cmd.Flags(), new(command.DropIn).Table())
	cmd.Long = `Serves the files in DIR/static with sendfile and the files in DIR/dynamic with asynchronous
reads, over HTTP, one response per connection. Every other request gets 404 Not Found.
"aws serve" is a complete file server.`
	cmd.Version = command.Version
	cmd.SetVersionTemplate(command.VersionText())
	return cmd
}

// newAdmin returns what makes the server behind --admin. certificates is nil if the server does not speak TLS.
func newAdmin(certificates func() []admin.Certificate) command.NewAdmin {
	return func(logStats func() accesslog.Stats) command.Admin {
		return awsAdmin{admin.New(admin.Options{
			Version: command.Version, Commit: command.Commit, Log: logStats, Certificates: certificates,
		})}
	}
}

// awsAdmin is an admin.Admin that watches a goloop.Server.
type awsAdmin struct{ *admin.Admin }

// Watch implements command.Admin.
func (a awsAdmin) Watch(s *goloop.Server) { a.Admin.Watch(s) }
