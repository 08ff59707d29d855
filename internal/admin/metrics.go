package admin

import (
	"runtime"
	"strconv"
	"time"

	"aws/internal/accesslog"
	"aws/internal/connstate"
	"aws/internal/http2"
	"aws/internal/stats"

	"github.com/prometheus/client_golang/prometheus"
)

// simple is a metric of one number.
type simple struct {
	name, help string
	gauge      bool
	value      func(n *stats.Counters) float64
}

func count(name, help string, value func(n *stats.Counters) uint64) simple {
	return simple{name: name, help: help, value: func(n *stats.Counters) float64 { return float64(value(n)) }}
}

func gauge(name, help string, value func(n *stats.Counters) int) simple {
	return simple{name: name, help: help, gauge: true, value: func(n *stats.Counters) float64 { return float64(value(n)) }}
}

// simples are in the order in which a request passes through the server.
var simples = []simple{
	count("awsd_accepted_connections_total", "Connections that were accepted.", func(n *stats.Counters) uint64 { return n.Accepted }),
	count("awsd_accept_pauses_total", "Times that new connections stayed in the backlog because connections or descriptors were used up.", func(n *stats.Counters) uint64 { return n.AcceptPauses }),
	count("awsd_coalesced_waits_total", "Times that a loop without work rested, so that connections gathered.", func(n *stats.Counters) uint64 { return n.Coalesced }),
	gauge("awsd_http2_connections", "Connections that speak HTTP/2.", func(n *stats.Counters) int { return n.HTTP2Conns }),
	gauge("awsd_http2_streams", "Streams of HTTP/2 that have begun and are not over.", streams),
	count("awsd_http2_streams_reset_total", "Streams of HTTP/2 that the client has reset, or that were reset for a fault of the client's.", func(n *stats.Counters) uint64 { return n.StreamsReset }),
	count("awsd_http2_streams_refused_total", "Streams of HTTP/2 that were refused because the others of their connection hold too much memory.", func(n *stats.Counters) uint64 { return n.StreamsRefused }),
	count("awsd_requests_total", "Complete requests.", func(n *stats.Counters) uint64 { return n.Requests }),
	count("awsd_malformed_requests_total", "Request heads that were refused.", func(n *stats.Counters) uint64 { return n.Refused }),
	count("awsd_responses_taken_total", "Responses that the client took in full.", func(n *stats.Counters) uint64 { return n.Completed }),
	count("awsd_responses_unfinished_total", "Responses that the client did not take in full.", func(n *stats.Counters) uint64 { return n.Unfinished }),
	count("awsd_sent_bytes_total", "Bytes of headers and bodies that the kernel took.", func(n *stats.Counters) uint64 { return n.BytesSent }),
	count("awsd_peers_gone_total", "Clients that left before their response was complete.", func(n *stats.Counters) uint64 { return n.PeersGone }),
	count("awsd_resets_total", "Connections that the server reset.", func(n *stats.Counters) uint64 { return n.Resets }),
	count("awsd_truncated_files_total", "Transfers whose file became shorter meanwhile.", func(n *stats.Counters) uint64 { return n.Truncated }),
	count("awsd_disk_faults_total", "Transfers that ended because a file could not be read.", func(n *stats.Counters) uint64 { return n.DiskFaults }),
	count("awsd_watches_failed_total", "Connections that epoll had no room for.", func(n *stats.Counters) uint64 { return n.WatchesFailed }),
	count("awsd_tls_broken_records_total", "Connections that were ended because of a TLS record.", func(n *stats.Counters) uint64 { return n.RecordsBroken }),
	count("awsd_refused_password_checks_total", "Requests that got 503 because too many password checks waited.", func(n *stats.Counters) uint64 { return n.ChecksRefused }),
	count("awsd_dropped_jobs_total", "Jobs that were not done because their client had gone.", func(n *stats.Counters) uint64 { return n.JobsDropped }),
	count("awsd_iterations_total", "Iterations of the loops.", func(n *stats.Counters) uint64 { return n.Iterations }),
	count("awsd_stale_events_total", "Events of connections that were over already.", func(n *stats.Counters) uint64 { return n.StaleEvents }),
	count("awsd_cgo_calls_total", "Batches of operations, each one cgo call into C, besides the waits.", func(n *stats.Counters) uint64 { return n.CgoCalls }),
	count("awsd_sendfile_stalls_avoided_total", "Parts of static files that were brought into memory off the loop before they were sent.", func(n *stats.Counters) uint64 { return n.ChunksPrefetched }),
	gauge("awsd_archives_in_progress", "Archives of directories that are being made and sent.", func(n *stats.Counters) int { return n.Archives }),
	count("awsd_archives_sent_total", "Archives that were sent in full.", func(n *stats.Counters) uint64 { return n.ArchivesCompleted }),
	count("awsd_archives_aborted_total", "Archives that were not sent in full: the client left, or the directory could not be read.", func(n *stats.Counters) uint64 { return n.ArchivesAborted }),
	gauge("awsd_reads_in_flight", "Reads that the kernel or a worker thread is doing.", func(n *stats.Counters) int { return n.ReadsInFlight }),
	count("awsd_reads_completed_total", "Reads that brought bytes.", func(n *stats.Counters) uint64 { return n.ReadsDone }),
	count("awsd_reads_failed_total", "Reads that brought none, to be tried another way or given up.", func(n *stats.Counters) uint64 { return n.ReadsFailed }),
	count("awsd_reads_missed_total", "Reads of the page cache that did not find their pages there.", func(n *stats.Counters) uint64 { return n.ReadsMissed }),
	count("awsd_reads_short_total", "Reads that brought a part and went on.", func(n *stats.Counters) uint64 { return n.ReadsShort }),
	count("awsd_reads_refused_total", "Times that io_submit took none for now.", func(n *stats.Counters) uint64 { return n.ReadsRefused }),
	gauge("awsd_pool_buffers", "Buffers for dynamic files.", func(n *stats.Counters) int { return n.Buffers }),
	gauge("awsd_pool_buffers_free", "Those of them that nobody has.", func(n *stats.Counters) int { return n.BuffersFree }),
	gauge("awsd_pool_waiting_connections", "Connections in line for buffers.", func(n *stats.Counters) int { return n.BufferWaiters }),
	count("awsd_pool_short_total", "Times that the machine had no memory for the buffer pool to grow.", func(n *stats.Counters) uint64 { return n.PoolOutOfMemory }),
	count("awsd_pool_waits_total", "Times that a connection had to wait for buffers.", func(n *stats.Counters) uint64 { return n.PoolWaits }),
	count("awsd_pool_buffers_reclaimed_total", "Buffers that were taken back from clients that took nothing.", func(n *stats.Counters) uint64 { return n.BuffersReclaimed }),
	count("awsd_kernel_tls_connections_total", "Connections over https that the kernel encrypts.", func(n *stats.Counters) uint64 { return n.KernelTLS }),
	count("awsd_kernel_tls_refused_total", "Connections over https that were to be encrypted by the kernel, which could not.", func(n *stats.Counters) uint64 { return n.KernelTLSRefused }),
	count("awsd_records_dropped_total", "Responses that the access log and the live page have missed.", func(n *stats.Counters) uint64 { return n.RecordsDropped }),
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	connectionsDesc = desc("awsd_connections", "Connections, by state.", "state")
	responsesDesc   = desc("awsd_responses_total", "Responses, by status, and by the mount that the path belongs to and its kind.", "status", "mount", "kind")
	phaseDesc       = desc("awsd_request_duration_seconds", "Time of the responses that were taken in full, by phase: the head to arrive, the disk to deliver, the client to take it, and in total.", "phase")
	iterationDesc   = desc("awsd_iteration_duration_seconds", "Time of the loops' iterations, without the wait.")
	eventsDesc      = desc("awsd_iteration_events", "Readiness events per iteration.")
	opsDesc         = desc("awsd_cgo_call_operations", "Operations per batch.")
	submittedDesc   = desc("awsd_reads_submitted_total", "Reads that were handed over, by read method: from the page cache, past it, or by a worker thread.", "method")
	readDesc        = desc("awsd_read_duration_seconds", "Time of the reads that brought bytes, by read method.", "method")
	lookupsDesc     = desc("awsd_file_lookups_total", "Names that were looked up, by where: known already (cache), on the loop, by a worker thread.", "place")
	filesDesc       = desc("awsd_cached_files", "Names in the file cache.")
	formsDesc       = desc("awsd_compressions_total", "Compressed forms of files that were to be made, by outcome: compressed (made), read from --compress-cache (loaded), not smaller than the file, of a file that changed meanwhile, or failed.", "outcome")
	formsRefused    = desc("awsd_compressions_refused_total", "Requests that got the plain file because too many compressions waited or the memory was used up.")
	formsPending    = desc("awsd_compressions_in_progress", "Files that are being compressed or wait for that.")
	formHits        = desc("awsd_compressed_hits_total", "Requests for which there was a compressed form.")
	formFiles       = desc("awsd_compressed_files", "Compressed forms in memory.")
	formBytes       = desc("awsd_compressed_memory_bytes", "Memory of compressed forms, those that are being made included.")
	formDirectory   = desc("awsd_compress_cache_bytes", "Size of the files in --compress-cache.")
	formErrors      = desc("awsd_compress_cache_errors_total", "Files of --compress-cache that could not be written (write), or were not as they had been written (content).", "kind")
	limitDesc       = desc("awsd_limit_drops_total", "Connections that a limit ended, by limit.", "limit")
	logDesc         = desc("awsd_access_log_lines_total", "Lines of the access log, by what became of them.", "outcome")
	logErrorsDesc   = desc("awsd_access_log_errors_total", "Writes of the access log that failed.")
	readyDesc       = desc("awsd_ready", "1 if the server takes new connections, 0 before and while it drains.")
	loopsDesc       = desc("awsd_loops", "Event loops.")
	buildDesc       = desc("awsd_build_info", "1; the labels say what is running.", "version", "commit", "go")
)

// Describe implements prometheus.Collector. Each Collect makes new metrics.
func (a *Admin) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{connectionsDesc, responsesDesc, phaseDesc, iterationDesc} {
		out <- d
	}
}

// streams returns the number of streams.
func streams(n *stats.Counters) (sum int) {
	for _, v := range n.StreamsInState[connstate.StateInit:] {
		sum += v
	}
	return sum
}

// Collect implements prometheus.Collector.
func (a *Admin) Collect(out chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	level := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	n, loops := a.sum()
	for _, m := range simples {
		if m.gauge {
			level(desc(m.name, m.help), m.value(&n))
		} else {
			counter(desc(m.name, m.help), m.value(&n))
		}
	}
	for s := connstate.StateInit; int(s) < len(n.InState); s++ {
		level(connectionsDesc, float64(n.InState[s]), s.String())
	}
	a.collectResponses(&n, counter)
	a.collectTLS(&n, counter, level)
	for p := range connstate.PhaseCount {
		if name := p.String(); name != "" {
			out <- durations(phaseDesc, &n.Latency[p], name)
		}
	}
	out <- durations(iterationDesc, &n.IterationTime)
	out <- sizes(eventsDesc, &n.EventsPerIteration)
	out <- sizes(opsDesc, &n.OpsPerCgoCall)
	for r, v := range submitted(&n) {
		if name := stats.ReadMethod(r).String(); name != "" {
			counter(submittedDesc, float64(v), name)
			out <- durations(readDesc, &n.ReadLatency[r], name)
		}
	}
	counter(lookupsDesc, float64(n.CacheHits), "cache")
	counter(lookupsDesc, float64(n.OpensCached), "loop")
	counter(lookupsDesc, float64(n.OpensByThread), "thread")
	level(filesDesc, float64(a.cachedFiles()))
	a.collectCompression(counter, level)
	for d := range connstate.DeadlineCount {
		counter(limitDesc, float64(n.ExpiredBy[d]), d.String())
	}
	counter(limitDesc, float64(n.OverAddressLimit), "max-connections-per-ip")
	for i, v := range n.HTTP2Exceeded {
		counter(limitDesc, float64(v), "http2_"+http2.Limit(i).String())
	}
	var log accesslog.Stats
	if a.o.Log != nil {
		log = a.o.Log()
	}
	counter(logDesc, float64(log.Lines), "written")
	counter(logDesc, float64(log.Dropped), "dropped")
	counter(logErrorsDesc, float64(log.Errors))
	level(readyDesc, map[bool]float64{true: 1}[a.ready.Load()])
	level(loopsDesc, float64(loops))
	level(buildDesc, 1, a.o.Version, a.o.Commit, runtime.Version())
}

// collectCompression reports what was compressed.
func (a *Admin) collectCompression(counter, level func(*prometheus.Desc, float64, ...string)) {
	s := a.compression()
	for _, o := range []struct {
		name string
		n    uint64
	}{{"made", s.Made}, {"loaded", s.Loaded}, {"not_smaller", s.NotSmaller}, {"changed", s.Changed}, {"failed", s.Failed}} {
		counter(formsDesc, float64(o.n), o.name)
	}
	counter(formsRefused, float64(s.Refused))
	level(formsPending, float64(s.Pending))
	counter(formHits, float64(s.Hits))
	level(formFiles, float64(s.Files))
	level(formBytes, float64(s.Bytes))
	level(formDirectory, float64(s.DirectoryBytes))
	counter(formErrors, float64(s.DirectoryFailed), "write")
	counter(formErrors, float64(s.DirectoryBad), "content")
}

// collectResponses reports the numbers of responses by status. Mounts that differ in how links are followed have the same labels.
func (a *Admin) collectResponses(n *stats.Counters, counter func(*prometheus.Desc, float64, ...string)) {
	labels := a.mountLabels()
	type series struct {
		slot  int
		label mountLabel
	}
	sums := map[series]uint64{}
	for m := range n.ByMount {
		for slot, v := range n.ByMount[m] {
			sums[series{slot, labels[m]}] += v
		}
	}
	for s, v := range sums {
		if v > 0 {
			counter(responsesDesc, float64(v), strconv.Itoa(int(stats.StatusOf(s.slot))), s.label.prefix, s.label.kind)
		}
	}
}

// submitted returns the number of submitted reads by read method.
func submitted(n *stats.Counters) [stats.ReadMethodCount]uint64 {
	return [stats.ReadMethodCount]uint64{
		stats.ReadNoWait: n.ReadsNoWait, stats.ReadDirect: n.ReadsDirect, stats.ReadThread: n.ReadsByThread,
	}
}

// durations makes a histogram of seconds.
func durations(d *prometheus.Desc, h *stats.Histogram, labels ...string) prometheus.Metric {
	buckets := make(map[float64]uint64, stats.HistogramBuckets)
	var sum uint64
	for i, n := range h.Buckets {
		sum += n
		if i < stats.HistogramBuckets-1 {
			buckets[bound(i)] = sum
		}
	}
	return prometheus.MustNewConstHistogram(d, sum, time.Duration(h.SumNs).Seconds(), buckets, labels...)
}

// bound returns the upper bound of a histogram's bucket in seconds.
func bound(i int) float64 { return float64(uint64(1)<<i) / 1e6 }

// sizes makes a histogram of numbers. Bucket i holds those below 2^i, which are those up to 2^i - 1.
func sizes(d *prometheus.Desc, s *stats.Sizes) prometheus.Metric {
	buckets := make(map[float64]uint64, stats.SizeBuckets)
	var sum uint64
	for i, n := range s.Buckets {
		sum += n
		if i < stats.SizeBuckets-1 {
			buckets[float64(uint64(1)<<i-1)] = sum
		}
	}
	return prometheus.MustNewConstHistogram(d, sum, float64(s.Sum), buckets)
}
