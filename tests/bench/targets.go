package main

import (
	"fmt"
	"slices"
)

// target is what must be true of a figure of ours.
type target struct {
	scenario string
	ours     string
	theirs   string // if it is compared with another's figure in the same scenario; bestPeer is the peer with the best one
	figure   metric
	limit    float64
	atLeast  bool // the limit is the least; else it is the most
	text     string
}

// bestPeer stands for the peer with the best median.
const bestPeer = "the best peer"

// targets are what aws is held to; the ratios are ours divided by theirs.
var targets = []target{
	{"keep-1k", "aws serve", "h2o", mCPU, 0.95, false, "1 KiB kept: CPU relative to h2o"},
	{"keep-1k", "aws serve", "nginx", mCPU, 0.75, false, "1 KiB kept: CPU relative to nginx"},
	{"keep-1k", "aws serve", "C loop, kept", mCPU, 1.05, false, "1 KiB kept: CPU relative to the minimal C loop"},
	{"keep-1k", "aws serve, log", "aws serve", mCPU, 1.05, false, "1 KiB kept: CPU with the access log relative to without it"},
	{"close-1k-deferred", "aws serve", "h2o", mCPU, 0.95, false, "1 KiB close, deferred: CPU relative to h2o"},
	{"close-1k-deferred", "aws serve", "nginx, deferred", mCPU, 1.0, false, "1 KiB close, deferred: CPU relative to nginx deferred"},
	{"close-1k-deferred", "aws serve", "C loop, deferred", mCPU, 1.10, false, "1 KiB close, deferred: CPU relative to the C loop deferred"},
	{"close-1k", "aws", "nginx", mCPU, 1.0, false, "1 KiB close, drop-in: CPU relative to nginx"},
	{"close-1k", "aws", "C loop", mCPU, 1.10, false, "1 KiB close, drop-in: CPU relative to the C loop"},
	{"close-1k", "aws", "reference", mCPU, 0.8, false, "1 KiB close, drop-in: CPU relative to the reference server"},
	{"keep-64k", "aws serve", "h2o", mCPU, 0.95, false, "64 KiB: CPU relative to h2o"},
	{"keep-2m", "aws serve", "h2o", mBytes, 1.0, true, "2 MiB: bytes per second relative to h2o"},
	{"keep-2m", "aws serve", "nginx", mBytes, 1.0, true, "2 MiB: bytes per second relative to nginx"},
	{"keep-2m", "aws serve", "lighttpd", mBytes, 1.0, true, "2 MiB: bytes per second relative to lighttpd"},
	{"keep-2m", "aws serve", "fasthttp", mBytes, 1.0, true, "2 MiB: bytes per second relative to fasthttp"},
	{"keep-2m", "aws serve", "h2o", mCPU, 0.8, false, "2 MiB: CPU relative to h2o"},
	{"dynamic-cold", "aws serve, 2 clients", "fio, depth 16", mBytes, 0.95, true, "dynamic, cold, depth 16: bytes per second relative to fio"},
	{"dynamic-cold", "aws serve, 8 clients", "fio, depth 64", mBytes, 0.95, true, "dynamic, cold, depth 64: bytes per second relative to fio"},
	{"dynamic-cold", "aws serve, 8 clients", "nginx directio, 8 clients", mCPUPerMiB, 0.5, false, "dynamic, cold: CPU per MiB relative to nginx's aio threads"},
	{"dynamic-2m", "aws serve", "aws serve, static", mCPU, 1.2, false, "2 MiB dynamic, hot: CPU relative to static"},
	{"dynamic-close-2m", "aws", "aws, static", mCPU, 1.2, false, "2 MiB dynamic, hot, drop-in: CPU relative to static"},
	{"isolate-static", "aws serve", "", mKept, 0.9, true, "cold static files: share of the hot requests kept"},
	{"isolate-static", "aws serve", "", mTail, 1.5, false, "cold static files: hot 99th percentile as a multiple"},
	{"isolate-static", "aws", "", mKept, 0.9, true, "cold static files, drop-in: share of the hot requests kept"},
	{"isolate-static", "aws", "", mTail, 1.5, false, "cold static files, drop-in: hot 99th percentile as a multiple"},
	{"isolate-fast", "aws serve", "", mTail, 1.5, false, "cold static files on a fast disk: hot 99th percentile as a multiple"},
	{"isolate-fast", "aws", "", mTail, 1.5, false, "cold static files on a fast disk, drop-in: hot 99th percentile as a multiple"},
	{"isolate-dynamic", "aws serve", "", mKept, 0.9, true, "cold dynamic files: share of the hot requests kept"},
	{"isolate-dynamic", "aws serve", "", mTail, 1.5, false, "cold dynamic files: hot 99th percentile as a multiple"},
	{"isolate-dynamic", "aws", "", mKept, 0.9, true, "cold dynamic files, drop-in: share of the hot requests kept"},
	{"isolate-dynamic", "aws", "", mTail, 1.5, false, "cold dynamic files, drop-in: hot 99th percentile as a multiple"},
	{"isolate-names", "aws serve", "", mKept, 0.9, true, "cold names: share of the hot requests kept"},
	{"isolate-names", "aws serve", "", mTail, 1.5, false, "cold names: hot 99th percentile as a multiple"},
	{"isolate-names", "aws", "", mKept, 0.9, true, "cold names, drop-in: share of the hot requests kept"},
	{"isolate-names", "aws", "", mTail, 1.5, false, "cold names, drop-in: hot 99th percentile as a multiple"},
	{"many", "aws serve, 10000", "aws serve, 64", mCPU, 1.1, false, "10,000 connections, 1 % active: CPU relative to 64"},
	{"many", "aws serve, 50000", "aws serve, 64", mCPU, 1.1, false, "50,000 connections, 1 % active: CPU relative to 64"},
	{"many", "aws serve, 10000", "nginx, 10000", mConnBytes, 0.5, false, "10,000 idle connections: resident bytes relative to nginx"},
	{"many", "aws serve, 50000", "nginx, 50000", mConnBytes, 0.5, false, "50,000 idle connections: resident bytes relative to nginx"},
	{"many", "aws serve, 50000", "nginx, 50000", mConnWhole, 0.5, false, "50,000 idle connections: resident bytes with what is allocated at the start relative to nginx"},
	{"many", "aws serve, 10000", "nginx, 10000", mAccepts, 1.0, true, "10,000 connections: accepts per second relative to nginx"},
	{"many", "aws serve, 10000", "h2o, 10000", mAccepts, 1.0, true, "10,000 connections: accepts per second relative to h2o"},
	{"clients", "aws serve, 5000", "aws serve, 64", mCPU, 1.15, false, "5,000 clients: CPU relative to 64"},
	{"clients", "aws serve, 1", "aws serve, 64", mCPU, 1.15, false, "1 client: CPU relative to 64"},
	{"loops", "aws serve, two loops", "aws serve", mCPU, 1.15, false, "two loops on one core: CPU relative to one"},
	{"loops", "aws serve, four loops", "aws serve", mCPU, 1.15, false, "four loops on one core: CPU relative to one"},
	{"loops-on-two-cores", "aws serve, two loops", "aws serve", mCPU, 1.15, false, "two loops on two cores: CPU relative to one"},
	{"loops-on-two-cores", "aws serve, two loops", "aws serve", mBytes, 1.3, true, "two loops on two cores: bytes per second relative to one"},
	{"start", "aws", "", mStart, 30, false, "from exec to the first response, ms"},
	{"start", "aws serve", "", mStart, 30, false, "from exec to the first response, serve, ms"},
	{"tls-1k", "aws serve", bestPeer, mCPU, 0.85, false, "TLS, 1 KiB: CPU relative to the best peer"},
	{"tls-64k", "aws serve", bestPeer, mCPU, 0.80, false, "TLS, 64 KiB: CPU relative to the best peer"},
	{"tls-2m", "aws serve", bestPeer, mCPU, 0.85, false, "TLS, 2 MiB: CPU relative to the best peer"},
	{"h2-1k", "aws serve", bestPeer, mCPU, 0.90, false, "HTTP/2, 1 KiB: CPU relative to the best peer"},
	{"h2-1k-32", "aws serve", "h2o", mCPU, 1.0, false, "HTTP/2, 1 KiB, 32 streams: CPU relative to h2o"},
	{"h2-64k", "aws serve", bestPeer, mCPU, 0.80, false, "HTTP/2, 64 KiB: CPU relative to the best peer"},
	{"h2-2m", "aws serve", bestPeer, mCPU, 0.80, false, "HTTP/2, 2 MiB: CPU relative to the best peer"},
	{"tls-full", "aws serve", bestPeer, mCPU, 1.05, false, "full TLS handshake: CPU relative to the best peer"},
	{"tls-resumed", "aws serve", bestPeer, mCPU, 1.10, false, "resumed TLS handshake: CPU relative to the best peer"},
	{"idle-tls", "aws serve", "nginx", mConnBytes, 0.5, false, "1,000 idle TLS connections: resident bytes relative to nginx"},
	{"idle-h2", "aws serve", "nginx", mConnBytes, 0.75, false, "1,000 idle HTTP/2 connections: resident bytes relative to nginx"},
	{"page", "aws serve", bestPeer, mPage, 1.0, false, "a page on one HTTP/2 connection: time relative to the best peer"},
}

// remoteTargets are what aws is held to on the network path alone.
var remoteTargets = []target{
	{"keep-2m", "aws serve", "nginx", mCPU, 1.0, false, "2 MiB kept: CPU relative to nginx"},
	{"keep-2m", "aws serve", "nginx", mBoth, 1.0, false, "2 MiB kept: both cores relative to nginx"},
	{"keep-2m", "aws serve", "lighttpd", mBoth, 1.0, false, "2 MiB kept: both cores relative to lighttpd"},
	{"keep-2m", "aws serve", "nginx", mP99, 1.0, false, "2 MiB kept: 99th percentile relative to nginx"},
	{"keep-2m", "aws serve", "lighttpd", mP99, 1.0, false, "2 MiB kept: 99th percentile relative to lighttpd"},
	{"keep-2m-128", "aws serve", "nginx", mCPU, 1.0, false, "2 MiB kept, 128 clients: CPU relative to nginx"},
	{"keep-2m-128", "aws serve", "nginx", mBoth, 1.0, false, "2 MiB kept, 128 clients: both cores relative to nginx"},
	{"keep-2m-128", "aws serve", "lighttpd", mBoth, 1.0, false, "2 MiB kept, 128 clients: both cores relative to lighttpd"},
	{"keep-2m-128", "aws serve", "nginx", mP99, 1.0, false, "2 MiB kept, 128 clients: 99th percentile relative to nginx"},
	{"keep-2m-128", "aws serve", "lighttpd", mP99, 1.0, false, "2 MiB kept, 128 clients: 99th percentile relative to lighttpd"},
	{"close-2m", "aws serve", "nginx", mCPU, 1.0, false, "2 MiB close: CPU relative to nginx"},
	{"close-2m", "aws serve", "nginx", mBoth, 1.0, false, "2 MiB close: both cores relative to nginx"},
	{"close-2m", "aws serve", "lighttpd", mBoth, 1.0, false, "2 MiB close: both cores relative to lighttpd"},
	{"close-2m", "aws serve", "nginx", mP99, 1.0, false, "2 MiB close: 99th percentile relative to nginx"},
	{"close-2m", "aws serve", "lighttpd", mP99, 1.0, false, "2 MiB close: 99th percentile relative to lighttpd"},
}

// verdict is what has become of a target on a network.
type verdict struct {
	target
	value spread
	met   bool
}

// judged are the verdicts on a network.
type judged struct {
	network  string
	verdicts []verdict
}

// judge returns the verdicts on the targets whose figures have been measured, network by network.
func (r *report) judge() []judged {
	var list []judged
	for _, s := range r.Scenarios {
		held := targets
		if s.Path == pathVeth {
			held = slices.Concat(targets, remoteTargets)
		}
		for i := range held {
			v, ok := s.judge(&held[i])
			if !ok {
				continue
			}
			at := slices.IndexFunc(list, func(j judged) bool { return j.network == s.network() })
			if at < 0 {
				at = len(list)
				list = append(list, judged{network: s.network()})
			}
			list[at].verdicts = append(list[at].verdicts, v)
		}
	}
	return list
}

// judge returns the verdict on a target, if it is about this scenario and its figures are there.
func (r *result) judge(t *target) (v verdict, ok bool) {
	ours := r.row(t.ours)
	if t.scenario != r.Name || ours == nil {
		return v, false
	}
	v.target = *t
	if t.theirs == "" {
		v.value, ok = ours.of(t.figure)
	} else if theirs := r.peer(t); theirs != nil {
		v.value, ok = ours.ratio(theirs, t.figure)
		if t.theirs == bestPeer {
			v.text += ", " + theirs.Label
		}
	}
	v.met = v.value.median <= t.limit
	if t.atLeast {
		v.met = v.value.median >= t.limit
	}
	return v, ok
}

// peer returns the row that a target compares with, or nil.
func (r *result) peer(t *target) *row {
	if t.theirs != bestPeer {
		return r.row(t.theirs)
	}
	var best *row
	var least spread
	for _, other := range r.Rows {
		v, ok := other.of(t.figure)
		if other.Ours || !ok {
			continue
		}
		if best == nil || v.median < least.median != t.atLeast {
			best, least = other, v
		}
	}
	return best
}

// wanted returns the limit as text.
func (t *target) wanted() string {
	if t.atLeast {
		return fmt.Sprintf("≥ %g", t.limit)
	}
	return fmt.Sprintf("≤ %g", t.limit)
}
