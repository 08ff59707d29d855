/*
 * histogram.h: latencies and their quantiles.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

enum {
    SUB_BITS = 7, /* 128 buckets for each power of two: 0.8 % */
    BUCKETS = 64 << SUB_BITS,
};

/* A histogram is empty when it is zero. */
struct histogram {
    uint64_t count[BUCKETS];
    uint64_t total;
    int64_t max;
};

/* Counts a latency, in nanoseconds. */
void note(struct histogram *h, int64_t ns);

/* Returns a quantile in microseconds, by the nearest rank, rounded up to the end of its bucket. */
double quantile(const struct histogram *h, double q);

/* Prints the quantiles, and the largest latency, as lines of a name and a number. */
void print_quantiles(const struct histogram *h);

#endif
