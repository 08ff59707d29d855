// Package acme obtains and renews certificates from a certificate authority (CA) by ACME (RFC 8555), for a fixed list of host
// names, each of which has a certificate of its own. The challenges are HTTP-01 (RFC 8555 section 8.3) and TLS-ALPN-01
// (RFC 8737).
//
// The protocol is that of mholt/acmez, on which certmagic and Caddy are built: it has renewal information (ARI, RFC 9773),
// external account binding and retries, and no dependency that the server does not have already. golang.org/x/crypto/acme has
// no renewal information, and its autocert renews only what a handshake has asked for, has no lock between processes, and
// keeps handshakes waiting for the CA. certmagic has all of that, but brings nine modules more, with a second package for logs and a DNS
// library, and listens on the ports of the challenges itself, which belong to the loops here.
//
// # Processes
//
// Run is called by the process that serves; a supervisor does not call it. Any number of processes may use the same storage,
// as two workers do during a reload: a lock in the storage (flock(2)), which ends with its process, lets one of them at a time
// speak with the CA. A process that waits for the lock responds to the challenges of the one that has it, because the CA may
// connect to either. It takes over the certificate that the other one has obtained.
//
// # Ownership
//
// A Manager owns its storage directory. The certificates that it returns are shared and not to be changed.
//
// # Caveats
//
// GetCertificate and HTTP01 never wait and never read a file, so loops may call them. Open, Run and the CA's responses may
// take minutes. Keys are only in memory and in the storage, never in messages.
package acme
