package nginx

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"aws/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// deadline bounds an exchange. Only a broken server reaches it.
const deadline = time.Minute

// testCase is a request and the responses to it, as response.summary has them.
type testCase struct {
	host, target string   // of a GET; an empty target is /f
	fields       []string // further field lines
	head         string   // in place of all that: the whole head, without its last empty line, and with newlines for CR LF
	client       string   // the address of the client; 127.0.0.1 by default

	want  string // of aws
	nginx string // where nginx responds otherwise
	why   string // the name of the difference, also where only other fields differ
}

// bytes returns what the client sends.
func (c *testCase) bytes() []byte {
	text := c.head
	if text == "" {
		target := c.target
		if target == "" {
			target = "/f"
		}
		text = strings.Join(append([]string{"GET " + target + " HTTP/1.1", "Host: " + c.host}, c.fields...), "\n")
	}
	return []byte(strings.ReplaceAll(text, "\n", "\r\n") + "\r\n\r\n")
}

// url returns the URL whose request the case is. ok is false if it has more than a GET of a URL has.
func (c *testCase) url() (text string, ok bool) {
	if c.head != "" || len(c.fields) > 0 || c.client != "" || c.host == "" {
		return "", false
	}
	target := c.target
	if target == "" {
		target = "/f"
	}
	if u, err := url.Parse("http://" + c.host + target); err != nil || u.RequestURI() != target || u.Host != c.host {
		return "", false
	}
	return "http://" + c.host + target, true
}

func (c *testCase) String() string { return fmt.Sprintf("%q of %s", c.bytes(), c.client) }

// response is what is compared of a response.
type response struct {
	head string // all lines
	*http.Response
	body string
}

// exchange sends a request and receives the response.
func exchange(address string, c *testCase) (*response, error) {
	dialer := net.Dialer{Timeout: deadline}
	if c.client != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(c.client)}
	}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(deadline)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(c.bytes()); err != nil {
		return nil, err
	}
	var head strings.Builder
	reader := bufio.NewReader(conn)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("%q: %w", head.String(), err)
		}
		if head.WriteString(line); line == "\r\n" {
			break
		}
	}
	method, _, _ := strings.Cut(string(c.bytes()), " ")
	parsed, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader(head.String()), reader)), &http.Request{Method: method})
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(parsed.Body)
	return &response{head: head.String(), Response: parsed, body: string(body)}, err
}

// summary returns the status, then the target of a redirect, the body if it is one of the configuration or of a file, and in brackets
// the site or the route. Targets are resolved, so that a relative one is like an absolute one. A malformed request has no route.
func (r *response) summary(c *testCase) string {
	parts := []string{fmt.Sprint(r.StatusCode)}
	if location := r.Header.Get("Location"); location != "" {
		parts = append(parts, resolved(c.target, location))
	}
	if strings.HasPrefix(r.body, "=") {
		parts = append(parts, r.body)
	}
	if route := r.Header.Get("X-Route"); route != "" && r.StatusCode != http.StatusBadRequest {
		parts = append(parts, "["+route+"]")
	}
	return strings.Join(parts, " ")
}

// resolved returns the target of a redirect as a client resolves it.
func resolved(target, location string) string {
	base, err := url.Parse("http://host" + target)
	if err != nil {
		return location
	}
	to, err := base.Parse(location)
	if err != nil {
		return location
	}
	return strings.TrimPrefix(to.String(), "http://host")
}

// others returns the fields that are compared besides the summary.
func (r *response) others() string {
	var fields []string
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, name+": "+value)
		}
	}
	if r.StatusCode == http.StatusOK {
		add("Cache-Control", r.Header.Get("Cache-Control"))
	}
	if strings.HasPrefix(r.body, "=") {
		add("Content-Length", r.Header.Get("Content-Length"))
		add("Content-Type", strings.ToLower(r.Header.Get("Content-Type")))
	}
	challenge, _, _ := strings.Cut(r.Header.Get("WWW-Authenticate"), ",") // without the charset
	add("WWW-Authenticate", challenge)
	return strings.Join(fields, ", ")
}

// TestNginx compares the choice of a site, without and with a site of all other hosts, the choice of a route, and what a route does.
func TestNginx(t *testing.T) {
	directory := makeFiles(t)
	occurred := map[string]int{} // by the name of a difference
	compared := compare(t, "hosts", settings{Directory: directory}, hostCases(), occurred)
	compared = compare(t, "hosts with a default site", settings{Directory: directory, Default: true}, defaultCases(), occurred) && compared
	compared = compare(t, "routes", settings{Directory: directory}, routeCases(), occurred) && compared
	if !compared {
		return
	}
	for name := range differences {
		if occurred[name] == 0 {
			t.Errorf("the difference %q never occurs: remove it from the table", name)
		}
	}
	fmt.Printf("nginx: %d differences\n", len(differences))
}

// compare sends the requests to both servers, and reports whether nginx is there.
func compare(t *testing.T, name string, s settings, cases []testCase, occurred map[string]int) (compared bool) {
	t.Run(name, func(t *testing.T) {
		ours, config := startServe(t, s)
		responses := make([]*response, len(cases))
		t.Run("aws", func(t *testing.T) {
			for i := range cases {
				c := &cases[i]
				r, err := exchange(ours.Address, c)
				if err != nil {
					t.Errorf("%s: %v", c, err)
					continue
				}
				if responses[i] = r; r.summary(c) != c.want {
					t.Errorf("%s: %q, want %q", c, r.summary(c), c.want)
				}
			}
		})
		t.Run("explain", func(t *testing.T) { explainAll(t, config, cases, responses) })
		t.Run("nginx", func(t *testing.T) {
			theirs := startNginx(t, s)
			compared = true
			for i := range cases {
				if responses[i] != nil {
					compareOne(t, theirs.Address, &cases[i], responses[i], occurred)
				}
			}
			fmt.Printf("nginx: %d requests compared: %s\n", len(cases), name)
		})
	})
	return compared
}

// compareOne compares the response of nginx with that of aws.
func compareOne(t *testing.T, address string, c *testCase, ours *response, occurred map[string]int) {
	r, err := exchange(address, c)
	if err != nil {
		t.Errorf("%s: nginx: %v", c, err)
		return
	}
	want := c.nginx
	if want == "" {
		want = ours.summary(c)
	}
	if got := r.summary(c); got != want {
		t.Errorf("%s: nginx responds %q, want %q", c, got, want)
		return
	}
	differs := r.summary(c) != ours.summary(c) || r.others() != ours.others()
	if c.why == "" {
		if differs {
			t.Errorf("%s: %q and %q differ: aws %q, nginx %q", c, ours.summary(c), r.summary(c), ours.others(), r.others())
		}
		return
	}
	if _, ok := differences[c.why]; !ok {
		t.Errorf("%s: there is no difference %q", c, c.why)
	}
	if !differs {
		t.Errorf("%s: there is no difference: %q, %q", c, r.summary(c), r.others())
	}
	occurred[c.why]++
}
