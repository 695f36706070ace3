/*
 * Deleting sessions: a tombstone at once, the messages step by step.
 *
 * A tombstone is committed together with the end of the session's rows, so
 * that nothing of it is found by its sid any more.  Its messages, which are
 * found by position too, are hidden by a row of removals until the last of
 * them has left the log.  What is above the last checkpoint stays in the log
 * until the next one: a replay counts positions there.
 */

#include <errno.h>
#include <string.h>

#include "state.h"

int
sc_deleted(struct sc_txn *txn, uint64_t customer, const uint8_t sid[32])
{
    struct sc_bytes value;
    uint8_t         key[SC_KEY_MAX];

    return sc_txn_get(txn, SC_DB_DELETED, key,
                      sc_key_of_id(key, customer, sid), &value);
}

int
sc_removing(struct sc_txn *txn, uint64_t customer, const uint8_t sid[32])
{
    struct sc_bytes value;
    uint8_t         key[SC_KEY_MAX];

    return sc_txn_get(txn, SC_DB_REMOVALS, key,
                      sc_key_of_id(key, customer, sid), &value);
}


/* --- deleting ------------------------------------------------------------ */

void
sc_session_rows_del(struct sc_txn *txn, uint64_t customer,
                    const uint8_t sid[32])
{
    uint8_t key[SC_KEY_MAX];
    size_t  key_n = sc_key_of_id(key, customer, sid);

    sc_txn_del(txn, SC_DB_SESSIONS, key, key_n);
    sc_txn_del(txn, SC_DB_HELLOS, key, key_n);
    sc_txn_del(txn, SC_DB_BLOCKED, key, key_n);
    sc_txn_del(txn, SC_DB_CURSORS, key,
               sc_key_of_cursor(key, customer, 1, sid));
    sc_spare_del(txn, customer, sid);
}

/* The session no longer counts, though its messages still do. */
static void
uncount(struct sc_txn *txn, uint64_t customer)
{
    struct sc_customer_row row;

    if (sc_customer_row(txn, customer, &row)) {
        row.left.sessions++;
        sc_customer_row_put(txn, customer, &row);
    }
}

enum sc_error_code
sc_delete(struct sc_apply *apply, struct sc_op *op)
{
    struct sc_txn          *txn = apply->txn;
    struct sc_hot_customer *customer;
    struct sc_hot_session  *session;
    uint8_t                 key[SC_KEY_MAX], number[8];
    size_t                  key_n = sc_key_of_id(key, op->remove.customer,
                                                 op->remove.sid);

    op->remove.repeated = 0;

    customer = sc_load_customer(apply->store, txn, op->remove.customer,
                                apply->customers);
    if (customer == NULL || sc_hot_erased(customer)) {
        return SC_E_NOT_HERE;
    }

    if (sc_deleted(txn, customer->number, op->remove.sid)) {
        op->remove.repeated = 1;
        return SC_E_NONE;
    }

    session = sc_load_session(apply->store, txn, customer, op->remove.sid);
    if (session == NULL && !op->remove.by_session) {
        return SC_E_UNKNOWN_SESSION;
    }

    if (session != NULL && op->remove.by_session && sc_hot_blocked(session)) {
        return SC_E_SESSION_BLOCKED;
    }

    /* Anybody may begin sessions to delete: of nothing a tombstone is left. */
    if (session == NULL && sc_room_take(apply, op) != SC_E_NONE) {
        return SC_E_STORAGE_FULL;
    }

    if (session != NULL) {
        uint64_t place = sc_hot_state(session)->place;

        sc_put_number(number, place);
        sc_txn_put(txn, SC_DB_REMOVALS, key, key_n, number, sizeof(number));
        sc_session_rows_del(txn, customer->number, op->remove.sid);
        uncount(txn, customer->number);
        sc_hot_stage_end(&apply->store->hot, session);
        if (sc_serial_of(place) > apply->remove_to) {
            apply->remove_to = sc_serial_of(place);
        }
    }

    sc_put_number(number, op->remove.time);
    sc_txn_put(txn, SC_DB_DELETED, key, key_n, number, sizeof(number));
    return SC_E_NONE;
}


/* --- removing ------------------------------------------------------------ */

/* The first removal, with its key copied to key.  1, or 0. */
static int
first_removal(struct sc_txn *txn, uint8_t key[SC_KEY_MAX], uint64_t *place)
{
    static const uint8_t lowest[1];

    struct sc_walk *walk = sc_walk_open(txn, SC_DB_REMOVALS);
    struct sc_bytes found, value;
    int             more;

    more = walk != NULL
           && sc_walk_seek(walk, lowest, sizeof(lowest), &found, &value);
    if (more && (found.n != 40 || value.n != 8)) {
        sc_txn_fail(txn, EBADMSG);
        more = 0;
    }

    if (more) {
        memcpy(key, found.p, found.n);
        *place = sc_number_of(value);
    }

    sc_walk_close(walk);
    return more;
}

/* Removes messages of a chain.  The place of the newest that is left, 0 if
 * none is. */
static uint64_t
remove_chain(struct sc_leave *leave, uint64_t place, unsigned share)
{
    struct sc_entry entry;
    uint64_t        prev;

    while (sc_leave_more(leave, share)) {
        if (!sc_entry_at(leave->txn, place, &entry)) {
            return 0;
        }

        prev = entry.prev;
        sc_leave_message(leave, place, &entry, 0);
        place = prev;
    }

    return place;
}

/* Whether something is left; *removed: how many messages went. */
static int
remove_some(struct sc_leave *leave, unsigned share)
{
    uint8_t  key[SC_KEY_MAX], number[8];
    uint64_t place;

    while (sc_leave_more(leave, share)) {
        if (!first_removal(leave->txn, key, &place)) {
            return 0;
        }

        place = remove_chain(leave, place, share);
        leave->pages++;
        if (place == 0) {
            sc_txn_del(leave->txn, SC_DB_REMOVALS, key, 40);
        } else {
            sc_put_number(number, place);
            sc_txn_put(leave->txn, SC_DB_REMOVALS, key, 40, number,
                       sizeof(number));
        }
    }

    return 1;
}

enum sc_error_code
sc_removals_step(struct sc_store *store, char *why, size_t why_size)
{
    struct sc_leave    leave;
    enum sc_error_code error;
    unsigned           share = 1;
    int                more;

    /* Whatever comes of it, the next attempt waits. */
    store->remove_at = sc_store_clock() + SC_LINGER_MS;

    if (store->remove_to > store->indexed_to) {
        store->needs = store->remove_to;
        return SC_E_NONE;
    }

    /* Removing takes room too, for copies of pages: less of it, less room. */
    do {
        sc_leave_begin(&leave, store);
        more = remove_some(&leave, share);
        error = sc_leave_commit(&leave, &store->removed, why, why_size);
        share *= 4;
    } while (error == SC_E_STORAGE_FULL && share <= SC_STEP_MESSAGES);

    if (error == SC_E_NONE) {
        store->removing = more;
        store->remove_at = 0;
    }

    return error;
}


/* --- when ---------------------------------------------------------------- */

void
sc_removals_add(struct sc_store *store, uint64_t remove_to)
{
    if (!store->removing) {
        store->remove_at = sc_store_clock() + SC_LINGER_MS;
    }

    store->removing = 1;
    if (remove_to > store->remove_to) {
        store->remove_to = remove_to;
    }
}

int64_t
sc_removals_wait(const struct sc_store *store)
{
    uint64_t now = sc_store_clock();

    if (!store->removing) {
        return -1;
    }

    return now >= store->remove_at ? 0 : (int64_t) (store->remove_at - now);
}

int
sc_removals_load(struct sc_store *store)
{
    struct sc_txn *txn = sc_txn_read(store->db);
    uint8_t        key[SC_KEY_MAX];
    uint64_t       place;
    int            failed;

    if (txn == NULL) {
        return -1;
    }

    store->removing = first_removal(txn, key, &place);
    store->remove_to = store->last_serial;
    failed = sc_txn_failed(txn);
    sc_txn_end(txn);
    return failed ? -1 : 0;
}
