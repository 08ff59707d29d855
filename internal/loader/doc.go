// Package loader brings dynamic files into memory. It has a pool of page-aligned buffers, and for each transfer a
// window: the chunks of the file that are loaded or on their way.
//
// A file is read in chunks of one buffer each. A chunk is read by the first of the read methods that works: kernel
// AIO from the page cache (RWF_NOWAIT), kernel AIO past it (O_DIRECT), a worker thread. The loader submits the
// reads of an iteration in one call (Submit), and takes in those that have completed (Reap, OnJob).
//
// # Ownership
//
// A Loader belongs to one loop. It knows transfers and the kernel, and nothing of connections: the loop implements
// Events. The loop starts a Transfer, sends the bytes that are loaded (Ready, Chunk), advances over them
// (Advance), says so when there are none (Await), and releases the transfer (Release). A buffer that a read fills
// when its transfer is released stays the kernel's until the read has returned.
//
// # Bounds
//
// Memory is bounded by the pool, and for each transfer by its window. A transfer is given as many buffers as its
// window needs at once, or waits for them, so that no two transfers wait for buffers that the other one has. Reads
// that copy from memory and reads that wait for a disk have a part of the pool, of the kernel's slots and of each
// submission for themselves, and reads of worker threads have a queue for themselves, so that none of them keeps
// the others waiting.
//
// # Caveats
//
// The loop releases a transfer before it returns from Events.Failed, and not from within the other methods of
// Events. It calls Reclaim several times in a StallTimeout, although nothing has happened, as long as transfers
// wait.
package loader
