/*
 * Checkpoints, and the replay that goes on from the last one.
 *
 * A commit of messages writes their logs alone.  What the rest of the
 * databases say of sessions and customers lags behind, and is written a few
 * pages at a time together with later commits, so that no commit waits for
 * all of it.  indexed_to names the serial up to which everything is written.
 * A row may know more than that; each says how far it goes, and a replay
 * passes over what it knows.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state.h"

/* Replay publishes after so many messages. */
#define REPLAY_STEP  1024u

/* Pages that each list writes at least. */
#define LEAST_PAGES  16u


/* --- what is written ----------------------------------------------------- */

/* About how many pages that took. */
static unsigned
put_customer(struct sc_txn *txn, const struct sc_hot_customer *customer)
{
    struct sc_customer_row row;
    unsigned               pages = 1;
    size_t                 i, n;

    if (!sc_customer_row(txn, customer->number, &row)) {
        return pages;
    }

    for (i = 0; i < customer->n_tail; i += n, pages++) {
        n = customer->n_tail - i;
        if (n > SC_BLOCK_PLACES) {
            n = SC_BLOCK_PLACES;
        }
        sc_block_put(txn, customer->number, customer->tail_first + i,
                     customer->tail + i, n);
    }

    row.head = customer->head;
    row.bytes = customer->bytes;
    row.sessions = customer->sessions;
    sc_customer_row_put(txn, customer->number, &row);
    return pages;
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

static unsigned
put_session(struct sc_txn *txn, const struct sc_hot_session *session)
{
    uint8_t  key[SC_KEY_MAX];
    size_t   key_n = sc_key_of_id(key, session->customer->number,
                                  session->sid);
    size_t   n = sc_session_row_size(session->state);
    uint8_t *row;

    if (sc_hot_ended(session)) {
        return 0;
    }

    row = malloc(n);
    if (row == NULL) {
        sc_txn_fail(txn, ENOMEM);
        return 1;
    }

    sc_session_row_write(row, session->state);
    sc_txn_put(txn, SC_DB_SESSIONS, key, key_n, row, n);
    free(row);

    if (session->stored) {
        return 1;
    }

    put_hello(txn, session, key, key_n);
    return 2;
}


/* --- a pass -------------------------------------------------------------- */

enum sc_error_code
sc_checkpoint_begin(struct sc_store *store)
{
    /* Whatever comes of it, the next one waits for as many messages. */
    store->checkpoint_at = store->last_serial + store->checkpoint_every;

    if (sc_hot_pass_begin(&store->hot) != 0) {
        return SC_E_STORAGE_FAILED;
    }

    store->pass_to = store->last_serial;
    return SC_E_NONE;
}

/* Evenly up to where the next one is due, so that it never falls behind. */
unsigned
sc_checkpoint_pace(const struct sc_store *store, size_t appends)
{
    const struct sc_hot *hot = &store->hot;
    uint64_t             last = store->last_serial + appends;
    uint64_t             pages;

    if (!sc_hot_passing(hot)) {
        return 0;
    }

    /* A new session takes two. */
    pages = 2 * sc_hot_pass_left(hot);
    if (last < store->checkpoint_at) {
        pages = pages * appends
                / (appends + store->checkpoint_at - last) + LEAST_PAGES;
    }

    return pages < UINT32_MAX ? (unsigned) pages : UINT32_MAX;
}

void
sc_checkpoint_put(struct sc_store *store, struct sc_txn *txn, unsigned pages)
{
    struct sc_hot_pass *pass = &store->hot.pass;
    size_t              n = pass->n_sessions + pass->n_customers;
    unsigned            written = 0;
    uint8_t             serial[8];

    for (pass->put = pass->at; pass->put < n && written < pages; pass->put++) {
        written += pass->put < pass->n_sessions
                   ? put_session(txn, pass->sessions[pass->put])
                   : put_customer(txn,
                                  pass->customers[pass->put
                                                  - pass->n_sessions]);
    }

    if (pass->put == n) {
        sc_put_number(serial, store->pass_to);
        sc_txn_put(txn, SC_DB_META, "indexed_to", 10, serial, sizeof(serial));
        sc_clock_save(&store->clock, txn);
    }
}

void
sc_checkpoint_committed(struct sc_store *store)
{
    struct sc_hot_pass *pass = &store->hot.pass;
    int                 whole = pass->put
                                == pass->n_sessions + pass->n_customers;

    sc_hot_pass_clean(&store->hot);

    if (whole) {
        /* What waited for entries to be indexed goes on at once. */
        if (store->needs > store->indexed_to
            && store->needs <= store->pass_to)
        {
            store->remove_at = 0;
            store->expire_at = 0;
            store->purge_at = 0;
        }

        store->indexed_to = store->pass_to;
        store->checkpoints++;
        store->checkpoint_time = (uint64_t) time(NULL) * 1000;
        sc_hot_pass_end(&store->hot);
    }
}

void
sc_checkpoint_failed(struct sc_store *store)
{
    store->hot.pass.put = store->hot.pass.at;
}

static enum sc_error_code
step(struct sc_store *store, unsigned pages, int with_cursors, char *why,
     size_t why_size)
{
    struct sc_txn     *txn = sc_txn_write(store->db);
    enum sc_error_code error;

    if (with_cursors) {
        sc_cursors_put(store, txn);
    }

    sc_checkpoint_put(store, txn, pages);
    error = sc_txn_commit(txn, why, why_size);
    if (error != SC_E_NONE) {
        sc_checkpoint_failed(store);
        return error;
    }

    sc_checkpoint_committed(store);
    if (with_cursors) {
        sc_cursors_clear(store);
    }

    return SC_E_NONE;
}

enum sc_error_code
sc_checkpoint_step(struct sc_store *store, unsigned pages, char *why,
                   size_t why_size)
{
    return step(store, pages, 0, why, why_size);
}

enum sc_error_code
sc_checkpoint(struct sc_store *store, char *why, size_t why_size)
{
    enum sc_error_code error = SC_E_NONE;

    while (error == SC_E_NONE && sc_hot_passing(&store->hot)) {
        error = step(store, SC_STEP_PAGES, 0, why, why_size);
    }

    if (error == SC_E_NONE) {
        error = sc_checkpoint_begin(store);
        if (error != SC_E_NONE) {
            snprintf(why, why_size, "no memory for a checkpoint");
        }
    }
    if (error == SC_E_NONE) {
        error = step(store, SC_STEP_PAGES, 1, why, why_size);
    }

    while (error == SC_E_NONE && sc_hot_passing(&store->hot)) {
        error = step(store, SC_STEP_PAGES, 0, why, why_size);
    }

    return error;
}


/* --- replay -------------------------------------------------------------- */

/* What a customer makes of an entry: -1 when it does not follow from what came
 * before, 0 when its row knows it, 1. */
static int
follows(const struct sc_hot_customer *customer, const struct sc_entry *entry)
{
    uint64_t head = sc_hot_head(customer);

    return entry->position <= head ? 0 : entry->position == head + 1 ? 1 : -1;
}

/* The same of its session, which is made if this is its first message. */
static int
session_follows(struct sc_store *store, struct sc_txn *txn,
                struct sc_hot_customer *customer,
                const struct sc_entry *entry, uint64_t place,
                struct sc_hot_session **out)
{
    struct sc_hot_session         *session;
    const struct sc_session_state *state = NULL;

    session = sc_load_session(store, txn, customer, entry->sid);
    if (session != NULL) {
        state = sc_hot_state(session);
    }

    *out = session;
    if (state != NULL && state->place >= place) {
        return 0;
    }

    if (entry->ordinal != (state == NULL ? 1 : state->ordinal + 1)
        || entry->prev != (state == NULL ? 0 : state->place))
    {
        return -1;
    }

    if (session == NULL) {
        session = sc_hot_add_session(&store->hot, customer, entry->sid, NULL);
        if (session == NULL) {
            return -1;
        }

        session->blocked = (uint8_t) sc_blocked(txn, customer->number,
                                                entry->sid);
        *out = session;
    }

    return 1;
}

/* 0, or -1 when the log is damaged. */
static int
replay_entry(struct sc_store *store, struct sc_txn *txn, uint64_t place,
             const struct sc_entry *entry)
{
    struct sc_hot          *hot = &store->hot;
    struct sc_hot_customer *customer;
    struct sc_hot_session  *session = NULL;
    int                     position, ordinal = 0, rc = 0;

    customer = sc_load_customer(store, txn, entry->customer,
                                store->customers);
    position = customer != NULL ? follows(customer, entry) : -1;

    /* A position that was given out stays so, whatever became of it. */
    if (customer != NULL && !sc_hot_erased(customer)
        && !sc_removing(txn, entry->customer, entry->sid))
    {
        ordinal = session_follows(store, txn, customer, entry, place,
                                  &session);
    }

    if (position < 0 || ordinal < 0) {
        return -1;
    }

    if (position && ordinal) {
        rc = sc_hot_stage(hot, session, entry, place);
    } else if (position) {
        rc = sc_hot_stage_place(hot, customer, entry, place);
    } else if (ordinal) {
        rc = sc_hot_stage_state(hot, session, entry, place);
    }

    if (rc != 0) {
        sc_txn_fail(txn, ENOMEM);
    }

    return 0;
}

/* A log while it is replayed: the place at hand, 0 at its end. */
struct reel {
    struct sc_walk *walk;
    uint64_t        place;
    struct sc_bytes value;
};

static void
reel_next(struct reel *reel, uint64_t from)
{
    int more = from != 0
               ? sc_walk_seek_number(reel->walk, from, &reel->place,
                                     &reel->value)
               : sc_walk_next_number(reel->walk, &reel->place, &reel->value);

    if (!more) {
        reel->place = 0;
    }
}

/* The one whose serial is the next, or NULL. */
static struct reel *
earliest(struct reel reels[SC_CLASSES])
{
    struct reel *first = NULL;
    unsigned     class;

    for (class = 0; class < SC_CLASSES; class++) {
        if (reels[class].place != 0
            && (first == NULL || reels[class].place < first->place))
        {
            first = &reels[class];
        }
    }

    return first;
}

/* 0, or -1 when a log is damaged. */
static int
replay_logs(struct sc_store *store, struct sc_txn *txn,
            struct reel reels[SC_CLASSES])
{
    struct reel    *reel;
    struct sc_entry entry;

    while (!sc_txn_failed(txn) && (reel = earliest(reels)) != NULL) {
        if (!sc_entry_read(reel->value, &entry)
            || replay_entry(store, txn, reel->place, &entry) != 0)
        {
            return -1;
        }

        store->last_serial = sc_serial_of(reel->place);
        if (entry.stamp > store->clock.now) {
            store->clock.now = entry.stamp;
        }
        if (store->last_serial % REPLAY_STEP == 0) {
            sc_hot_publish(&store->hot);
        }

        reel_next(reel, 0);
    }

    sc_hot_publish(&store->hot);
    return 0;
}

int
sc_replay(struct sc_store *store, char *why, size_t why_size)
{
    struct sc_txn *txn = sc_txn_read(store->db);
    struct reel    reels[SC_CLASSES] = { { NULL, 0, { NULL, 0 } } };
    unsigned       class;
    int            rc;

    if (txn == NULL) {
        snprintf(why, why_size, "could not read the store");
        return -1;
    }

    store->last_serial = store->indexed_to;
    for (class = 0; class < SC_CLASSES; class++) {
        reels[class].walk = sc_walk_open(txn, sc_log_of(class));
        if (reels[class].walk != NULL) {
            reel_next(&reels[class], sc_place_of(store->indexed_to + 1, 0));
        }
    }

    rc = replay_logs(store, txn, reels);
    if (rc != 0 || sc_txn_failed(txn)) {
        snprintf(why, why_size, "the log does not follow from the checkpoint "
                 "at serial %llu: the entry behind serial %llu is damaged",
                 (unsigned long long) store->indexed_to,
                 (unsigned long long) store->last_serial);
        rc = -1;
    }

    for (class = 0; class < SC_CLASSES; class++) {
        sc_walk_close(reels[class].walk);
    }
    sc_txn_end(txn);
    return rc;
}
