/*
 * TLS in the kernel: Documentation/networking/tls.rst of Linux. It has TLS 1.3 since 5.1. linux/tcp.h is
 * included instead of netinet/tcp.h, whose struct tcp_info ends before tcpi_bytes_acked.
 */
#define _GNU_SOURCE
#include "ktls.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#if __has_include(<linux/tls.h>)
#include <linux/tls.h>
_Static_assert(sizeof(struct tls12_crypto_info_aes_gcm_128) == 40, "IV, key, salt, sequence");
_Static_assert(sizeof(struct tls12_crypto_info_aes_gcm_256) == 56, "IV, key, salt, sequence");
#endif

/* linux/tls.h and linux/socket.h, which old headers do not have. */
#ifndef TLS_TX
#define TLS_TX 1
#endif
#ifndef TLS_SET_RECORD_TYPE
#define TLS_SET_RECORD_TYPE 1
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

enum { INFO_MAX = 64, CLOSED = 7 /* TCP_CLOSE of include/net/tcp_states.h */ };

/* Returns how many bytes TCP has taken: those that are acknowledged and those that are not. */
static int64_t aws_tcp_taken(int fd, int *closed)
{
    for (int tries = 0; tries < 100; tries++) {
        struct tcp_info before, after;
        socklen_t len = sizeof(before);
        int queued;

        memset(&before, 0, sizeof(before));
        memset(&after, 0, sizeof(after));
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &before, &len) < 0 ||
            ioctl(fd, SIOCOUTQ, &queued) < 0)
            return -errno;
        len = sizeof(after);
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &after, &len) < 0)
            return -errno;
        *closed = after.tcpi_state == CLOSED;
        if (before.tcpi_bytes_acked == after.tcpi_bytes_acked)
            return (int64_t)after.tcpi_bytes_acked + queued;
    }
    return -EAGAIN;
}

int64_t aws_tls_send(const struct aws_op *op)
{
    static const char name[] = "tls";
    int closed;
    int64_t taken = aws_tcp_taken(op->fd, &closed);

    if (taken < 0)
        return taken;
    if (setsockopt(op->fd, IPPROTO_TCP, TCP_ULP, name, sizeof(name)) < 0)
        return -errno;
    if (setsockopt(op->fd, SOL_TLS, TLS_TX, op->buf, (socklen_t)op->len) < 0)
        return -errno;
    return taken;
}

int64_t aws_send_record(const struct aws_op *op)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(1)];
    } control;
    struct iovec content = {op->buf, op->len};
    struct msghdr message = {.msg_iov = &content,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t n;

    memset(&control, 0, sizeof(control));
    control.header.cmsg_level = SOL_TLS;
    control.header.cmsg_type = TLS_SET_RECORD_TYPE;
    control.header.cmsg_len = CMSG_LEN(1);
    *CMSG_DATA(&control.header) = (unsigned char)op->mask;
    do
        n = sendmsg(op->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/*
 * A send that the kernel has taken may still be records that TCP has no room for. close(2) and shutdown(2)
 * discard those (tls_sw_release_resources_tx). Nothing reports them; so the bytes that TCP has taken are compared with those that
 * it must take. All structs of linux/tls.h end with the number of the next record, in network byte order.
 */
int64_t aws_tls_sent(const struct aws_op *op)
{
    uint8_t info[INFO_MAX];
    socklen_t len = (socklen_t)op->len;
    uint64_t sequence = 0;
    int closed = 0;
    int64_t taken;

    if (len < 8 || len > sizeof(info))
        return -EINVAL;
    memset(info, 0, sizeof(info));
    taken = aws_tcp_taken(op->fd, &closed);
    if (taken < 0)
        return taken;
    if (closed)
        return 0;
    if (getsockopt(op->fd, SOL_TLS, TLS_TX, info, &len) < 0) { /* ChaCha20-Poly1305 before 5.16 */
        int queued;

        if (ioctl(op->fd, SIOCOUTQ, &queued) < 0)
            return -errno;
        return queued == 0 ? 0 : -EAGAIN;
    }
    for (int i = 8; i > 0; i--)
        sequence = sequence << 8 | info[(socklen_t)op->len - (socklen_t)i];
    return taken >= op->off + (int64_t)(sequence - op->token) * AWS_RECORD_OVERHEAD ? 0 : -EAGAIN;
}
