package fileserver_test

import (
	"testing"

	"aws/internal/handler"
)

// TestHTTPS has what differs between http and https.
func TestHTTPS(t *testing.T) {
	const config = `
[[site]]
hosts = ["a.example", "[2001:db8::1]"]
default = true
root = "/a"
certificate = "/cert"
redirect-to-https = true
hsts = "max-age=60"
[[site.redirect]]
from = "/old"
to = "/new"
[[site]]
hosts = ["b.example"]
root = "/b"
certificate = "/cert"
hsts = "max-age=60"
headers.set.Strict-Transport-Security = "max-age=1"
auth = "/users"
[[site]]
hosts = ["staff.example"]
root = "/c"
certificate = "/cert"
client-certificates = "required"
client-ca = "/ca"
[[site]]
hosts = ["some.example"]
root = "/d"
certificate = "/cert"
client-certificates = "optional"
client-ca = "/ca"
`
	s := newSites(t, config)
	s.add(t, "a.example/ static", "f")
	s.add(t, "b.example/ static", "f")
	s.add(t, "staff.example/ static", "f")
	s.add(t, "some.example/ static", "f")
	const field = "Strict-Transport-Security: "
	s.do(t, []siteExchange{
		{host: "a.example", path: "/f", want: "308 https://a.example/f", header: field + "-"},
		{host: "a.example:8080", path: "/x%20y/../f?q=%20&r", want: "308 https://a.example/x%20y/../f?q=%20&r"},
		{host: "[2001:db8::1]:80", path: "/", want: "308 https://[2001:db8::1]/"},
		{host: "other.example", path: "/%e4", want: "308 https://other.example/%e4"},
		{host: "a.example", path: "/old", want: "308 https://a.example/old"},
		{host: "a.example", path: "http://A.example/f", want: "308 https://A.example/f"},
		{host: "a.example", path: "https://a.example/f", want: "421 421 Misdirected Request"},
		{host: "b.example", path: "/f", want: "401 401 Unauthorized", header: field + "max-age=1"},
		{host: "staff.example", path: "/f", want: "403 403 Forbidden"},
		{host: "some.example", path: "/f", want: "200 f"},
	})
	s.TLS = &handler.TLS{Site: "a.example"}
	s.do(t, []siteExchange{
		{host: "a.example", path: "/f", want: "200 f", header: field + "max-age=60"},
		{host: "a.example", path: "/missing", want: "404 404 Not Found", header: field + "max-age=60"},
		{host: "a.example", path: "/old", want: "308 /new", header: field + "max-age=60"},
		{host: "a.example", path: "https://a.example/f", want: "200 f"},
		{host: "a.example", path: "http://a.example/f", want: "421 421 Misdirected Request"},
		{host: "b.example", path: "/f", fields: []string{password}, want: "200 f", header: field + "max-age=1"},
		{host: "staff.example", path: "/f", want: "421 421 Misdirected Request"},
		{host: "some.example", path: "/f", want: "421 421 Misdirected Request"},
	})
	s.TLS = &handler.TLS{Site: "staff.example"}
	s.do(t, []siteExchange{
		{host: "staff.example", path: "/f", want: "200 f", header: field + "-"},
		{host: "some.example", path: "/f", want: "421 421 Misdirected Request"},
		{host: "b.example", path: "/f", fields: []string{password}, want: "200 f"},
	})
}
