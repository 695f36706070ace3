/*
 * Rates of many keys in little memory that never grows.
 *
 * Each key has a leaky bucket of its own, found by a hash that nobody outside
 * knows.  What is said of a key is never more than the truth, so that nobody
 * waits on account of others, however many they are: a flood of keys, such as
 * whoever has a network of IPv6 can send, could otherwise keep everybody out.
 * It is less where more keys than there is memory for come in one moment: then
 * the bucket that would be empty first is forgotten.
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
