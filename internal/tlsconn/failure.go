package tlsconn

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
