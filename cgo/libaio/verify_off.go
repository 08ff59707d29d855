//go:build !(race || asan || msan || goexperiment.cgocheck2)

package libaio

// verifying reports whether this build checks that no buffer is in the Go heap.
const verifying = false

func verifyBuffers([]Read) {}
