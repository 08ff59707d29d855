// Package attack lets clients with bad intentions loose on the built binary while a well-behaved one keeps
// asking, and holds its success and its latencies before and during the attack against each other.
//
// slowhttptest is a Debian package; where it is missing, root installs it and others skip its tests by
// name. ATTACK_SECONDS sets how long each of its attacks lasts (default 4). The numbers are in
// docs/robustness.md.
package attack
