/*
 * Checkpoints, and the replay that goes on from the last one.
 *
 * A commit of messages writes the log alone.  What the rest of the databases
 * say of sessions and customers lags behind it up to a checkpoint, and
 * indexed_to names the place up to which they are right.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state.h"

/* Replay publishes after so many messages. */
#define REPLAY_STEP  1024u

static void
put_block(struct sc_txn *txn, uint64_t customer, uint64_t first,
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

static void
put_customer(struct sc_txn *txn, const struct sc_hot_customer *customer)
{
    struct sc_customer_row row;
    size_t                 i, n;

    for (i = 0; i < customer->n_tail; i += n) {
        n = customer->n_tail - i;
        if (n > SC_BLOCK_PLACES) {
            n = SC_BLOCK_PLACES;
        }
        put_block(txn, customer->number, customer->tail_first + i,
                  customer->tail + i, n);
    }

    if (sc_customer_row(txn, customer->number, &row)) {
        row.head = customer->head;
        sc_customer_row_put(txn, customer->number, &row);
    }
}

/* The log has the hello with the session's first message. */
static void
put_hello(struct sc_txn *txn, const struct sc_hot_session *session,
          const uint8_t *key, size_t key_n)
{
    uint8_t         hello[sizeof(((struct sc_session_info *) NULL)->hello)];
    struct sc_entry entry;

    if (!sc_entry_at(txn, session->first_place, &entry)
        || entry.hello.n > sizeof(hello))
    {
        sc_txn_fail(txn, EBADMSG);
        return;
    }

    /* A put may move what a get returned. */
    memcpy(hello, entry.hello.p, entry.hello.n);
    sc_txn_put(txn, SC_DB_HELLOS, key, key_n, hello, entry.hello.n);
}

static void
put_session(struct sc_txn *txn, const struct sc_hot_session *session)
{
    uint8_t  key[SC_KEY_MAX];
    size_t   key_n = sc_key_of_id(key, session->customer->number,
                                  session->sid);
    size_t   n = sc_session_row_size(session->state);
    uint8_t *row = malloc(n);

    if (row == NULL) {
        sc_txn_fail(txn, ENOMEM);
        return;
    }

    sc_session_row_write(row, session->state);
    sc_txn_put(txn, SC_DB_SESSIONS, key, key_n, row, n);
    free(row);

    if (!session->stored) {
        put_hello(txn, session, key, key_n);
    }
}

static int
by_key(const void *a, const void *b)
{
    const struct sc_hot_session *const *x = a;
    const struct sc_hot_session *const *y = b;
    uint64_t                            m = (*x)->customer->number;
    uint64_t                            n = (*y)->customer->number;

    return m != n ? (m < n ? -1 : 1) : memcmp((*x)->sid, (*y)->sid, 32);
}

/* In the order of their keys, which touches each page once. */
static void
put_sessions(struct sc_txn *txn, const struct sc_hot *hot)
{
    const struct sc_hot_session **sorted;
    struct sc_hot_session        *session = hot->dirty_sessions;
    size_t                        i;

    sorted = malloc((hot->n_dirty + 1) * sizeof(sorted[0]));
    if (sorted == NULL) {
        sc_txn_fail(txn, ENOMEM);
        return;
    }

    for (i = 0; i < hot->n_dirty; i++) {
        sorted[i] = session;
        session = session->dirty_next;
    }

    qsort(sorted, hot->n_dirty, sizeof(sorted[0]), by_key);
    for (i = 0; i < hot->n_dirty; i++) {
        if (!sorted[i]->gone) {
            put_session(txn, sorted[i]);
        }
    }

    free(sorted);
}

enum sc_error_code
sc_checkpoint(struct sc_store *store, char *why, size_t why_size)
{
    struct sc_txn                *txn = sc_txn_write(store->db);
    const struct sc_hot_customer *customer;
    enum sc_error_code            error;
    uint8_t                       place[8];

    /* Whatever comes of it, the next attempt waits for as many messages. */
    store->checkpoint_at = store->last_place + store->checkpoint_every;

    for (customer = store->hot.dirty_customers; customer != NULL;
         customer = customer->dirty_next)
    {
        put_customer(txn, customer);
    }

    put_sessions(txn, &store->hot);
    sc_cursors_put(store, txn);

    if (store->indexed_to != store->last_place) {
        sc_put_number(place, store->last_place);
        sc_txn_put(txn, SC_DB_META, "indexed_to", 10, place, sizeof(place));
    }

    error = sc_txn_commit(txn, why, why_size);
    if (error != SC_E_NONE) {
        return error;
    }

    store->indexed_to = store->last_place;
    store->checkpoints++;
    store->checkpoint_time = (uint64_t) time(NULL) * 1000;
    sc_hot_clean(&store->hot);
    sc_cursors_clear(store);
    return SC_E_NONE;
}


/* --- replay -------------------------------------------------------------- */

/* NULL when the entry does not follow from what came before it. */
static struct sc_hot_customer *
customer_of(struct sc_store *store, struct sc_txn *txn,
            const struct sc_entry *entry)
{
    struct sc_hot_customer *customer;

    customer = sc_load_customer(store, txn, entry->customer,
                                store->customers);
    return customer != NULL && entry->position == sc_hot_head(customer) + 1
           ? customer : NULL;
}

static struct sc_hot_session *
session_of(struct sc_store *store, struct sc_txn *txn,
           struct sc_hot_customer *customer, const struct sc_entry *entry)
{
    struct sc_hot_session         *session;
    const struct sc_session_state *state = NULL;

    session = sc_load_session(store, txn, customer, entry->sid);
    if (session != NULL) {
        state = sc_hot_state(session);
    }

    if (entry->ordinal != (state == NULL ? 1 : state->ordinal + 1)
        || entry->prev != (state == NULL ? 0 : state->place))
    {
        return NULL;
    }

    return session != NULL ? session
                           : sc_hot_add_session(&store->hot, customer,
                                                entry->sid, NULL);
}

static void
replay_entry(struct sc_store *store, struct sc_txn *txn, uint64_t place,
             struct sc_bytes value)
{
    struct sc_entry         entry;
    struct sc_hot_customer *customer = NULL;
    struct sc_hot_session  *session = NULL;
    int                     gone = 0;

    if (sc_entry_read(value, &entry)) {
        customer = customer_of(store, txn, &entry);
    }
    if (customer != NULL) {
        gone = sc_removing(txn, entry.customer, entry.sid);
    }
    if (customer != NULL && !gone) {
        session = session_of(store, txn, customer, &entry);
    }

    if (session == NULL && !gone) {
        sc_txn_fail(txn, EBADMSG);
        return;
    }

    /* A position that was given out stays so, whatever became of it. */
    if ((gone ? sc_hot_stage_place(&store->hot, customer, place)
              : sc_hot_stage(&store->hot, session, &entry, place)) != 0)
    {
        sc_txn_fail(txn, ENOMEM);
        return;
    }

    store->last_place = place;
    if (place % REPLAY_STEP == 0) {
        sc_hot_publish(&store->hot);
    }
}

int
sc_replay(struct sc_store *store, char *why, size_t why_size)
{
    struct sc_txn  *txn = sc_txn_read(store->db);
    struct sc_walk *walk;
    struct sc_bytes value;
    uint64_t        place;
    int             more, failed;

    if (txn == NULL) {
        snprintf(why, why_size, "could not read the store");
        return -1;
    }

    store->last_place = store->indexed_to;
    walk = sc_walk_open(txn, SC_DB_LOG_90);

    more = walk != NULL && sc_walk_seek_number(walk, store->indexed_to + 1,
                                               &place, &value);
    while (more && !sc_txn_failed(txn)) {
        replay_entry(store, txn, place, value);
        more = sc_walk_next_number(walk, &place, &value);
    }

    sc_hot_publish(&store->hot);
    failed = sc_txn_failed(txn);
    if (failed) {
        snprintf(why, why_size, "the log does not follow from the checkpoint "
                 "at place %llu: the entry behind place %llu is damaged",
                 (unsigned long long) store->indexed_to,
                 (unsigned long long) store->last_place);
    }

    sc_walk_close(walk);
    sc_txn_end(txn);
    return failed ? -1 : 0;
}
