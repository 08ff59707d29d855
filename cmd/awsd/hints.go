package main

import (
	"fmt"

	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/handler/fileserver"
	"aws/internal/kernel"
	"aws/internal/logging"
)

// What somebody who starts the server for the first time does not expect is said as it starts, with what to type next.

// untouched reports whether every option is as it is by itself.
func untouched(origins config.Origins) bool {
	for _, origin := range origins {
		if origin != config.OriginDefault {
			return false
		}
	}
	return true
}

// hints says what a browser gets that is given the address alone, if that is an error, and who can connect where nobody has
// chosen that. The process has given up by then what it does not need, so that a directory that only root may enter is
// found out.
func hints(so *fileserver.Options, untouched bool, report *logging.Reporter) {
	if so == nil {
		return // there are sites
	}
	for _, m := range so.Mounts {
		if m.Prefix != "/" {
			continue
		}
		dir := command.ShownDir(m.Dir)
		switch index, class := indexOf(so.Index, m.Root); {
		case class == kernel.Denied:
			report.Warn(fmt.Sprintf("the server's user may not enter %s: requests for its files get an error (change the permissions, or --user)", dir), "dir", m.Dir)
		case class == kernel.Absent && !so.List && so.SPA == "":
			report.Info(fmt.Sprintf("%s has no %s: a request for / gets 404 (--list lists the files instead)", dir, index), "dir", m.Dir)
		}
	}
	if untouched {
		report.Info(fmt.Sprintf("only this machine can connect (%s serve --listen :8080 lets others; %s serve --help lists all options)", program, program))
	}
}

// indexOf looks for the files that stand for a root, and returns the name of the first one that was asked for with the class of
// the one that is there. Done is also that none is wanted.
func indexOf(names []string, root kernel.Root) (name string, class kernel.Class) {
	for _, n := range names {
		if n == "" {
			continue
		}
		if name == "" {
			name = n
		}
		if class = kernel.LookUp(root, n); class != kernel.Absent {
			return name, class
		}
	}
	return name, class
}
