package serveconfig

import (
	"fmt"
	"time"

	"aws/goloop"
	"aws/internal/acme"
	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/handler/fileserver"
	"aws/internal/kernel"
	"aws/internal/logging"
	"aws/internal/response"
	"aws/internal/sandbox"
	"aws/internal/sites"
)

// Options are the options of `aws serve`. The zero value has to be resolved: see Table.
type Options struct {
	Listening Listening
	https     https
	acme      acmeOptions
	clients   clients
	files     files
	responses responses
	limits    limits

	// Sites are the sites of the configuration file. If there are some, SiteHandler makes the handler, and options that
	// describe a single site do not apply.
	Sites        *sites.Table
	SiteWarnings []string // what can't have been meant in Sites; Effects returns them, too

	// Issued has the certificates by ACME, for SiteHandler and TLS; nil: there are none, or they are only checked.
	Issued *acme.Manager

	Watch   command.ObserverOptions
	Log     logging.Options
	Verbose bool // print the counters at exit
	Trace   bool // print every transition of a connection's state
	Give    sandbox.Options
}

// Doing is called before each step that may take long, with its description.
type Doing func(format string, args ...any)

// Table defines the options. Flags, variables, keys of the configuration file, the manual page and the tables in the
// documents derive from it.
func (o *Options) Table() []config.Group {
	return []config.Group{
		o.Listening.table(),
		o.https.table(),
		o.acme.table(),
		o.clients.table(),
		o.files.table(),
		o.responses.table(),
		o.limits.table(),
		{Name: "Watching", Options: append(append(o.Watch.Table(), o.Log.Table()...),
			config.Option{Name: "verbose", Into: &o.Verbose, Usage: "print the counters at exit", Advice: "Shows what happened in a run, without --admin."},
			config.Option{Name: "trace", Into: &o.Trace, Usage: "print every state transition of every connection", Advice: "For study: it prints a line per transition."},
		)},
		{Name: "Safety", Options: o.Give.Table()},
	}
}

// Addresses reads --listen and --listen-tls.
func (o *Options) Addresses() ([]kernel.Address, error) {
	addrs, err := o.Listening.plain()
	if err != nil {
		return nil, err
	}
	more, err := o.https.listen(o.Listening.socketFile)
	if err != nil {
		return nil, err
	}
	addrs = append(addrs, more...)
	return addrs, differ(addrs)
}

// differ refuses addresses of which two take the same connections: the second one can't be bound at a start. A reload could
// bind it while the sockets of removed addresses share it.
func differ(addrs []kernel.Address) error {
	for i, a := range addrs {
		for _, b := range addrs[:i] {
			equal := a.TCP == b.TCP && a.Path == b.Path && a.Dual == b.Dual && (a.Path != "" || a.TCP.Port() != 0)
			if !equal && !a.Overlaps(b) {
				continue
			}
			flag := "--listen"
			if a.TLS {
				flag = "--listen-tls"
			}
			return command.UsageError(fmt.Errorf("%s: %s and %s take the same connections; leave one of them out", flag, b, a))
		}
	}
	return nil
}

// Handler opens the mounts and reads the files that the options name. The function that it returns closes the mounts; it is
// never nil.
func (o *Options) Handler(doing Doing, report *logging.Reporter) (*fileserver.Options, func(), error) {
	so := &fileserver.Options{
		Index: o.files.index, List: o.files.list, Archive: o.files.archive, ListMax: o.files.listMax, SPA: o.files.spa, DotFiles: o.files.dotFiles,
		Precompress: o.responses.precompress, Compress: o.responses.compress.on, CORS: o.responses.cors,
		Types: response.NewMediaTypes(),
	}
	o.limits.addToHandler(so)
	so.HTTPSPort = o.https.port()
	if len(o.https.certificates) > 0 {
		so.TLS = o.https.site()
	}
	closeRoots := func() {
		for _, m := range so.Mounts {
			if m.HasOwnRoot() {
				_ = kernel.CloseRoot(m.Root)
			}
		}
	}
	for _, step := range []func() error{
		func() error { return o.files.addMounts(so, doing) },
		func() error { return o.files.setSPA(so, report) },
		func() error { return o.responses.addFields(so) },
		func() error { return o.responses.addTypes(so) },
		func() error { return o.responses.addErrorPages(so, doing) },
		func() error { return o.clients.addAccess(so, doing) },
	} {
		if err := step(); err != nil {
			return so, closeRoots, err
		}
	}
	return so, closeRoots, nil
}

// Server returns the configuration of a server with this handler, without addresses.
func (o *Options) Server(so *fileserver.Options) (*goloop.ServerConfig, error) {
	handler, err := fileserver.New(*so)
	if err != nil {
		return nil, command.UsageError(err)
	}
	return o.ServerOf(handler)
}

// ServerOf is Server for a handler that has been made.
func (o *Options) ServerOf(h handler.Handler) (*goloop.ServerConfig, error) {
	cfg := &goloop.ServerConfig{Loop: goloop.ServeConfig(), Handler: h, Kernel: kernel.DefaultConfig()}
	o.limits.addTo(cfg)
	o.https.addTo(cfg)
	if err := o.Listening.addTo(cfg); err != nil {
		return nil, err
	}
	if err := o.clients.addTo(cfg); err != nil {
		return nil, err
	}
	if err := checkLimits(cfg); err != nil {
		return nil, err
	}
	if err := o.checkSiteRates(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// cacheFilesMax bounds the open files of the cache, however many descriptors there are.
const cacheFilesMax = 8192

// Fit reduces the limits of connections and open files to a number of descriptors.
func Fit(cfg *goloop.ServerConfig, descriptors int) {
	cfg.Cache = docroot.Limits{
		FilesMax: min(command.FitDescriptors(cfg, descriptors), cacheFilesMax),
		MaxAge:   time.Second, IdleMax: 10 * time.Second, AbsentMax: time.Second,
	}
}
