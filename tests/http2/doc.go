// Package http2 tests `aws serve` by HTTP/2, over TLS and without: that it serves what it serves by HTTP/1.1, many streams on one connection,
// with the clients that people use, and to the end of a worker.
package http2
