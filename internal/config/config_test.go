package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"
)

// sample is a table with an option of each type.
type sample struct {
	listen []string
	header []string
	conns  int
	rate   int64
	pool   int64
	ranges int
	root   string
	format string
	list   bool
	idle   time.Duration
}

func (s *sample) table() []Group {
	return []Group{
		{"Listening", []Option{
			{Name: "listen", Into: &s.listen, Default: []string{":80"}, Usage: "listen at this `ADDRESS`"},
			{Name: "conns", Into: &s.conns, Default: 100, Least: 1, Most: 1000, Usage: "connections"},
			{Name: "idle-timeout", Into: &s.idle, Default: time.Minute, Least: 1, Usage: "wait this long"},
		}},
		{"Files", []Option{
			{Name: "root", Into: &s.root, Default: ".", Usage: "the `DIR`"},
			{Name: "header", Into: &s.header, Usage: "add a `FIELD`"},
			{Name: "list", Into: &s.list, Usage: "list directories"},
			{Name: "format", Into: &s.format, Default: "plain", OneOf: []string{"plain", "json"}, Usage: "the `FORMAT`"},
			{Name: "rate", Into: &s.rate, Usage: "bytes per second"},
			{Name: "max-ranges", Former: "ranges", FormerNote: "it counts all", Into: &s.ranges, Default: 7, Usage: "ranges"},
			{Name: "pool-bytes", Into: (*Size)(&s.pool), Default: Size(1 << 20), Usage: "memory", Advice: "Use *more* | less."},
		}},
	}
}

// resolve resolves the sample's table from a command line, variables and a file.
func resolve(t *testing.T, args, environ []string, file string) (*sample, Origins, []string, error) {
	t.Helper()
	var first, second sample
	f := pflag.NewFlagSet("test", pflag.ContinueOnError)
	given := Flags(f, first.table())
	if err := f.Parse(args); err != nil {
		return nil, nil, nil, err
	}
	// Another table than the one that the flags were made of, as a reload does it.
	origins, strangers, err := Resolve(second.table(), Sources{Given: given, Environ: environ, File: "a.toml", Text: []byte(file), Own: []string{"AWSD_CONFIG"}})
	return &second, origins, strangers, err
}

func TestDefaults(t *testing.T) {
	got, origins, _, err := resolve(t, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	want := &sample{listen: []string{":80"}, conns: 100, idle: time.Minute, root: ".", format: "plain", pool: 1 << 20, ranges: 7}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for name, origin := range origins {
		if origin != OriginDefault {
			t.Errorf("%s comes from %s", name, origin)
		}
	}
}

// TestPrecedence gives each option a value in every set of places and sees the right one win.
func TestPrecedence(t *testing.T) {
	const inFile, inEnviron, inFlag = 1, 2, 4
	for places := range 8 {
		var args, environ []string
		file := ""
		wantInt, wantList, wantOrigin := 100, []string{":80"}, "default"
		if places&inFile != 0 {
			file = "# a comment\nconns = 1\nlisten = [ # one\n  \":1\",\n  \":11\",\n]\n"
			wantInt, wantList, wantOrigin = 1, []string{":1", ":11"}, "a.toml:2"
		}
		if places&inEnviron != 0 {
			environ = []string{"AWSD_CONNS=2", "AWSD_LISTEN=:2,:22", "HOME=/"}
			wantInt, wantList, wantOrigin = 2, []string{":2", ":22"}, "AWSD_CONNS"
		}
		if places&inFlag != 0 {
			args = []string{"--conns=3", "--listen", ":3", "--listen=:33"}
			wantInt, wantList, wantOrigin = 3, []string{":3", ":33"}, "flag --conns"
		}
		got, origins, strangers, err := resolve(t, args, environ, file)
		if err != nil || len(strangers) > 0 {
			t.Fatalf("places %03b: %v, strangers %q", places, err, strangers)
		}
		if got.conns != wantInt || !reflect.DeepEqual(got.listen, wantList) || origins["conns"] != wantOrigin {
			t.Errorf("places %03b: conns %d from %s, listen %q; want %d from %s, %q",
				places, got.conns, origins["conns"], got.listen, wantInt, wantOrigin, wantList)
		}
	}
}

func TestEnviron(t *testing.T) {
	got, origins, strangers, err := resolve(t, nil, []string{
		"AWSD_HEADER_0=A: 1, 2", "AWSD_HEADER_1=B: 3", "AWSD_LIST=true", "AWSD_IDLE_TIMEOUT=90s", "AWSD_POOL_BYTES=2MiB",
		"AWSD_ROOT=", "AWSD_CONFIG=/x", "AWSD_CONS=7", "AWSD_SERVICE_HOST=10.0.0.1", "AWS_REGION=x",
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.header, []string{"A: 1, 2", "B: 3"}) || !got.list || got.idle != 90*time.Second || got.pool != 2<<20 || got.root != "." {
		t.Errorf("got %+v", got)
	}
	if origins["header"] != "AWSD_HEADER_0..1" {
		t.Errorf("header comes from %s", origins["header"])
	}
	want := []string{"AWSD_CONS is not an option; did you mean AWSD_CONNS?", "AWSD_SERVICE_HOST is not an option"}
	if !reflect.DeepEqual(strangers, want) {
		t.Errorf("strangers %q, want %q", strangers, want)
	}
}

// TestFormerNames sees an option set by the name that it had in the last release, from each place, with a warning.
func TestFormerNames(t *testing.T) {
	const then = "and the former name goes with the next release; it counts all"
	for _, c := range []struct {
		name, file    string
		args, environ []string
		warning, err  string
		origin        string
	}{
		{name: "flag", args: []string{"--ranges=3"}, warning: "--ranges is called --max-ranges now, " + then, origin: "flag --max-ranges"},
		{name: "variable", environ: []string{"AWSD_RANGES=3"}, warning: "AWSD_RANGES is called AWSD_MAX_RANGES now, " + then, origin: "AWSD_MAX_RANGES"},
		{name: "key", file: "root = \"a\"\nranges = 3", warning: "a.toml:2: ranges is called max-ranges now, " + then, origin: "a.toml:2"},
		{name: "the new name", file: "max-ranges = 3", origin: "a.toml:1"},
		{name: "flag before variable", args: []string{"--max-ranges=3"}, environ: []string{"AWSD_RANGES=4"}, warning: "AWSD_RANGES is called", origin: "flag --max-ranges"},
		{name: "two flags", args: []string{"--ranges=3", "--max-ranges=3"}, err: "--ranges is the former name of --max-ranges, which is given, too; leave it out"},
		{name: "two variables", environ: []string{"AWSD_RANGES=3", "AWSD_MAX_RANGES=3"}, err: "AWSD_RANGES is the former name of AWSD_MAX_RANGES"},
		{name: "two keys", file: "max-ranges = 3\nranges = 3", err: "a.toml:2: ranges is the former name of max-ranges"},
		{name: "two keys, the former one first", file: "ranges = 3\nmax-ranges = 3", err: "a.toml:2: ranges is the former name of max-ranges"},
		{name: "wrong value", args: []string{"--ranges=x"}, err: `"x" is not a whole number`},
		{name: "wrong value in the file", file: "ranges = true", err: "a.toml:1: ranges: it is true or false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, origins, warnings, err := resolve(t, c.args, c.environ, c.file)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %q", err, c.err)
				}
				return
			}
			if err != nil || got.ranges != 3 || origins["max-ranges"] != c.origin {
				t.Errorf("%v, %v, origin %q", got, err, origins["max-ranges"])
			}
			if strings.Join(warnings, "|") != c.warning && (c.warning == "" || !strings.HasPrefix(strings.Join(warnings, "|"), c.warning)) {
				t.Errorf("warnings %q, want %q", warnings, c.warning)
			}
		})
	}
}

// TestMistakes sees every mistake named, with its place and a way out.
func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		name, file    string
		args, environ []string
		want          []string
	}{
		{name: "unknown key", file: "\n\nidel-timeout = \"1s\"", want: []string{`a.toml:3: unknown key "idel-timeout"; did you mean idle-timeout?`}},
		{name: "underscores", file: "idle_timeout = \"1s\"", want: []string{"a.toml:1: ", "did you mean idle-timeout?"}},
		{name: "nothing like it", file: "certificate = 1", want: []string{`a.toml:1: unknown key "certificate"`}},
		{name: "table", file: "conns = 1\n[files]\nroot = \"x\"\n", want: []string{"a.toml:2: [files] is a table"}},
		{name: "dotted", file: "files.root = \"x\"", want: []string{`a.toml:1: unknown key "files.root"; did you mean root?`}},
		{name: "all at once", file: "conn = 1\nlist = 1\nroot = 2", want: []string{"a.toml:1: ", "a.toml:2: ", "a.toml:3: "}},
		{name: "number for string", file: "root = 3", want: []string{"a.toml:1: root: it is a whole number; expected a string in quotes"}},
		{name: "number for duration", file: "idle-timeout = 30", want: []string{`expected a duration, such as "30s"`}},
		{name: "string for number", file: `conns = "3"`, want: []string{"it is a string; expected a whole number"}},
		{name: "string for bool", file: `list = "yes"`, want: []string{"expected true or false"}},
		{name: "fraction", file: `conns = 1.5`, want: []string{"it is a number with a fraction"}},
		{name: "date", file: `conns = 2026-01-01`, want: []string{"it is a date or time"}},
		{name: "list of numbers", file: `listen = ["a", 2]`, want: []string{"value 2 is a whole number"}},
		{name: "list for scalar", file: `root = ["a"]`, want: []string{"it is a list"}},
		{name: "inline table", file: `root = {a = 1}`, want: []string{"it is a table"}},
		{name: "bad duration", file: `idle-timeout = "30"`, want: []string{`a.toml:1: idle-timeout: "30" is not a duration`}},
		{name: "zero duration", file: `idle-timeout = "0s"`, want: []string{"0s is not positive"}},
		{name: "bad size", file: `pool-bytes = "1 apple"`, want: []string{"is not a size"}},
		{name: "huge size", file: `pool-bytes = "99999999999G"`, want: []string{"is too large"}},
		{name: "too small", file: `conns = 0`, want: []string{"a.toml:1: conns: 0 is less than 1"}},
		{name: "too large", file: `conns = 1001`, want: []string{"a.toml:1: conns: 1001 is more than 1000"}},
		{name: "negative", file: `rate = -1`, want: []string{"-1 is less than 0"}},
		{name: "choice", file: `format = "jsn"`, want: []string{`"jsn" is none of plain, json; did you mean json?`}},
		{name: "twice", file: "conns = 1\nconns = 2\n", want: []string{"a.toml:2: "}},
		{name: "syntax", file: "conns = 1\nlist = tru\n", want: []string{"a.toml:2: "}},
		{name: "flag", args: []string{"--conns=many"}, want: []string{"--conns", `"many" is not a whole number`}},
		{name: "flag of choice", args: []string{"--format=xml"}, want: []string{"--format", "none of plain, json"}},
		{name: "variable", environ: []string{"AWSD_CONNS=many"}, want: []string{`AWSD_CONNS: "many" is not a whole number`}},
		{name: "both kinds of list", environ: []string{"AWSD_LISTEN=a", "AWSD_LISTEN_0=b"}, want: []string{"one of them, not both"}},
		{name: "gap", environ: []string{"AWSD_LISTEN_0=b", "AWSD_LISTEN_2=c"}, want: []string{"AWSD_LISTEN_2: there is no AWSD_LISTEN_1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, _, err := resolve(t, c.args, c.environ, c.file)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestFileForms(t *testing.T) {
	got, _, _, err := resolve(t, nil, nil, strings.Join([]string{
		`"root" = 'C:\literal'`, `listen = ":1"`, `header = []`, `conns = 1_000`, `rate = 0x10`,
		`pool-bytes = 4096`, `idle-timeout = """1h"""`, `list = true # yes`,
	}, "\n"))
	want := &sample{
		root: `C:\literal`, listen: []string{":1"}, conns: 1000, rate: 16, pool: 4096,
		idle: time.Hour, list: true, format: "plain", ranges: 7,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestSize(t *testing.T) {
	for _, c := range []struct {
		s    string
		want Size
	}{{"0", 0}, {"131072", 128 << 10}, {"128K", 128 << 10}, {"128KiB", 128 << 10}, {"128 kb", 128 << 10}, {"1G", 1 << 30}, {"5B", 5}} {
		got, err := ParseSize(c.s)
		if err != nil || got != c.want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", c.s, got, err, c.want)
		}
		if again, err := ParseSize(got.String()); err != nil || again != got {
			t.Errorf("%q is read as %d, %v, and was %d", got.String(), again, err, got)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"listen", "list", "list-max", "idle-timeout", "head-timeout", "send-rate-min"}
	for _, c := range []struct{ name, want string }{
		{"lisen", "listen"},
		{"lsit", "list"},
		{"listmax", "list-max"},
		{"IDLE_TIMEOUT", "idle-timeout"},
		{"send-rate", "send-rate-min"},
		{"tls", ""},
		{"", ""},
		{"compression", ""},
	} {
		if got := Nearest(c.name, names); got != c.want {
			t.Errorf("Nearest(%q) = %q, want %q", c.name, got, c.want)
		}
	}
}

// FuzzTOML reads back what AppendTOML wrote of any strings.
func FuzzTOML(f *testing.F) {
	f.Add("plain", "X-A: \"b\"\\\n\x00", "a.toml:1\n")
	f.Add("é\u2028\x7f", "#", "")
	f.Fuzz(func(t *testing.T, root, header, origin string) {
		first := sample{root: strings.ToValidUTF8(root, "?"), header: []string{strings.ToValidUTF8(header, "?")}, idle: 1, conns: 1, format: "json"}
		text := AppendTOML(nil, first.table(), Origins{"root": origin})
		var second sample
		if _, _, err := Resolve(second.table(), Sources{File: "a.toml", Text: text}); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		first.listen = second.listen // nil and none are the same list
		if !reflect.DeepEqual(first, second) {
			t.Fatalf("got %+v, want %+v from\n%s", second, first, text)
		}
	})
}

// FuzzFile holds the reader against any file: it must not panic, and what the decoder refuses must
// be refused.
func FuzzFile(f *testing.F) {
	f.Add("conns = 1\nlisten = [\"a\", # b\n]\n")
	f.Add("[a]\nb.c = {d = 1}\n[[e]]\n")
	f.Add("idle-timeout = '''1s'''\r\nroot = \"\\u0041\"")
	f.Fuzz(func(t *testing.T, text string) {
		var s sample
		_, _, err := Resolve(s.table(), Sources{File: "a.toml", Text: []byte(text)})
		var all map[string]any
		if toml.Unmarshal([]byte(text), &all) != nil && err == nil {
			t.Fatalf("%q was read", text)
		}
	})
}

func TestMarkdown(t *testing.T) {
	var s sample
	got := Markdown(s.table(), 3)
	for _, want := range []string{
		"### Files\n",
		"| `--idle-timeout DURATION` | `AWSD_IDLE_TIMEOUT` | `1m` | Wait this long. |\n",
		"| `--header FIELD` | `AWSD_HEADER` | none | Add a FIELD. |\n",
		"| `--list` | `AWSD_LIST` | off | List directories. |\n",
		"| `--format FORMAT` | `AWSD_FORMAT` | `plain` | The FORMAT: plain, json. |\n",
		"| `--pool-bytes SIZE` | `AWSD_POOL_BYTES` | `1MiB` | Memory. Use \\*more\\* \\| less. |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
}

func TestReplace(t *testing.T) {
	got, err := Replace([]byte("a\n<!-- x -->\nold\n<!-- end of x -->\nb\n"), "x", "new\n")
	if want := "a\n<!-- x -->\nnew\n<!-- end of x -->\nb\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, document := range []string{"", "<!-- x -->\n"} {
		if _, err := Replace([]byte(document), "x", ""); err == nil {
			t.Errorf("%q was taken", document)
		}
	}
}

// TestWrongTable sees a table refused that can't work: it is a mistake of the program.
func TestWrongTable(t *testing.T) {
	var n int
	for name, groups := range map[string][]Group{
		"type of the default": {{"x", []Option{{Name: "n", Into: &n, Default: int64(1)}}}},
		"type of the place":   {{"x", []Option{{Name: "n", Into: n}}}},
		"twice":               {{"x", []Option{{Name: "n", Into: &n}, {Name: "n", Into: &n}}}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			_, _, _ = Resolve(groups, Sources{})
		}()
	}
}
