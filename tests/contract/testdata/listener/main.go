// Command listener is the least that a Go program does before it listens: aws is compared with it.
package main

import (
	"net"
	"os"
)

func main() {
	l, err := net.Listen("tcp4", os.Args[1])
	if err != nil {
		panic(err)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		_ = c.Close()
	}
}
