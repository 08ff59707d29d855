/*
 * count.c: an LD_PRELOAD library that counts calls and changes nothing.
 *
 * nm(1) reports that a program could call epoll_wait, sendfile and io_submit; this library reports that
 * it does, and how often.  AWS_COUNT_LOG names the file for the counters (tally.h).
 */
#define _GNU_SOURCE
#include "tally.h"

#include <dlfcn.h>
#include <libaio.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

/* Every counted call: its result, its name, its parameters, and the same without their types. */
#define COUNTED_CALLS(X)                                                                           \
    X(int, accept4, (int a, struct sockaddr *b, socklen_t *c, int d), (a, b, c, d))                \
    X(ssize_t, recv, (int a, void *b, size_t c, int d), (a, b, c, d))                              \
    X(ssize_t, send, (int a, const void *b, size_t c, int d), (a, b, c, d))                        \
    X(ssize_t, sendfile, (int a, int b, off_t *c, size_t d), (a, b, c, d))                         \
    X(ssize_t, sendfile64, (int a, int b, off64_t *c, size_t d), (a, b, c, d))                     \
    X(int, epoll_create1, (int a), (a))                                                            \
    X(int, epoll_ctl, (int a, int b, int c, struct epoll_event *d), (a, b, c, d))                  \
    X(int, epoll_wait, (int a, struct epoll_event *b, int c, int d), (a, b, c, d))                 \
    X(int, epoll_pwait, (int a, struct epoll_event *b, int c, int d, const sigset_t *e),           \
      (a, b, c, d, e))                                                                             \
    X(int, io_setup, (int a, io_context_t *b), (a, b))                                             \
    X(int, io_submit, (io_context_t a, long b, struct iocb **c), (a, b, c))                        \
    X(int, io_getevents, (io_context_t a, long b, long c, struct io_event *d, struct timespec *e), \
      (a, b, c, d, e))

#define AS_INDEX(result, name, parameters, arguments) INDEX_##name,
#define AS_NAME(result, name, parameters, arguments) #name,
#define AS_REAL(result, name, parameters, arguments) static result(*real_##name) parameters;
#define AS_LOOKUP(result, name, parameters, arguments) real_##name = dlsym(RTLD_NEXT, #name);
#define AS_WRAPPER(result, name, parameters, arguments) \
    result name parameters                              \
    {                                                   \
        rows[INDEX_##name].calls++;                     \
        return real_##name arguments;                   \
    }

enum { COUNTED_CALLS(AS_INDEX) CALL_COUNT };

static const char *const call_names[CALL_COUNT] = {COUNTED_CALLS(AS_NAME)};
static struct tally_row *rows;

COUNTED_CALLS(AS_REAL)

/* Runs before main and therefore before there is a second thread. */
__attribute__((constructor)) static void count_init(void)
{
    rows = tally_open("AWS_COUNT_LOG", call_names, CALL_COUNT);
    COUNTED_CALLS(AS_LOOKUP)
}

COUNTED_CALLS(AS_WRAPPER)
