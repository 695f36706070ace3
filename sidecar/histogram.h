/*
 * A histogram whose bounds double: cheap to add to, small enough to be copied
 * whole, and what Prometheus wants to see.
 */

#ifndef SEALCHAT_HISTOGRAM_H
#define SEALCHAT_HISTOGRAM_H

#include <stdint.h>

#define SC_HISTOGRAM_BOUNDS  16u

/* Bound i is base << i, base being the owner's; the last count is of what is
 * above all bounds.  All zero is an empty one. */
struct sc_histogram {
    uint64_t counts[SC_HISTOGRAM_BOUNDS + 1];
    uint64_t sum;
};

static inline void
sc_histogram_add(struct sc_histogram *h, uint64_t base, uint64_t value)
{
    unsigned i = 0;

    while (i < SC_HISTOGRAM_BOUNDS && value > base << i) {
        i++;
    }

    h->counts[i]++;
    h->sum += value;
}

#endif
