package main

import (
	"fmt"
	"slices"
	"strings"
)

// entry is a server in a scenario.
type entry struct {
	server string
	path   string // if it is not the scenario's
	label  string // if it is not the server's name
	conns  int    // if they are not the scenario's
	with   string // another client than ours: wrk or h2load
}

func (t *entry) name() string {
	if t.label != "" {
		return t.label
	}
	return t.server
}

// ours reports whether the server is aws.
func (t *entry) ours() bool { return strings.HasPrefix(t.server, "aws") }

// scenario is a question with a response for each of several servers.
type scenario struct {
	Name     string
	Title    string
	Method   string // what is done, in a sentence or two
	path     string
	protocol protocol
	load     load
	cores    []int // of the server, if it is not to have one for itself
	quick    []string
	entries  []entry
	// once takes the sample of one run in a way of its own, if it is not nil.
	once     func(b *bench, s *scenario, t *entry) (sample, []moment, error)
	show     []metric
	networks reach
	long     bool // it takes half as many rounds as others, and one in quick mode
}

// reach is where a scenario is measured.
type reach int

const (
	everyNetwork reach = iota
	firstNetwork       // the network hardly matters: the network path, or loopback where there is none
	loopbackOnly       // the network does not matter
)

// The machine's cores: one for the server, one for the client.
var (
	serverCores = []int{0}
	clientCores = []int{1}
	bothCores   = []int{0, 1}
)

func of(names ...string) []entry {
	list := make([]entry, len(names))
	for i, name := range names {
		list[i].server = name
	}
	return list
}

// eachOf is each server with each number of connections.
func eachOf(conns []int, names ...string) (list []entry) {
	for _, name := range names {
		for _, n := range conns {
			list = append(list, entry{server: name, conns: n, label: fmt.Sprintf("%s, %d", name, n)})
		}
	}
	return list
}

var usual = []metric{mCPU, mBoth, mRate, mBytes, mP50, mP99, mP999, mSwitches, mRSS, mServerCore, mClientCore}

const (
	static1K  = "/static/" + file1K
	static64K = "/static/" + file64K
	static2M  = "/static/" + file2M
	dynamic2M = "/dynamic/" + file2M
)

// scenarios are all, in the order in which they are measured.
var scenarios = slices.Concat(scenariosWithoutTLS, scenariosOverTLS)

var scenariosWithoutTLS = []*scenario{
	{
		Name: "keep-1k", Title: "1 KiB, connections kept", path: static1K, load: load{conns: 64}, show: usual,
		Method: "64 clients request one file of 1 KiB repeatedly, each on one kept connection.",
		quick:  []string{"aws serve", "h2o", "nginx", "C loop, kept"},
		entries: of("aws serve", "aws serve, log", "C loop, kept", "C loop, kept, memory", "h2o", "nginx", "lighttpd",
			"fasthttp", "net/http", "caddy"),
	},
	{
		Name: "close-1k", Title: "1 KiB, a connection for each request, as the drop-in has it", path: static1K,
		load: load{conns: 64, close: true}, show: usual,
		Method:  "64 clients connect, request a file of 1 KiB with Connection: close, and connect again when the server has closed the connection. No server defers accepting.",
		quick:   []string{"aws", "nginx", "C loop", "reference"},
		entries: of("aws", "nginx", "C loop", "reference", "lighttpd", "fasthttp", "net/http", "caddy"),
	},
	{
		Name: "close-1k-deferred", Title: "1 KiB, a connection for each request, accepting deferred", path: static1K,
		load: load{conns: 64, close: true}, show: usual,
		Method:  "The same with TCP_DEFER_ACCEPT, which h2o uses by default.",
		quick:   []string{"aws serve", "h2o", "nginx, deferred", "C loop, deferred"},
		entries: of("aws serve", "h2o", "nginx, deferred", "C loop, deferred", "aws serve, no defer"),
	},
	{
		Name: "keep-64k", Title: "64 KiB, connections kept", path: static64K, load: load{conns: 64}, show: usual,
		Method:  "The first scenario with a file of 64 KiB.",
		quick:   []string{"aws serve", "h2o", "nginx"},
		entries: of("aws serve", "h2o", "nginx", "lighttpd", "fasthttp", "C loop, kept"),
	},
	{
		Name: "keep-2m", Title: "2 MiB static, connections kept", path: static2M, load: load{conns: 16}, show: usual,
		Method: "16 clients request a file of 2 MiB that is in the page cache. On loopback all servers use the machine's congestion control, except aws serve, " +
			"which uses one that does not pace at loopback addresses (--local-congestion).",
		quick:   []string{"aws serve", "h2o", "nginx"},
		entries: of("aws serve", "h2o", "nginx", "lighttpd", "fasthttp", "C loop, kept"),
	},
	{
		Name: "keep-2m-128", Title: "2 MiB static, connections kept, 128 clients", path: static2M, load: load{conns: 128}, show: usual,
		Method:  "The same with 128 clients.",
		quick:   []string{"aws serve"},
		entries: of("aws serve", "h2o", "nginx", "lighttpd"),
	},
	{
		Name: "close-2m", Title: "2 MiB static, a connection for each request", path: static2M,
		load: load{conns: 16, close: true}, show: usual,
		Method: "16 clients request a file of 2 MiB that is in the page cache from the drop-in and its peers. The server's time is only a part of the cost: " +
			"if a server fills a large socket buffer and closes, the client's acknowledgements cause the kernel to send the bytes, which counts as the client's time. " +
			"So compare the client's core too.",
		quick:   []string{"aws", "nginx", "reference"},
		entries: of("aws", "aws serve", "h2o", "nginx", "lighttpd", "reference", "C loop"),
	},
	{
		Name: "dynamic-2m", Title: "2 MiB dynamic, in the page cache", path: dynamic2M, load: load{conns: 16}, show: usual,
		Method: "16 clients request a file of 2 MiB that is served with asynchronous reads; its pages are in memory. nginx bypasses the page cache. " +
			"The C loop shows the minimum cost of copying, compared with itself with sendfile: it reads into one block for all clients and sends that, " +
			"with congestion control that does not pace, as aws does on loopback.",
		quick: []string{"aws serve", "nginx, directio"},
		entries: []entry{
			{server: "aws serve"},
			{server: "aws serve", label: "aws serve, static", path: static2M},
			{server: "nginx, directio"},
			{server: "C loop, kept, copying"},
			{server: "C loop, kept, unpaced", path: static2M},
		},
	},
	{
		Name: "dynamic-close-2m", Title: "2 MiB dynamic, a connection for each request", path: dynamic2M,
		load: load{conns: 16, close: true}, show: usual,
		Method: "The same with the drop-in, which loads the whole file before it sends it, and the reference server, which reads through the page cache.",
		quick:  []string{"aws", "reference"},
		entries: []entry{
			{server: "aws"},
			{server: "aws", label: "aws, static", path: static2M},
			{server: "reference"},
			{server: "C loop, copying"},
			{server: "C loop, unpaced", path: static2M},
		},
	},
	coldDynamic,
	isolateStatic, isolateFast, isolateDynamic, isolateNames,
	{
		Name: "many", Title: "64, 10,000 and 50,000 kept connections", path: static1K, once: onceMany,
		Method: "The number behind the server's name is that of the connections. They are opened 64 at a time, and each gets a response of 1 KiB (*accepts/s*, and the server's *CPU* for each of them). " +
			"They are idle for a second: *B/idle conn* is the growth of the server's resident memory, and *B/conn, all* is also what the server has at its start because it is configured for so many. " +
			"Then requests for the file of 1 KiB go round over all connections, in an order that is mixed, with 1 % of them, but at least 64, under way at a time. " +
			"*GCs* are the collections of garbage, and the longest pause that of both times.",
		show:    []metric{mCPU, mBoth, mRate, mP50, mP99, mAccepts, mAcceptCPU, mConnBytes, mConnWhole, mRSS, mGCsOpening, mGCs, mGCPause, mServerCore, mClientCore},
		quick:   []string{"aws serve, 64", "aws serve, 10000", "C loop, kept, memory, 64", "C loop, kept, memory, 10000"},
		entries: eachOf([]int{64, 10000, 50000}, "aws serve", "C loop, kept, memory", "nginx", "h2o", "lighttpd"),
	},
	{
		Name: "clients", networks: firstNetwork, Title: "1 to 5,000 clients", path: static1K, show: usual,
		Method: "This number of clients request the file of 1 KiB repeatedly, each on one kept connection.",
		entries: []entry{
			{server: "aws serve", conns: 1, label: "aws serve, 1"},
			{server: "aws serve", conns: 8, label: "aws serve, 8"},
			{server: "aws serve", conns: 64, label: "aws serve, 64"},
			{server: "aws serve", conns: 512, label: "aws serve, 512"},
			{server: "aws serve", conns: 5000, label: "aws serve, 5000"},
			{server: "C loop, kept", conns: 1, label: "C loop, 1"},
			{server: "C loop, kept", conns: 64, label: "C loop, 64"},
			{server: "C loop, kept", conns: 5000, label: "C loop, 5000"},
		},
	},
	{
		Name: "loops", networks: firstNetwork, Title: "One loop, two and four", path: static1K, load: load{conns: 64}, show: usual,
		Method:  "The loops share the server's core. The scenario shows the cost of an additional loop.",
		entries: of("aws serve", "aws serve, two loops", "aws serve, four loops"),
	},
	{
		Name: "loops-on-two-cores", networks: firstNetwork, Title: "One loop and two, on two cores", path: dynamic2M, load: load{conns: 16}, show: usual, cores: bothCores,
		Method:  "The server may use both cores. It shares one of them with the client, which needs little processor time for a file of 2 MiB.",
		entries: of("aws serve", "aws serve, two loops"),
	},
	{
		Name: "second-opinion", networks: firstNetwork, Title: "A second opinion: wrk and h2load", path: static1K, load: load{conns: 64},
		once: onceForeign, show: []metric{mCPU, mBoth, mRate, mBusy},
		Method: "The first scenario with independent load generators.",
		entries: []entry{
			{server: "aws serve", with: "wrk", label: "aws serve (wrk)"},
			{server: "h2o", with: "wrk", label: "h2o (wrk)"},
			{server: "nginx", with: "wrk", label: "nginx (wrk)"},
			{server: "aws serve", with: "h2load", label: "aws serve (h2load)"},
			{server: "h2o", with: "h2load", label: "h2o (h2load)"},
			{server: "nginx", with: "h2load", label: "nginx (h2load)"},
		},
	},
	{
		Name: "start", networks: loopbackOnly, Title: "From exec to the first response", path: static1K, once: onceStart, show: []metric{mStart, mRSS},
		Method:  "The server is started. A client requests the file of 1 KiB twice per millisecond until it gets a response. Resident memory is that of the server after this response.",
		quick:   []string{"aws", "aws serve"},
		entries: of("aws", "aws serve", "h2o", "nginx", "lighttpd", "fasthttp", "caddy", "reference"),
	},
}
