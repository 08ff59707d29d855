package goloop

import (
	"aws/internal/handler"
	"aws/internal/request"
	"aws/internal/stats"
	"aws/internal/tlsconn"
)

// recordsMax is how many records a loop takes at once, and how many it gives back within an iteration at the latest.
// One by one they would cost as much as the request's own bookkeeping.
const recordsMax = 64

// recorder takes records from a sink to be filled, and gives them back when they are.
type recorder struct {
	sink   stats.Sink // nil if nobody wants records
	empty  []*stats.Record
	filled []*stats.Record // for the sink, by the end of the iteration
}

func newRecorder(sink stats.Sink) recorder {
	return recorder{sink: sink, empty: make([]*stats.Record, 0, recordsMax), filled: make([]*stats.Record, 0, recordsMax)}
}

// wanted reports whether somebody wants records.
func (r *recorder) wanted() bool { return r.sink != nil }

// take returns a record to be filled, or nil when the sink has none.
func (r *recorder) take() *stats.Record {
	if len(r.empty) == 0 {
		r.empty = r.empty[:recordsMax]
		r.empty = r.empty[:r.sink.Take(r.empty)]
	}
	n := len(r.empty) - 1
	if n < 0 {
		return nil
	}
	record := r.empty[n]
	r.empty = r.empty[:n]
	return record
}

// put gives a filled record to the sink, at the next flush at the latest.
func (r *recorder) put(record *stats.Record) {
	r.filled = append(r.filled, record)
	if len(r.filled) == recordsMax {
		r.flush()
	}
}

// flush gives all filled records to the sink.
func (r *recorder) flush() {
	if len(r.filled) > 0 {
		r.sink.Put(r.filled)
		r.filled = r.filled[:0]
	}
}

// describe fills in what is known of a response when it is decided. head holds as much of the request as has been read, and
// is nil where that is nothing. tls is nil if the connection does not speak TLS.
func describe(r *stats.Record, a *handler.Response, req *request.Request, head []byte, tls *tlsconn.Facts) {
	r.TLS = tls
	r.Status, r.Mount = a.Status, a.Mount
	r.Cold, r.Complete, r.Sent = false, false, 0
	r.Head, r.Disk, r.Send, r.Total = 0, 0, 0, 0
	r.HeadBytes = int64(a.HeadLen())
	if r.File = a.File != nil; r.File {
		r.Kind = a.File.Mount.Kind
	}
	r.Method, r.Target = r.Method[:0], r.Target[:0]
	r.User = append(r.User[:0], a.User...)
	r.Major, r.Minor = 1, 0
	for _, f := range recordFields {
		to := f.to(r)
		*to = (*to)[:0]
		if head == nil {
			continue
		}
		if span, ok := req.Field(f.id); ok {
			*to = append(*to, span.Of(head)...)
		}
	}
	if head != nil {
		r.Method = append(r.Method, req.MethodSpan.Of(head)...)
		r.Target = append(r.Target, req.Target.Of(head)...)
		r.Minor = req.Minor
	}
}

var recordFields = []struct {
	id request.FieldID
	to func(r *stats.Record) *[]byte
}{
	{request.Range, func(r *stats.Record) *[]byte { return &r.Range }},
	{request.IfRange, func(r *stats.Record) *[]byte { return &r.IfRange }},
	{request.IfNoneMatch, func(r *stats.Record) *[]byte { return &r.IfNoneMatch }},
	{request.IfModifiedSince, func(r *stats.Record) *[]byte { return &r.IfModifiedSince }},
	{request.Referer, func(r *stats.Record) *[]byte { return &r.Referer }},
	{request.UserAgent, func(r *stats.Record) *[]byte { return &r.Agent }},
}
