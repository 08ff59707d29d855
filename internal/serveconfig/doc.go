// Package serveconfig turns the options of `aws serve` into the configuration of its server: the addresses, the handler with
// its mounts, and the limits. Each group of options is a type with its part of the table, beside what is made of it.
//
// # Ownership
//
// An Options is written by config.Resolve, by way of its Table, and only read from then on. What Handler opens belongs to
// the caller, who closes it by the function that comes along, also when there is an error.
//
// # Caveats
//
// The messages name flags, wherever a value comes from; the command adds the place. Handler reads the files that options
// name, and waits for as long as they take: Doing is called before.
package serveconfig
