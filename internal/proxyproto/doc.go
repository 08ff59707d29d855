// Package proxyproto reads the preface by which a proxy names whom it speaks for: the PROXY protocol,
// versions 1 (a line of text) and 2 (binary), as HAProxy's document of that name describes them.
//
// The package is pure. A preface is to be taken from proxies that are trusted, and from nobody else:
// anyone who may send one may claim to be anyone.
package proxyproto
