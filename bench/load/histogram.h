/*
 * Latencies in buckets: exact below 64 us, then 64 buckets for each doubling,
 * so that a quantile is at most 1.6 per cent off.  Histograms add up.
 */

#ifndef SEALCHAT_BENCH_HISTOGRAM_H
#define SEALCHAT_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS (64u * 32u)

struct histogram {
    uint64_t count;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

void     histogram_add(struct histogram *h, uint64_t us);
void     histogram_merge(struct histogram *into, const struct histogram *from);

/* The value below or at which that part (0 to 1) lies; 0 if empty. */
uint64_t histogram_quantile(const struct histogram *h, double part);

#endif
