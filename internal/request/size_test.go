package request

import (
	"reflect"
	"testing"
)

// TestSize bounds what a connection with half a head costs.
func TestSize(t *testing.T) {
	if n := reflect.TypeFor[Request]().Size(); n > 1024 {
		t.Errorf("a Request has %d bytes", n)
	}
	if n := reflect.TypeFor[Body]().Size(); n > 64 {
		t.Errorf("a Body has %d bytes", n)
	}
}
