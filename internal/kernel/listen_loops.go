package kernel

// ListenLoops listens at addresses for a number of loops. Each loop has a socket of its own for a TCP address
// (SO_REUSEPORT). All loops share the socket of a Unix address; each has a descriptor of its own.
//
// It returns the descriptors, for each loop one per address, and the addresses with the ports that the kernel has chosen.
// It sets o.Shared and o.Alone for each socket. It calls binding, if that is not nil, with each address before it binds it. The error
// names the address, the cause and the remedy; the descriptors are then those that were opened, which the caller closes.
func ListenLoops(addrs []Address, loops int, o ListenOptions, binding func(Address)) (fds [][]int32, bound []Address, err error) {
	bound = append([]Address(nil), addrs...)
	fds = make([][]int32, loops)
	o.Shared = loops > 1 || o.Joins
	for loop := range fds {
		o.Alone = loop == 0 && !o.Joins
		for i, addr := range bound {
			if binding != nil {
				binding(addr)
			}
			var fd int32
			if addr.Path != "" && loop > 0 {
				fd, err = Duplicate(fds[0][i])
			} else {
				fd, bound[i], err = Listen(addr, o)
			}
			if err != nil {
				return fds, bound, err
			}
			fds[loop] = append(fds[loop], fd)
		}
	}
	return fds, bound, nil
}
