// Package tracefile writes what the loops do in the Trace Event Format, as an array of JSON that
// Perfetto and chrome://tracing open.
//
// A loop is a process there. Its first track holds its turns; each of its connections has a track with
// a span per state, and right beneath it tracks for the reads that are in flight for it, one for each
// that may be so at once.
//
// The loops put what happens into rings of fixed size; a goroutine makes spans of it and writes them.
// When a ring is full events are dropped and counted, and a span may be longer than it was; the file
// stays valid. It ends with its bracket once Close has returned, or once it is as long as it may
// become; the readers also take a file without one.
package tracefile
