package nginx

import (
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aws/internal/handler/direct"
	"aws/internal/serveconfig"
	"aws/tests/harness"
)

// explainAll compares what is explained with what the server has responded: every case in the process of the test, and each that a
// URL can express by the program.
func explainAll(t *testing.T, config string, cases []testCase, responses []*response) {
	respond := decider(t, config)
	programs := make(chan int)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for i := range programs {
				explainOne(t, config, &cases[i], responses[i])
			}
		})
	}
	urls := 0
	for i := range cases {
		if responses[i] == nil {
			continue
		}
		respond(&cases[i], responses[i])
		if _, ok := cases[i].url(); ok {
			urls++
			programs <- i
		}
	}
	close(programs)
	group.Wait()
	fmt.Printf("nginx: %d requests decided in the process, %d URLs explained\n", len(cases), urls)
}

// decider returns a function that has the handler of a configuration decide about a case, and compares the head of the response with
// that of the server.
func decider(t *testing.T, config string) func(*testCase, *response) {
	t.Helper()
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	_, tables, _ := strings.Cut(string(text), "\n\n") // the options of the server are before the first table
	read, err := serveconfig.ReadSites(config, []byte(tables))
	if err != nil {
		t.Fatal(err)
	}
	table, _, err := read.Compile()
	if err != nil {
		t.Fatal(err)
	}
	o := serveconfig.Options{Sites: table}
	h, closeRoots, err := o.SiteHandler(func(string, ...any) {})
	t.Cleanup(closeRoots)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *testCase, real *response) {
		client := netip.MustParseAddr("127.0.0.1")
		if c.client != "" {
			client = netip.MustParseAddr(c.client)
		}
		r, err := direct.Respond(h, c.bytes(), direct.Client{Address: client}, time.Now())
		if err != nil {
			t.Errorf("%s: %v", c, err)
			return
		}
		if got, want := headLines(string(r.Head[:r.HeadLen()])), headLines(real.head); !slices.Equal(got, want) {
			t.Errorf("%s: decided\n%s\nresponded\n%s", c, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// headLines returns the lines of a head, without Date, and without the validator of a listing, which each process makes for itself.
func headLines(head string) []string {
	lines := strings.Split(strings.TrimSpace(head), "\r\n")
	listed := slices.Contains(lines, "Vary: Accept")
	return slices.DeleteFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "Date: ") || listed && strings.HasPrefix(line, "ETag: ")
	})
}

// explainOne compares the explanation of a URL with the response: the head, the file and the route, and where each property comes from.
func explainOne(t *testing.T, config string, c *testCase, r *response) {
	address, _ := c.url()
	var stderr strings.Builder
	check := exec.Command(harness.AWS(t), "check", "--config", config, "--explain", address)
	check.Stderr = &stderr
	out, err := check.Output()
	before, after, ok := strings.Cut(string(out), "response:\n")
	if err != nil || !ok {
		t.Errorf("%s: %v: %s%s", address, err, out, stderr.String())
		return
	}
	head := headLines(strings.ReplaceAll(strings.TrimPrefix(after, "  "), "\n  ", "\r\n"))
	if want := headLines(r.head); !slices.Equal(head, want) {
		t.Errorf("%s: explained\n%s\nresponded\n%s", address, strings.Join(head, "\n"), strings.Join(want, "\n"))
	}
	e := parseExplanation(t, before)
	route := r.Header.Get("X-Route")
	if got, _ := cutOrigin(e["headers.set"]); got != prefixed("X-Route: ", route) {
		t.Errorf("%s: explained as %q, and the route is %q:\n%s", address, got, route, out)
	}
	lineIs(t, config, address, e["headers.set"], `X-Route = "`+route+`"`)
	if cache := r.Header.Get("Cache-Control"); r.StatusCode == 200 && cache != "" && !strings.Contains(before, "cache-control: \""+cache+"\"") && cache != "no-cache" {
		t.Errorf("%s: Cache-Control is %q:\n%s", address, cache, out)
	}
	file := ""
	if r.StatusCode == 200 && strings.HasPrefix(r.body, "=") && r.Header.Get("ETag") != "" {
		file = r.body[1:]
	}
	if got := e["file"]; file == "" && got != "" || !strings.HasSuffix(got, "/"+file) && file != "" {
		t.Errorf("%s: explained with the file %q, sent is %q", address, got, file)
	}
	want := ""
	if location, _, _ := strings.Cut(r.Header.Get("Location"), "?"); location != "" {
		target, _ := url.PathUnescape(resolved(c.target, location))
		if strings.TrimSuffix(target, "/") != strings.TrimSuffix(e["path"], "/") { // otherwise it is that of a directory
			want = fmt.Sprintf("%d to %s", r.StatusCode, location)
		}
	}
	if got, _ := cutOrigin(e["redirect"]); got != want && !strings.HasPrefix(got, want+"?") {
		t.Errorf("%s: explained with the redirect %q, the response is %q", address, got, r.summary(c))
	}
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// parseExplanation returns the lines before the response by what they begin with. Of repeated ones the last counts, which is about the file.
func parseExplanation(t *testing.T, text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok {
			t.Errorf("an explanation with the line %q", line)
		}
		values[key] = value
	}
	return values
}

// cutOrigin splits a value and its place in the file.
func cutOrigin(value string) (text, origin string) {
	if i := strings.LastIndex(value, " ("); i >= 0 {
		return value[:i], strings.TrimSuffix(value[i+2:], ")")
	}
	return value, ""
}

// lineIs checks that the place of a property is where the file has it.
func lineIs(t *testing.T, config, address, value, want string) {
	_, origin := cutOrigin(value)
	if value == "" {
		return
	}
	var line int
	if _, err := fmt.Sscanf(strings.TrimPrefix(origin, config), ":%d", &line); err != nil {
		t.Errorf("%s: %q has no place: %v", address, value, err)
		return
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Error(err)
		return
	}
	if lines := strings.Split(string(text), "\n"); line > len(lines) || !strings.Contains(lines[line-1], want) {
		t.Errorf("%s: %q is not in line %d", address, want, line)
	}
}
