package tlsconn

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
)

// Failure is why a handshake has failed. The set is closed, so that it can be the label of a metric.
type Failure uint8

// The failures. Those with the name of an alert (RFC 8446 section 6) stand for the alert that the server has sent.
const (
	FailureOther            Failure = iota
	FailureClosed                   // the client has closed or reset the connection
	FailureTimeout                  // the deadline of the handshake has passed
	FailureNotTLS                   // the client does not speak TLS: often HTTP
	FailureProtocolVersion          // no common version
	FailureHandshakeFailure         // no common cipher suite, group or signature
	FailureUnrecognizedName         // no site has the name
	FailureNoApplicationProtocol
	FailureCertificateRequired // the client has sent no certificate
	FailureClientCertificate   // the client's certificate is not valid
	FailureMalformed           // a message of the client can't be decoded, decrypted or is not expected
	FailureRemoteCertificate   // the client's alert: it refuses the certificate of the server
	FailureRemoteVersion       // the client's alert: protocol_version
	FailureRemoteOther         // another alert of the client
	FailureCount               // how many there are
)

var failureNames = [FailureCount]string{
	"other", "closed", "timeout", "not_tls", "protocol_version", "handshake_failure", "unrecognized_name", "no_application_protocol",
	"certificate_required", "client_certificate", "malformed", "remote_certificate", "remote_protocol_version", "remote_other",
}

// String returns the label of the failure.
func (f Failure) String() string { return failureNames[f] }

// Numbers of alerts (RFC 8446 section 6).
const (
	alertCloseNotify     = 0
	alertBadCertificate  = 42
	alertUnknownCA       = 48
	alertProtocolVersion = 70
	alertUserCanceled    = 90
)

// failureTexts are parts of the messages of crypto/tls, which has no values for the alerts that it sends itself.
var failureTexts = []struct {
	part string
	is   Failure
}{
	{"unsupported versions", FailureProtocolVersion},
	{"client offered old TLS version", FailureProtocolVersion},
	{"inappropriate protocol fallback", FailureProtocolVersion},
	{"no certificates configured", FailureUnrecognizedName},
	{"unsupported application protocols", FailureNoApplicationProtocol},
	{"didn't provide a certificate", FailureCertificateRequired},
	{"no cipher suite supported", FailureHandshakeFailure},
	{"no key exchanges supported", FailureHandshakeFailure},
	{"no mutually supported", FailureHandshakeFailure},
	{"doesn't support any of the certificate's signature algorithms", FailureHandshakeFailure},
	{"doesn't support the certificate", FailureHandshakeFailure},
	{"peer doesn't support", FailureHandshakeFailure},
	{"client certificate", FailureClientCertificate},
	{"bad record MAC", FailureMalformed},
	{"unexpected message", FailureMalformed},
	{"error decoding message", FailureMalformed},
	{"received unexpected handshake message", FailureMalformed},
	{"oversized", FailureMalformed},
}

// Classify returns why a handshake of tls.Conn has failed. err is the error of HandshakeContext.
func Classify(err error) Failure {
	var record tls.RecordHeaderError
	var invalid *tls.CertificateVerificationError
	var op *net.OpError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &record):
		return FailureNotTLS
	case errors.As(err, &invalid):
		return FailureClientCertificate
	case errors.As(err, &op) && op.Op == "remote error":
		return classifyAlert(op.Err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return FailureTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe), errors.Is(err, net.ErrClosed),
		errors.Is(err, context.Canceled):
		return FailureClosed
	case err == nil:
		return FailureOther
	}
	text := err.Error()
	for _, t := range failureTexts {
		if strings.Contains(text, t.part) {
			return t.is
		}
	}
	return FailureOther
}

// classifyAlert classifies an alert of the client. crypto/tls has it as a number of a type that is not exported.
func classifyAlert(err error) Failure {
	v := reflect.ValueOf(err)
	if v.Kind() != reflect.Uint8 {
		return FailureRemoteOther
	}
	switch n := v.Uint(); {
	case n == alertCloseNotify, n == alertUserCanceled:
		return FailureClosed
	case n >= alertBadCertificate && n <= alertUnknownCA && n != 47: // 47 is illegal_parameter
		return FailureRemoteCertificate
	case n == alertProtocolVersion:
		return FailureRemoteVersion
	default:
		return FailureRemoteOther
	}
}
