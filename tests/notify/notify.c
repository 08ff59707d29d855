/*
 * notify.c: runs a program some of whose system calls fail, anyone who makes them.
 *
 *   notify CALL ERRORS PERMILLE SEED STATE [START END] -- PROGRAM [ARGUMENT...]
 *
 * A preload library reaches the calls that go through libc.  This reaches the others: a filter of
 * seccomp(2) hands each CALL of PROGRAM to a process of ours, which responds with one of ERRORS
 * (errno names, with a colon between them) or lets the kernel go on.  CALL is openat2, or mmap:
 * then only mappings of anonymous memory, at no address in particular, that are asked for by the
 * code between START and END count, so that a language's runtime can be left alone.
 *
 * STATE is a file of struct state, which a test writes and reads while the program runs.
 * The filter needs no privilege (no_new_privs is set).  Exit status 77: this machine has no seccomp
 * notification.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV /* Linux 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SYS_openat2 /* the same on every architecture */
#define SYS_openat2 437
#endif

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0
#endif

enum { STATUS_UNAVAILABLE = 77, ERRORS_MAX = 8 };

/* What a test and the supervisor share. */
struct state {
    uint32_t on;     /* the share of PERMILLE fails */
    uint32_t nth;    /* if not 0, the nth call fails and no other */
    uint64_t seen;   /* calls so far */
    uint64_t failed; /* of them */
};

static const struct {
    const char *name;
    int number;
} error_names[] = {
    {"EINTR", EINTR},   {"EAGAIN", EAGAIN}, {"EMFILE", EMFILE},
    {"ENFILE", ENFILE}, {"ENOMEM", ENOMEM}, {"EIO", EIO},
};

struct plan {
    int call;
    int errors[ERRORS_MAX];
    int errors_count;
    uint32_t permille;
    uint64_t seed;
    struct state *state;
    uint64_t code_start, code_end;
};

static void die(const char *what)
{
    fprintf(stderr, "notify: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void usage(const char *what)
{
    fprintf(stderr, "notify: %s\n", what);
    exit(2);
}

static void parse_errors(struct plan *plan, char *list)
{
    for (char *name = strtok(list, ":"); name != NULL; name = strtok(NULL, ":")) {
        size_t i = 0;
        while (i < sizeof error_names / sizeof *error_names && strcmp(name, error_names[i].name))
            i++;
        if (i == sizeof error_names / sizeof *error_names || plan->errors_count == ERRORS_MAX)
            usage("an unknown error, or too many of them");
        plan->errors[plan->errors_count++] = error_names[i].number;
    }
}

/* Takes the calls that count to the supervisor, and lets all others pass. */
static int install(const struct plan *plan)
{
#define FIELD(name) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name))
#define LOW(name, i) \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name) + 8 * (i))
#define HIGH(name, i) \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name) + 8 * (i) + 4)
#define ONLY(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 1, 0), ALLOW
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define NOTIFY BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)
    struct sock_filter names[] = {FIELD(arch), ONLY(ARCH), FIELD(nr), ONLY(plan->call), NOTIFY};
    struct sock_filter memory[] = {
        FIELD(arch),
        ONLY(ARCH),
        FIELD(nr),
        ONLY(plan->call),
        LOW(args, 0),
        ONLY(0),
        HIGH(args, 0),
        ONLY(0),
        LOW(args, 2),
        ONLY(PROT_READ | PROT_WRITE),
        LOW(args, 3),
        ONLY(MAP_PRIVATE | MAP_ANONYMOUS),
        HIGH(instruction_pointer, 0),
        ONLY(plan->code_start >> 32),
        LOW(instruction_pointer, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)plan->code_start, 1, 0),
        ALLOW,
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)plan->code_end, 0, 1),
        ALLOW,
        NOTIFY,
    };
    struct sock_fprog program = {sizeof names / sizeof *names, names};
    if (plan->call == SYS_mmap)
        program = (struct sock_fprog){sizeof memory / sizeof *memory, memory};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    /* A call that waits for its response is not interrupted by the signals of Go's scheduler. */
    unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (fd < 0 && errno == EINVAL) {
        flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
        fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    }
    return fd;
}

/* Room for one descriptor in a message (unix(7), SCM_RIGHTS). */
union rights {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static int pass(int channel, int fd)
{
    char byte = 0;
    union rights rights = {0};
    struct iovec vector = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = rights.bytes,
        .msg_controllen = sizeof rights.bytes,
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(channel, &message, 0) == 1 ? 0 : -1;
}

static int take(int channel)
{
    char byte;
    int fd = -1;
    union rights rights = {0};
    struct iovec vector = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = rights.bytes,
        .msg_controllen = sizeof rights.bytes,
    };
    if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1)
        return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = (*seed += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* Returns the error that the next call fails with, or 0. */
static int decide(struct plan *plan)
{
    struct state *state = plan->state;
    uint64_t seen = __atomic_add_fetch(&state->seen, 1, __ATOMIC_RELAXED);
    uint32_t nth = __atomic_load_n(&state->nth, __ATOMIC_RELAXED);
    uint64_t random = next_random(&plan->seed);
    if (nth != 0
            ? seen != nth
            : !__atomic_load_n(&state->on, __ATOMIC_RELAXED) || random % 1000 >= plan->permille)
        return 0;
    __atomic_add_fetch(&state->failed, 1, __ATOMIC_RELAXED);
    return plan->errors[(random >> 32) % (uint64_t)plan->errors_count];
}

/* Responds until nobody is left who could ask. */
static void supervise(struct plan *plan, int fd)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, -1) < 0 && errno != EINTR)
            return;
        if (ready.revents & (POLLHUP | POLLERR | POLLNVAL))
            return;
        struct seccomp_notif call = {0};
        if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0)
            continue; /* a signal has taken the call back */
        int error = decide(plan);
        struct seccomp_notif_resp response = {
            .id = call.id,
            .error = -error,
            .flags = error == 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0,
        };
        (void)ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &response); /* the same */
    }
}

/* Starts the supervisor as nobody's child, with none of the program's descriptors but the channel. */
static void start_supervisor(struct plan *plan, const int channel[2])
{
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child > 0) {
        int status;
        if (waitpid(child, &status, 0) != child || status != 0)
            die("the supervisor");
        return;
    }
    pid_t supervisor = fork();
    if (supervisor != 0)
        _exit(supervisor < 0);
    close(channel[0]);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2; fd++)
        dup2(null, fd);
    int notify = take(channel[1]);
    close(channel[1]);
    if (notify >= 0)
        supervise(plan, notify);
    _exit(0);
}

int main(int argc, char **argv)
{
    struct plan plan = {0};
    int at = 6;
    if (argc < 8)
        usage("CALL ERRORS PERMILLE SEED STATE [START END] -- PROGRAM [ARGUMENT...]");
    if (strcmp(argv[1], "openat2") == 0)
        plan.call = SYS_openat2;
    else if (strcmp(argv[1], "mmap") == 0)
        plan.call = SYS_mmap;
    else
        usage("CALL is openat2 or mmap");
    parse_errors(&plan, argv[2]);
    plan.permille = (uint32_t)strtoul(argv[3], NULL, 10);
    plan.seed = strtoull(argv[4], NULL, 10);
    if (plan.call == SYS_mmap) {
        plan.code_start = strtoull(argv[at++], NULL, 0);
        plan.code_end = strtoull(argv[at++], NULL, 0);
    }
    if (at + 1 >= argc || strcmp(argv[at], "--") != 0 || plan.errors_count == 0)
        usage("no program, or no error");

    int file = open(argv[5], O_RDWR | O_CLOEXEC);
    if (file < 0)
        die(argv[5]);
    plan.state = mmap(NULL, sizeof *plan.state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (plan.state == MAP_FAILED)
        die(argv[5]);

    int channel[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0)
        die("socketpair");
    start_supervisor(&plan, channel);
    close(channel[1]);
    int notify = ARCH == 0 ? -1 : install(&plan);
    if (notify < 0) {
        fprintf(stderr, "notify: no seccomp notification here: %s\n", strerror(errno));
        return STATUS_UNAVAILABLE;
    }
    if (pass(channel[0], notify) != 0)
        die("sendmsg");
    close(notify);
    execvp(argv[at + 1], argv + at + 1);
    die(argv[at + 1]);
}
