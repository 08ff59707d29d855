package goloop

import (
	"slices"
	"testing"

	"aws/internal/docroot"
	"aws/internal/kernel"
)

func TestCloser(t *testing.T) {
	var s closer
	if _, ok := s.takeFile(); ok || !s.isEmpty() {
		t.Error("there is a file in an empty closer")
	}
	if _, ok := s.takeSocket(); ok {
		t.Error("there is a socket in an empty closer")
	}
	s.files = []docroot.Descriptor{{FD: 1}, {FD: 2, Slow: true}, {FD: 3}, {FD: 4, Slow: true}}
	s.add(kernel.OpReset, 5)
	s.add(kernel.OpShutdown, 6)
	var files []int32
	for fd, ok := s.takeFile(); ok; fd, ok = s.takeFile() {
		files = append(files, fd)
	}
	if !slices.Equal(files, []int32{3, 1}) || !slices.Equal(s.slow, []docroot.Descriptor{{FD: 4, Slow: true}, {FD: 2, Slow: true}}) {
		t.Errorf("closed %v, put aside %v", files, s.slow)
	}
	if s.isEmpty() {
		t.Error("two sockets are forgotten")
	}
	for _, want := range []socketEnd{{kind: kernel.OpReset, fd: 5}, {kind: kernel.OpShutdown, fd: 6}} {
		if end, ok := s.takeSocket(); !ok || end.kind != want.kind || end.fd != want.fd {
			t.Errorf("%v, %v, want %v", end, ok, want)
		}
	}
	if !s.isEmpty() {
		t.Error("something is left")
	}
}
