package fileserver_test

import (
	"testing"

	"aws/internal/handler/fileserver"
)

// oneChallenge implements fileserver.Challenges.
type oneChallenge struct{ asked int }

func (c *oneChallenge) HTTP01(host, path string) (body string, ok bool) {
	c.asked++
	return "token.key", host == "a.example:80" && path == "/.well-known/acme-challenge/token"
}

// TestChallenge sees a challenge go before redirects, passwords and unknown hosts, and all other requests take their usual way.
func TestChallenge(t *testing.T) {
	const config = `
[[site]]
hosts = ["a.example"]
root = "/a"
auth = "/users"
certificate = "/cert"
redirect-to-https = true
[[site]]
hosts = ["b.example"]
root = "/b"
`
	const path = "/.well-known/acme-challenge/"
	var challenges oneChallenge
	s := newSites(t, config, func(o *fileserver.SiteOptions) { o.Challenges = &challenges })
	s.add(t, "b.example/ static", path[1:]+"token", "f")
	s.do(t, []siteExchange{
		{host: "a.example:80", path: path + "token", want: "200 token.key", header: "Cache-Control: no-store | Content-Type: application/octet-stream"},
		{method: "POST", host: "a.example:80", path: path + "token", want: "405 405 Method Not Allowed"},
		{host: "a.example:80", path: path + "other", want: "308 https://a.example" + path + "other"},
		{host: "a.example:80", path: path, want: "308 https://a.example" + path},
		{host: "b.example", path: path + "token", want: "200 " + path[1:] + "token"},
	})
	if challenges.asked != 4 {
		t.Errorf("asked %d times", challenges.asked)
	}
	challenges.asked = 0
	s.do(t, []siteExchange{
		{host: "b.example", path: "/f", want: "200 f"},
		{host: "b.example", path: "/.well-known/acme", want: "404 404 Not Found"},
	})
	if challenges.asked != 0 {
		t.Error("asked about other paths")
	}
}
