/*
 * Rates of many keys in little memory that never grows.
 *
 * Each key has a leaky bucket; the buckets of all keys lie in a few rows of
 * cells, and a key has one cell in each row, by a hash that nobody outside
 * knows.  Keys that share a cell add up there, so the lowest of a key's cells
 * counts: what is said of a key is never less than the truth, and more only
 * where others share all of its cells.
 */

#ifndef SEALCHAT_RATE_H
#define SEALCHAT_RATE_H

#include <stdint.h>

/* So many in so many seconds, which may also come all at once.  n 0: no
 * limit. */
struct sc_limit {
    uint32_t n;
    uint32_t seconds;
};

/* Above its limit a key is counted up to this many times the limit. */
#define SC_RATE_DEPTH  8u

struct sc_rate;

/* NULL when there is no memory, and of no limit. */
struct sc_rate *sc_rate_new(const struct sc_limit *limit);
void sc_rate_free(struct sc_rate *rate);

/*
 * hash: of the key, under a secret.  now: ms of a clock that only goes
 * forward.  A rate that is NULL has no limit.
 *
 * over    how full the bucket is: 0 while one more is within the limit, else
 *         how many times the limit is in it, from 1 to SC_RATE_DEPTH
 * wait    the ms until one more is within the limit, 0 for now
 * add     counts one, within the limit or not
 */
unsigned sc_rate_over(const struct sc_rate *rate, uint64_t hash, uint64_t now);
uint32_t sc_rate_wait(const struct sc_rate *rate, uint64_t hash, uint64_t now);
void sc_rate_add(struct sc_rate *rate, uint64_t hash, uint64_t now);

#endif
