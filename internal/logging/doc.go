// Package logging writes messages for anyone who runs the program: a line per record on the standard error, as text for
// people or as JSON for programs, with a level. What is said about single responses is package accesslog's.
//
// The loggers are log/slog's, and so is the handler of JSON. The handler of text, 70 lines, is our own: slog's writes
// key=value pairs, while people read sentences. Others', such as lmittmann/tint of 800 lines, write time, level, message and
// pairs, and can be made to leave out all but the message; but they write that in one piece, while here each of its lines
// gets the program's name, and under systemd the level in front of that, from which the journal takes it (sd-daemon(3)).
//
// The queue in front of the standard error is our own because it is bounded in bytes and drops what is new. The
// ring of rs/zerolog/diode is bounded in messages, of any length, and drops what is oldest, which says how a trouble began.
//
// A StartUp reports what a process waits for that does not come to serve at once.
//
// # Ownership
//
// A Reporter does not own the file that it writes to. One of a file has a goroutine that writes, which lasts as long as the
// process.
//
// # Caveats
//
// Nobody waits for a reader of the messages: what there is no room for is dropped, counted, and reported later. So Flush has
// to be called before the process ends. Set is called before other goroutines use the Reporter.
package logging
