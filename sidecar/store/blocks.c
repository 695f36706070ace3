/*
 * Blocks: the index from a customer's positions to places in the logs, some
 * hundred positions in a row.
 */

#include <errno.h>
#include <string.h>

#include "state.h"

void
sc_block_put(struct sc_txn *txn, uint64_t customer, uint64_t first,
             const uint64_t *places, size_t n)
{
    uint8_t          key[SC_KEY_MAX];
    uint8_t          value[8 * SC_BLOCK_PLACES];
    struct sc_writer w = sc_writer_of(value, sizeof(value));
    size_t           i;

    for (i = 0; i < n; i++) {
        sc_put_uint(&w, places[i], 8);
    }

    sc_txn_put(txn, SC_DB_BLOCKS, key,
               sc_key_of_number(key, customer, first), value, 8 * n);
}

static int
read_block(struct sc_txn *txn, uint64_t customer, struct sc_bytes key,
           struct sc_bytes value, struct sc_block *block)
{
    struct sc_reader k = sc_reader_of(key.p, key.n);
    struct sc_reader v = sc_reader_of(value.p, value.n);
    size_t           i;

    if (sc_get_uint(&k, 8) != customer) {
        return 0;
    }

    block->first = sc_get_uint(&k, 8);
    block->n = value.n / 8;
    if (!sc_reader_done(&k) || value.n % 8 != 0
        || block->n > SC_BLOCK_PLACES)
    {
        sc_txn_fail(txn, EBADMSG);
        return 0;
    }

    for (i = 0; i < block->n; i++) {
        block->places[i] = sc_get_uint(&v, 8);
    }

    return 1;
}

int
sc_block_first(struct sc_txn *txn, uint64_t customer, struct sc_block *block)
{
    struct sc_walk *walk = sc_walk_open(txn, SC_DB_BLOCKS);
    struct sc_bytes found, value;
    uint8_t         key[SC_KEY_MAX];
    int             more;

    more = walk != NULL
           && sc_walk_seek(walk, key, sc_key_of_number(key, customer, 0),
                           &found, &value)
           && read_block(txn, customer, found, value, block);
    sc_walk_close(walk);
    return more;
}

int
sc_block_find(struct sc_txn *txn, uint64_t customer, uint64_t position,
              struct sc_block *block)
{
    struct sc_walk *walk = sc_walk_open(txn, SC_DB_BLOCKS);
    struct sc_bytes found, value;
    uint8_t         key[SC_KEY_MAX];
    size_t          key_n = sc_key_of_number(key, customer, position);
    int             more;

    more = walk != NULL
           && sc_walk_seek_down(walk, key, key_n, &found, &value)
           && read_block(txn, customer, found, value, block)
           && sc_block_has(block, position);
    sc_walk_close(walk);
    return more;
}
