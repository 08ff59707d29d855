/*
 * The C half of package libaio: kernel AIO contexts, with one cgo call to submit a batch of reads
 * and one to reap a batch of completions.
 *
 * Nothing here calls back into Go, nothing keeps an address of Go memory after it returns, and no
 * function promises errno: every result is a count, or minus an errno.
 */
#ifndef AWS_AIO_H
#define AWS_AIO_H

#if !__has_include(<libaio.h>)
#error "libaio.h is missing: install libaio-dev (Debian, Ubuntu) or libaio-devel (Fedora)"
#endif

#include <libaio.h>
#include <stddef.h>
#include <stdint.h>

/* RWF_NOWAIT of linux/fs.h (Linux 4.13), named here because old headers lack it. */
#define AWS_AIO_NOWAIT 0x00000008

/*
 * One read. Field for field the Go type libaio.Read; package libaio asserts the layout. The buffer
 * is C memory and stays untouched by its owner until the completion has been reaped. It travels as
 * an integer so that cgo does not walk the caller's whole array for pointers on each submission.
 */
struct aws_aio_read {
    int32_t fd;
    uint32_t flags; /* RWF_ flags; 0 or AWS_AIO_NOWAIT */
    int64_t offset;
    uint32_t len;
    uint32_t reserved;
    uint64_t buf;
    uint64_t token; /* kept in Go, in the slot; C never looks at it */
};

/* What a submission came to. */
struct aws_aio_submitted {
    int32_t accepted; /* so many from the front are in flight */
    int32_t error;    /* an errno, not negated: why the one after them is not; 0 when all are */
};

/* One context. Owned by Go code through a pointer, allocated and freed by the functions below. */
struct aws_aio {
    io_context_t kernel;     /* 0 until aws_aio_setup, and again after aws_aio_destroy */
    struct iocb *iocbs;      /* one per slot */
    struct iocb **queue;     /* scratch of one submission: the iocbs in the order of the reads */
    void **handles;          /* one per slot: what its completions carry in io_event.data */
    struct io_event *events; /* what the latest reap brought, one per slot at the most */
    uint32_t slots;
    int32_t eventfd; /* counted up by the kernel at each completion */
};

_Static_assert(sizeof(void *) == 8, "the shim is written for 64-bit machines");
_Static_assert(sizeof(struct aws_aio_read) == 40, "struct aws_aio_read mirrors libaio.Read");
_Static_assert(offsetof(struct aws_aio_read, offset) == 8, "offset of offset");
_Static_assert(offsetof(struct aws_aio_read, buf) == 24, "offset of buf");
_Static_assert(offsetof(struct aws_aio_read, token) == 32, "offset of token");

/* aws_aio_new returns a context with nothing set up, or NULL when memory is short. */
struct aws_aio *aws_aio_new(void);

/* aws_aio_setup is io_setup for so many slots: 0 or minus errno. */
int32_t aws_aio_setup(struct aws_aio *ctx, int32_t slots);

/* aws_aio_probe makes an io_getevents that enters the kernel and returns at once: 0 or -errno. */
int32_t aws_aio_probe(struct aws_aio *ctx);

/* aws_aio_reserve allocates the iocbs and the scratch arrays: 0 or -ENOMEM. */
int32_t aws_aio_reserve(struct aws_aio *ctx, int32_t eventfd, uint32_t slots);

/* aws_aio_set_handle sets what the completions of one slot carry in io_event.data. */
void aws_aio_set_handle(struct aws_aio *ctx, uint32_t slot, void *handle);

/*
 * aws_aio_submit puts reads[i] into slot slots[i] for each i below count, and submits them in that
 * order. A count that is not positive goes to the kernel as it is.
 */
struct aws_aio_submitted aws_aio_submit(struct aws_aio *ctx, const struct aws_aio_read *reads,
                                        const uint32_t *slots, int64_t count);

/*
 * aws_aio_reap takes up to count completions that are there already into ctx->events, after having
 * cleared the eventfd if drain is set: how many, or minus errno.
 */
int32_t aws_aio_reap(struct aws_aio *ctx, int32_t drain, int64_t count);

/*
 * aws_aio_wait sleeps until one completion or more is there, or the time is over, and takes up to
 * count of them into ctx->events: how many, or minus errno.
 */
int32_t aws_aio_wait(struct aws_aio *ctx, int64_t count, int64_t timeout_ms);

/* aws_aio_destroy is io_destroy: 0 or minus errno. The kernel lets pending reads end first. */
int32_t aws_aio_destroy(struct aws_aio *ctx);

/* aws_aio_free frees everything that aws_aio_new and aws_aio_reserve allocated. */
void aws_aio_free(struct aws_aio *ctx);

#endif
