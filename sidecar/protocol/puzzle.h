/*
 * The puzzle of a challenge (docs/protocol.md, "Puzzles"): a number n for
 * which
 *
 *     H(D(puzzle) challenge:32 subject:32 n:8)
 *
 * begins with so many bits of zero.
 */

#ifndef SEALCHAT_PROTOCOL_PUZZLE_H
#define SEALCHAT_PROTOCOL_PUZZLE_H

#include <stdint.h>

/* Whether n solves it: one hash.  bits: up to 32; 0 is solved by every n. */
int sc_puzzle_solved(const uint8_t challenge[32], const uint8_t subject[32],
                     uint64_t n, unsigned bits);

/* The least n that does, for tools and tests. */
uint64_t sc_puzzle_solve(const uint8_t challenge[32],
                         const uint8_t subject[32], unsigned bits);

#endif
