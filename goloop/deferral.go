package goloop

// With a connection per request, what distinguishes one server from another is how often it wakes up: once for
// the connection and once for its request, or, if the kernel holds a connection back until it has
// sent something (TCP_DEFER_ACCEPT, tcp(7)), once for both. But a connection that is held back is not
// there for anybody to see. So the drop-in lets the kernel do it while connections come thick and
// fast, and only then.

// deferral is whether the kernel holds connections back.
type deferral struct {
	above int // connections per second above which it does; 0 means never
	on    bool
}

// follow switches it on or off according to the rate of connections per second, and returns whether that is a change. It is
// switched off at a quarter of the rate at which it is switched on, so that it does not flutter.
func (d *deferral) follow(rate float64) bool {
	was := d.on
	switch {
	case d.above == 0:
	case rate > float64(d.above):
		d.on = true
	case rate < float64(d.above)/4:
		d.on = false
	}
	return d.on != was
}
