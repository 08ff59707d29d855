// Package fleet runs the configuration files of contrib/fleet: Varnish, HAProxy and three replicas of `aws serve`, in network
// namespaces that have the addresses of those files. It upgrades and restarts the replicas under load, kills one, takes one off the
// network, and compares what they respond with. It needs root, and iproute2, nsenter, haproxy and varnishd.
//
//	REQUESTS=1000000 go test -count=1 -v -run TestRollingUpgrade ./tests/fleet
package fleet
