// Package faults lets the real kernel, and clients, go wrong under the built binary while it is under
// load, and compares every byte of every response with the file: a connection may be lost to a fault that
// struck it, but what arrives is right, what is whole is whole, and the server serves on afterwards.
//
// Each test logs what was asked, what came in full and what was lost (go test -v); docs/robustness.md
// has those numbers. What a test does to the machine, such as using up its AIO slots, lasts for
// moments and is undone. Tests that need root or cgroups skip themselves by name without.
package faults
