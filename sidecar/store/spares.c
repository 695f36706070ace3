/*
 * Spare keys of sessions: one sealed blob of each, which whoever has the
 * visitor's code finds by its name.  The name is a hash of what the asker
 * shows, so that nobody finds anything with what the store has.
 *
 * A session's rows take them along when it is deleted or expires.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

#define NAME  32u

/* The name that a session's spare keys have, copied.  1, or 0 if it has
 * none. */
static int
name_of(struct sc_txn *txn, const uint8_t *key, size_t key_n,
        uint8_t name[NAME])
{
    struct sc_bytes row;

    if (!sc_txn_get(txn, SC_DB_SPARES, key, key_n, &row)) {
        return 0;
    }

    if (row.n < NAME) {
        sc_txn_fail(txn, EBADMSG);
        return 0;
    }

    memcpy(name, row.p, NAME);
    return 1;
}

void
sc_spare_del(struct sc_txn *txn, uint64_t customer, const uint8_t sid[32])
{
    uint8_t key[SC_KEY_MAX], name[NAME];
    size_t  key_n = sc_key_of_id(key, customer, sid);

    if (name_of(txn, key, key_n, name)) {
        sc_txn_del(txn, SC_DB_SPARES, key, key_n);
        key_n = sc_key_of_id(key, customer, name);
        sc_txn_del(txn, SC_DB_SPARE_NAMES, key, key_n);
    }
}

/* Whether the session is there to have any. */
static enum sc_error_code
check_session(struct sc_apply *apply, const struct sc_op *op)
{
    struct sc_hot_customer *customer;
    struct sc_hot_session  *session;

    customer = sc_load_customer(apply->store, apply->txn, op->spare.customer,
                                apply->customers);
    if (customer == NULL || sc_hot_erased(customer)) {
        return SC_E_NOT_HERE;
    }

    session = sc_load_session(apply->store, apply->txn, customer,
                              op->spare.sid);
    if (session != NULL) {
        return sc_hot_ended(session) ? SC_E_SESSION_DELETED
               : sc_hot_blocked(session) ? SC_E_SESSION_BLOCKED : SC_E_NONE;
    }

    return sc_deleted(apply->txn, op->spare.customer, op->spare.sid)
           ? SC_E_SESSION_DELETED : SC_E_UNKNOWN_SESSION;
}

enum sc_error_code
sc_spare_put(struct sc_apply *apply, struct sc_op *op)
{
    uint8_t            row[NAME + SC_SPARE_MAX], key[SC_KEY_MAX];
    struct sc_bytes    holder;
    enum sc_error_code error = check_session(apply, op);
    size_t             key_n;

    if (error != SC_E_NONE) {
        return error;
    }

    if (op->spare.sealed.n > SC_SPARE_MAX) {
        return SC_E_TOO_LARGE;
    }

    key_n = sc_key_of_id(key, op->spare.customer, op->spare.name);
    if (sc_txn_get(apply->txn, SC_DB_SPARE_NAMES, key, key_n, &holder)
        && (holder.n != 32 || memcmp(holder.p, op->spare.sid, 32) != 0))
    {
        return SC_E_CONFLICT;
    }

    if (sc_room_take(apply, op) != SC_E_NONE) {
        return SC_E_STORAGE_FULL;
    }

    sc_spare_del(apply->txn, op->spare.customer, op->spare.sid);
    sc_txn_put(apply->txn, SC_DB_SPARE_NAMES, key, key_n, op->spare.sid, 32);

    memcpy(row, op->spare.name, NAME);
    memcpy(row + NAME, op->spare.sealed.p, op->spare.sealed.n);
    key_n = sc_key_of_id(key, op->spare.customer, op->spare.sid);
    sc_txn_put(apply->txn, SC_DB_SPARES, key, key_n, row,
               NAME + op->spare.sealed.n);
    return SC_E_NONE;
}

int
sc_lmdb_spare(struct sc_store *store, uint64_t customer,
              const uint8_t name[32], struct sc_blob_out *sealed)
{
    struct sc_txn         *txn = sc_txn_read(store->db);
    struct sc_customer_row owner;
    struct sc_bytes        sid, row;
    uint8_t                key[SC_KEY_MAX];
    size_t                 key_n = sc_key_of_id(key, customer, name);
    int                    found;

    memset(sealed, 0, sizeof(*sealed));
    if (txn == NULL) {
        return -1;
    }

    /* What an erased customer had is on its way. */
    found = sc_customer_row(txn, customer, &owner) && !owner.erased
            && sc_txn_get(txn, SC_DB_SPARE_NAMES, key, key_n, &sid)
            && sid.n == 32
            && sc_txn_get(txn, SC_DB_SPARES, key,
                          sc_key_of_id(key, customer, sid.p), &row);
    if (found && row.n >= NAME) {
        sealed->n = row.n - NAME;
        sealed->p = malloc(sealed->n ? sealed->n : 1);
        if (sealed->p != NULL) {
            memcpy(sealed->p, row.p + NAME, sealed->n);
        } else {
            sc_txn_fail(txn, ENOMEM);
        }
    } else if (found) {
        sc_txn_fail(txn, EBADMSG);
    }

    return sc_txn_finish(txn, found);
}
