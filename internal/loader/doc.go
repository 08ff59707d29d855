// Package loader brings dynamic files into memory: it has a pool of page-aligned buffers, and for each transfer a window,
// which is the range of the file that is in memory or on its way.
//
// A file is read in chunks of one buffer each. A chunk is read by the first of the read methods that works: kernel AIO
// from the page cache (RWF_NOWAIT), kernel AIO past it (O_DIRECT), a worker thread. The loader submits all reads of an iteration
// in one call, and takes in those that have completed.
//
// # Ownership
//
// A Loader belongs to one loop. It knows transfers and the kernel, and nothing of connections: the loop implements Events.
// The loop starts a Transfer, sends the bytes that are loaded, advances over them, and releases the transfer. A buffer that a read
// fills when its transfer is released stays the kernel's until the read has returned.
//
// # Bounds
//
// Memory is bounded by the pool, and for each transfer by its window. A transfer is given as many buffers as its window needs at once, or
// waits for them, so that no two transfers wait for buffers that the other one has. Reads that copy from memory and
// reads that wait for a disk have a part of the pool, of the kernel's slots and of each submission for themselves, so that neither
// keeps the other waiting.
package loader
