package sim

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"aws/internal/simkernel"
)

// FuzzLoop lets clients send bytes of the fuzzer's choice, in pieces that it chooses too, to the whole
// loop in a world of the simulation, among the clients that this world has anyway. Whatever they
// send: nothing leaks, nobody hangs or spins, the other clients get what they are owed, and these get
// responses of HTTP/1.1 or none.
func FuzzLoop(f *testing.F) {
	for i, request := range []string{
		"GET /static/a HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /dynamic/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD /../x HTTP/1.1\nHost: x\n\n",
		"\x16\x03\x01", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\r\n\r\n", "GET",
	} {
		f.Add(uint64(i+1), i%2 == 0, uint64(i), []byte(request))
	}
	f.Fuzz(func(t *testing.T, seed uint64, serves bool, cuts uint64, data []byte) {
		if len(data) == 0 || len(data) > 64<<10 {
			t.Skip("no request")
		}
		m := dropIn
		if serves {
			m = serve
		}
		w, err := newWorld(seed, nil, m)
		if err != nil {
			t.Skip(err) // the world has no room for a server
		}
		rnd := rand.New(rand.NewPCG(cuts, seed))
		var peers []*simkernel.Peer
		for range 2 {
			peers = append(peers, w.k.AddPeer(w.listener, fuzzPlan(rnd, data)))
		}
		if err := w.check(w.run()); err != nil {
			t.Fatal(err)
		}
		for _, p := range peers {
			if p.End == simkernel.EndNone || slices.Contains(p.Excuses, simkernel.OutOfPatience) {
				t.Fatalf("%v: nothing has ended its connection", p)
			}
			if want := []byte("HTTP/1.1 "); !bytes.HasPrefix(p.Received, want[:min(len(want), len(p.Received))]) {
				t.Fatalf("%v received %.60q", p, p.Received)
			}
		}
	})
}

// fuzzPlan cuts the data into pieces that follow one another at once or after a while, and at the end
// shuts the client's side, leaves, or waits.
func fuzzPlan(rnd *rand.Rand, data []byte) simkernel.Plan {
	p := simkernel.Plan{
		Request:    data,
		Start:      time.Duration(rnd.IntN(1000)) * time.Microsecond,
		Latency:    time.Duration(1+rnd.IntN(200)) * time.Microsecond,
		SendBuffer: pick(rnd, 2048, 64<<10),
		Patience:   2 * time.Hour,
	}
	for sent := 0; sent < len(data); {
		n := 1 + rnd.IntN(pick(rnd, 1, 20, len(data)))
		p.Steps = append(p.Steps, simkernel.Step{
			After: time.Duration(rnd.IntN(500)) * time.Microsecond, Do: simkernel.ActSend, N: n,
		})
		sent += n
	}
	switch rnd.IntN(4) {
	case 0:
		p.Steps = append(p.Steps, simkernel.Step{Do: simkernel.ActHalfClose})
	case 1:
		p.Steps = append(p.Steps, simkernel.Step{After: time.Millisecond, Do: simkernel.ActReset})
	}
	return p
}
