/*
 * Leaky buckets, in sets of a few.  A bucket holds the moment at which it will
 * be empty: that is all of it, and nothing has to run for it to leak.  One that
 * is empty says nothing, and is free for the next key.
 */

#include "rate.h"

#include <stdlib.h>

#define SETS  4096u              /* a power of two */
#define WAYS  4u

struct bucket {
    uint64_t hash;               /* of the key */
    uint64_t empty;              /* microseconds; 0: never used */
};

struct sc_rate {
    uint64_t      cost;          /* of one, in microseconds */
    uint64_t      room;          /* of the limit */
    struct bucket sets[SETS][WAYS];
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


/* What is in the key's bucket, in microseconds; 0 if it has none. */
static uint64_t
level(const struct sc_rate *rate, uint64_t hash, uint64_t now)
{
    const struct bucket *set = rate->sets[hash & (SETS - 1)];

    for (unsigned way = 0; way < WAYS; way++) {
        if (set[way].hash == hash) {
            return set[way].empty > now * 1000 ? set[way].empty - now * 1000
                                               : 0;
        }
    }

    return 0;
}


/* The key's bucket, or else the one of its set that is empty first. */
static struct bucket *
bucket_for(struct sc_rate *rate, uint64_t hash)
{
    struct bucket *set = rate->sets[hash & (SETS - 1)];
    struct bucket *first = set;

    for (unsigned way = 0; way < WAYS; way++) {
        if (set[way].hash == hash) {
            return &set[way];
        }
        if (set[way].empty < first->empty) {
            first = &set[way];
        }
    }

    return first;
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
    struct bucket *bucket;
    uint64_t       in;

    if (rate == NULL) {
        return;
    }

    in = level(rate, hash, now) + rate->cost;
    if (in > SC_RATE_DEPTH * rate->room) {
        in = SC_RATE_DEPTH * rate->room;
    }

    bucket = bucket_for(rate, hash);
    bucket->hash = hash;
    bucket->empty = now * 1000 + in;
}
