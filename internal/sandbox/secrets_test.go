package sandbox

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"aws/internal/logging"

	"golang.org/x/sys/unix"
)

// dumpsEnv has this test's program hold secrets: as the user who runs the tests, or as the one that it names.
const dumpsEnv = "SANDBOX_TEST_DUMPS"

func TestMain(m *testing.M) {
	who, is := os.LookupEnv(dumpsEnv)
	if !is {
		os.Exit(m.Run())
	}
	o := Options{User: who}
	report := logging.New(os.Stderr)
	err := o.HoldSecrets(report)
	if err == nil {
		err = o.HoldSecrets(report)
	}
	if err == nil {
		err = Apply(&o, report)
	}
	report.Flush()
	dumpable, errno := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil || errno != nil {
		os.Exit(3)
	}
	os.Exit(10 + dumpable)
}

// TestHoldSecrets sees a process that holds secrets be without core dumps, unless they are asked for.
func TestHoldSecrets(t *testing.T) {
	for _, c := range []struct {
		name, who, traceback string
		dumpable, warnings   int
	}{
		{"same user", "", "", 0, 0},
		{"another user", "nobody", "", 0, 0},
		{"traces of all goroutines", "", "all", 0, 0},
		{"dumps are wanted", "", "crash", 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.who != "" && os.Geteuid() != 0 {
				t.Skip("only root can become another user")
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), dumpsEnv+"="+c.who, "GOTRACEBACK="+c.traceback)
			errors, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(errors)
			_ = cmd.Wait()
			if got := cmd.ProcessState.ExitCode() - 10; got != c.dumpable || strings.Count(string(text), "core dumps") != c.warnings {
				t.Errorf("dumpable: %d; %s", got, text)
			}
		})
	}
}
