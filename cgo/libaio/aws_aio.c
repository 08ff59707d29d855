#include "aws_aio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * In the kernel's ABI two 32-bit words follow iocb.data: the key, which the kernel writes, and the
 * RWF_ flags. libaio calls the second word aio_rw_flags since 0.3.111. Before that it has a reserved
 * name, and no macro shows which name is in use. So the code finds the word by its position next to
 * the key; the byte order of the machine determines which of the two is first.
 */
#define AWS_RW_FLAGS_OFFSET (offsetof(struct iocb, key) ^ 4)

_Static_assert(sizeof(struct iocb) == 64, "struct iocb is 64 bytes in the kernel's ABI");
_Static_assert(sizeof(struct io_event) == 32, "struct io_event is 32 bytes in the kernel's ABI");
_Static_assert(offsetof(struct iocb, data) == 0, "data opens the iocb");
_Static_assert(offsetof(struct iocb, key) == 8 || offsetof(struct iocb, key) == 12,
               "the key is one half of the second eight bytes; the RWF_ flags are the other");
_Static_assert(offsetof(struct iocb, aio_lio_opcode) == 16, "the opcode follows key and flags");
_Static_assert(sizeof(((struct iocb *)0)->key) == 4, "the key is 32 bits wide");

struct aws_aio *aws_aio_new(void)
{
    struct aws_aio *ctx = calloc(1, sizeof(*ctx));
    if (ctx != NULL)
        ctx->eventfd = -1;
    return ctx;
}

int32_t aws_aio_setup(struct aws_aio *ctx, int32_t slots)
{
    return io_setup(slots, &ctx->kernel);
}

int32_t aws_aio_probe(struct aws_aio *ctx)
{
    /*
     * With a zero timeout and an empty completion ring, libaio returns without a system call. Any other
     * timeout enters the kernel, which does not sleep if the minimum is 0.
     */
    struct timespec shortest = {.tv_sec = 0, .tv_nsec = 1};
    struct io_event event;
    int ret;

    do
        ret = io_getevents(ctx->kernel, 0, 1, &event, &shortest);
    while (ret == -EINTR);
    return ret;
}

int32_t aws_aio_reserve(struct aws_aio *ctx, int32_t eventfd, uint32_t slots)
{
    ctx->eventfd = eventfd;
    ctx->slots = slots;
    ctx->iocbs = calloc(slots, sizeof(*ctx->iocbs));
    ctx->queue = calloc(slots, sizeof(*ctx->queue));
    ctx->handles = calloc(slots, sizeof(*ctx->handles));
    ctx->events = calloc(slots, sizeof(*ctx->events));
    if (ctx->iocbs == NULL || ctx->queue == NULL || ctx->handles == NULL || ctx->events == NULL)
        return -ENOMEM;
    return 0;
}

void aws_aio_set_handle(struct aws_aio *ctx, uint32_t slot, void *handle)
{
    ctx->handles[slot] = handle;
}

/* io_prep_pread clears the whole iocb, so data, eventfd and flags are set after it. */
static struct iocb *aws_aio_prepare(struct aws_aio *ctx, const struct aws_aio_read *read,
                                    uint32_t slot)
{
    struct iocb *iocb = &ctx->iocbs[slot];

    io_prep_pread(iocb, read->fd, (void *)(uintptr_t)read->buf, read->len, read->offset);
    iocb->data = ctx->handles[slot];
    io_set_eventfd(iocb, ctx->eventfd);
    memcpy((char *)iocb + AWS_RW_FLAGS_OFFSET, &read->flags, sizeof(read->flags));
    return iocb;
}

struct aws_aio_submitted aws_aio_submit(struct aws_aio *ctx, const struct aws_aio_read *reads,
                                        const uint32_t *slots, int64_t count)
{
    struct aws_aio_submitted submitted = {0, 0};

    for (int64_t i = 0; i < count; i++)
        ctx->queue[i] = aws_aio_prepare(ctx, &reads[i], slots[i]);

    /*
     * io_submit accepts a prefix and does not return why it stopped. A second call with the rest
     * returns the reason, as the error of its first request.
     */
    do {
        int64_t left = count - submitted.accepted;
        int ret = io_submit(ctx->kernel, left, ctx->queue + submitted.accepted);

        if (ret == -EINTR)
            continue;
        if (ret <= 0) {
            submitted.error = ret == 0 && left > 0 ? EAGAIN : -ret;
            break;
        }
        submitted.accepted += ret;
    } while (submitted.accepted < count);
    return submitted;
}

int32_t aws_aio_reap(struct aws_aio *ctx, int32_t drain, int64_t count)
{
    struct timespec none = {.tv_sec = 0, .tv_nsec = 0};
    uint64_t counter;
    int ret;

    /*
     * The eventfd is cleared first. A completion between the two steps leaves the eventfd readable; it
     * may be reaped now, but is never lost. The value of the counter is not used, and a read that fails
     * because the counter is zero is not an error.
     */
    if (drain) {
        ssize_t got;

        do
            got = read(ctx->eventfd, &counter, sizeof(counter));
        while (got < 0 && errno == EINTR);
    }
    do
        ret = io_getevents(ctx->kernel, 0, count, ctx->events, &none);
    while (ret == -EINTR);
    return ret;
}

int32_t aws_aio_wait(struct aws_aio *ctx, int64_t count, int64_t timeout_ms)
{
    struct timespec timeout = {
        .tv_sec = timeout_ms / 1000,
        .tv_nsec = (timeout_ms % 1000) * 1000000,
    };

    return io_getevents(ctx->kernel, 1, count, ctx->events, &timeout);
}

int32_t aws_aio_destroy(struct aws_aio *ctx)
{
    int ret = io_destroy(ctx->kernel);

    ctx->kernel = NULL;
    return ret;
}

void aws_aio_free(struct aws_aio *ctx)
{
    free(ctx->iocbs);
    free(ctx->queue);
    free(ctx->handles);
    free(ctx->events);
    free(ctx);
}
