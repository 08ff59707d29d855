/*
 * tally.h: counters that outlive the process they count.
 *
 * A Go program leaves through exit_group(2) and never runs atexit handlers or destructors, so a
 * summary "at exit" would never be written.  The counters therefore live in a file that is mapped
 * shared: every increment is in the file at once, whatever becomes of the process.
 *
 * The file is an array of struct tally_row in host byte order, one row for each call, in the order
 * in which the library names its calls; package harness reads it.
 */
#ifndef TALLY_H
#define TALLY_H

#include <stdatomic.h>
#include <stdint.h>

enum { TALLY_NAME_SIZE = 32 };

struct tally_row {
    char name[TALLY_NAME_SIZE];
    _Atomic uint64_t calls;  /* calls that reached the library */
    _Atomic uint64_t errors; /* calls that it made fail */
    _Atomic uint64_t shorts; /* calls that it cut short */
};

_Static_assert(sizeof(struct tally_row) == 56, "package harness reads rows of 56 bytes");

/*
 * Returns rows for the given names, mapped from the file that the environment variable names, or
 * from anonymous memory when it is unset or can't be used.  Never fails: counting is a side line.
 */
struct tally_row *tally_open(const char *variable, const char *const names[], int name_count);

#endif
