/*
 * refuse.c: runs a program some of whose system calls are refused, as by a container's seccomp profile or a systemd unit.
 *
 *   refuse CALL=ERROR[,CALL=ERROR...] -- PROGRAM [ARGUMENT...]
 *
 * CALL is openat2, statx, cachestat or io_setup, ERROR is EPERM or ENOSYS.  The filter needs no privilege (no_new_privs is set).
 * Exit status 77: this machine has no seccomp filters.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_openat2 /* the same on every architecture */
#define SYS_openat2 437
#endif

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0
#endif

enum { STATUS_UNAVAILABLE = 77, STATUS_USAGE = 2, RULES_MAX = 8 };

static int number_of(const char *call)
{
    if (strcmp(call, "openat2") == 0)
        return SYS_openat2;
    if (strcmp(call, "statx") == 0)
        return SYS_statx;
    if (strcmp(call, "cachestat") == 0)
        return SYS_cachestat;
    if (strcmp(call, "io_setup") == 0)
        return SYS_io_setup;
    return -1;
}

static int errno_of(const char *name)
{
    if (strcmp(name, "EPERM") == 0)
        return EPERM;
    if (strcmp(name, "ENOSYS") == 0)
        return ENOSYS;
    return -1;
}

static int usage(void)
{
    fputs("refuse CALL=ERROR[,CALL=ERROR...] -- PROGRAM [ARGUMENT...]\n", stderr);
    return STATUS_USAGE;
}

int main(int argc, char **argv)
{
    struct sock_filter code[4 + 2 * RULES_MAX + 1];
    unsigned short n = 0;
    int rules = 0;
    char *rest = NULL;

    if (argc < 4 || strcmp(argv[2], "--") != 0)
        return usage();
    code[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (char *rule = strtok_r(argv[1], ",", &rest); rule; rule = strtok_r(NULL, ",", &rest)) {
        char *error = strchr(rule, '=');

        if (!error || ++rules > RULES_MAX)
            return usage();
        *error++ = '\0';
        if (number_of(rule) < 0 || errno_of(error) < 0)
            return usage();
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                 (uint32_t)number_of(rule), 0, 1);
        code[n++] = (struct sock_filter)BPF_STMT(
            BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((uint32_t)errno_of(error) & SECCOMP_RET_DATA));
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);

    struct sock_fprog program = {.len = n, .filter = code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) {
        fprintf(stderr, "refuse: no seccomp filters here: %s\n", strerror(errno));
        return STATUS_UNAVAILABLE;
    }
    execv(argv[3], argv + 3);
    fprintf(stderr, "refuse: %s: %s\n", argv[3], strerror(errno));
    return 1;
}
