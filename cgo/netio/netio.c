/*
 * The batch makes all socket calls of the loop. It uses the symbols of the C library, so that a
 * preloaded library can intercept every call.
 */
#define _GNU_SOURCE
#include "aws_net.h"
#include "ktls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* preadv2(2): fail with -EAGAIN if the read would block on the disk; Linux 4.14. */
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

/*
 * The read of one byte succeeds if the page is in the page cache and up to date. If the page is absent or
 * being read from the disk, it fails with -EAGAIN (and the kernel starts to read it ahead, which is useful for
 * a static file). Each page is checked separately, because a larger read would copy the pages.
 */
static int64_t aws_resident(const struct aws_op *op)
{
    enum { PAGE = 4096 };
    int64_t end = op->off + (int64_t)op->len;
    int64_t at = op->off;

    while (at < end) {
        char byte;
        struct iovec vec = {&byte, 1};
        ssize_t n = preadv2(op->file, &vec, 1, at, RWF_NOWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return at - op->off;
        if (n < 0)
            return -errno;
        if (n == 0)
            break; /* the file has become shorter: sendfile will report it */
        at = (at / PAGE + 1) * PAGE;
    }
    return (int64_t)op->len;
}

static int64_t aws_read_records(const struct aws_op *op)
{
    struct iovec vecs[AWS_RECORDS_MAX];
    const int frames = op->mask & AWS_READ_FRAMES;
    const int head = frames ? AWS_FRAME_HEAD : AWS_RECORD_HEAD;
    const int tail = frames ? 0 : AWS_RECORD_TAIL;
    uint8_t *to = op->buf + head;
    uint64_t left = op->len;
    int count = 0;
    ssize_t n;

    while (left > 0) {
        uint64_t content = left < AWS_RECORD_CONTENT ? left : AWS_RECORD_CONTENT;

        if (count == AWS_RECORDS_MAX)
            return -EINVAL;
        vecs[count++] = (struct iovec){to, content};
        to += content + tail + head;
        left -= content;
    }
    do
        n = preadv2(op->file, vecs, count, op->off, (op->mask & AWS_READ_WAITS) ? 0 : RWF_NOWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int64_t aws_epoll_ctl(const struct aws_op *op, int call)
{
    struct epoll_event event = {.events = op->mask, .data.u64 = op->token};

    return epoll_ctl(op->file, call, op->fd, &event) < 0 ? -errno : 0;
}

static int64_t aws_run(const struct aws_op *op)
{
    int64_t n;

    switch (op->kind) {
    case AWS_OP_ACCEPT: {
        struct sockaddr *peer = (struct sockaddr *)op->buf;
        socklen_t size = (socklen_t)op->len;

        do
            n = accept4(op->fd, peer, peer ? &size : NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        while (n < 0 && errno == EINTR);
        break;
    }
    case AWS_OP_RECV:
        do
            n = recv(op->fd, op->buf, op->len, MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        break;
    case AWS_OP_SEND:
        do
            n = send(op->fd, op->buf, op->len,
                     MSG_DONTWAIT | MSG_NOSIGNAL | ((op->flags & AWS_OP_MORE) ? MSG_MORE : 0));
        while (n < 0 && errno == EINTR);
        break;
    case AWS_OP_SENDFILE: {
        off_t off = op->off;

        do
            n = sendfile(op->fd, op->file, &off, op->len);
        while (n < 0 && errno == EINTR);
        break;
    }
    case AWS_OP_CLOSE:
        /* close(2): the descriptor is closed even if the call fails with EINTR; never retry. */
        n = close(op->fd);
        break;
    case AWS_OP_SHUTDOWN:
        n = shutdown(op->fd, SHUT_WR);
        break;
    case AWS_OP_RESET: {
        struct linger now = {.l_onoff = 1, .l_linger = 0};

        setsockopt(op->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        n = close(op->fd);
        break;
    }
    case AWS_OP_EPOLL_ADD:
        return aws_epoll_ctl(op, EPOLL_CTL_ADD);
    case AWS_OP_EPOLL_MOD:
        return aws_epoll_ctl(op, EPOLL_CTL_MOD);
    case AWS_OP_EPOLL_DEL:
        return aws_epoll_ctl(op, EPOLL_CTL_DEL);
    case AWS_OP_RESIDENT:
        return aws_resident(op);
    case AWS_OP_READ_RECORDS:
        return aws_read_records(op);
    case AWS_OP_CORK:
        n = setsockopt(op->fd, IPPROTO_TCP, TCP_CORK, &op->mask, sizeof(op->mask));
        break;
    case AWS_OP_NOTSENT:
        n = setsockopt(op->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &op->mask, sizeof(op->mask));
        break;
    case AWS_OP_PUSH: {
        int on = 1;

        n = setsockopt(op->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        break;
    }
    case AWS_OP_TLS_SEND:
        return aws_tls_send(op);
    case AWS_OP_SEND_RECORD:
        return aws_send_record(op);
    case AWS_OP_TLS_SENT:
        return aws_tls_sent(op);
    case AWS_OP_NONE:
        return 0;
    default:
        return -EINVAL;
    }
    return n < 0 ? -errno : n;
}

static int aws_done_in_full(const struct aws_op *op)
{
    switch (op->kind) {
    case AWS_OP_SEND:
    case AWS_OP_SEND_RECORD:
    case AWS_OP_SENDFILE:
    case AWS_OP_RESIDENT:
        return op->res >= 0 && (uint64_t)op->res == op->len;
    case AWS_OP_RECV:
        return op->res > 0;
    default:
        return op->res >= 0;
    }
}

void aws_do(struct aws_op *ops, int32_t count)
{
    int32_t accepted = -EAGAIN; /* the result of the latest accept */
    int refused = 0;            /* an accept failed: the following ones would fail too */

    for (int32_t i = 0; i < count; i++) {
        struct aws_op *op = &ops[i];
        const struct aws_op *before = i > 0 ? &ops[i - 1] : NULL;

        op->res = -ECANCELED;
        if ((op->flags & AWS_OP_LINK) && !(before && aws_done_in_full(before)))
            continue;
        if ((op->flags & AWS_OP_IF_AGAIN) && !(before && before->res == -EAGAIN))
            continue;
        if (op->kind == AWS_OP_ACCEPT) {
            if (refused)
                continue;
            op->res = aws_run(op);
            accepted = (int32_t)op->res;
            refused = op->res < 0;
            continue;
        }
        if (op->flags & AWS_OP_ACCEPTED) {
            if (accepted < 0)
                continue;
            op->fd = accepted;
        }
        op->res = aws_run(op);
    }
}

int32_t aws_wait(int32_t epfd, struct aws_op *ops, int32_t op_count, void *events,
                 int32_t event_count, int32_t timeout_ms)
{
    int n;

    aws_do(ops, op_count);
    n = epoll_wait(epfd, events, event_count, timeout_ms);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    return n;
}

int32_t aws_epoll_create(void)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

uint32_t aws_epoll_event_size(void)
{
    return (uint32_t)sizeof(struct epoll_event);
}
