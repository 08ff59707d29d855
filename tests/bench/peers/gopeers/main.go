// Command gopeers serves a directory in one of the ways that are usual in Go, for the benchmarks to
// compare with. It is a module of its own, so that what it needs is not a dependency of aws.
//
//	gopeers fasthttp|nethttp ADDRESS ROOT
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/valyala/fasthttp"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gopeers:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("expected a server's name, an address and a directory")
	}
	name, address, root := args[0], args[1], args[2]
	switch name {
	case "fasthttp":
		files := &fasthttp.FS{
			Root: root, AcceptByteRange: true, CacheDuration: 10 * time.Second,
		}
		server := &fasthttp.Server{
			Handler: files.NewRequestHandler(), Name: "fasthttp", Concurrency: 65536,
		}
		return server.ListenAndServe(address)
	case "nethttp":
		return http.ListenAndServe(address, http.FileServer(http.Dir(root)))
	default:
		return fmt.Errorf("%s is neither fasthttp nor nethttp", name)
	}
}
