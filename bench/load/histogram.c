/*
 * Latencies in buckets of nearly constant relative width.
 */

#include "histogram.h"

#include <stddef.h>

static size_t
bucket_of(uint64_t us)
{
    unsigned shift = 0;
    size_t   bucket;

    while (us >> shift >= 128) {
        shift++;
    }

    bucket = us < 64 ? (size_t) us
                     : 64u * (shift + 1) + (size_t) (us >> shift) - 64u;

    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static uint64_t
value_of(size_t bucket)
{
    if (bucket < 64) {
        return bucket;
    }

    return (64u + bucket % 64) << (bucket / 64 - 1);
}

void
histogram_add(struct histogram *h, uint64_t us)
{
    h->count++;
    h->buckets[bucket_of(us)]++;
}

void
histogram_merge(struct histogram *into, const struct histogram *from)
{
    size_t i;

    into->count += from->count;
    for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
        into->buckets[i] += from->buckets[i];
    }
}

uint64_t
histogram_quantile(const struct histogram *h, double part)
{
    double   wanted = part * (double) h->count;
    uint64_t seen = 0;
    size_t   i;

    for (i = 0; i < HISTOGRAM_BUCKETS && h->count; i++) {
        seen += h->buckets[i];
        if (seen && (double) seen >= wanted) {
            return value_of(i);
        }
    }

    return 0;
}
