package tlsconn

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
)

// TestClassify sees the label of errors that no handshake of the other tests has.
func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Failure
	}{
		{nil, FailureOther},
		{errors.New("x"), FailureOther},
		{io.EOF, FailureClosed},
		{&net.OpError{Op: "read", Err: net.ErrClosed}, FailureClosed},
		{context.Canceled, FailureClosed},
		{context.DeadlineExceeded, FailureTimeout},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, FailureTimeout},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(42)}, FailureRemoteCertificate},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(47)}, FailureRemoteOther},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(48)}, FailureRemoteCertificate},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(70)}, FailureRemoteVersion},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(90)}, FailureClosed},
		{&net.OpError{Op: "remote error", Err: io.EOF}, FailureRemoteOther},
	} {
		if got := Classify(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
	seen := map[string]bool{}
	for f := range FailureCount {
		if f.String() == "" || seen[f.String()] {
			t.Errorf("the label of %d is %q", f, f)
		}
		seen[f.String()] = true
	}
}
