/*
 * Purges: what the index still says of messages that are below a customer's
 * earliest position, and everything of a customer that was erased.
 *
 * Below its earliest position lies what has expired, and with it whatever is
 * in the log of a longer class: it is hidden already, and leaves here.
 */

#include <errno.h>
#include <string.h>

#include "state.h"

static int
first_purge(struct sc_txn *txn, uint64_t *number, uint64_t *serial)
{
    static const uint8_t lowest[1];

    struct sc_walk *walk = sc_walk_open(txn, SC_DB_PURGES);
    struct sc_bytes key, value;
    int             more;

    more = walk != NULL
           && sc_walk_seek(walk, lowest, sizeof(lowest), &key, &value);
    if (more && (key.n != 8 || value.n != 8)) {
        sc_txn_fail(txn, EBADMSG);
        more = 0;
    }

    if (more) {
        *number = sc_number_of(key);
        *serial = sc_number_of(value);
    }

    sc_walk_close(walk);
    return more;
}


/* --- blocks -------------------------------------------------------------- */

/* Whether nothing of the block is left below that position. */
static int
purge_block(struct sc_leave *leave, const struct sc_block *block,
            uint64_t earliest)
{
    struct sc_entry entry;
    size_t          i;

    for (i = 0; i < block->n && block->first + i < earliest; i++) {
        if (!sc_entry_at(leave->txn, block->places[i], &entry)) {
            continue;
        }
        if (!sc_leave_more(leave, 1)) {
            return 0;
        }
        sc_leave_message(leave, block->places[i], &entry, 0);
    }

    return !sc_txn_failed(leave->txn);
}

/* Whether nothing is left below that position. */
static int
purge_blocks(struct sc_leave *leave, uint64_t number, uint64_t earliest)
{
    struct sc_block block;
    uint8_t         key[SC_KEY_MAX];

    while (sc_block_first(leave->txn, number, &block)
           && block.first < earliest)
    {
        if (!sc_leave_more(leave, 1)
            || !purge_block(leave, &block, earliest))
        {
            return 0;
        }

        if (block.first + block.n > earliest) {
            break;
        }

        sc_txn_del(leave->txn, SC_DB_BLOCKS, key,
                   sc_key_of_number(key, number, block.first));
        leave->pages++;
    }

    return 1;
}


/* --- rows ---------------------------------------------------------------- */

/* Whether no row with that prefix is left. */
static int
purge_rows(struct sc_leave *leave, enum sc_db_name name,
           const uint8_t *prefix, size_t prefix_n)
{
    struct sc_walk *walk = sc_walk_open(leave->txn, name);
    struct sc_bytes found, value;
    uint8_t         key[SC_KEY_MAX];
    size_t          key_n;
    int             done = 0;

    while (walk != NULL && sc_leave_more(leave, 1)) {
        if (!sc_walk_seek(walk, prefix, prefix_n, &found, &value)
            || found.n < prefix_n || memcmp(found.p, prefix, prefix_n) != 0)
        {
            done = 1;
            break;
        }

        if (found.n > sizeof(key)) {
            sc_txn_fail(leave->txn, EBADMSG);
            break;
        }

        key_n = found.n;
        memcpy(key, found.p, key_n);
        sc_txn_del(leave->txn, name, key, key_n);
        leave->pages++;
    }

    sc_walk_close(walk);
    return done && !sc_txn_failed(leave->txn);
}

/* Whether nothing of the customer is left but the names that it used. */
static int
purge_customer(struct sc_leave *leave, uint64_t number,
               const struct sc_customer_row *row)
{
    static const enum sc_db_name names[] = {
        SC_DB_SESSIONS, SC_DB_HELLOS, SC_DB_CURSORS, SC_DB_DELETED,
        SC_DB_BLOCKED, SC_DB_REMOVALS, SC_DB_ROSTERS, SC_DB_ROSTER_IDS,
        SC_DB_SPARES, SC_DB_SPARE_NAMES
    };
    uint8_t key[8];
    size_t  i;

    sc_put_number(key, number);
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!purge_rows(leave, names[i], key, sizeof(key))) {
            return 0;
        }
    }

    return purge_rows(leave, SC_DB_WRAPS, row->account_id, 32);
}


/* --- a step -------------------------------------------------------------- */

static void
purge(struct sc_leave *leave, uint64_t number)
{
    struct sc_customer_row row;
    uint8_t                key[8];

    sc_put_number(key, number);
    if (sc_customer_row(leave->txn, number, &row)) {
        if (!purge_blocks(leave, number, row.earliest)
            || (row.erased && !purge_customer(leave, number, &row)))
        {
            return;
        }

        /* What left of it now need not be counted in a row that goes. */
        if (row.erased) {
            sc_txn_del(leave->txn, SC_DB_CUSTOMERS, key, sizeof(key));
        }
    }

    sc_txn_del(leave->txn, SC_DB_PURGES, key, sizeof(key));
}

enum sc_error_code
sc_purge_step(struct sc_store *store, char *why, size_t why_size)
{
    struct sc_leave    leave;
    enum sc_error_code error;
    uint64_t           number, serial;
    int                more;

    /* Whatever comes of it, the next attempt waits. */
    store->purge_at = sc_store_clock() + SC_LINGER_MS;

    sc_leave_begin(&leave, store);
    more = first_purge(leave.txn, &number, &serial);

    if (more && serial > store->indexed_to) {
        store->needs = serial;
        sc_txn_end(leave.txn);
        return SC_E_NONE;
    }

    if (more) {
        purge(&leave, number);
    }

    error = sc_leave_commit(&leave, &store->removed, why, why_size);
    if (error == SC_E_NONE) {
        store->purging = more;
        store->purge_at = 0;
    }

    return error;
}

int64_t
sc_purge_wait(const struct sc_store *store)
{
    uint64_t now = sc_store_clock();

    if (!store->purging) {
        return -1;
    }

    return now >= store->purge_at ? 0 : (int64_t) (store->purge_at - now);
}

int
sc_purges_load(struct sc_store *store)
{
    struct sc_txn *txn = sc_txn_read(store->db);
    uint64_t       number, serial;

    if (txn == NULL) {
        return -1;
    }

    store->purging = first_purge(txn, &number, &serial);
    return sc_txn_finish(txn, 0);
}
