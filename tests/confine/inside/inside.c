/*
 * inside.c: an LD_PRELOAD library that tries, from within a process, what the process should not be
 * able to do.
 *
 * With the first recv, when the process has long restricted itself, it takes over a signal
 * (INSIDE_SIGNAL). A thread that gets this signal makes its attempts there and then, and writes what
 * has come of them, as numbers, to the file INSIDE_REPORT, which was opened before main.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* One thread's report; TestInside of tests/confine reads it. 0 is success, else the errno. */
struct report {
    int32_t thread;
    int32_t read_outside; /* open a file that is none of the server's business */
    int32_t list_outside; /* open a directory of that kind */
    int32_t make_outside; /* make a file in one */
    int32_t make_inside;  /* make a file in the root */
    int32_t run;          /* run a program */
    int32_t read_inside;  /* open a file of the root, which it may */
};

static int report_fd = -1;
static int signal_number;
static const char *outside, *directory, *made_outside, *made_inside, *inside;
static ssize_t (*real_recv)(int, void *, size_t, int);

static const char *setting(const char *name)
{
    const char *text = getenv(name);

    return text != NULL ? text : "";
}

__attribute__((constructor)) static void inside_init(void)
{
    real_recv = dlsym(RTLD_NEXT, "recv");
    outside = setting("INSIDE_FILE_OUTSIDE");
    directory = setting("INSIDE_FOLDER_OUTSIDE");
    made_outside = setting("INSIDE_MAKE_OUTSIDE");
    made_inside = setting("INSIDE_MAKE_INSIDE");
    inside = setting("INSIDE_FILE_INSIDE");
    signal_number = atoi(setting("INSIDE_SIGNAL"));
    report_fd = open(setting("INSIDE_REPORT"), O_WRONLY | O_APPEND | O_CLOEXEC);
}

static int32_t attempt(const char *path, int flags)
{
    long fd = syscall(SYS_openat, AT_FDCWD, path, flags, 0600);

    if (fd < 0)
        return errno;
    close((int)fd);
    return 0;
}

static void on_signal(int number)
{
    int before = errno;
    struct report r = {.thread = (int32_t)syscall(SYS_gettid)};
    char *const nothing[] = {NULL};

    (void)number;
    r.read_outside = attempt(outside, O_RDONLY);
    r.list_outside = attempt(directory, O_RDONLY | O_DIRECTORY);
    r.make_outside = attempt(made_outside, O_WRONLY | O_CREAT);
    r.make_inside = attempt(made_inside, O_WRONLY | O_CREAT);
    r.read_inside = attempt(inside, O_RDONLY);
    execve("/bin/true", nothing, nothing); /* returns only if it fails */
    r.run = errno;
    if (write(report_fd, &r, sizeof(r)) < 0)
        _exit(98);
    errno = before;
}

static void take_over(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_RESTART};

    sigfillset(&action.sa_mask);
    sigaction(signal_number, &action, NULL);
}

ssize_t recv(int fd, void *buffer, size_t length, int flags)
{
    static _Atomic int taken;

    if (taken++ == 0)
        take_over();
    return real_recv(fd, buffer, length, flags);
}
