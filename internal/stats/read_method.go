package stats

// ReadMethod is a way in which a range of a dynamic file gets into memory.
type ReadMethod uint8

// The read methods, in the order in which they are tried. ReadAuto is none yet: the best one is to be chosen.
const (
	ReadAuto   ReadMethod = iota
	ReadNoWait            // kernel AIO from the page cache, RWF_NOWAIT
	ReadDirect            // kernel AIO past the page cache, O_DIRECT
	ReadThread            // a worker thread waits for the disk
	ReadMethodCount
)

var readMethodNames = [ReadMethodCount]string{ReadNoWait: "nowait", ReadDirect: "direct", ReadThread: "thread"}

// String returns the read method's name in metrics, such as "direct"; that of ReadAuto is empty.
func (m ReadMethod) String() string { return readMethodNames[m] }
