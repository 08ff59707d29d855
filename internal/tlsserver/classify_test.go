package tlsserver

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"

	"aws/internal/tlsconn"
)

// TestClassify sees the label of errors that no handshake of the other tests has.
func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		want tlsconn.Failure
	}{
		{nil, tlsconn.FailureOther},
		{errors.New("x"), tlsconn.FailureOther},
		{io.EOF, tlsconn.FailureClosed},
		{&net.OpError{Op: "read", Err: net.ErrClosed}, tlsconn.FailureClosed},
		{context.Canceled, tlsconn.FailureClosed},
		{context.DeadlineExceeded, tlsconn.FailureTimeout},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, tlsconn.FailureTimeout},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(42)}, tlsconn.FailureRemoteCertificate},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(47)}, tlsconn.FailureRemoteOther},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(48)}, tlsconn.FailureRemoteCertificate},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(70)}, tlsconn.FailureRemoteVersion},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(90)}, tlsconn.FailureClosed},
		{&net.OpError{Op: "remote error", Err: io.EOF}, tlsconn.FailureRemoteOther},
	} {
		if got := Classify(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
	seen := map[string]bool{}
	for f := range tlsconn.FailureCount {
		if f.String() == "" || seen[f.String()] {
			t.Errorf("the label of %d is %q", f, f)
		}
		seen[f.String()] = true
	}
}
