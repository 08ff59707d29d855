// Package config turns a table of options into flags, environment variables and keys of a TOML file,
// and reads their values back from all three: a flag goes before a variable, a variable before the
// file, the file before the default.
//
// The table is the one place where an option is defined. What a command accepts, what its manual says
// and what a configuration file may hold are derived from it, and so can't differ.
//
// # Ownership
//
// A table points at the places of its values and belongs to anyone who owns those. Flags only notes what
// a command line says; Resolve alone writes to the places, so that a table made again can be resolved
// while an older one is in use.
//
// # Caveats
//
// The package reads no file and no environment of its own: both are handed in.
package config
