package goloop

import "testing"

func TestReadBuffers(t *testing.T) {
	s := readBuffers{mem: &pages{most: 20 << 10}, sizeBytes: 10 << 10}
	a, b := s.take(), s.take()
	if a == nil || b == nil || len(a.buf) != 10<<10 || &a.buf[0] == &b.buf[0] {
		t.Fatalf("%v and %v", a, b)
	}
	if s.take() != nil {
		t.Error("a read buffer without memory")
	}
	a.n = copy(a.buf, "GET / HTTP/1.1")
	if a.skip(4); string(a.bytes()) != "/ HTTP/1.1" {
		t.Errorf("%q is left", a.bytes())
	}
	s.give(a)
	if c := s.take(); c != a || c.n != 0 {
		t.Errorf("%v of %v, with %d bytes", c, a, c.n)
	}
}
