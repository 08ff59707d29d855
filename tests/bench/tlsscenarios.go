package main

// What h2load does not say is not shown.
var usualH2load = []metric{mCPU, mBoth, mRate, mBytes, mSwitches, mRSS, mServerCore, mClientCore}

// tlsConns are the connections of the scenarios over TLS and over HTTP/2. One core of client does not need more.
const tlsConns = 16

// Those that serve over TLS.
var (
	tlsServers      = of("aws serve", "h2o", "nginx", "lighttpd", "caddy")
	tlsServersQuick = []string{"aws serve", "h2o", "nginx"}
)

var scenariosOverTLS = []*scenario{
	{
		Name: "tls-1k", Title: "TLS 1.3, 1 KiB, connections kept", path: static1K, protocol: tlsHTTP1, load: load{conns: tlsConns},
		once: onceH2load, show: usualH2load, quick: tlsServersQuick, entries: tlsServers,
		Method: "h2load requests one file of 1 KiB over HTTP/1.1 repeatedly, on 16 connections that are kept. All connections use " + cipherSuite +
			", and all servers the same certificate with a key of P-256. The handshakes are made before the measured time.",
	},
	{
		Name: "tls-64k", Title: "TLS 1.3, 64 KiB, connections kept", path: static64K, protocol: tlsHTTP1, load: load{conns: tlsConns},
		once: onceH2load, show: usualH2load, quick: tlsServersQuick, entries: tlsServers,
		Method: "The same with a file of 64 KiB.",
	},
	{
		Name: "tls-2m", Title: "TLS 1.3, 2 MiB, connections kept", path: static2M, protocol: tlsHTTP1, load: load{conns: tlsConns},
		once: onceH2load, show: usualH2load, quick: tlsServersQuick, entries: tlsServers,
		Method: "The same with a file of 2 MiB.",
	},
	{
		Name: "h2-1k", Title: "HTTP/2, 1 KiB, one stream at a time", path: static1K, protocol: tlsHTTP2, load: load{conns: tlsConns},
		once: onceH2load, show: usualH2load, quick: tlsServersQuick, entries: tlsServers,
		Method: "h2load requests one file of 1 KiB over HTTP/2 and TLS 1.3 repeatedly, on 16 connections with one stream at a time.",
	},
	{
		Name: "h2-1k-32", Title: "HTTP/2, 1 KiB, 32 streams at a time", path: static1K, protocol: tlsHTTP2, load: load{conns: tlsConns, streams: 32},
		once: onceH2load, show: usualH2load, quick: tlsServersQuick, entries: tlsServers,
		Method: "The same with 32 streams at a time on each connection.",
	},
	{
		Name: "h2-64k", Title: "HTTP/2, 64 KiB", path: static64K, protocol: tlsHTTP2, load: load{conns: tlsConns},
		once: onceH2load, show: usualH2load, quick: tlsServersQuick, entries: tlsServers,
		Method: "A file of 64 KiB, one stream at a time on each of 16 connections. The client's windows do not limit the servers.",
	},
	{
		Name: "h2-2m", Title: "HTTP/2, 2 MiB", path: static2M, protocol: tlsHTTP2, load: load{conns: tlsConns},
		once: onceH2load, show: usualH2load, quick: tlsServersQuick, entries: tlsServers,
		Method: "The same with a file of 2 MiB.",
	},
	{
		Name: "h2c-1k-32", Title: "HTTP/2 without TLS, 1 KiB, 32 streams at a time", path: static1K, protocol: h2c,
		load: load{conns: tlsConns, streams: 32}, once: onceH2load, show: usualH2load,
		quick: []string{"aws serve"}, entries: of("aws serve", "h2o", "lighttpd"),
		Method: "The file of 1 KiB over HTTP/2 with prior knowledge, on 16 connections with 32 streams at a time on each.",
	},
	{
		Name: "tls-full", Title: "Full TLS handshakes", path: static1K, protocol: tlsHTTP1, load: load{conns: tlsConns}, once: onceHandshakes,
		show: usual, quick: tlsServersQuick, entries: tlsServers,
		Method: "16 clients connect, make a full handshake of TLS 1.3 with X25519, request the file of 1 KiB with Connection: close, and connect again " +
			"when the server has closed the connection. The figures of a request include its handshake. The client is in Go (`tests/bench/tlsclient`).",
	},
	{
		Name: "tls-resumed", Title: "Resumed TLS handshakes", path: static1K, protocol: tlsHTTP1, load: load{conns: tlsConns, resume: true},
		once: onceHandshakes, show: usual, quick: tlsServersQuick, entries: tlsServers,
		Method: "The same with handshakes that resume the session of the connection before, with its ticket and a new key agreement.",
	},
	{
		Name: "idle-tls", Title: "1,000 idle TLS connections", path: static1K, protocol: tlsHTTP1, once: onceIdleTLS, long: true,
		show: []metric{mConnBytes, mRSS}, quick: []string{"aws serve", "nginx"}, entries: tlsServers,
		Method: "1,000 connections over TLS 1.3 have got one response of 1 KiB each over HTTP/1.1, and are idle for six seconds. The memory per idle connection is " +
			"the growth of the server's resident memory. Before, 64 connections were opened and closed.",
	},
	{
		Name: "idle-h2", Title: "1,000 idle HTTP/2 connections", path: static1K, protocol: tlsHTTP2, once: onceIdleTLS, long: true,
		show: []metric{mConnBytes, mRSS}, quick: []string{"aws serve", "nginx"}, entries: tlsServers,
		Method: "The same over HTTP/2.",
	},
	{
		Name: "page", Title: "A page of 200 files over a slow line", path: firstOfPage, protocol: tlsHTTP2, load: load{streams: 100}, once: oncePage,
		show: []metric{mPage, mRSS}, quick: tlsServersQuick, entries: tlsServers,
		Method: "200 files of 8 KiB are requested on one new HTTP/2 connection over TLS, 100 at a time or as many as the server allows. A proxy passes the bytes on after " +
			"25 ms in each direction. It does not delay the TCP handshake, and limits no bandwidth. The figure is the time from connect to the last byte, " +
			"the median of the pages that were fetched one after another.",
	},
}
