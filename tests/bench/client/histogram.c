/*
 * histogram.c: latencies and their quantiles, in buckets that are wider the longer they are.
 */
#include "histogram.h"

#include <stdio.h>

/* The bucket of a latency; the unit is 64 ns. */
static unsigned bucket_of(int64_t ns)
{
    uint64_t v = ns < 0 ? 0 : (uint64_t)ns >> 6;
    unsigned shift;

    if (v < (1u << SUB_BITS))
        return (unsigned)v;
    shift = (unsigned)(63 - __builtin_clzll(v)) - SUB_BITS;
    return ((shift + 1) << SUB_BITS) + (unsigned)((v >> shift) & ((1u << SUB_BITS) - 1));
}

/* The upper end of a bucket, in nanoseconds. */
static double bucket_end(unsigned b)
{
    unsigned shift, sub = b & ((1u << SUB_BITS) - 1);

    if (b < (1u << SUB_BITS))
        return (double)(b + 1) * 64;
    shift = (b >> SUB_BITS) - 1;
    return (double)((uint64_t)((1u << SUB_BITS) + sub + 1) << shift) * 64;
}

void note(struct histogram *h, int64_t ns)
{
    h->count[bucket_of(ns)]++;
    h->total++;
    if (ns > h->max)
        h->max = ns;
}

double quantile(const struct histogram *h, double q)
{
    double rank = q * (double)h->total;
    uint64_t want = (uint64_t)rank, seen = 0;

    if (h->total == 0)
        return 0;
    if ((double)want < rank || want == 0)
        want++;
    for (unsigned b = 0; b < BUCKETS; b++) {
        seen += h->count[b];
        if (seen >= want) {
            double end = bucket_end(b);

            return (end < (double)h->max ? end : (double)h->max) / 1000;
        }
    }
    return (double)h->max / 1000;
}

void print_quantiles(const struct histogram *h)
{
    printf("p50 %.1f\np90 %.1f\np99 %.1f\np999 %.1f\nmax %.1f\n", quantile(h, 0.5),
           quantile(h, 0.9), quantile(h, 0.99), quantile(h, 0.999), (double)h->max / 1000);
}
