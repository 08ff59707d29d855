package crosscheck

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"aws/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// faultCalls is what fails in the mode of that name. Every call of the loop may be interrupted or asked to
// come back later; none of that may show on the wire.
const faultCalls = "accept4,recv,send,sendfile,epoll_wait,io_submit,io_getevents,preadv2"

// clientsMax is how many requests of the unhurried kind are under way at once.
const clientsMax = 8

// mode is one way in which the two servers are run against each other.
type mode struct {
	name      string
	reference func(t *testing.T) harness.Options
	aws       func(t *testing.T) harness.Options
	cases     func(all []testCase) []testCase
	huge      bool               // whether the huge file is asked for
	complete  bool               // whether every intended difference has to occur
	check     func(t *testing.T) // looks at the servers' counters afterwards
}

// TestCrossCheck runs every mode on one site. The comparison is between the servers, each request also has
// a response of its own to live up to.
func TestCrossCheck(t *testing.T) {
	site := newSite(t)
	total := 0
	for _, m := range modes(t) {
		t.Run(m.name, func(t *testing.T) {
			count, occurred := m.run(t, site)
			total += count
			fmt.Printf("crosscheck %s: %d requests compared, %d intended differences occurred\n",
				m.name, count, len(occurred))
			if !m.complete {
				return
			}
			for _, d := range differences {
				if occurred[d.id] == 0 {
					t.Errorf("intended difference %q never occurs: remove it from the table", d.id)
				}
			}
		})
	}
	fmt.Printf("crosscheck: %d requests compared in all; %d intended differences:\n", total, len(differences))
	for _, d := range differences {
		fmt.Printf("  %-20s %s\n", d.id, d.what)
	}
}

func plain(*testing.T) harness.Options { return harness.Options{} }

func modes(t *testing.T) []mode {
	logs := t.TempDir()
	shortenLog, faultLog := filepath.Join(logs, "shorten"), filepath.Join(logs, "faults")
	seed := os.Getenv("AWS_FAULT_SEED")
	if seed == "" {
		seed = "20240229"
	}
	shorten := func(t *testing.T) harness.Options {
		return harness.Options{Preload: harness.Build(t).Shorten, Env: []string{"AWS_SHORTEN_LOG=" + shortenLog}}
	}
	return []mode{
		{name: "plain", reference: plain, aws: plain, cases: everything, huge: true, complete: true},
		{
			name: "shorten",
			reference: func(t *testing.T) harness.Options {
				return harness.Options{Preload: harness.Build(t).Shorten}
			},
			aws: shorten, cases: everything,
			check: func(t *testing.T) { checkShortened(t, shortenLog) },
		},
		{
			name: "faults", reference: plain,
			aws: func(t *testing.T) harness.Options {
				t.Logf("AWS_FAULT_SEED=%s", seed)
				return harness.Options{Preload: harness.Build(t).Faults, Env: []string{
					"AWS_FAULT_SEED=" + seed, "AWS_FAULT_PERMILLE=200", "AWS_FAULT_CALLS=" + faultCalls,
					"AWS_FAULT_LOG=" + faultLog,
				}}
			},
			cases: everything,
			check: func(t *testing.T) { checkFaulted(t, faultLog) },
		},
		{
			name: "valgrind", reference: plain,
			aws: func(t *testing.T) harness.Options {
				o := shorten(t)
				o.Wrap = harness.Valgrind(t)
				o.Path = harness.AWSValgrind(t)
				return o
			},
			cases: sample,
			check: func(t *testing.T) { checkShortened(t, shortenLog) },
		},
	}
}

func everything(all []testCase) []testCase { return all }

// sample takes one case of each topic and every seventeenth of the rest.
func sample(all []testCase) []testCase {
	var some []testCase
	topics := map[string]bool{}
	for i, c := range all {
		if i%17 == 0 || c.topic != "" && !topics[c.topic] {
			some = append(some, c)
		}
		topics[c.topic] = true
	}
	return some
}

// checkShortened makes sure that there was something to survive.
func checkShortened(t *testing.T, log string) {
	for _, call := range []string{"send", "recv", "sendfile"} {
		if tally := harness.ReadTally(t, log)[call]; tally.Shorts == 0 {
			t.Errorf("no %s was cut short in %d calls", call, tally.Calls)
		}
	}
}

func checkFaulted(t *testing.T, log string) {
	tallies := harness.ReadTally(t, log)
	for _, call := range []string{"accept4", "recv", "send", "sendfile", "io_submit"} {
		if tally := tallies[call]; tally.Errors == 0 {
			t.Errorf("no %s was made to fail in %d calls", call, tally.Calls)
		}
	}
	t.Logf("injected faults: %v", tallies)
}

// run sends all requests of a mode to both servers and compares. It returns how many were compared and how
// often each intended difference occurred.
func (m mode) run(t *testing.T, s *site) (count int, occurred map[string]int) {
	occurred = map[string]int{}
	reference := harness.StartReference(t, s.root, m.reference(t))
	aws := harness.StartAWS(t, s.root, m.aws(t))
	calm := append(append(sizeCases(), pathCases()...), rawCases()...)
	groups := []struct {
		name    string
		clients int
		cases   []testCase
	}{
		{"one at a time", 1, m.cases(sizeCases())},
		{"few at a time", clientsMax, m.cases(append(calm, splitCases()...))},
		{"fifty at once", 50, manyClientsCases()},
	}
	if m.huge {
		groups[0].cases = append(groups[0].cases, hugeCases()...)
	}
	for _, group := range groups {
		theirs := exchangeAll(reference.Address, group.clients, group.cases)
		ours := exchangeAll(aws.Address, group.clients, group.cases)
		for i, c := range group.cases {
			compare(t, s, c, theirs[i], ours[i], occurred)
		}
		count += len(group.cases)
		for _, server := range []*harness.Server{reference, aws} {
			if !server.Running() {
				t.Fatalf("a server has ended on its own\n%s", server.Output())
			}
		}
	}
	if status := aws.Stop(t); status != 0 {
		t.Errorf("aws ended with status %d\n%s", status, aws.Findings())
	}
	if m.check != nil {
		m.check(t)
	}
	return count, occurred
}

// exchangeAll sends the requests, so many at once, and returns the responses in the order of the requests.
func exchangeAll(address string, clients int, cases []testCase) []harness.Response {
	responses := make([]harness.Response, len(cases))
	next := make(chan int)
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for i := range next {
				responses[i] = harness.Exchange(address, cases[i].request)
			}
		})
	}
	for i := range cases {
		next <- i
	}
	close(next)
	group.Wait()
	return responses
}

// compare reports what is wrong with aws's response, by itself and beside the reference server's.
func compare(t *testing.T, s *site, c testCase, theirs, ours harness.Response, occurred map[string]int) {
	t.Helper()
	if wrong := c.judge(s, ours); wrong != "" {
		t.Errorf("%s: %s\n  aws:       %v", c.name, wrong, ours)
	}
	fields := unequal(theirs, ours)
	if fields == "" {
		return
	}
	for _, d := range differences {
		if d.match(c, theirs, ours) {
			occurred[d.id]++
			return
		}
	}
	t.Errorf("%s: the servers differ in %s\n  reference: %v\n  aws:       %v", c.name, fields, theirs, ours)
}

// unequal names the fields in which two responses differ. The version is not one of them, since either
// server may respond to HTTP/1.x with the version that it speaks.
func unequal(a, b harness.Response) string {
	var names []string
	add := func(differs bool, name string) {
		if differs {
			names = append(names, name)
		}
	}
	add(a.Status != b.Status, "status")
	add(a.Reason != b.Reason, "reason")
	add(a.ContentLength != b.ContentLength, "Content-Length")
	add(a.BodyBytes != b.BodyBytes, "body length")
	add(a.BodySum != b.BodySum, "body")
	add(a.Ending != b.Ending, "ending")
	for _, field := range []string{"Last-Modified", "Connection"} {
		add(a.Header.Get(field) != b.Header.Get(field), field)
	}
	return strings.Join(names, ", ")
}

// judge says what is wrong with a response of aws, whatever the reference server says.
func (c testCase) judge(s *site, r harness.Response) string {
	if r.Ending != harness.Closed {
		return "the connection was not closed in order"
	}
	if c.hangUp {
		if r.Status != 0 || r.Note != "" {
			return "there was no whole request to respond to"
		}
		return ""
	}
	status, reason := 404, "Not Found"
	if c.want != "" {
		status, reason = 200, "OK"
	}
	switch {
	case r.Note != "":
		return r.Note
	case r.Status != status || r.Reason != reason:
		return fmt.Sprintf("want %d %s", status, reason)
	case r.Version != "HTTP/1.0" && r.Version != "HTTP/1.1":
		return "want HTTP/1.0 or HTTP/1.1"
	case r.Header.Get("Connection") != "close":
		return "want Connection: close"
	case r.ContentLength < 0:
		return "want one Content-Length"
	case c.head && r.BodyBytes != 0:
		return "want no body for HEAD"
	case !c.head && r.BodyBytes != r.ContentLength:
		return "want as many bytes as Content-Length says"
	}
	if c.want == "" {
		return ""
	}
	file, ok := s.find(c.want)
	switch {
	case !ok:
		return "the test wants the unknown file " + c.want
	case r.ContentLength != file.size:
		return fmt.Sprintf("want the %d bytes of %s", file.size, c.want)
	case !c.head && r.BodySum != file.sum:
		return "want the bytes of " + c.want
	}
	return ""
}

// find returns what is in a file, through links.
func (s *site) find(path string) (file, bool) {
	if f, ok := s.content[path]; ok {
		return f, true
	}
	real, err := filepath.EvalSymlinks(filepath.Join(s.root, path))
	if err != nil {
		return file{}, false
	}
	path, err = filepath.Rel(s.root, real)
	f, ok := s.content[path]
	return f, ok && err == nil
}
