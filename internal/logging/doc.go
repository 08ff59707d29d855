// Package logging writes messages for anyone who runs the program: a line per record on the standard error, as text for
// people or as JSON for programs, with a level. What is said about single responses is package accesslog's.
//
// The text handler is our own because log/slog's writes key=value pairs, while people read sentences, and because the
// journal of systemd takes the level from the beginning of a line (sd-daemon(3)).
package logging
