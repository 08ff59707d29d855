package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"aws/internal/accesslog"
	"aws/internal/connstate"
	"aws/internal/stats"
)

// Intervals and timeouts of the live page.
const (
	tick    = 500 * time.Millisecond
	window  = 10 // ticks that latencies are about
	slowFor = 5 * time.Minute
	slowMax = 10
)

// transfer is a response as the page shows it.
type transfer struct {
	At       int64   `json:"at"` // Unix milliseconds
	Method   string  `json:"method"`
	Target   string  `json:"target"`
	Status   int     `json:"status"`
	Bytes    int64   `json:"bytes"`
	Kind     string  `json:"kind"`
	Cold     bool    `json:"cold"`
	Complete bool    `json:"complete"`
	Total    float64 `json:"total"` // seconds, as the next three
	Head     float64 `json:"head"`
	Disk     float64 `json:"disk"`
	Send     float64 `json:"send"`
}

// targetMax is how many bytes of a target the page shows.
const targetMax = 200

// slowest keeps the slowest responses of the last minutes.
type slowest struct {
	mu   sync.Mutex
	list []transfer // the slowest first
}

// Add implements accesslog.Consumer.
func (a *Admin) Add(r *stats.Record) {
	s := &a.slow
	s.mu.Lock()
	defer s.mu.Unlock()
	total := r.Total.Seconds()
	at := r.Began.Add(r.Total)
	s.expire(at)
	if len(s.list) == slowMax && total <= s.list[slowMax-1].Total {
		return
	}
	t := transfer{
		At: at.UnixMilli(), Method: string(r.Method), Target: string(r.Target[:min(len(r.Target), targetMax)]),
		Status: int(r.Status), Bytes: r.Sent, Kind: accesslog.Kind(r), Cold: r.Cold, Complete: r.Complete,
		Total: total, Head: r.Head.Seconds(), Disk: r.Disk.Seconds(), Send: r.Send.Seconds(),
	}
	i, _ := slices.BinarySearchFunc(s.list, total, func(o transfer, total float64) int {
		if o.Total > total {
			return -1
		}
		return 1
	})
	s.list = slices.Insert(s.list, i, t)
	s.list = s.list[:min(len(s.list), slowMax)]
}

// Flush implements accesslog.Consumer.
func (a *Admin) Flush() {}

// expire removes old responses. The caller holds the lock.
func (s *slowest) expire(now time.Time) {
	oldest := now.Add(-slowFor).UnixMilli()
	s.list = slices.DeleteFunc(s.list, func(t transfer) bool { return t.At < oldest })
}

func (s *slowest) copy(now time.Time) []transfer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	return slices.Clone(s.list)
}

// stream is the connection of one browser with the live page.
type stream struct{ news chan []byte }

// hub samples the counters while at least one stream is open, and sends the results to all streams.
type hub struct {
	mu      sync.Mutex
	streams map[*stream]struct{}
	samples []sample
	last    []byte
}

// sample contains the counters at one time.
type sample struct {
	at time.Time
	n  stats.Counters
}

// quantiles are quantiles over the last ticks, in seconds.
type quantiles struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
}

// namedCount is a line of a table on the page.
type namedCount struct {
	Name  string  `json:"name"`
	Value uint64  `json:"value"`
	Rate  float64 `json:"rate"`
}

// news is the message to a browser at each tick. Metrics contains numbers with the names of /metrics, from
// the same counters.
type news struct {
	At      int64                `json:"at"`
	Ready   bool                 `json:"ready"`
	Version string               `json:"version"`
	Loops   int                  `json:"loops"`
	Metrics map[string]float64   `json:"metrics"`
	States  []namedCount         `json:"states"`
	Reads   []namedCount         `json:"reads"`
	Errors  []namedCount         `json:"errors"`
	Rates   map[string]float64   `json:"rates"`
	Times   map[string]quantiles `json:"times"`
	Slowest []transfer           `json:"slowest"`
	TLS     *tlsNews             `json:"tls,omitempty"`
}

// events serves the stream of server-sent events.
func (a *Admin) events(w http.ResponseWriter, r *http.Request) {
	s := a.join()
	if s == nil {
		w.Header().Set("Retry-After", "10")
		http.Error(w, fmt.Sprintf("%d pages are looking already", streamsMax), http.StatusServiceUnavailable)
		return
	}
	defer a.leave(s)
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	for {
		select {
		case <-r.Context().Done():
			return
		case <-a.ended.Done():
			return
		case text := <-s.news:
			_ = control.SetWriteDeadline(time.Now().Add(writeTimeout))
			if _, err := fmt.Fprintf(w, "data: %s\n\n", text); err != nil || control.Flush() != nil {
				return
			}
		}
	}
}

// join adds a stream, or returns nil if there are too many. The first stream starts the sampling.
func (a *Admin) join() *stream {
	h := &a.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) >= streamsMax {
		return nil
	}
	s := &stream{news: make(chan []byte, 1)}
	h.streams[s] = struct{}{}
	if len(h.streams) == 1 {
		h.samples = h.samples[:0]
		go a.sample()
	} else if h.last != nil {
		s.news <- h.last
	}
	return s
}

func (a *Admin) leave(s *stream) {
	a.hub.mu.Lock()
	delete(a.hub.streams, s)
	a.hub.mu.Unlock()
}

// sample sends news to the streams at each tick, until there are no streams.
func (a *Admin) sample() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for a.sendNews(time.Now()) {
		select {
		case <-ticker.C:
		case <-a.ended.Done():
			return
		}
	}
}

func (a *Admin) sendNews(now time.Time) bool {
	h := &a.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) == 0 {
		h.last = nil
		return false
	}
	n, loops := a.sum()
	h.samples = append(h.samples, sample{at: now, n: n})
	if len(h.samples) > window+1 {
		h.samples = slices.Delete(h.samples, 0, 1)
	}
	text, err := json.Marshal(a.news(h.samples, loops))
	if err != nil {
		return true // a number that is none; the next one may do
	}
	h.last = text
	for s := range h.streams {
		select {
		case <-s.news: // it has not been fetched, and is old now
		default:
		}
		s.news <- text
	}
	return true
}

// rateTicks is the number of ticks over which a rate is averaged.
const rateTicks = 4

// news returns the message about the latest sample and those before it.
func (a *Admin) news(samples []sample, loops int) *news {
	to := &samples[len(samples)-1]
	from := &samples[max(0, len(samples)-1-rateTicks)]
	oldest := &samples[0]
	seconds := to.at.Sub(from.at).Seconds()
	rate := func(value func(n *stats.Counters) uint64) float64 {
		if seconds <= 0 {
			return 0
		}
		return float64(value(&to.n)-value(&from.n)) / seconds
	}
	line := func(name string, value func(n *stats.Counters) uint64) namedCount {
		return namedCount{name, value(&to.n), rate(value)}
	}
	out := &news{
		At: to.at.UnixMilli(), Ready: a.ready.Load(), Version: a.o.Version, Loops: loops,
		Metrics: map[string]float64{"awsd_cached_files": float64(a.cachedFiles())},
		Rates:   map[string]float64{}, Times: map[string]quantiles{},
		Slowest: a.slow.copy(to.at),
	}
	for _, m := range simples {
		out.Metrics[m.name] = m.value(&to.n)
		if !m.gauge && seconds > 0 {
			out.Rates[m.name] = (m.value(&to.n) - m.value(&from.n)) / seconds
		}
	}
	for s := connstate.StateInit; int(s) < len(to.n.InState); s++ {
		out.States = append(out.States, namedCount{Name: s.String(), Value: uint64(max(0, to.n.InState[s]))})
	}
	for r := range stats.ReadMethodCount {
		if name := r.String(); name != "" {
			out.Reads = append(out.Reads, line(name, func(n *stats.Counters) uint64 { return submitted(n)[r] }))
			out.Times["read "+name] = quantilesOf(&to.n.ReadLatency[r], &oldest.n.ReadLatency[r])
		}
	}
	for p := range connstate.PhaseCount {
		if name := p.String(); name != "" {
			out.Times[name] = quantilesOf(&to.n.Latency[p], &oldest.n.Latency[p])
		}
	}
	out.Times["iteration"] = quantilesOf(&to.n.IterationTime, &oldest.n.IterationTime)
	out.Rates["events per iteration"] = mean(&to.n.EventsPerIteration, &oldest.n.EventsPerIteration)
	out.Rates["operations per cgo call"] = mean(&to.n.OpsPerCgoCall, &oldest.n.OpsPerCgoCall)
	out.Errors = []namedCount{
		line("responses 4xx", func(n *stats.Counters) uint64 { return statuses(n, 400) }),
		line("responses 5xx", func(n *stats.Counters) uint64 { return statuses(n, 500) }),
		line("responses not taken in full", func(n *stats.Counters) uint64 { return n.Unfinished }),
		line("clients that left early", func(n *stats.Counters) uint64 { return n.PeersGone }),
		line("connections reset by us", func(n *stats.Counters) uint64 { return n.Resets }),
		line("TLS handshakes failed", (*stats.Counters).HandshakesFailedSum),
		line("TLS records broken", func(n *stats.Counters) uint64 { return n.RecordsBroken }),
		line("limits reached", func(n *stats.Counters) uint64 { return n.Expired + n.OverAddressLimit }),
		line("files truncated meanwhile", func(n *stats.Counters) uint64 { return n.Truncated }),
		line("disk faults", func(n *stats.Counters) uint64 { return n.DiskFaults }),
		line("pauses in accepting", func(n *stats.Counters) uint64 { return n.AcceptPauses }),
		line("records dropped", func(n *stats.Counters) uint64 { return n.RecordsDropped }),
	}
	out.TLS = a.tlsNews(&to.n, line)
	return out
}

// statuses returns the number of responses with a status from first to first+99.
func statuses(n *stats.Counters, first int) (sum uint64) {
	for _, v := range n.ByStatus[first : first+100] {
		sum += v
	}
	return sum
}

// quantilesOf estimates the quantiles of the values that were added to a histogram between two samples.
func quantilesOf(to, from *stats.Histogram) (q quantiles) {
	var buckets [stats.HistogramBuckets]uint64
	for i := range buckets {
		buckets[i] = to.Buckets[i] - from.Buckets[i]
		q.Count += buckets[i]
	}
	q.P50, q.P90, q.P99 = quantile(&buckets, q.Count, 0.5), quantile(&buckets, q.Count, 0.9), quantile(&buckets, q.Count, 0.99)
	return q
}

// quantile assumes that the values in a bucket are evenly distributed, as Prometheus does.
func quantile(buckets *[stats.HistogramBuckets]uint64, count uint64, p float64) float64 {
	rank := p * float64(count)
	var below float64
	for i, n := range buckets {
		if n == 0 || below+float64(n) < rank {
			below += float64(n)
			continue
		}
		low := 0.0
		if i > 0 {
			low = bound(i - 1)
		}
		return low + (bound(i)-low)*(rank-below)/float64(n)
	}
	return 0
}

func mean(to, from *stats.Sizes) float64 {
	var count uint64
	for i := range to.Buckets {
		count += to.Buckets[i] - from.Buckets[i]
	}
	if count == 0 {
		return 0
	}
	return float64(to.Sum-from.Sum) / float64(count)
}
