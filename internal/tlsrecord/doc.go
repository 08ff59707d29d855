// Package tlsrecord protects and opens the records of TLS 1.3 after the handshake (RFC 8446, sections 5, 6, 4.6.3 and 7), with the
// traffic secrets that a handshake by crypto/tls has logged. It does no input or output, and allocates nothing for a record.
//
// A Sender makes records of one direction, a Receiver opens those of the other. Both count records by the sequence number that
// their nonces are made of.
//
// # Caveats
//
// SetSequence takes records back that nobody has been sent: they may be made again with the same numbers if their content is the same.
// Two records with one number and different content must never both reach a peer: with AES-GCM that reveals the key.
package tlsrecord
