package goloop

import "time"

// acceptRateEvery is how often the rate of connections is measured.
const acceptRateEvery = 50 * time.Millisecond

// acceptRate is the rate at which connections are accepted.
type acceptRate struct {
	perSecond float64 // over the latest acceptRateEvery, or longer if the loop has slept
	meter     acceptMeter
}

// measure measures the rate again if that is due, and returns whether it was.
func (r *acceptRate) measure(now time.Duration, accepted uint64) bool {
	if now < r.dueAt() {
		return false
	}
	r.perSecond = r.meter.read(now, accepted).perSecond()
	return true
}

// dueAt returns when the rate may be measured again.
func (r *acceptRate) dueAt() time.Duration { return r.meter.at + acceptRateEvery }

// acceptMeter counts the connections that are accepted from one reading to the next.
type acceptMeter struct {
	at       time.Duration // of the latest reading
	accepted uint64        // connections until then
}

// read returns how many connections have come since the latest reading, and in what time.
func (m *acceptMeter) read(now time.Duration, accepted uint64) pace {
	p := pace{conns: accepted - m.accepted, time: now - m.at}
	m.at, m.accepted = now, accepted
	return p
}

// pace is how many connections have come in a time.
type pace struct {
	conns uint64
	time  time.Duration
}

// add returns the pace of two times together.
func (p pace) add(o pace) pace { return pace{conns: p.conns + o.conns, time: p.time + o.time} }

// perSecond returns the pace in connections per second.
func (p pace) perSecond() float64 { return float64(p.conns) / max(p.time.Seconds(), 1e-9) }
