package goloop

import (
	"aws/internal/kernel"
	"aws/internal/rate"
)

// role is the purpose of an operation of a batch.
type role uint8

const (
	roleNone role = iota
	roleAccept
	roleReceive
	roleLastReceive
	roleWatch
	roleMessage
	roleResident
	roleFile
	roleUncork
	roleBuffer
	roleRead
	roleControl
	roleHandshake
	roleKernelTLS
	roleKernelAlert
	roleFrames
	roleFramesLeft
	roleFrameRead
	roleShut
	roleClose
)

// What an operation sends: plaintext, or records of TLS.
const (
	recordsNone   = iota
	recordsSealed // for this batch
	recordsUnsent // that the socket has not taken before
)

// owner identifies the connection of an operation of a batch.
type owner struct {
	role    role
	sends   bool  // bytes of a response
	records uint8 // recordsNone, recordsSealed or recordsUnsent
	ends    bool  // the last record is a close_notify
	slot    int32
	gen     uint32
	content uint32      // of those bytes, how many are content: its last ones
	limit   *rate.Limit // that the content was reserved with
}

// batch holds the operations of a phase, which one cgo call executes, and the owner of each.
type batch struct {
	ops    []kernel.Op
	owners []owner
	count  int
}

// add appends an operation. There must be room for it.
func (b *batch) add(o owner, op kernel.Op) {
	b.owners[b.count] = o
	b.ops[b.count] = op
	b.count++
}

// latest returns the latest operation.
func (b *batch) latest() (*owner, *kernel.Op) { return &b.owners[b.count-1], &b.ops[b.count-1] }

// room reports whether n more operations fit.
func (b *batch) room(n int) bool { return b.count+n <= len(b.ops) }

// carryOut has the kernel carry the operations out. It empties the batch and returns them with their results, which are good
// until the next add.
func (b *batch) carryOut(k kernel.Kernel) []kernel.Op {
	ops := b.ops[:b.count]
	b.count = 0
	if len(ops) > 0 {
		k.Do(ops)
	}
	return ops
}
