package simkernel

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Manner is how a client behaves.
type Manner uint8

// The manners. The polite ones come first: they send a whole request and read the whole response, in
// their own time.
const (
	MannerWhole           Manner = iota // the request in one piece
	MannerDribble                       // the request in many pieces
	MannerHalfClose                     // shuts its side right behind the request
	MannerSlowReader                    // takes its time
	MannerPausing                       // stops reading for a while
	MannerPipelined                     // sends the request again before the response
	MannerSilent                        // connects and sends nothing
	MannerStall                         // stops in the middle of the request
	MannerCloseEarly                    // closes directly after the request
	MannerResetInRequest                // resets in the middle of the request
	MannerResetInResponse               // resets in the middle of the response
	MannerCloseInResponse               // closes in the middle of the response
	MannerStopReader                    // stops reading for good
	MannerGarbage                       // sends malformed bytes
	mannerCount
)

var mannerNames = [mannerCount]string{
	"whole", "dribble", "half-close", "slow reader", "pausing", "pipelined", "silent", "stall", "close early",
	"reset in request", "reset in response", "close in response", "stop reader", "garbage",
}

// String returns the manner's name.
func (m Manner) String() string {
	if m < mannerCount {
		return mannerNames[m]
	}
	return fmt.Sprintf("Manner(%d)", uint8(m))
}

// Polite reports whether a server owes the client a complete response.
func (m Manner) Polite() bool { return m <= MannerPausing }

// DrawManner draws a manner; every other client is one of the polite ones.
func DrawManner(rnd *rand.Rand) Manner {
	if rnd.IntN(2) == 0 {
		return Manner(rnd.IntN(int(MannerPausing) + 1))
	}
	return Manner(rnd.IntN(int(mannerCount)))
}

// DrawPlan draws what a client of a manner does with a request.
func DrawPlan(rnd *rand.Rand, m Manner, request []byte) Plan {
	p := Plan{
		Request:    request,
		Latency:    time.Duration(1+rnd.IntN(200)) * time.Microsecond,
		SendBuffer: pick(rnd, 2048, 4608, 16<<10, 64<<10, 256<<10),
		ReadChunk:  pick(rnd, 0, 0, 1000, 20000),
		Linger:     time.Duration(rnd.IntN(2000)) * time.Microsecond,
	}
	n := len(request)
	send := func(n int) { p.Steps = append(p.Steps, Step{Do: ActSend, N: n}) }
	then := func(after time.Duration, do Action) { p.Steps = append(p.Steps, Step{After: after, Do: do}) }
	soon := time.Duration(rnd.IntN(300)) * time.Microsecond
	somewhere := pick(rnd, int64(rnd.IntN(300)), int64(rnd.IntN(5000)), int64(rnd.IntN(100000)))
	if m == MannerDribble {
		p.dribble(rnd, n)
		return p
	}
	switch m {
	case MannerStall, MannerResetInRequest:
		send(rnd.IntN(n))
	case MannerSilent:
	case MannerPipelined:
		p.Request = append(append([]byte(nil), request...), request...)
		send(n + rnd.IntN(n+1))
		send(2 * n)
	case MannerGarbage:
		p.Request = garbage(rnd, request)
		send(len(p.Request))
	default:
		send(n)
	}
	switch m {
	case MannerHalfClose:
		then(soon, ActHalfClose)
	case MannerCloseEarly:
		then(soon, ActClose)
	case MannerResetInRequest:
		then(soon, ActReset)
	case MannerSlowReader:
		p.ReadChunk = 200 + rnd.IntN(4000)
		p.ReadEvery = time.Duration(1+rnd.IntN(30)) * time.Millisecond
	case MannerPausing:
		p.Triggers = []Trigger{{At: somewhere, Do: ActPause, For: time.Duration(1+rnd.IntN(2000)) * time.Millisecond}}
	case MannerResetInResponse:
		p.Triggers = []Trigger{{At: somewhere, Do: ActReset}}
	case MannerCloseInResponse:
		p.Triggers = []Trigger{{At: somewhere, Do: ActClose}}
	case MannerStopReader:
		p.Triggers = []Trigger{{At: somewhere, Do: ActPause}}
	default:
	}
	return p
}

// dribble sends a request in pieces, within a second or so.
func (p *Plan) dribble(rnd *rand.Rand, n int) {
	most := 1 + rnd.IntN(pick(rnd, 1, 10, 100))
	every := min(pick(rnd, 1, 100, 5000), 1_000_000*most/n)
	for n > 0 {
		piece := min(n, 1+rnd.IntN(most))
		p.Steps = append(p.Steps, Step{After: time.Duration(rnd.IntN(every)) * time.Microsecond, Do: ActSend, N: piece})
		n -= piece
	}
}

// garbage is a request with some of its bytes changed, or nothing like one.
func garbage(rnd *rand.Rand, request []byte) []byte {
	if rnd.IntN(3) == 0 {
		b := make([]byte, 1+rnd.IntN(3000))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b
	}
	b := append([]byte(nil), request...)
	for range 1 + rnd.IntN(5) {
		b[rnd.IntN(len(b))] = byte(rnd.Uint32())
	}
	return b
}
