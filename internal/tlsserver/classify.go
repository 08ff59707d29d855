package tlsserver

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"strings"

	"aws/internal/tlsconn"
)

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
	is   tlsconn.Failure
}{
	{"unsupported versions", tlsconn.FailureProtocolVersion},
	{"client offered old TLS version", tlsconn.FailureProtocolVersion},
	{"inappropriate protocol fallback", tlsconn.FailureProtocolVersion},
	{"no certificates configured", tlsconn.FailureUnrecognizedName},
	{"unsupported application protocols", tlsconn.FailureNoApplicationProtocol},
	{"didn't provide a certificate", tlsconn.FailureCertificateRequired},
	{"no cipher suite supported", tlsconn.FailureHandshakeFailure},
	{"no key exchanges supported", tlsconn.FailureHandshakeFailure},
	{"no mutually supported", tlsconn.FailureHandshakeFailure},
	{"doesn't support any of the certificate's signature algorithms", tlsconn.FailureHandshakeFailure},
	{"doesn't support the certificate", tlsconn.FailureHandshakeFailure},
	{"peer doesn't support", tlsconn.FailureHandshakeFailure},
	{"client certificate", tlsconn.FailureClientCertificate},
	{"bad record MAC", tlsconn.FailureMalformed},
	{"unexpected message", tlsconn.FailureMalformed},
	{"error decoding message", tlsconn.FailureMalformed},
	{"received unexpected handshake message", tlsconn.FailureMalformed},
	{"oversized", tlsconn.FailureMalformed},
}

// Classify returns why a handshake of tls.Conn has failed. err is the error of HandshakeContext.
func Classify(err error) tlsconn.Failure {
	var record tls.RecordHeaderError
	var invalid *tls.CertificateVerificationError
	var op *net.OpError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &record):
		return tlsconn.FailureNotTLS
	case errors.As(err, &invalid):
		return tlsconn.FailureClientCertificate
	case errors.As(err, &op) && op.Op == "remote error":
		return classifyAlert(op.Err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return tlsconn.FailureTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe), errors.Is(err, net.ErrClosed),
		errors.Is(err, context.Canceled):
		return tlsconn.FailureClosed
	case err == nil:
		return tlsconn.FailureOther
	}
	text := err.Error()
	for _, t := range failureTexts {
		if strings.Contains(text, t.part) {
			return t.is
		}
	}
	return tlsconn.FailureOther
}

// classifyAlert classifies an alert of the client. crypto/tls has it as a number of a type that is not exported.
func classifyAlert(err error) tlsconn.Failure {
	v := reflect.ValueOf(err)
	if v.Kind() != reflect.Uint8 {
		return tlsconn.FailureRemoteOther
	}
	switch n := v.Uint(); {
	case n == alertCloseNotify, n == alertUserCanceled:
		return tlsconn.FailureClosed
	case n >= alertBadCertificate && n <= alertUnknownCA && n != 47: // 47 is illegal_parameter
		return tlsconn.FailureRemoteCertificate
	case n == alertProtocolVersion:
		return tlsconn.FailureRemoteVersion
	default:
		return tlsconn.FailureRemoteOther
	}
}
