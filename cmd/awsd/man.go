package main

import (
	"io"
	"strings"

	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/serveconfig"

	"github.com/spf13/cobra"
)

// manCommand prints the manual page. It is for anyone who packages the program, and hidden.
func manCommand(stdout io.Writer) *cobra.Command {
	cmd := newCommand("man", "print the manual page, for man -l", cobra.NoArgs,
		func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(stdout, manual(cmd.Root()))
			return err
		})
	cmd.Hidden = true
	return cmd
}

// page is a manual page being written, in the macros of man(7).
type page struct{ strings.Builder }

// macro writes a line that begins with a macro.
func (p *page) macro(name string, args ...string) {
	p.WriteString("." + name)
	for _, a := range args {
		p.WriteString(" \"" + strings.ReplaceAll(roff(a), `"`, `\(dq`) + `"`)
	}
	p.WriteByte('\n')
}

// text writes a paragraph's words. Words between backquotes are bold.
func (p *page) text(s string) {
	for line := range strings.Lines(strings.TrimRight(s, "\n")) {
		bold := false
		var out strings.Builder
		for i, part := range strings.Split(strings.TrimSuffix(line, "\n"), "`") {
			if i > 0 {
				if bold = !bold; bold {
					out.WriteString(`\fB`)
				} else {
					out.WriteString(`\fR`)
				}
			}
			out.WriteString(roff(part))
		}
		for s := out.String(); s != ""; {
			var line string
			line, s = cut(s)
			if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
				p.WriteString(`\&`)
			}
			p.WriteString(line + "\n")
		}
	}
}

// lineBytesMax is how long the lines of a page's source may be.
const lineBytesMax = 76

// cut returns what fits on a line, and the rest.
func cut(s string) (line, rest string) {
	if len(s) <= lineBytesMax {
		return s, ""
	}
	at := strings.LastIndexByte(s[:lineBytesMax+1], ' ')
	if at <= 0 {
		if at = strings.IndexByte(s, ' '); at <= 0 {
			return s, ""
		}
	}
	return s[:at], s[at+1:]
}

// paragraphs writes texts with a line's space between them.
func (p *page) paragraphs(texts ...string) {
	for i, s := range texts {
		if i > 0 {
			p.macro("PP")
		}
		if !strings.HasPrefix(s, "  ") {
			p.text(s)
			continue
		}
		p.macro("nf")
		p.text(s)
		p.macro("fi")
	}
}

// item writes a tagged paragraph.
func (p *page) item(tag, text string) {
	p.macro("TP")
	p.text(tag)
	p.text(text)
}

// roff escapes what troff would take for its own.
func roff(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "~", `\(ti`, "^", `\(ha`, "'", `\(aq`).Replace(s)
}

// manual returns the manual page, made of the definitions of the commands and options.
//
// It is not made by cobra's package doc, which knows a flag's name, usage and default alone. That makes a page for each
// command, without the groups of options, their advice and their variables, and has no place for the sections about the
// file, signals and exit status. An option without a default is `--auth=` there, and its text follows a tab, of which
// mandoc warns 55 times in the page of serve. The binary, which prints the page, would be 0.8 MB larger with it.
func manual(root *cobra.Command) string {
	p := &page{}
	name := root.Name()
	p.WriteString(`.\" Made by "` + name + ` man" of the program's own definitions.` + "\n")
	p.macro("TH", strings.ToUpper(name), "1", "", "aws "+command.Version, "User Commands")
	p.macro("SH", "NAME")
	p.text(name + " - " + root.Short)
	p.macro("SH", "SYNOPSIS")
	p.text("`" + name + "` [FLAG...]")
	for _, c := range root.Commands() {
		if documented(c) {
			p.macro("br")
			p.text("`" + name + " " + c.Name() + "`" + strings.TrimPrefix(c.Use, c.Name()) + " [FLAG...]")
		}
	}
	p.macro("SH", "DESCRIPTION")
	p.paragraphs("`"+name+"` sends files over HTTP, with one event loop per core. A slow disk or a slow client does not delay other clients.",
		"Without a command it is a replacement for the classic C server. "+root.Long)
	p.macro("SH", "COMMANDS")
	for _, c := range root.Commands() {
		if !documented(c) {
			continue
		}
		p.macro("SS", name+" "+c.Use)
		long := c.Long
		if long == "" {
			long = c.Short + "."
		}
		p.paragraphs(strings.Split(long, "\n\n")...)
	}
	p.macro("SH", "OPTIONS WITHOUT A COMMAND")
	p.options(new(command.DropIn).Table(), false)
	p.item("`--version`, `-v`", "Print the version, the commit and the version of Go.")
	p.item("`--help`, `-h`", "Print the flags. Every command has this flag.")
	p.macro("SH", "OPTIONS OF SERVE AND CHECK")
	p.item("`--config` FILE", "Read options from the TOML file FILE. (`"+configEnv+"`)")
	p.options(new(serveconfig.Options).Table(), true)
	p.rest(name)
	return p.String()
}

// documented reports whether a command is for everybody; help is cobra's own.
func documented(c *cobra.Command) bool { return !c.Hidden && c.Name() != "help" }

// options writes an item for each option.
func (p *page) options(groups []config.Group, variables bool) {
	for _, g := range groups {
		if len(groups) > 1 {
			p.macro("SS", g.Name)
		}
		for i := range g.Options {
			o := &g.Options[i]
			tag := "`--" + o.Name + "`"
			if arg := o.Arg(); arg != "" {
				tag += " " + arg
			}
			text := o.Sentence()
			if o.Advice != "" {
				text += " " + o.Advice
			}
			if d := o.DocumentedDefault(); d != "" {
				text += " Default: `" + d + "`."
			}
			if variables {
				text += " (`" + o.Env() + "`)"
			}
			p.item(tag, text)
		}
	}
}

// rest writes the sections that no definition holds.
func (p *page) rest(name string) {
	p.macro("SH", "CONFIGURATION")
	p.paragraphs(
		"Each option of `serve` is a flag, an environment variable and a key of the file that `--config` names. A flag has precedence over a variable, a variable over the file, and the file over the default. A list replaces the list of lower precedence; lists are not joined.",
		"The variable of `--keepalive-timeout` is `AWSD_KEEPALIVE_TIMEOUT`. The variable of a repeatable option holds the values with commas between them: `AWSD_LISTEN=:80,:8080`. Values that contain commas are given in numbered variables, from 0: `AWSD_HEADER_0`, `AWSD_HEADER_1`. An empty variable is ignored. A variable that begins with AWSD_ and is not an option causes a warning.",
		"The file is TOML, without tables. Its keys are the names of the flags. An unknown key is an error. Durations are strings such as \"30s\". Sizes are numbers or strings such as \"128KiB\"; a KiB is 1024 bytes:",
	)
	p.macro("PP")
	p.macro("nf")
	p.text("listen = [\":80\", \"unix:/run/web.sock\"]\nroot = \"/srv/www\"\nlist = true\nkeepalive-timeout = \"30s\"\nheader = [\"X-Frame-Options: DENY\"]")
	p.macro("fi")
	p.macro("PP")
	p.text("`" + name + " check` prints the resulting options, and where each value comes from.")
	p.macro("SH", "SIGNALS")
	p.item("`SIGTERM`, `SIGINT`", "Shut down gracefully: accept no new connections, let transfers end for up to 10 seconds (`--drain-timeout`), and exit with status 0. The server reports what it waits for.")
	p.item("`SIGHUP`, `SIGUSR2`", "With `--supervise`: start a new worker process, which reads the program and the configuration again. Listening addresses are added and removed. If it fails, the old worker stays. The server reports changed options that need a restart. Without `--supervise`, `SIGHUP` has the files of certificates read again.")
	p.item("`SIGUSR1`", "Open the file of the access log again.")
	p.macro("SH", "EXIT STATUS")
	p.item("0", "The server was asked to end and did, or the command printed its result.")
	p.item("1", "The server could not start, or failed. A message names the cause and, if there is one, the remedy.")
	p.item("2", "The command line, a variable or the configuration file is wrong.")
	p.macro("SH", "ENVIRONMENT")
	p.item("`"+configEnv+"`", "The configuration file, if `--config` does not name one.")
	p.item("`AWSD_...`", "The options of `serve`, see above. Without a command the server does not read them.")
	p.item("`NO_COLOR`", "If it is not empty, `serve` prints warnings and errors without colour on a terminal. Other output never has colour.")
	p.macro("SH", "EXAMPLES")
	p.item("`"+name+" serve /srv/www --listen :8080 --list`", "Serve a directory to all clients, with listings.")
	p.item("`"+name+" check --config /etc/awsd/awsd.toml`", "Check a configuration file.")
	p.macro("SH", "SEE ALSO")
	p.text("`sendfile`(2), `io_submit`(2), `openat2`(2), `epoll`(7), `landlock`(7), `systemd.socket`(5)")
}
