// Package sim runs the real event loop over the simulated kernel: for each seed a site, its misfortunes,
// clients of every manner and a configuration are drawn, the loop serves until nobody is left and is
// shut down, and then every response and the ledger are checked.
//
//	go test ./tests/sim -run TestSim -seeds 100000 -first 10000
//	go test ./tests/sim -run TestSim -seed 4711 -steps
//
// That nobody starves is not a matter of deadlines: who could be served is, within a number of iterations that depends
// only on the number of connections and on the events that one Wait returns (simkernel.Kernel.Wants). The
// flag -unjust leaves that out.
//
// The second form repeats one run and writes down all that happens in it. TestSim is about the drop-in,
// TestServe about `aws serve`: connections that are kept and pipelined, ranges and several of them, directories, files
// that are there in compressed forms, and requests with bodies, some of them too long or broken. Each response is
// compared byte for byte with what it may have been made of.
//
// The simulation must find each of the deliberate bugs of scripts/mutate:
//
//	go run ./scripts/mutate
package sim
