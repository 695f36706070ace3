/*
 * Messages that leave the logs: what removing a session, expiry and purges
 * have in common.
 *
 * All of it runs between commits of operations, in steps that are bounded in
 * messages and in pages written.  What leaves is staged in hot state, so that
 * counters in memory change with the commit and not before.  Nothing above the
 * last checkpoint is touched: a replay counts positions there.
 */

#include <errno.h>
#include <string.h>

#include "state.h"

#define PAGE            4096u

/* Of blocks no longer used, gone with the commit that made them so. */
#define BLOCKS          4u

/* Pages that a removal is likely to write beside the log's: a customer's row;
 * a session's rows and tombstone. */
#define PAGES_CUSTOMER  1u
#define PAGES_SESSION   4u

void
sc_leave_begin(struct sc_leave *leave, struct sc_store *store)
{
    leave->store = store;
    leave->txn = sc_txn_write(store->db);
    leave->messages = 0;
    leave->pages = 0;
    leave->most_messages = sc_pace_messages(&store->pace);
    leave->most_pages = sc_pace_pages(&store->pace);
    leave->front = 0;
}

int
sc_leave_more(const struct sc_leave *leave, unsigned share)
{
    return leave->messages * share < leave->most_messages
           && leave->pages * share < leave->most_pages
           && !sc_txn_failed(leave->txn);
}


/* --- a session's end ----------------------------------------------------- */

static int
newest_on_disk(struct sc_txn *txn, const uint8_t *key, size_t key_n,
               uint64_t place)
{
    struct sc_bytes  row;
    struct sc_reader r;

    if (!sc_txn_get(txn, SC_DB_SESSIONS, key, key_n, &row)) {
        return 0;
    }

    r = sc_reader_of(row.p, row.n);
    (void) sc_get_u64(&r);
    return sc_get_u64(&r) == place && !r.bad;
}

/* The store's own word: as good as a deletion by somebody. */
static void
end_session(struct sc_leave *leave, struct sc_hot_customer *customer,
            uint64_t place, const struct sc_entry *entry)
{
    struct sc_hot         *hot = &leave->store->hot;
    struct sc_hot_session *session;
    struct sc_usage        one = { .sessions = 1 };
    uint8_t                key[SC_KEY_MAX], sid[32], time[8];
    size_t                 key_n = sc_key_of_id(key, customer->number,
                                                entry->sid);

    /* What the entry points to is the store's until something is written. */
    memcpy(sid, entry->sid, sizeof(sid));

    session = sc_hot_session(hot, customer->number, sid);
    if (session != NULL) {
        if (sc_hot_ended(session) || sc_hot_state(session)->place != place) {
            return;
        }
        sc_hot_stage_end(hot, session);
    } else {
        if (!newest_on_disk(leave->txn, key, key_n, place)) {
            return;
        }
        sc_hot_stage_left(hot, customer, &one, 0, 0);
    }

    sc_put_number(time, leave->store->clock.now);
    sc_txn_put(leave->txn, SC_DB_DELETED, key, key_n, time, sizeof(time));
    sc_session_rows_del(leave->txn, customer->number, sid);
    leave->pages += PAGES_SESSION;
}


/* --- a message ----------------------------------------------------------- */

/* Pages of the log that a message's removal writes: one somewhere, or at the
 * front, where one after the other gets empty, a part of one. */
static unsigned
pages_of_log(struct sc_leave *leave, uint64_t bytes, int at_front)
{
    unsigned pages;

    if (!at_front) {
        return 1;
    }

    leave->front += bytes;
    pages = (unsigned) (leave->front / PAGE);
    leave->front %= PAGE;
    return pages;
}

void
sc_leave_message(struct sc_leave *leave, uint64_t place,
                 const struct sc_entry *entry, int expired)
{
    struct sc_store        *store = leave->store;
    struct sc_hot_customer *customer;
    struct sc_usage         one = { .messages = 1 };

    customer = sc_load_customer(store, leave->txn, entry->customer,
                                store->customers);
    if (customer == NULL) {
        sc_txn_fail(leave->txn, EBADMSG);
        return;
    }

    one.bytes = sc_entry_bytes(entry);

    leave->messages++;
    leave->pages += pages_of_log(leave, one.bytes, expired)
                    + (customer->touched ? 0 : PAGES_CUSTOMER);
    sc_hot_stage_left(&store->hot, customer, &one,
                      expired ? entry->position + 1 : 0,
                      expired ? sc_serial_of(place) : 0);

    if (!sc_hot_erased(customer)) {
        end_session(leave, customer, place, entry);
    }

    /* Last: entry points into it. */
    sc_txn_del_number(leave->txn, sc_log_of(place), place);
}

/* Whether there is something to purge, now that earliest has moved: a block
 * that is wholly below, or messages of a longer class. */
static int
is_stale(struct sc_txn *txn, uint64_t number,
         const struct sc_customer_row *row, uint64_t last_expired)
{
    struct sc_block block;

    return last_expired < row->shortened
           || (sc_block_first(txn, number, &block)
               && block.first + block.n <= row->earliest);
}

/* Blocks that are wholly below: at once, unless messages may be left that a
 * purge finds by them alone. */
static void
drop_blocks(struct sc_txn *txn, uint64_t number,
            const struct sc_customer_row *row, uint64_t last_expired)
{
    struct sc_block block;
    struct sc_bytes purge;
    uint8_t         key[SC_KEY_MAX];
    unsigned        n;

    sc_put_number(key, number);
    if (last_expired < row->shortened
        || sc_txn_get(txn, SC_DB_PURGES, key, 8, &purge))
    {
        return;
    }

    for (n = 0; n < BLOCKS && sc_block_first(txn, number, &block)
                && block.first + block.n <= row->earliest; n++)
    {
        sc_txn_del(txn, SC_DB_BLOCKS, key,
                   sc_key_of_number(key, number, block.first));
    }
}

static void
put_customer(struct sc_leave *leave, const struct sc_hot_customer *customer)
{
    struct sc_txn         *txn = leave->txn;
    struct sc_customer_row row;
    uint8_t                key[8], serial[8];
    uint64_t               last_expired;

    if (!sc_customer_row(txn, customer->number, &row)) {
        return;
    }

    last_expired = row.expired;

    row.left.messages += customer->staged_left.messages;
    row.left.bytes += customer->staged_left.bytes;
    row.left.sessions += customer->staged_left.sessions;

    if (customer->staged_earliest > row.earliest) {
        row.earliest = customer->staged_earliest;
    }
    if (customer->staged_expired > row.expired) {
        row.expired = customer->staged_expired;
    }

    sc_customer_row_put(txn, customer->number, &row);

    /* The purge of an erased one is there, and waits for a checkpoint. */
    if (row.erased || customer->staged_earliest == 0) {
        return;
    }

    drop_blocks(txn, customer->number, &row, last_expired);
    if (is_stale(txn, customer->number, &row, last_expired))
    {
        sc_put_number(key, customer->number);
        sc_put_number(serial, 0);
        sc_txn_put(txn, SC_DB_PURGES, key, sizeof(key), serial,
                   sizeof(serial));
        leave->store->purging = 1;
    }
}

enum sc_error_code
sc_leave_commit(struct sc_leave *leave, uint64_t *counter, char *why,
                size_t why_size)
{
    struct sc_hot                *hot = &leave->store->hot;
    const struct sc_hot_customer *customer;
    enum sc_error_code            error;

    for (customer = hot->touched_customers; customer != NULL;
         customer = customer->touched_next)
    {
        put_customer(leave, customer);
    }

    error = sc_txn_commit(leave->txn, why, why_size);
    if (error != SC_E_NONE) {
        sc_hot_rollback(hot);
        return error;
    }

    sc_hot_publish(hot);

    *counter += leave->messages;
    return SC_E_NONE;
}
