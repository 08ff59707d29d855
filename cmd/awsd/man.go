package main

import (
	"io"
	"strings"

	"aws/internal/command"
	"aws/internal/config"

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
	p.paragraphs("`"+name+"` sends files over HTTP, on one event loop per core, and never lets one slow disk or one slow client hold up another.",
		"Without a command it takes the place of the classic C server. "+root.Long)
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
	p.item("`--version`, `-v`", "Print version, commit and Go's version.")
	p.item("`--help`, `-h`", "Print the flags; every command has it.")
	p.macro("SH", "OPTIONS OF SERVE AND CHECK")
	p.item("`--config` FILE", "Read options from this TOML file. (`"+configEnv+"`)")
	p.options(new(serveOptions).table(), true)
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
		"Each option of `serve` is a flag, an environment variable and a key of the file that `--config` names. A flag goes before a variable, a variable before the file, the file before the default. A list is replaced, not joined.",
		"The variable of `--keepalive-timeout` is `AWSD_KEEPALIVE_TIMEOUT`. Of an option that is repeatable, the variable has the values between commas: `AWSD_LISTEN=:80,:8080`. Values that hold commas have a variable each, which are counted from 0: `AWSD_HEADER_0`, `AWSD_HEADER_1`. An empty variable says nothing. A variable that begins with AWSD_ and is not an option is reported at the start and otherwise left alone.",
		"The file is TOML, without tables; its keys are the names of the flags. A key that is not known is an error. Durations are strings such as \"30s\"; sizes are numbers or strings such as \"128KiB\", a KiB being 1024 bytes:",
	)
	p.macro("PP")
	p.macro("nf")
	p.text("listen = [\":80\", \"unix:/run/web.sock\"]\nroot = \"/srv/www\"\nlist = true\nidle-timeout = \"30s\"\nheader = [\"X-Frame-Options: DENY\"]")
	p.macro("fi")
	p.macro("PP")
	p.text("`" + name + " check` says what results of all three.")
	p.macro("SH", "SIGNALS")
	p.item("`SIGTERM`, `SIGINT`", "Drain: no new connections, transfers end or 10 seconds pass (`--drain-timeout`), exit status 0. What is waited for is reported.")
	p.item("`SIGHUP`, `SIGUSR2`", "With `--supervise`: serve from a new process, which reads the program and the configuration again. If it fails, the old one stays. What takes a restart is reported.")
	p.item("`SIGUSR1`", "Open the access log again.")
	p.macro("SH", "EXIT STATUS")
	p.item("0", "It was asked to end and did, or printed what was asked for.")
	p.item("1", "Something could not be had; a line says what and, where there is one, the remedy.")
	p.item("2", "The command line, a variable or the configuration file was wrong.")
	p.macro("SH", "ENVIRONMENT")
	p.item("`"+configEnv+"`", "The configuration file, if `--config` does not name one.")
	p.item("`AWSD_...`", "The options of `serve`, see above. The server without a command reads no variables.")
	p.item("`NO_COLOR`", "If it is not empty, warnings and errors of `serve` have no colour on a terminal either. Nothing else is ever coloured.")
	p.macro("SH", "EXAMPLES")
	p.item("`"+name+" serve /srv/www --listen :8080 --list`", "Serve a directory to everybody, with listings.")
	p.item("`"+name+" check --config /etc/awsd/awsd.toml`", "See what a configuration means.")
	p.macro("SH", "SEE ALSO")
	p.text("`sendfile`(2), `io_submit`(2), `openat2`(2), `epoll`(7), `landlock`(7), `systemd.socket`(5)")
}
