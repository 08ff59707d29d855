// Package admin is an HTTP server that shows what the file server is doing: /metrics for Prometheus,
// /healthz and /readyz for process supervisors and load balancers, /debug/pprof/ for profiles, and a live page at /.
//
// # Ownership
//
// It runs next to the loops and reads only what they publish: copies of their counters, and the records of
// their responses. It changes nothing. Unlike the rest of the program, it uses net/http, because its few clients
// do not need an event loop.
//
// # Caveats
//
// There is no authentication, and a profile costs processor time. The address is off by default, and should
// be a loopback address or in a management network.
package admin
