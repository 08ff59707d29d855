package goloop

// assert panics when a programmer's assumption does not hold. It is cheap and always on.
func assert(ok bool, what string) {
	if !ok {
		panic("goloop: " + what)
	}
}
