package stats

import (
	"fmt"
	"reflect"
	"slices"

	"aws/internal/connstate"
	"aws/internal/http2"
	"aws/internal/response"
	"aws/internal/tlsconn"
)

// Counters are the counters of a loop since its start.
type Counters struct {
	Iterations       uint64
	Events           uint64
	StaleEvents      uint64 // dropped events of closed connections
	CgoCalls         uint64 // batches run, besides the waits
	Accepted         uint64
	AcceptPauses     uint64 // descriptors or connections were used up
	Coalesced        uint64 // waits that were delayed by accept coalescing
	OverAddressLimit uint64 // connections closed because their address had too many
	Requests         uint64
	Refused          uint64                          // malformed heads
	ByStatus         [response.StatusCount]uint64    // responses, by their status code
	Completed        uint64                          // responses that the client took in full
	Unfinished       uint64                          // and those that it did not
	RecordsDropped   uint64                          // records for which the sink had no room
	ByMount          [][StatusSlots]uint64           // responses, by the mount's number (0: none) and SlotOf their status; as long as was needed
	Latency          [connstate.PhaseCount]Histogram // of the responses that are complete, by phase
	BytesSent        uint64                          // headers and bodies
	PeersGone        uint64                          // clients that left before their response was complete
	Resets           uint64                          // connections that we reset
	Truncated        uint64                          // files that became shorter while they were sent
	DiskFaults       uint64
	Expired          uint64                          // deadlines
	ExpiredBy        [connstate.DeadlineCount]uint64 // and which, by LimitNames
	// TLS handshakes that were completed, by their cipher suite (tlsconn.SlotOfSuite): those in full, and those that resumed a session.
	Handshakes       [tlsconn.SuiteCount][2]uint64
	HandshakesFailed [tlsconn.FailureCount]uint64
	RecordsBroken    uint64 // connections that were ended because of a TLS record
	KernelTLS        uint64 // connections whose records the kernel makes
	KernelTLSRefused uint64 // connections for which it was asked to and could not
	WatchesFailed    uint64 // epoll_ctl refused a connection

	IterationTime      Histogram // from the end of the wait to the end of the iteration, if the counters are published
	EventsPerIteration Sizes
	OpsPerCgoCall      Sizes

	CacheHits        uint64 // names whose file was known and did not have to be looked up
	OpensCached      uint64 // files opened, or looked up again, on the loop
	OpensByThread    uint64 // files opened by a worker thread, because a disk might have been waited for
	ChecksRefused    uint64 // password checks that were refused because too many waited
	JobsDropped      uint64 // jobs that were not done because nobody waited for them any more
	ChunksPrefetched uint64 // parts of static files that a worker thread brought into memory: stalls avoided

	Archives          int    // bodies that are being made by worker threads while they are sent
	ArchivesCompleted uint64 // those that were sent in full
	ArchivesAborted   uint64 // and those that were not

	ReadsNoWait      uint64 // read method 1 of the read methods: RWF_NOWAIT from the page cache
	ReadsDirect      uint64 // read method 2: O_DIRECT
	ReadsByThread    uint64 // read method 3: a worker thread
	ReadsMissed      uint64 // read method 1 said that the pages were not there after all
	ReadsShort       uint64
	ReadsInFlight    int                        // submitted and not completed
	ReadsDone        uint64                     // completed with bytes
	ReadsFailed      uint64                     // completed without bytes: retried by a fallback, or failed
	ReadLatency      [ReadMethodCount]Histogram // of those that are done, by ReadMethodNames
	ReadsRefused     uint64                     // io_submit took none for now
	PoolWaits        uint64                     // connections that waited for buffers
	PoolOutOfMemory  uint64                     // times that the machine had no memory for the pool to grow
	BuffersReclaimed uint64                     // buffers taken back from clients that took nothing
	Buffers          int                        // of the pool; this and the next two are set when the counters are published
	BuffersFree      int
	BufferWaiters    int                       // connections in the wait queue
	InState          [connstate.StateCount]int // connections; without meaning for StateFree
	StreamsInState   [connstate.StateCount]int // streams of HTTP/2, the same
	HTTP2Conns       int                       // connections that speak HTTP/2
	StreamsReset     uint64                    // by the client, or for its faults
	StreamsRefused   uint64                    // for what the others of their connection hold, or for want of slots
	HTTP2Exceeded    [http2.LimitCount]uint64  // limits that clients have exceeded
}

// String returns the counters as lines of name and value.
func (n *Counters) String() string {
	full, resumed := n.HandshakeSums()
	return fmt.Sprintf(`iterations %d, events %d (stale %d), cgo calls %d
accepted %d (pauses %d, over the limit %d, coalesced %d), requests %d (refused %d), bytes sent %d
peers gone %d, resets %d, truncated %d, disk faults %d, expired %d, watches failed %d
opens: on the loop %d, by worker threads %d; static chunks prefetched %d; password checks refused %d; jobs dropped %d
reads: RWF_NOWAIT %d (missed %d), O_DIRECT %d, by worker threads %d; short %d, refused for now %d
buffers: waits %d, reclaimed %d, short of memory %d
tls handshakes: full %d, resumed %d, failed %d; broken records %d
`,
		n.Iterations, n.Events, n.StaleEvents, n.CgoCalls,
		n.Accepted, n.AcceptPauses, n.OverAddressLimit, n.Coalesced, n.Requests, n.Refused, n.BytesSent,
		n.PeersGone, n.Resets, n.Truncated, n.DiskFaults, n.Expired, n.WatchesFailed,
		n.OpensCached, n.OpensByThread, n.ChunksPrefetched, n.ChecksRefused, n.JobsDropped,
		n.ReadsNoWait, n.ReadsMissed, n.ReadsDirect, n.ReadsByThread, n.ReadsShort, n.ReadsRefused,
		n.PoolWaits, n.BuffersReclaimed, n.PoolOutOfMemory, full, resumed, n.HandshakesFailedSum(), n.RecordsBroken)
}

// HandshakeSums returns the numbers of handshakes that were completed in full, and of those that resumed a session.
func (n *Counters) HandshakeSums() (full, resumed uint64) {
	for _, h := range n.Handshakes {
		full += h[0]
		resumed += h[1]
	}
	return full, resumed
}

// HandshakesFailedSum returns the number of handshakes that failed.
func (n *Counters) HandshakesFailedSum() (sum uint64) {
	for _, v := range n.HandshakesFailed {
		sum += v
	}
	return sum
}

// Clone returns a copy that shares nothing.
func (n *Counters) Clone() Counters {
	c := *n
	c.ByMount = slices.Clone(n.ByMount)
	return c
}

// Add adds another loop's counters. Every field is made of numbers, so that none is forgotten here.
func (n *Counters) Add(o *Counters) { addNumbers(reflect.ValueOf(n).Elem(), reflect.ValueOf(o).Elem()) }

func addNumbers(to, from reflect.Value) {
	switch to.Kind() {
	case reflect.Uint64:
		to.SetUint(to.Uint() + from.Uint())
	case reflect.Int:
		to.SetInt(to.Int() + from.Int())
	case reflect.Slice:
		if more := from.Len() - to.Len(); more > 0 {
			to.Set(reflect.AppendSlice(to, reflect.MakeSlice(to.Type(), more, more)))
		}
		for i := range from.Len() {
			addNumbers(to.Index(i), from.Index(i))
		}
	case reflect.Array:
		for i := range to.Len() {
			addNumbers(to.Index(i), from.Index(i))
		}
	case reflect.Struct:
		for i := range to.NumField() {
			addNumbers(to.Field(i), from.Field(i))
		}
	default:
		panic("stats: a counter is not a number")
	}
}
