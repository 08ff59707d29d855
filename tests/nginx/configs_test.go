package nginx

// awsConfig is the configuration of aws. Each route has its name in X-Route.
const awsConfig = `listen = ["127.0.0.1:0"]
loops = 1

[[site]]
hosts = ["example.org", "WWW.example.org.", "a_b.example"]
root = "{{.Directory}}/main"
dotfiles = true
headers.set = { X-Route = "/" }
media-types = { js = "text/javascript", iso = "application/octet-stream" }
[[site.route]]
path = "/a"
cache-control = "max-age=1"
headers.set = { X-Route = "/a" }
[[site.route]]
path = "/a/b/"
cache-control = "max-age=2"
headers.set = { X-Route = "/a/b" }
[[site.route]]
path = "/a-b"
cache-control = "max-age=3"
headers.set = { X-Route = "/a-b" }
[[site.route]]
path = "/ä"
headers.set = { X-Route = "/auml" }
[[site.route]]
path = "/a b"
headers.set = { X-Route = "/a-blank-b" }
[[site.route]]
path = "/docs"
index = ["index.html", "index.txt"]
cache-control = "max-age=4"
headers.set = { X-Route = "/docs" }
[[site.route]]
path = "/docs"
match = "*.css"
cache-control = "max-age=5"
headers.set = { X-Route = "/docs *.css" }
[[site.route]]
path = "/docs"
match = "/docs/*/index.*"
cache-control = "max-age=6"
headers.set = { X-Route = "/docs /docs/*/index.*" }
[[site.route]]
path = "/docs"
match = "*.html"
cache-control = "max-age=7"
headers.set = { X-Route = "/docs *.html" }
[[site.route]]
match = "*.iso"
dynamic = true
cache-control = "max-age=8"
headers.set = { X-Route = "*.iso" }
[[site.route]]
path = "/exact/file"
headers.set = { X-Route = "/exact/file" }
[[site.route]]
path = "/private/"
auth = "{{.Directory}}/users"
realm = "Staff"
headers.set = { X-Route = "/private" }
[[site.route]]
path = "/private/open/"
auth = "off"
headers.set = { X-Route = "/private/open" }
[[site.route]]
path = "/private/open/shut"
auth = "{{.Directory}}/users"
realm = "Others"
headers.set = { X-Route = "/private/open/shut" }
[[site.route]]
path = "/private/gone/"
respond = { status = 410, body = "=gone" }
headers.set = { X-Route = "/private/gone" }
[[site.route]]
path = "/in/"
allow = ["127.0.0.2", "127.1.0.0/16"]
deny = ["127.1.66.0/24"]
headers.set = { X-Route = "/in" }
[[site.route]]
path = "/in/public/"
allow = ["all"]
headers.set = { X-Route = "/in/public" }
[[site.route]]
path = "/out/"
deny = ["127.0.0.0/24"]
headers.set = { X-Route = "/out" }
[[site.route]]
path = "/gone/"
respond = { status = 410, body = "=gone" }
headers.set = { X-Route = "/gone" }
[[site.route]]
path = "/json"
respond = { status = 200, body = "={}", type = "application/json" }
headers.set = { X-Route = "/json" }
[[site.route]]
path = "/no-content"
respond = 204
headers.set = { X-Route = "/no-content" }
[[site.route]]
path = "/not-found"
respond = 404
headers.set = { X-Route = "/not-found" }
[[site.route]]
path = "/gone/back"
root = "{{.Directory}}/other"
headers.set = { X-Route = "/gone/back" }
[[site.route]]
path = "/clean/"
try = ["{path}", "{path}.html", "{path}/"]
headers.set = { X-Route = "/clean" }
[[site.route]]
path = "/app/"
try = ["{path}", "/app/index.html"]
headers.set = { X-Route = "/app" }
[[site.route]]
path = "/app/assets"
try = ["{path}"]
headers.set = { X-Route = "/app/assets" }
[[site.route]]
path = "/alias/"
root = "{{.Directory}}/other"
headers.set = { X-Route = "/alias" }
[[site.route]]
path = "/pages/"
error-pages = { 404 = "{{.Directory}}/pages/404.html", 403 = "{{.Directory}}/pages/403.html" }
headers.set = { X-Route = "/pages" }
[[site.route]]
path = "/pages/inner/"
error-pages = { 404 = "{{.Directory}}/pages/inner.html" }
headers.set = { X-Route = "/pages/inner" }
[[site.route]]
path = "/pages/never/"
deny = ["all"]
headers.set = { X-Route = "/pages/never" }
[[site.route]]
path = "/names/"
dotfiles = false
headers.set = { X-Route = "/names" }
[[site.route]]
path = "/list/"
list = true
headers.set = { X-Route = "/list" }
[[site.route]]
path = "/noindex/"
index = []
headers.set = { X-Route = "/noindex" }
[[site.redirect]]
from = "/old/*"
to = "/new/*"
[[site.redirect]]
from = "/old/page"
to = "https://other.example/page?a=1"
status = 302
[[site.redirect]]
from = "/old/deep/*"
to = "https://other.example/deep/*"
status = 307
[[site.redirect]]
from = "/drop/*"
to = "/new/*"
status = 301
query = "drop"
[[site.redirect]]
from = "/moved"
to = "/target"
status = 301
[[site.redirect]]
from = "/moved-dropped"
to = "/target"
status = 302
query = "drop"
[[site.redirect]]
from = "/one/*"
to = "/target?from=one"
status = 302
[[site.redirect]]
from = "/directory/"
to = "/target/"
status = 307
[[site.redirect]]
from = "/private/old/*"
to = "/new/*"
status = 302

[[site]]
name = "net"
hosts = ["*.example.net"]
root = "{{.Directory}}/net"
headers.set = { X-Route = "net" }
[[site]]
name = "deep"
hosts = ["*.deep.example.net"]
root = "{{.Directory}}/deep"
headers.set = { X-Route = "deep" }
[[site]]
name = "exact"
hosts = ["x.deep.example.net"]
root = "{{.Directory}}/exact"
headers.set = { X-Route = "exact" }
[[site]]
name = "apex"
hosts = ["example.net"]
root = "{{.Directory}}/apex"
headers.set = { X-Route = "apex" }
[[site]]
name = "org"
hosts = ["*.org"]
root = "{{.Directory}}/org"
headers.set = { X-Route = "org" }
[[site]]
name = "address"
hosts = ["192.0.2.1", "[2001:db8::1]", "::1"]
root = "{{.Directory}}/address"
headers.set = { X-Route = "address" }
[[site]]
name = "idna"
hosts = ["bücher.example", "*.straße.example"]
root = "{{.Directory}}/idna"
headers.set = { X-Route = "idna" }
{{if .Default}}
[[site]]
default = true
name = "rest"
root = "{{.Directory}}/rest"
headers.set = { X-Route = "rest" }
{{end}}`

// nginxConfig is the configuration of nginx. A variable has the name of the route, so that error pages, which are locations of
// their own, keep it.
const nginxConfig = `daemon off; master_process off; pid OWN/pid; error_log OWN/error.log;
events {}
http {
access_log off; absolute_redirect off; client_body_temp_path OWN/b; proxy_temp_path OWN/p; fastcgi_temp_path OWN/f; uwsgi_temp_path OWN/u;
scgi_temp_path OWN/s; server_names_hash_bucket_size 128;
types { text/html html; text/plain txt; text/css css; text/javascript js; } default_type application/octet-stream;
charset utf-8; charset_types text/plain text/css text/javascript;


server { listen {{.Listen}} default_server; {{if .Default}}set $route rest; root {{.Directory}}/rest; add_header X-Route $route always;{{else}}return 421;{{end}} }
{{hosts "net" "*.example.net"}}
{{hosts "deep" "*.deep.example.net"}}
{{hosts "exact" "x.deep.example.net"}}
{{hosts "apex" "example.net"}}
{{hosts "org" "*.org"}}
{{hosts "address" "192.0.2.1 [2001:db8::1] [::1]"}}
{{hosts "idna" "xn--bcher-kva.example *.xn--strae-oqa.example"}}

server {
  listen {{.Listen}};
  server_name example.org www.example.org a_b.example;
  root {{.Directory}}/main;
  add_header X-Route $route always;
  add_header Cache-Control $age;
  if ($route = "") { set $route /; set $age ""; }
  {{route "/a" "set $route /a; set $age max-age=1;"
    "location = /a/b { set $route /a/b; set $age max-age=2; } location ^~ /a/b/ { set $route /a/b; set $age max-age=2; }"}}
  {{route "/a-b" "set $route /a-b; set $age max-age=3;"}}
  {{route "/ä" "set $route /auml;"}}
  {{route "/a b" "set $route /a-blank-b;"}}
  {{route "/docs" "set $route /docs; set $age max-age=4; index index.html index.txt;"
    "location ~ ^/docs/[^/]*/index\\.[^/]*$ { set $route '/docs /docs/*/index.*'; set $age max-age=6; }"
    "location ~ \\.html$ { set $route '/docs *.html'; set $age max-age=7; }"
    "location ~ \\.css$ { set $route '/docs *.css'; set $age max-age=5; }"}}
  location ~ \.iso$ { set $route *.iso; set $age max-age=8; }
  {{route "/exact/file" "set $route /exact/file;"}}
  {{route "/private" "set $route /private; auth_basic Staff; auth_basic_user_file DIR/users;"}}
  {{route "/private/open" "set $route /private/open;"}}
  {{route "/private/open/shut" "set $route /private/open/shut; auth_basic Others; auth_basic_user_file DIR/users;"}}
  {{route "/private/gone" "set $route /private/gone; default_type text/plain; auth_basic Staff; auth_basic_user_file DIR/users; return 410 =gone;"}}
  {{route "/private/old" "set $route /private; auth_basic Staff; auth_basic_user_file DIR/users; rewrite ^/private/old(?:/(.*))?$ /new/$1 redirect;"}}
  {{route "/in" "set $route /in; deny 127.1.66.0/24; allow 127.0.0.2; allow 127.1.0.0/16; deny all;"}}
  {{route "/in/public" "set $route /in/public; deny 127.1.66.0/24; allow all;"}}
  {{route "/out" "set $route /out; deny 127.0.0.0/24;"}}
  {{route "/gone" "set $route /gone; default_type text/plain; return 410 =gone;"}}
  {{route "/json" "set $route /json; default_type application/json; return 200 '={}';"}}
  {{route "/no-content" "set $route /no-content; return 204;"}}
  {{route "/not-found" "set $route /not-found; return 404;"}}
  location = /gone/back { set $route /gone/back; return 301 $uri/$is_args$args; }
  location ^~ /gone/back/ { set $route /gone/back; alias {{.Directory}}/other/; }
  {{route "/clean" "set $route /clean; try_files $uri $uri.html $uri/ =404;"}}
  {{route "/app" "set $route /app; try_files $uri /app/index.html =404;"}}
  {{route "/app/assets" "set $route /app/assets; try_files $uri =404;"}}
  location = /alias { set $route /alias; return 301 $uri/$is_args$args; }
  location ^~ /alias/ { set $route /alias; alias {{.Directory}}/other/; }
  location = /-404 { internal; alias {{.Directory}}/pages/404.html; types {} default_type text/html; }
  location = /-403 { internal; alias {{.Directory}}/pages/403.html; types {} default_type text/html; }
  location = /-inner { internal; alias {{.Directory}}/pages/inner.html; types {} default_type text/html; }
  {{route "/pages" "set $route /pages; error_page 404 /-404; error_page 403 /-403;"}}
  {{route "/pages/inner" "set $route /pages/inner; error_page 404 /-inner; error_page 403 /-403;"}}
  {{route "/pages/never" "set $route /pages/never; error_page 404 /-404; error_page 403 /-403; deny all;"}}
  {{route "/names" "set $route /names; if ($uri ~ '/\\.') { return 404; }"}}
  {{route "/list" "set $route /list; autoindex on;"}}
  {{route "/noindex" "set $route /noindex; index -;"}}
  location ~ ^/old(?:/(.*))?$ { return 308 /new/$1$is_args$args; }
  location = /old/page { rewrite ^ https://other.example/page?a=1 redirect; }
  location = /old/deep { return 307 https://other.example/deep/$is_args$args; }
  location ^~ /old/deep/ { rewrite ^/old/deep/(.*)$ /-$1; return 307 https://other.example/deep/$1$is_args$args; }
  {{route "/drop" "rewrite ^/drop(?:/(.*))?$ /new/$1? permanent;"}}
  location = /moved { return 301 /target$is_args$args; }
  location = /moved-dropped { return 302 /target; }
  {{route "/one" "rewrite ^ /target?from=one redirect;"}}
  location = /directory/ { return 307 /target/$is_args$args; }
}
}
`
