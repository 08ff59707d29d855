// Package tlsconfig is the control plane of TLS: certificates and their choice by server name, stapled OCSP responses,
// session ticket keys, client certificates, and the policy on versions and cipher suites. It makes the tls.Config of each
// handshake, and knows nothing of connections.
//
// # Ownership
//
// A Store owns what it has loaded. Handshakes use an immutable snapshot; Reload replaces the snapshot as a whole, so a
// handshake sees the files of before or those of after, and no connection is lost. All methods of a Store may be called by
// any goroutine. Private keys and ticket keys stay in the memory of the process: no message, and no String method, has them.
//
// # Server names
//
// The server name (SNI, RFC 6066) determines the site: an exact host first, then the longest "*." host, then the default
// site. Among the certificates of the site, those that cover the name come first, and of these the first that the client
// supports, ECDSA before RSA. A name of no site gets the alert unrecognized_name if no site is the default one, just as a
// Host of no site gets 421. A client without SNI gets the site whose host is the local address, or the default site.
//
// # Caveats
//
// The server name does not bind the client: a request may have the Host of another site. A server that has sites with
// client certificates must compare the site of the Host with Store.SiteOf (RFC 9110 section 7.4).
package tlsconfig
