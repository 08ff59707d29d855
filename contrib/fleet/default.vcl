vcl 4.1;

# Varnish in front of HAProxy, as a cache in memory for files of less than 1 MB. Start it with
#
#   -p http_gzip_support=off   awsd chooses the content coding
#   -p nuke_limit=10000        room for a file may cost many small ones: with the default, 50, its response would be cut off

import std;

backend fleet {
    .host = "127.0.0.1";
    .port = "8081";
    .connect_timeout = 5s;
    # Longer than the timeouts in haproxy.cfg, which answers with an error of its own.
    .first_byte_timeout = 70s;
    .between_bytes_timeout = 70s;
    .probe = {
        .url = "/fleet-ready";
        .interval = 1s;
        .timeout = 1s;
        .window = 3;
        .threshold = 2;
        .initial = 2;
    }
}

sub vcl_recv {
    # As long as a replica is ready, a response is at most 10 s older than its ttl. Otherwise the grace of the object counts.
    if (std.healthy(req.backend_hint)) {
        set req.grace = 10s;
    }
    # awsd does not read cookies. With them, nothing would be cached.
    unset req.http.Cookie;
    # A range of a file that is not in the cache would fetch the whole file first.
    if (req.http.Range) {
        return (pass);
    }
    # Accept-Encoding in one spelling, without codings of weight 0: one object for each set of codings that clients accept,
    # not one for each spelling. awsd chooses the coding.
    set req.http.X-Codings = "";
    if (req.http.Accept-Encoding ~ "\bzstd\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))") {
        set req.http.X-Codings = req.http.X-Codings + ", zstd";
    }
    if (req.http.Accept-Encoding ~ "\bbr\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))") {
        set req.http.X-Codings = req.http.X-Codings + ", br";
    }
    if (req.http.Accept-Encoding ~ "\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))") {
        set req.http.X-Codings = req.http.X-Codings + ", gzip";
    }
    unset req.http.Accept-Encoding;
    if (req.http.X-Codings != "") {
        set req.http.Accept-Encoding = regsub(req.http.X-Codings, "^, ", "");
    }
    unset req.http.X-Codings;
}

sub vcl_backend_response {
    # While the replicas fail, an object in its grace is better than an error.
    if (beresp.status >= 500 && bereq.is_bgfetch) {
        return (abandon);
    }
    # Large files stay in the page cache of the replicas. The decision is remembered for two minutes.
    if (beresp.http.Content-Length ~ "^[0-9]{7,}$") {
        set beresp.ttl = 120s;
        set beresp.uncacheable = true;
        return (deliver);
    }
    # Without a rule of the server: 10 s. After that, Varnish asks with If-None-Match whether the file has changed.
    if (!beresp.http.Cache-Control && !beresp.http.Expires) {
        set beresp.ttl = 10s;
    }
    set beresp.keep = 1h;
    if (beresp.status == 200) {
        set beresp.grace = 1h;
    } else {
        set beresp.grace = 0s;
    }
}
