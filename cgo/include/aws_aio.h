/*
 * The C half of package libaio: kernel AIO contexts, with one cgo call to submit a batch of reads
 * and one to reap a batch of completions.
 *
 * No function calls back into Go or keeps an address of Go memory after it returns. Functions do not
 * set errno: every result is a count, or minus errno.
 */
#ifndef AWS_AIO_H
#define AWS_AIO_H

#if !__has_include(<libaio.h>)
#error "libaio.h is missing: install libaio-dev (Debian, Ubuntu) or libaio-devel (Fedora)"
#endif

#include <libaio.h>
#include <stddef.h>
#include <stdint.h>

/* RWF_NOWAIT of linux/fs.h (Linux 4.13), defined here because old headers do not have it. */
#define AWS_AIO_NOWAIT 0x00000008

/*
 * One read, with the layout of the Go type libaio.Read; package libaio asserts it. The buffer
 * is C memory, and its owner must not use it until the completion has been reaped. It is passed as
 * an integer, so that cgo does not search the caller's array for pointers on each submission.
 */
struct aws_aio_read {
    int32_t fd;
    uint32_t flags; /* RWF_ flags; 0 or AWS_AIO_NOWAIT */
    int64_t offset;
    uint32_t len;
    uint32_t reserved;
    uint64_t buf;
    uint64_t token; /* kept in Go, in the slot; not used in C */
};

/* The result of a submission. */
struct aws_aio_submitted {
    int32_t accepted; /* number of reads from the front that are in flight */
    int32_t error;    /* positive errno of the next read; 0 if all are in flight */
};

/* A context. Go code owns it through a pointer; the functions below allocate and free it. */
struct aws_aio {
    io_context_t kernel;     /* 0 until aws_aio_setup, and again after aws_aio_destroy */
    struct iocb *iocbs;      /* one per slot */
    struct iocb **queue;     /* for one submission: the iocbs in the order of the reads */
    void **handles;          /* one per slot: io_event.data of its completions */
    struct io_event *events; /* the events of the latest reap, at most one per slot */
    uint32_t slots;
    int32_t eventfd; /* incremented by the kernel at each completion */
};

_Static_assert(sizeof(void *) == 8, "the shim is written for 64-bit machines");
_Static_assert(sizeof(struct aws_aio_read) == 40, "struct aws_aio_read mirrors libaio.Read");
_Static_assert(offsetof(struct aws_aio_read, offset) == 8, "offset of offset");
_Static_assert(offsetof(struct aws_aio_read, buf) == 24, "offset of buf");
_Static_assert(offsetof(struct aws_aio_read, token) == 32, "offset of token");

/* aws_aio_new returns a context that is not set up, or NULL if there is no memory. */
struct aws_aio *aws_aio_new(void);

/* aws_aio_setup calls io_setup with a number of slots: 0 or minus errno. */
int32_t aws_aio_setup(struct aws_aio *ctx, int32_t slots);

/* aws_aio_probe calls io_getevents so that it enters the kernel and returns at once: 0 or -errno. */
int32_t aws_aio_probe(struct aws_aio *ctx);

/* aws_aio_reserve allocates the iocbs and the other arrays: 0 or -ENOMEM. */
int32_t aws_aio_reserve(struct aws_aio *ctx, int32_t eventfd, uint32_t slots);

/* aws_aio_set_handle sets io_event.data for the completions of one slot. */
void aws_aio_set_handle(struct aws_aio *ctx, uint32_t slot, void *handle);

/*
 * aws_aio_submit puts reads[i] into slot slots[i] for each i below count, and submits them in that
 * order. A count that is not positive is passed to the kernel unchanged.
 */
struct aws_aio_submitted aws_aio_submit(struct aws_aio *ctx, const struct aws_aio_read *reads,
                                        const uint32_t *slots, int64_t count);

/*
 * aws_aio_reap clears the eventfd if drain is set, and then stores up to count existing completions in
 * ctx->events. It returns their number, or minus errno.
 */
int32_t aws_aio_reap(struct aws_aio *ctx, int32_t drain, int64_t count);

/*
 * aws_aio_wait waits for at least one completion or the timeout, and stores up to count completions in
 * ctx->events. It returns their number, or minus errno.
 */
int32_t aws_aio_wait(struct aws_aio *ctx, int64_t count, int64_t timeout_ms);

/* aws_aio_destroy calls io_destroy: 0 or minus errno. The kernel first waits for pending reads. */
int32_t aws_aio_destroy(struct aws_aio *ctx);

/* aws_aio_free frees everything that aws_aio_new and aws_aio_reserve allocated. */
void aws_aio_free(struct aws_aio *ctx);

#endif
