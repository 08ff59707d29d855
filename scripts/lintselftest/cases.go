package main

// violation is one file that breaks a rule. What is wanted is a part of the linter's message.
type violation struct{ path, want, text string }

// stubs are the packages of the small module. They break no rule.
var stubs = map[string]string{
	"cgo/include/include.go":          "// Package include has the headers.\npackage include\n",
	"cgo/libaio/doc.go":               "// Package libaio is a stub.\npackage libaio\n",
	"cgo/netio/doc.go":                "// Package netio is a stub.\npackage netio\n",
	"cmd/aws/main.go":                 "// Command aws is a stub.\npackage main\n\nfunc main() {}\n",
	"cmd/aws/flags/flags.go":          "// Package flags is a stub.\npackage flags\n",
	"scripts/tool/main.go":            "// Command tool is a stub.\npackage main\n\nfunc main() {}\n",
	"goloop/doc.go":                   "// Package goloop is a stub.\npackage goloop\n",
	"internal/docroot/doc.go":         "// Package docroot is a stub.\npackage docroot\n",
	"internal/handler/handler.go":     "// Package handler is a stub.\npackage handler\n",
	"internal/handler/own/own.go":     "// Package own is a stub.\npackage own\n",
	"internal/loader/loader.go":       "// Package loader is a stub.\npackage loader\n",
	"internal/stats/stats.go":         "// Package stats is a stub.\npackage stats\n",
	"internal/connstate/connstate.go": "// Package connstate is a stub.\npackage connstate\n",
	"internal/freelist/freelist.go":   "// Package freelist is a stub.\npackage freelist\n",
	"internal/listing/listing.go":     "// Package listing is a stub.\npackage listing\n",
	"internal/kernel/doc.go":          "// Package kernel is a stub.\npackage kernel\n",
	"internal/rate/doc.go":            "// Package rate is a stub.\npackage rate\n",
	"internal/request/doc.go":         "// Package request is a stub.\npackage request\n",
	"internal/response/doc.go":        "// Package response is a stub.\npackage response\n",
	"internal/simkernel/simkernel.go": "// Package simkernel is a stub.\npackage simkernel\n",
	"internal/supervisor/doc.go":      "// Package supervisor is a stub.\npackage supervisor\n",
	"tests/harness/harness.go":        "// Package harness is a stub.\npackage harness\n",
	"tests/bench/bench.go":            "// Package bench is a stub.\npackage bench\n",
}

func importing(name, path string) string {
	return "package " + name + "\n\nimport _ \"" + path + "\"\n"
}

func importingC(name string) string {
	return "package " + name + "\n\n// static int one(void) { return 1; }\nimport \"C\"\n\nvar _ = C.one()\n"
}

// using makes a file whose one function, a nameless one, has body in it; imports go above it.
func using(name, imports, body string) string {
	if imports != "" {
		imports = "import \"" + imports + "\"\n\n"
	}
	return "package " + name + "\n\n" + imports + "var _ = func() {\n" + body + "}\n"
}

// violations has each rule broken once. An import that goes up stands in a directory of its own, where no
// cycle can come of it.
var violations = []violation{
	// Import directions.
	{"cmd/aws/cgo.go", "go through goloop or internal/kernel (depguard)", importing("main", "aws/cgo/netio")},
	{"cmd/aws/sim.go", "use internal/kernel (depguard)", importing("main", "aws/internal/simkernel")},
	{"goloop/cgo.go", "hand it in as a value (depguard)", importing("goloop", "aws/cgo/netio")},
	{"goloop/sim.go", "hand it in as a value (depguard)", importing("goloop", "aws/internal/simkernel")},
	{"goloop/bench_test.go", "hand it in as a value (depguard)", importing("goloop", "aws/cgo/libaio")},
	{"goloop/listing.go", "hand it in as a value (depguard)", importing("goloop", "aws/internal/listing")},
	{"goloop/handler.go", "hand it in as a value (depguard)", importing("goloop", "aws/internal/handler/own")},
	{"internal/loader/up.go", "what it needs of a loop is in loader.Events (depguard)", importing("loader", "aws/internal/handler")},
	{"internal/loader/sim.go", "what it needs of a loop is in loader.Events (depguard)", importing("loader", "aws/internal/simkernel")},
	{"internal/loader/up_test.go", "what it needs of a loop is in loader.Events (depguard)", importing("loader", "aws/internal/handler")},
	{"internal/handler/own/up.go", "what they need of a loop is in handler.Files (depguard)", importing("own", "aws/internal/loader")},
	{"internal/stats/up.go", "a counter is a number that the loop adds to (depguard)", importing("stats", "aws/internal/kernel")},
	{"internal/connstate/up.go", "pass what it needs as an argument (depguard)", importing("connstate", "aws/internal/docroot")},
	{"internal/rate/up.go", "pass the time as an argument (depguard)", importing("rate", "aws/internal/kernel")},
	{"internal/freelist/up.go", "make it a type parameter (depguard)", importing("freelist", "aws/internal/kernel")},
	{"internal/kernel/up/up.go", "move what both need down into it (depguard)", importing("up", "aws/internal/request")},
	{"internal/simkernel/up/up.go", "imports that alone of ours (depguard)", importing("up", "aws/goloop")},
	{"internal/request/up/up.go", "pass what it needs as an argument (depguard)", importing("up", "aws/internal/response")},
	{"internal/response/up/up.go", "pass what it needs as an argument (depguard)", importing("up", "aws/internal/docroot")},
	{"internal/docroot/up.go", "nothing else (depguard)", importing("docroot", "aws/cgo/netio")},
	{"internal/config/up/up.go", "what options mean is for who defines them (depguard)", importing("up", "aws/goloop")},
	{"internal/sites/up/up.go", "pass what it needs as an argument (depguard)", importing("up", "aws/internal/kernel")},
	{"internal/logging/up/up.go", "everything else logs with it (depguard)", importing("up", "aws/internal/kernel")},
	{"internal/sandbox/up/up.go", "name what it must allow in its Options (depguard)", importing("up", "aws/internal/docroot")},
	{"internal/listeners/up/up.go", "imports internal/{kernel,logging} of ours and nothing else (depguard)", importing("up", "aws/goloop")},
	{"internal/systemd/up/up.go", "imports internal/{kernel,logging} of ours and nothing else (depguard)", importing("up", "aws/goloop")},
	{"internal/supervisor/up/up.go", "flags, signals and the server are the command's (depguard)", importing("up", "aws/internal/kernel")},
	{"internal/serveconfig/up/up.go", "the command puts both together (depguard)", importing("up", "aws/internal/supervisor")},
	{"cgo/libaio/up/up.go", "move it up into internal/kernel (depguard)", importing("up", "aws/internal/docroot")},
	{"scripts/tool/command.go", "move what is shared into goloop or internal (depguard)", importing("main", "aws/cmd/aws/flags")},
	{"scripts/tool/harness.go", "move what is shared into the package under test (depguard)", importing("main", "aws/tests/harness")},
	{"tests/sim/command.go", "run the binary that AWS_BIN names (depguard)", importing("sim", "aws/cmd/aws/flags")},
	{"tests/sim/bench.go", "tests share tests/harness and nothing else (depguard)", importing("sim", "aws/tests/bench")},

	// C, unsafe memory and system calls.
	{"internal/kernel/c.go", `import "C" outside of cgo/; put the call into a package there`, importingC("kernel")},
	{"goloop/c.go", "ask internal/kernel for the memory or the call (depguard)", importingC("goloop")},
	{"internal/docroot/unsafe.go", "ask internal/kernel for the memory or the call (depguard)", importing("docroot", "unsafe")},
	{"goloop/unix.go", "add the call to internal/kernel (depguard)", importing("goloop", "golang.org/x/sys/unix")},
	{"goloop/syscall.go", "add the call to internal/kernel (depguard)", importing("goloop", "syscall")},
	{"cmd/aws/errno.go", "compare the Class that internal/kernel gives\" (forbidigo)", using("main", "syscall", "\tprintln(syscall.ENOENT)\n")},
	{
		"cgo/netio/errno.go", "have the C function return the count or minus errno",
		"package netio\n\n// static int one(void) { return 1; }\nimport \"C\"\n\n// One is one.\nfunc One() int {\n" +
			"\tn, err := C.one()\n\tif err != nil {\n\t\treturn 0\n\t}\n\treturn int(n)\n}\n",
	},

	// Purity, clocks and ends.
	{"internal/request/os.go", "take the bytes as an argument (depguard)", importing("request", "os")},
	{"internal/response/net.go", "aws parses and prints by itself (depguard)", importing("response", "net/url")},
	{"internal/response/log.go", "return what there is to say (depguard)", importing("response", "log/slog")},
	{"goloop/http.go", "use internal/request and internal/response (depguard)", importing("goloop", "net/http")},
	{"internal/simkernel/random.go", "with a seed that a failure prints (depguard)", importing("simkernel", "math/rand")},
	{"internal/simkernel/ioutil.go", "use io or os (depguard)", importing("simkernel", "io/ioutil")},
	{"goloop/clock.go", "ask Kernel for the time\" (forbidigo)", using("goloop", "time", "\ttime.Sleep(1)\n")},
	{"internal/docroot/exit.go", "return an error\" (forbidigo)", using("docroot", "os", "\tos.Exit(1)\n")},
	{"internal/docroot/print.go", "write to the writer that was handed in\" (forbidigo)", using("docroot", "fmt", "\tfmt.Println()\n")},

	// The ready-made linters.
	{"cmd/aws/errcheck.go", "(errcheck)", using("main", "os", "\tos.Remove(\"x\")\n")},
	{
		"cmd/aws/exhaustive.go", "(exhaustive)",
		"package main\n\ntype color int\n\nconst (\n\tred color = iota\n\tblue\n)\n\nvar _ = func(c color) {\n" +
			"\tswitch c {\n\tcase red:\n\t}\n\t_ = blue\n}\n",
	},
	{"cmd/aws/govet.go", "(govet)", "package main\n\nimport \"fmt\"\n\nvar _ = fmt.Sprintf(\"%d\", \"x\")\n"},
	{"cmd/aws/ineffassign.go", "(ineffassign)", "package main\n\nfunc init() {\n\tn := 1\n\tn = 2\n\t_ = n\n}\n"},
	{"cmd/aws/nolintlint.go", "(nolintlint)", "package main\n\nvar _ = 1 //nolint\n"},
	{"cmd/aws/staticcheck.go", "(staticcheck)", "package main\n\nimport \"errors\"\n\nvar _ = errors.New(\"Broken.\")\n"},
	{"cmd/aws/unused.go", "(unused)", "package main\n\nfunc nobody() {}\n"},
	{"cmd/aws/gofumpt.go", "(gofumpt)", "package main\n\nfunc init() {\n\n\t_ = 1\n}\n"},
	{"internal/request/word.go", "use response", "package request\n\nvar an" + "swer = 1\n"},
	{"internal/request/prose.go", "use directory", "package request\n\n// A fol" + "der.\n"},
	{"internal/request/todo.go", "a reminder without its issue", "package request\n\n// TO" + "DO: later.\n"},
}

// allowed breaks no rule, though it comes near to it.
var allowed = map[string]string{
	"cmd/aws/up.go":                    importing("main", "aws/goloop"),
	"cmd/aws/kernel.go":                importing("main", "aws/internal/kernel"),
	"cmd/aws/signals.go":               importing("main", "syscall"),
	"cmd/aws/exit.go":                  "package main\n\nimport \"os\"\n\nfunc init() {\n\tif len(os.Args) > 9 {\n\t\tos.Exit(1)\n\t}\n}\n",
	"goloop/down.go":                   importing("goloop", "aws/internal/docroot"),
	"goloop/time.go":                   "package goloop\n\nimport \"time\"\n\n// Tick is a while.\nconst Tick = time.Second\n",
	"goloop/sim_test.go":               importing("goloop", "aws/internal/simkernel"),
	"goloop/loader.go":                 importing("goloop", "aws/internal/loader"),
	"goloop/own_test.go":               importing("goloop", "aws/internal/handler/own"),
	"internal/loader/down.go":          importing("loader", "aws/internal/stats"),
	"internal/loader/sim_test.go":      importing("loader", "aws/internal/simkernel"),
	"internal/handler/own/down.go":     importing("own", "aws/internal/listing"),
	"internal/stats/down.go":           importing("stats", "aws/internal/connstate"),
	"internal/kernel/unsafe.go":        importing("kernel", "unsafe"),
	"internal/kernel/unix.go":          importing("kernel", "golang.org/x/sys/unix"),
	"internal/response/down.go":        importing("response", "aws/internal/request"),
	"internal/docroot/down.go":         importing("docroot", "aws/internal/kernel"),
	"internal/docroot/docroot_test.go": importing("docroot", "aws/internal/simkernel"),
	"internal/supervisor/signals.go":   importing("supervisor", "syscall"),
	"internal/supervisor/up_test.go":   importing("supervisor", "aws/internal/kernel"),
	"internal/request/os_test.go":      importing("request", "os"),
	"cgo/libaio/c.go":                  "package libaio\n\n// static int two(void) { return 2; }\nimport \"C\"\n\n// Two is two.\nfunc Two() int { return int(C.two()) }\n",
	"cgo/libaio/side.go":               importing("libaio", "aws/cgo/include"),
	"tests/sim/sim_test.go":            importing("sim", "aws/tests/harness"),
	"tests/sim/loop_test.go":           importing("sim", "aws/goloop"),
	"internal/docroot/todo.go":         "package docroot\n\n// TO" + "DO(#7): later.\n",
}
