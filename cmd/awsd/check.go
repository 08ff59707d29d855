package main

import (
	"errors"
	"io"

	"aws/internal/config"
	"aws/internal/kernel"
	"aws/internal/logging"
	"aws/internal/sandbox"
	"aws/internal/serveconfig"
	"aws/internal/tlsconfig"

	"github.com/spf13/cobra"
)

// checkCommand says what aws serve would do.
func checkCommand(stdout io.Writer, report *logging.Reporter) *cobra.Command {
	var line commandLine
	var explained string
	cmd := newCommand("check [ROOT]", "validate the configuration of serve and print the effective one", oneRoot,
		func(_ *cobra.Command, args []string) error {
			o, origins, err := line.options(args, report)
			if err != nil {
				return err
			}
			if explained == "" {
				text := config.AppendTOML(nil, o.EffectiveTable(), origins)
				if o.Sites != nil {
					text = append(text, serveconfig.DescribeSites(o.Sites)...)
				}
				if _, err := stdout.Write(text); err != nil {
					return err
				}
			}
			if err := warnEffects(o, origins, report); err != nil {
				return located(err, origins) // what follows from it is not reported once more
			}
			s := &fileServer{options: o, report: report}
			return located(s.check(explained, stdout), origins)
		})
	cmd.Long = `Reads the same flags, variables and configuration file as "serve". Prints the resulting options as a
TOML file, with the origin of each value, and reports what is wrong. It opens the directories and files
that serve would open. It does not bind an address, and changes nothing.

With --explain it prints instead which site and route a URL belongs to, which properties apply there and which line each
comes from, and the response that a client of this machine gets for it.

Exit status: 0 if serve would start, 1 if a file or directory cannot be used, 2 if an option is wrong.`
	line.flags(cmd.Flags())
	cmd.Flags().StringVar(&explained, "explain", "", "explain the response to a request for `URL`")
	return cmd
}

// check returns what would keep aws serve from starting: all that is wrong with certificates and their CA, and the first of the other
// things, apart from addresses that are in use. It explains a URL if there is one.
func (s *fileServer) check(explained string, stdout io.Writer) error {
	issuerErr := s.checkACME()
	store, err := s.checkCertificates(explained, stdout)
	return errors.Join(issuerErr, err, s.checkServer(explained, store, stdout))
}

// checkServer is check apart from certificates. store is nil if there are none.
func (s *fileServer) checkServer(explained string, store *tlsconfig.Store, stdout io.Writer) error {
	o := s.options
	if addrs, err := o.Addresses(); err != nil {
		return err
	} else if len(addrs) == 0 {
		return serveconfig.ErrNoAddress
	}
	if err := o.Watch.Check(); err != nil {
		return err
	}
	if _, err := kernel.RaiseDescriptors(); err != nil {
		return err
	}
	handler, closeRoots, err := s.handler()
	defer closeRoots()
	if err != nil {
		return err
	}
	if _, err := o.ServerOf(handler); err != nil {
		return err
	}
	if err := o.CheckForms(); err != nil {
		return err
	}
	if o.Give.User != "" {
		if _, err := sandbox.LookUpUser(o.Give.User); err != nil {
			return err
		}
	}
	if explained == "" {
		return nil
	}
	return explain(stdout, o.Sites, store, handler, explained)
}
