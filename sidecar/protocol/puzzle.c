/*
 * Puzzles: solving one takes about 2^bits hashes, checking it one.
 */

#include "protocol/puzzle.h"

#include <sealchat/wire.h>

#include "protocol/ids.h"

int
sc_puzzle_solved(const uint8_t challenge[32], const uint8_t subject[32],
                 uint64_t n, unsigned bits)
{
    sc_hash          h;
    uint8_t          hash[32];
    struct sc_reader r = sc_reader_of(hash, sizeof(hash));

    if (bits == 0) {
        return 1;
    }

    sc_hash_begin(&h, "puzzle");
    sc_hash_bytes(&h, challenge, 32);
    sc_hash_bytes(&h, subject, 32);
    sc_hash_uint(&h, n, 8);
    sc_hash_end(&h, hash);

    return sc_get_u32(&r) >> (32 - bits) == 0;
}

uint64_t
sc_puzzle_solve(const uint8_t challenge[32], const uint8_t subject[32],
                unsigned bits)
{
    uint64_t n = 0;

    while (!sc_puzzle_solved(challenge, subject, n, bits)) {
        n++;
    }

    return n;
}
