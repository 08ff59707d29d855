/*
 * aws_net.h: a batch of socket and file calls that are run in one cgo call.
 *
 * Every field has a fixed width, so that Go code can declare the same layout. The assertions
 * at the end of this file and the tests of package netio check that the two layouts are equal.
 */
#ifndef AWS_NET_H
#define AWS_NET_H

#include <stddef.h>
#include <stdint.h>

enum aws_op_kind {
    AWS_OP_NONE = 0,
    AWS_OP_ACCEPT = 1,        /* accept4(fd): res is the new descriptor; buf, if any, gets the
                              peer's struct sockaddr */
    AWS_OP_RECV = 2,          /* recv(fd, buf, len): res is the count, 0 at the end */
    AWS_OP_SEND = 3,          /* send(fd, buf, len, MSG_NOSIGNAL): res is the count */
    AWS_OP_SENDFILE = 4,      /* sendfile(fd, file, off, len): res is the count, 0 past the end */
    AWS_OP_CLOSE = 5,         /* close(fd) */
    AWS_OP_SHUTDOWN = 6,      /* shutdown(fd, SHUT_WR) */
    AWS_OP_RESET = 7,         /* SO_LINGER with 0 seconds, then close(fd): the peer sees a reset */
    AWS_OP_EPOLL_ADD = 8,     /* epoll_ctl(file, EPOLL_CTL_ADD, fd, {mask, token}) */
    AWS_OP_EPOLL_MOD = 9,     /* epoll_ctl(file, EPOLL_CTL_MOD, fd, {mask, token}) */
    AWS_OP_RESIDENT = 10,     /* is [off, off+len) of file in the page cache? res is len if so,
                              a smaller count if not */
    AWS_OP_EPOLL_DEL = 11,    /* epoll_ctl(file, EPOLL_CTL_DEL, fd) */
    AWS_OP_CORK = 12,         /* setsockopt(fd, TCP_CORK, mask); 0 sends what it has delayed */
    AWS_OP_NOTSENT = 13,      /* setsockopt(fd, TCP_NOTSENT_LOWAT, mask) */
    AWS_OP_PUSH = 14,         /* setsockopt(fd, TCP_NODELAY, 1): sends the data that MSG_MORE or
                              TCP_CORK delays (tcp(7)); later data is delayed again */
    AWS_OP_READ_RECORDS = 15, /* preadv2(file, off): len bytes of the page cache into buf, which
                              consists of records: AWS_RECORD_HEAD bytes that are left alone,
                              AWS_RECORD_CONTENT bytes of the file (fewer in the last one) and
                              AWS_RECORD_TAIL bytes that are left alone. res is the number of
                              bytes of the file, 0 past the end, and -EAGAIN if none of them
                              can be read without waiting for the disk. With AWS_READ_WAITS in
                              mask, it waits for the disk */
    AWS_OP_TLS_SEND = 16,     /* setsockopt(fd, TCP_ULP, "tls") and (TLS_TX, buf), where buf is a
                              struct tls12_crypto_info_ of linux/tls.h: what is sent from now on
                              is plaintext, of which the kernel makes records of TLS. res is the
                              number of bytes that TCP has taken for fd so far */
    AWS_OP_SEND_RECORD = 17,  /* sendmsg(fd, buf, len) after AWS_OP_TLS_SEND: one record, of the
                              content type in mask */
    AWS_OP_TLS_SENT = 18,     /* has TCP taken all records? res is 0 if so, -EAGAIN if not. off is
                              the result of AWS_OP_TLS_SEND and the bytes that were sent since
                              then, token the number of the first record, len the size of the
                              struct that AWS_OP_TLS_SEND was given */
};

/*
 * A TLS 1.3 record (RFC 8446, section 5.2): its header, at most 2^14 bytes of content, then the
 * content type and the tag of the AEAD.
 */
enum {
    AWS_RECORD_HEAD = 5,
    AWS_RECORD_CONTENT = 16384,
    AWS_RECORD_TAIL = 17,
    AWS_RECORDS_MAX = 16, /* of one operation */
};

/* Bits of mask in AWS_OP_READ_RECORDS. With AWS_READ_FRAMES there are AWS_FRAME_HEAD bytes before each piece, and none behind. */
enum { AWS_READ_WAITS = 1, AWS_READ_FRAMES = 2 };
enum { AWS_FRAME_HEAD = 9 };

/* What a record is longer than its content. */
enum { AWS_RECORD_OVERHEAD = AWS_RECORD_HEAD + AWS_RECORD_TAIL };

enum aws_op_flag {
    AWS_OP_LINK = 1,     /* run only if the operation before ran and was complete */
    AWS_OP_IF_AGAIN = 2, /* run only if the operation before returned -EAGAIN */
    AWS_OP_ACCEPTED = 4, /* fd is the descriptor of the latest accept of this batch */
    AWS_OP_MORE = 8,     /* MSG_MORE: another part of the same message follows */
};

struct aws_op {
    uint8_t kind;
    uint8_t flags;
    uint16_t reserved;
    int32_t fd;
    uint8_t *buf;
    uint64_t len;
    int64_t off;
    int32_t file;
    uint32_t mask;
    uint64_t token;
    int64_t res; /* a count or a descriptor, or minus errno; -ECANCELED if it was not run */
    uint64_t spare;
};

_Static_assert(sizeof(struct aws_op) == 64, "an operation fills one cache line");
_Static_assert(offsetof(struct aws_op, buf) == 8, "buf follows fd");
_Static_assert(offsetof(struct aws_op, res) == 48, "res follows token");

/* Runs the operations in order. */
void aws_do(struct aws_op *ops, int32_t count);

/*
 * Runs the operations, then epoll_wait with the timeout in milliseconds. Returns the number of events
 * or minus errno; an interrupted wait returns 0.
 */
int32_t aws_wait(int32_t epfd, struct aws_op *ops, int32_t op_count, void *events,
                 int32_t event_count, int32_t timeout_ms);

/* epoll_create1(EPOLL_CLOEXEC): returns the descriptor or minus errno. */
int32_t aws_epoll_create(void);

/* The size of struct epoll_event in this C library, for the test of the layout. */
uint32_t aws_epoll_event_size(void);

#endif
