/*
 * hang.c: an LD_PRELOAD library whose sendfile does not return while the file that AWS_HANG names exists,
 * as on a disk that does not respond.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

ssize_t sendfile(int out, int in, off_t *offset, size_t count)
{
    enum { LOOK_EVERY_US = 10000 };
    static ssize_t (*real)(int, int, off_t *, size_t);
    const char *path = getenv("AWS_HANG");

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "sendfile");
    while (path && access(path, F_OK) == 0)
        usleep(LOOK_EVERY_US);
    return real(out, in, offset, count);
}
