// Package release knows what is released: its version, its time, its binary and the files that the
// binary writes about itself.
//
// Everything in a release has the time of its commit, so that the same sources give the same bytes.
// The binary is built by the Makefile, which alone knows the flags.
package release
