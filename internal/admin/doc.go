// Package admin shows people and their tools what a server is doing, over an HTTP server of its own:
// /metrics for Prometheus, /healthz and /readyz for anyone who starts and balances servers, /debug/pprof/
// for profiles, and at / a page that shows it all live.
//
// It runs beside the loops and takes nothing from them but what they publish anyway: copies of their
// counters, and the records of their responses. Its address is off unless it is asked for and belongs on
// a loopback or a management network: there is no authentication, and a profile costs the processor's
// time. Nothing that is served here changes anything.
//
// The responses here come from net/http, unlike everything else this program serves: an event loop for
// files is of no use to a handful of dashboards.
package admin
