//go:build race || asan || msan || goexperiment.cgocheck2

package libaio

/*
#cgo nocallback aws_aio_verify

// cgo checks the pointers behind a pointer when it passes one: so this has nothing to do itself.
static inline void aws_aio_verify(void **buf)
{
    (void)buf;
}
*/
import "C"

// verifying reports whether this build checks that no buffer is in the Go heap.
const verifying = true

// verifyBuffers panics, through cgo's own check, if a buffer is in Go memory. The check only looks at
// pointers that are in the heap themselves, so the function must not be marked noescape.
func verifyBuffers(reads []Read) {
	for i := range reads {
		buf := reads[i].Buf
		C.aws_aio_verify(&buf)
	}
}
