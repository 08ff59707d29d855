package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"aws/internal/simkernel"
)

// client is a peer and what it is entitled to.
type client struct {
	peer   *simkernel.Peer
	manner simkernel.Manner
	name   string // beneath the root; "" if the target can't stand for a file
	head   bool   // HEAD
	valid  bool   // the request deserves more than 404
}

// patience is how long a client waits for the end before it gives up, which no client should ever
// have to: every state has a limit that is much shorter.
const patience = 15 * time.Minute

// drawClient draws a client. Each has a generator of its own, so that it stays the same whatever
// becomes of the others.
func (w *world) drawClient(i int, spread int64) *client {
	rnd := rand.New(rand.NewPCG(w.seed, 1000+uint64(i)))
	c := &client{manner: simkernel.DrawManner(rnd)}
	request := c.drawRequest(w, rnd)
	plan := simkernel.DrawPlan(rnd, c.manner, []byte(request))
	plan.Start = time.Duration(rnd.Int64N(spread))
	plan.Patience = patience
	if rnd.IntN(20) == 0 {
		plan.Linger = -1
	}
	c.peer = w.k.AddPeer(w.listener, plan)
	return c
}

// drawRequest draws what the client asks for.
func (c *client) drawRequest(w *world, rnd *rand.Rand) string {
	c.valid = true
	switch rnd.IntN(16) {
	case 0:
		c.name = pick(rnd, "static/absent", "dynamic/absent", "static/directory", "static/secret", "static/f0.html/x")
	case 1:
		c.name, c.valid = "", false
		return c.spell(rnd, pick(rnd, "/outside", "/static/../outside", "/static/../../etc/passwd", "/%2e%2e/outside",
			"/", "/static/", "/dynamic", "/static/directory/", "/static/f0.html%00"))
	default:
		c.name = pick(rnd, w.site...).name
	}
	target := "/" + c.name
	if rnd.IntN(6) == 0 { // a letter of the name in its other spelling
		at := 1 + rnd.IntN(len(c.name))
		if target[at] != '/' {
			target = fmt.Sprintf("%s%%%02x%s", target[:at], target[at], target[at+1:])
		}
	}
	if rnd.IntN(8) == 0 {
		target += "?query=1"
	}
	return c.spell(rnd, target)
}

// spell writes a request for a target.
func (c *client) spell(rnd *rand.Rand, target string) string {
	method := "GET"
	if rnd.IntN(8) == 0 {
		method, c.head = "HEAD", true
	}
	version := pick(rnd, "HTTP/1.1", "HTTP/1.0")
	var fields strings.Builder
	if version == "HTTP/1.1" || rnd.IntN(2) == 0 {
		fields.WriteString("Host: example.org\r\n")
	}
	if rnd.IntN(4) == 0 {
		fields.WriteString("User-Agent: Wget/1.21\r\nAccept: */*\r\nConnection: Keep-Alive\r\n")
	}
	if rnd.IntN(10) == 0 {
		for i := range 1 + rnd.IntN(40) {
			fmt.Fprintf(&fields, "X-%d: %s\r\n", i, strings.Repeat("v", rnd.IntN(500)))
		}
	}
	return method + " " + target + " " + version + "\r\n" + fields.String() + "\r\n"
}
