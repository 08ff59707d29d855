/*
 * shorten.c: an LD_PRELOAD library for a network that never takes what it is given.
 *
 * Every send and every sendfile is cut to half of its length (but to 1 byte at the least), every
 * recv to 20 bytes.  Nothing fails and nothing is lost: a program that treats the count that a call
 * returns as the truth delivers every byte, one that takes a short count for a full socket or for
 * the end does not.
 *
 * AWS_SHORTEN_LOG names a file for the counters (tally.h).
 */
#define _GNU_SOURCE
#include "tally.h"

#include <dlfcn.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { RECV_MAX = 20 };

enum call { CALL_SEND, CALL_RECV, CALL_SENDFILE, CALL_COUNT };

static const char *const call_names[CALL_COUNT] = {"send", "recv", "sendfile"};

static ssize_t (*real_send)(int, const void *, size_t, int);
static ssize_t (*real_recv)(int, void *, size_t, int);
static ssize_t (*real_sendfile)(int, int, off_t *, size_t);
static ssize_t (*real_sendfile64)(int, int, off64_t *, size_t);
static struct tally_row *rows;

/* Runs before main and therefore before there is a second thread. */
__attribute__((constructor)) static void shorten_init(void)
{
    real_send = dlsym(RTLD_NEXT, "send");
    real_recv = dlsym(RTLD_NEXT, "recv");
    real_sendfile = dlsym(RTLD_NEXT, "sendfile");
    real_sendfile64 = dlsym(RTLD_NEXT, "sendfile64");
    rows = tally_open("AWS_SHORTEN_LOG", call_names, CALL_COUNT);
}

/* Counts the call and the cut, and returns the length that the call is allowed. */
static size_t cut(enum call call, size_t length, size_t allowed)
{
    rows[call].calls++;
    if (allowed >= length)
        return length;
    rows[call].shorts++;
    return allowed;
}

static size_t half(size_t length)
{
    return length > 1 ? length / 2 : length;
}

ssize_t send(int fd, const void *buffer, size_t length, int flags)
{
    return real_send(fd, buffer, cut(CALL_SEND, length, half(length)), flags);
}

ssize_t recv(int fd, void *buffer, size_t length, int flags)
{
    return real_recv(fd, buffer, cut(CALL_RECV, length, RECV_MAX), flags);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t length)
{
    return real_sendfile(out, in, offset, cut(CALL_SENDFILE, length, half(length)));
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t length)
{
    return real_sendfile64(out, in, offset, cut(CALL_SENDFILE, length, half(length)));
}
