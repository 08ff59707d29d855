/*
 * faults.c: an LD_PRELOAD library that makes a seeded share of the system's calls fail.
 *
 *   AWS_FAULT_SEED       seed of the generator (default 1)
 *   AWS_FAULT_PERMILLE   share of the calls that fail, in thousandths (default 100)
 *   AWS_FAULT_CALLS      which calls fail and how, as a list like
 *                            recv,send=EINTR:short,io_submit=EAGAIN
 *                        a call without "=" fails in the ways of the table below, each equally
 *                        often; default: accept4,recv,send,sendfile
 *   AWS_FAULT_SKIP       lets the first so many calls of each kind through, so that a program can
 *                        start before epoll_ctl or mmap begin to fail (default 0)
 *   AWS_FAULT_LOG        names a file for the counters (tally.h)
 *
 * A mistake in these variables ends the process with status 97: a test that injects nothing by
 * accident would prove nothing.
 *
 * What an injected fault promises:
 *
 * - The call has not happened.  EINTR and EAGAIN are answered without calling the kernel, so no
 *   byte, connection or event is lost: it is still there for the next attempt.
 * - A short count has happened, with a smaller length handed to the kernel: between 1 and one less
 *   than asked for.
 * - EAGAIN loses no wake-up of a level-triggered epoll: the descriptor is as ready as before, and
 *   the next epoll_wait says so again.  (With EPOLLET it would; do not use EAGAIN there.)
 * - libaio's calls report errors as their negative return value and leave errno alone, and so do
 *   their injected faults.
 * - The n-th call that is asked about always draws the same number for the same seed; which call is
 *   the n-th depends on the program and, with several threads, on their order.
 *
 * openat2 has no wrapper in libc: the library watches syscall(3) for it.  A program that issues the
 * instruction itself, as Go's own syscall package does, is out of reach of any preload.
 */
#define _GNU_SOURCE
#include "tally.h"

#include <dlfcn.h>
#include <errno.h>
#include <libaio.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { BAD_SETTING_STATUS = 97, WAYS_MAX = 8, PERMILLE_ALL = 1000 };

/* A way to fail: an errno, or this. */
enum { SHORT_COUNT = -1 };

/* Every call that can fail, with its default ways.  A new call is a line here and a wrapper below.
 */
#define FAULTY_CALLS(X)               \
    X(accept4, "EINTR:EAGAIN")        \
    X(recv, "EINTR:EAGAIN:short")     \
    X(send, "EINTR:EAGAIN:short")     \
    X(sendfile, "EINTR:EAGAIN:short") \
    X(epoll_wait, "EINTR")            \
    X(epoll_ctl, "ENOMEM")            \
    X(io_setup, "EAGAIN")             \
    X(io_submit, "EAGAIN:short")      \
    X(io_getevents, "EINTR:short")    \
    X(openat2, "EAGAIN:EINTR")        \
    X(preadv2, "EAGAIN:EINTR")        \
    X(mmap, "ENOMEM")

#define AS_INDEX(name, ways) CALL_##name,
#define AS_NAME(name, ways) #name,
#define AS_WAYS(name, ways) ways,

enum call { FAULTY_CALLS(AS_INDEX) CALL_COUNT };

static const char *const call_names[CALL_COUNT] = {FAULTY_CALLS(AS_NAME)};
static const char *const default_ways[CALL_COUNT] = {FAULTY_CALLS(AS_WAYS)};

/* What is decided before main and only read afterwards. */
static struct {
    int way_count[CALL_COUNT]; /* 0: the call is left alone */
    int ways[CALL_COUNT][WAYS_MAX];
    uint64_t seed;
    uint64_t permille;
    uint64_t skip;
} plan;

static struct tally_row *rows;
static _Atomic uint64_t draw_count;

static int (*real_accept4)(int, struct sockaddr *, socklen_t *, int);
static ssize_t (*real_recv)(int, void *, size_t, int);
static ssize_t (*real_send)(int, const void *, size_t, int);
static ssize_t (*real_sendfile)(int, int, off_t *, size_t);
static int (*real_epoll_wait)(int, struct epoll_event *, int, int);
static int (*real_epoll_pwait)(int, struct epoll_event *, int, int, const sigset_t *);
static int (*real_epoll_ctl)(int, int, int, struct epoll_event *);
static int (*real_io_setup)(int, io_context_t *);
static int (*real_io_submit)(io_context_t, long, struct iocb **);
static int (*real_io_getevents)(io_context_t, long, long, struct io_event *, struct timespec *);
static ssize_t (*real_preadv2)(int, const struct iovec *, int, off_t, int);
static long (*real_syscall)(long, ...);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);

static void bad_setting(const char *variable, const char *text)
{
    fprintf(stderr, "faults: %s: can't use \"%s\"\n", variable, text);
    _exit(BAD_SETTING_STATUS);
}

static uint64_t number_setting(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    uint64_t value;
    char *end;

    if (text == NULL || text[0] == '\0')
        return otherwise;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0')
        bad_setting(variable, text);
    return value;
}

static int parse_way(const char *text)
{
    static const struct {
        const char *name;
        int way;
    } known[] = {
        {"short", SHORT_COUNT},     {"EINTR", EINTR},           {"EAGAIN", EAGAIN},
        {"ENOMEM", ENOMEM},         {"ENOSPC", ENOSPC},         {"EMFILE", EMFILE},
        {"ENFILE", ENFILE},         {"ENOBUFS", ENOBUFS},       {"ECONNABORTED", ECONNABORTED},
        {"ECONNRESET", ECONNRESET}, {"EPIPE", EPIPE},           {"EIO", EIO},
        {"EINVAL", EINVAL},         {"EOPNOTSUPP", EOPNOTSUPP}, {"EACCES", EACCES},
        {"ENOSYS", ENOSYS},
    };
    size_t i;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, text) == 0)
            return known[i].way;
    }
    bad_setting("AWS_FAULT_CALLS", text);
    return 0;
}

static void parse_ways(enum call call, const char *list)
{
    char copy[128];
    char *rest = NULL;
    char *word;

    snprintf(copy, sizeof(copy), "%s", list);
    plan.way_count[call] = 0;
    for (word = strtok_r(copy, ":", &rest); word != NULL; word = strtok_r(NULL, ":", &rest)) {
        if (plan.way_count[call] == WAYS_MAX)
            bad_setting("AWS_FAULT_CALLS", list);
        plan.ways[call][plan.way_count[call]++] = parse_way(word);
    }
}

static enum call find_call(const char *name)
{
    int i;

    for (i = 0; i < CALL_COUNT; i++) {
        if (strcmp(call_names[i], name) == 0)
            return i;
    }
    bad_setting("AWS_FAULT_CALLS", name);
    return CALL_COUNT;
}

static void parse_calls(const char *list)
{
    char copy[1024];
    char *rest = NULL;
    char *word;

    snprintf(copy, sizeof(copy), "%s", list);
    for (word = strtok_r(copy, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        char *ways = strchr(word, '=');
        enum call call;

        if (ways != NULL)
            *ways++ = '\0';
        call = find_call(word);
        parse_ways(call, ways != NULL ? ways : default_ways[call]);
    }
}

static void find_real_calls(void)
{
    real_accept4 = dlsym(RTLD_NEXT, "accept4");
    real_recv = dlsym(RTLD_NEXT, "recv");
    real_send = dlsym(RTLD_NEXT, "send");
    real_sendfile = dlsym(RTLD_NEXT, "sendfile");
    real_epoll_wait = dlsym(RTLD_NEXT, "epoll_wait");
    real_epoll_pwait = dlsym(RTLD_NEXT, "epoll_pwait");
    real_epoll_ctl = dlsym(RTLD_NEXT, "epoll_ctl");
    real_io_setup = dlsym(RTLD_NEXT, "io_setup");
    real_io_submit = dlsym(RTLD_NEXT, "io_submit");
    real_io_getevents = dlsym(RTLD_NEXT, "io_getevents");
    real_preadv2 = dlsym(RTLD_NEXT, "preadv2");
    real_syscall = dlsym(RTLD_NEXT, "syscall");
    real_mmap = dlsym(RTLD_NEXT, "mmap");
}

/*
 * The constructors of other libraries may call a wrapper before the constructor below has run: the
 * first caller looks the real functions up, which may be done twice without harm.
 */
#define REAL(name) (real_##name == NULL ? find_real_calls() : (void)0, real_##name)

/* Runs before main and therefore before the program has threads of its own. */
__attribute__((constructor)) static void faults_init(void)
{
    const char *calls = getenv("AWS_FAULT_CALLS");

    find_real_calls();
    plan.seed = number_setting("AWS_FAULT_SEED", 1);
    plan.permille = number_setting("AWS_FAULT_PERMILLE", 100);
    plan.skip = number_setting("AWS_FAULT_SKIP", 0);
    if (plan.permille > PERMILLE_ALL)
        bad_setting("AWS_FAULT_PERMILLE", getenv("AWS_FAULT_PERMILLE"));
    rows = tally_open("AWS_FAULT_LOG", call_names, CALL_COUNT);
    parse_calls(calls != NULL && calls[0] != '\0' ? calls : "accept4,recv,send,sendfile");
}

/* splitmix64: every counter value maps to a number of its own, so threads share only the counter.
 */
static uint64_t draw(void)
{
    uint64_t z = plan.seed + (draw_count++ + 1) * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/*
 * Decides about one call: 0 to let it through, an errno to fail with.  *length is what the caller
 * asked for; a short count makes it smaller.  Something of length 0 or 1 can't be cut and passes.
 */
static int decide(enum call call, size_t *length)
{
    uint64_t number;
    int way;

    if (rows == NULL)
        return 0;
    if (rows[call].calls++ < plan.skip || plan.way_count[call] == 0)
        return 0;
    number = draw();
    if (number % PERMILLE_ALL >= plan.permille)
        return 0;
    number /= PERMILLE_ALL;
    way = plan.ways[call][number % (uint64_t)plan.way_count[call]];
    number /= WAYS_MAX;
    if (way != SHORT_COUNT) {
        rows[call].errors++;
        return way;
    }
    if (*length > 1) {
        *length = 1 + number % (*length - 1);
        rows[call].shorts++;
    }
    return 0;
}

static int decide_whole(enum call call)
{
    size_t length = 0;

    return decide(call, &length);
}

/* For the calls that return -1 and errno. */
static int fail(int error)
{
    errno = error;
    return -1;
}

int accept4(int fd, struct sockaddr *address, socklen_t *address_length, int flags)
{
    int error = decide_whole(CALL_accept4);

    return error != 0 ? fail(error) : REAL(accept4)(fd, address, address_length, flags);
}

ssize_t recv(int fd, void *buffer, size_t length, int flags)
{
    int error = decide(CALL_recv, &length);

    return error != 0 ? fail(error) : REAL(recv)(fd, buffer, length, flags);
}

ssize_t send(int fd, const void *buffer, size_t length, int flags)
{
    int error = decide(CALL_send, &length);

    return error != 0 ? fail(error) : REAL(send)(fd, buffer, length, flags);
}

/* sendfile and sendfile64 are one function where off_t has 64 bits, and one row of the table. */
_Static_assert(sizeof(off_t) == sizeof(off64_t), "this library is for 64-bit systems");

ssize_t sendfile(int out, int in, off_t *offset, size_t length)
{
    int error = decide(CALL_sendfile, &length);

    return error != 0 ? fail(error) : REAL(sendfile)(out, in, offset, length);
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t length)
{
    return sendfile(out, in, offset, length);
}

int epoll_wait(int fd, struct epoll_event *events, int event_count, int timeout)
{
    int error = decide_whole(CALL_epoll_wait);

    return error != 0 ? fail(error) : REAL(epoll_wait)(fd, events, event_count, timeout);
}

int epoll_pwait(int fd, struct epoll_event *events, int event_count, int timeout,
                const sigset_t *mask)
{
    int error = decide_whole(CALL_epoll_wait);

    return error != 0 ? fail(error) : REAL(epoll_pwait)(fd, events, event_count, timeout, mask);
}

/* Only additions and changes fail: the kernel never refuses to delete what is there. */
int epoll_ctl(int fd, int operation, int target, struct epoll_event *event)
{
    int error = operation == EPOLL_CTL_DEL ? 0 : decide_whole(CALL_epoll_ctl);

    return error != 0 ? fail(error) : REAL(epoll_ctl)(fd, operation, target, event);
}

int io_setup(int event_count, io_context_t *context)
{
    int error = decide_whole(CALL_io_setup);

    return error != 0 ? -error : REAL(io_setup)(event_count, context);
}

int io_submit(io_context_t context, long count, struct iocb **iocbs)
{
    size_t length = count > 0 ? (size_t)count : 0;
    int error = decide(CALL_io_submit, &length);

    if (error != 0)
        return -error;
    return REAL(io_submit)(context, count > 0 ? (long)length : count, iocbs);
}

/* A short count never asks for fewer events than the caller insists on. */
int io_getevents(io_context_t context, long minimum, long maximum, struct io_event *events,
                 struct timespec *timeout)
{
    size_t length = maximum > 0 ? (size_t)maximum : 0;
    int error = decide(CALL_io_getevents, &length);

    if (error != 0)
        return -error;
    if (maximum > 0 && (long)length >= minimum)
        maximum = (long)length;
    return REAL(io_getevents)(context, minimum, maximum, events, timeout);
}

/* Only reads that were asked not to wait: EAGAIN means that the page is not in memory. */
ssize_t preadv2(int fd, const struct iovec *vectors, int vector_count, off_t offset, int flags)
{
    int error = (flags & RWF_NOWAIT) != 0 ? decide_whole(CALL_preadv2) : 0;

    return error != 0 ? fail(error) : REAL(preadv2)(fd, vectors, vector_count, offset, flags);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    int error = decide_whole(CALL_mmap);

    if (error != 0) {
        errno = error;
        return MAP_FAILED;
    }
    return REAL(mmap)(address, length, protection, flags, fd, offset);
}

long syscall(long number, ...)
{
    long argument[6];
    va_list list;
    int error;
    int i;

    va_start(list, number);
    for (i = 0; i < 6; i++)
        argument[i] = va_arg(list, long);
    va_end(list);
    error = number == SYS_openat2 ? decide_whole(CALL_openat2) : 0;
    if (error != 0)
        return fail(error);
    return REAL(syscall)(number, argument[0], argument[1], argument[2], argument[3], argument[4],
                         argument[5]);
}
