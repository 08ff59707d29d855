package goloop

import (
	"reflect"
	"testing"
)

// A connection is as large as it has to be: a gap between its fields would cost a line of the processor's cache for each request.
func TestConnFillsCacheLines(t *testing.T) {
	if got := reflect.TypeFor[conn]().Size(); got != connBytes {
		t.Errorf("a connection has %d bytes, not %d", got, connBytes)
	}
}
