// Package config turns a table of options into flags, environment variables and keys of a TOML file, and
// reads the values from all three. A flag has precedence over a variable, a variable over the file, and the file
// over the default.
//
// The table is the only definition of an option. The command line, the manual page and the keys of
// the file are derived from it, so they always agree.
//
// # Ownership
//
// A table points at the variables for its values, and belongs to their owner. Flags only records the
// command line. Only Resolve writes to the variables, so a new table can be resolved while an older one
// is in use.
//
// # Caveats
//
// The package reads no file and no environment itself; the caller passes both.
package config
