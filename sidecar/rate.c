/*
 * Leaky buckets in rows of cells.  A cell holds the moment at which it will be
 * empty: that is all of a bucket, and nothing has to run for it to leak.
 */

#include "rate.h"

#include <stdlib.h>

#define ROWS   3u
#define CELLS  8192u             /* a power of two, below 2^21 */
#define SHIFT  21u               /* bits of the hash to the next row */

struct sc_rate {
    uint64_t cost;               /* of one, in microseconds */
    uint64_t room;               /* of the limit */
    uint64_t cells[ROWS][CELLS]; /* microseconds; 0: never used */
};


struct sc_rate *
sc_rate_new(const struct sc_limit *limit)
{
    struct sc_rate *rate;

    if (limit->n == 0) {
        return NULL;
    }

    rate = calloc(1, sizeof(*rate));
    if (rate) {
        rate->room = (uint64_t) limit->seconds * 1000000;
        rate->cost = rate->room / limit->n;
        rate->cost += rate->cost == 0;
    }

    return rate;
}


void
sc_rate_free(struct sc_rate *rate)
{
    free(rate);
}


static unsigned
cell_of(uint64_t hash, unsigned row)
{
    return (unsigned) (hash >> row * SHIFT) & (CELLS - 1);
}


/* What is in the bucket, in microseconds. */
static uint64_t
level(const struct sc_rate *rate, uint64_t hash, uint64_t now)
{
    uint64_t lowest = UINT64_MAX, at;

    for (unsigned row = 0; row < ROWS; row++) {
        at = rate->cells[row][cell_of(hash, row)];
        if (at < lowest) {
            lowest = at;
        }
    }

    return lowest > now * 1000 ? lowest - now * 1000 : 0;
}


unsigned
sc_rate_over(const struct sc_rate *rate, uint64_t hash, uint64_t now)
{
    uint64_t in;

    if (rate == NULL) {
        return 0;
    }

    in = level(rate, hash, now);
    if (in + rate->cost <= rate->room) {
        return 0;
    }

    return in < 2 * rate->room ? 1 : (unsigned) (in / rate->room);
}


uint32_t
sc_rate_wait(const struct sc_rate *rate, uint64_t hash, uint64_t now)
{
    uint64_t in;

    if (rate == NULL) {
        return 0;
    }

    in = level(rate, hash, now) + rate->cost;

    return in <= rate->room ? 0
                            : (uint32_t) ((in - rate->room + 999) / 1000);
}


void
sc_rate_add(struct sc_rate *rate, uint64_t hash, uint64_t now)
{
    uint64_t in, until, *cell;

    if (rate == NULL) {
        return;
    }

    in = level(rate, hash, now) + rate->cost;
    if (in > SC_RATE_DEPTH * rate->room) {
        in = SC_RATE_DEPTH * rate->room;
    }

    until = now * 1000 + in;
    for (unsigned row = 0; row < ROWS; row++) {
        cell = &rate->cells[row][cell_of(hash, row)];
        if (*cell < until) {
            *cell = until;
        }
    }
}
