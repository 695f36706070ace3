/*
 * Reading sessions: one, or a page of them in the order of their sids.
 *
 * A session is in memory, or on disk, or both; then memory is right.  Each
 * function looks into memory first and into the database afterwards, because
 * what leaves memory in between is on disk by then.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

static void
fill(struct sc_session_info *out, const struct sc_session_state *state,
     const uint8_t signkey_id[32])
{
    const struct sc_sender *sender;

    out->head = state->position;
    out->time = state->time;

    sender = sc_session_state_sender(state, signkey_id);
    if (sender != NULL) {
        out->seq = sender->seq;
        memcpy(out->id, sender->id, 32);
    }
}

/* 1 when memory has it; out->deleted when it is gone.  first_place: of the entry that has its hello, or 0
 * when the hello has a row. */
static int
from_memory(struct sc_store *store, uint64_t customer,
            const uint8_t signkey_id[32], struct sc_session_info *out,
            uint64_t *first_place)
{
    const struct sc_hot_session *session;
    int                          found = 0;

    pthread_mutex_lock(&store->hot.lock);

    session = sc_hot_session(&store->hot, customer, out->sid);
    if (session != NULL && session->gone) {
        out->deleted = 1;
    } else if (session != NULL && session->state != NULL) {
        found = 1;
        fill(out, session->state, signkey_id);
        *first_place = session->stored ? 0 : session->first_place;
    }

    pthread_mutex_unlock(&store->hot.lock);

    return found;
}

static int
from_disk(struct sc_txn *txn, const uint8_t *key, size_t key_n,
          const uint8_t signkey_id[32], struct sc_session_info *out)
{
    struct sc_session_state *state;
    struct sc_bytes          row;

    if (!sc_txn_get(txn, SC_DB_SESSIONS, key, key_n, &row)) {
        return 0;
    }

    state = sc_session_row_read(row);
    if (state == NULL) {
        sc_txn_fail(txn, EBADMSG);
        return 0;
    }

    fill(out, state, signkey_id);
    free(state);
    return 1;
}

static void
read_hello(struct sc_txn *txn, const uint8_t *key, size_t key_n,
           uint64_t first_place, struct sc_session_info *out)
{
    struct sc_bytes hello = { NULL, 0 };
    struct sc_entry entry;

    if (first_place != 0 && sc_entry_at(txn, first_place, &entry)) {
        hello = entry.hello;
    } else if (first_place == 0) {
        (void) sc_txn_get(txn, SC_DB_HELLOS, key, key_n, &hello);
    }

    /* It may have been deleted since memory was asked. */
    if (hello.n == 0 && out->deleted) {
        return;
    }

    if (hello.n == 0 || hello.n > sizeof(out->hello)) {
        sc_txn_fail(txn, EBADMSG);
        return;
    }

    memcpy(out->hello, hello.p, hello.n);
    out->hello_len = hello.n;
}

int
sc_lmdb_session(struct sc_store *store, uint64_t customer,
                const uint8_t sid[32], const uint8_t signkey_id[32],
                struct sc_session_info *out)
{
    struct sc_txn   *txn;
    struct sc_cursor cursor;
    uint8_t          key[SC_KEY_MAX];
    size_t           key_n = sc_key_of_id(key, customer, sid);
    uint64_t         first_place = 0;
    int              found;

    memset(out, 0, sizeof(*out));
    memcpy(out->sid, sid, 32);

    if (sc_cursor_get(store, customer, 1, sid, &cursor) != 0) {
        return -1;
    }

    out->cursor = cursor.position;
    memcpy(out->release, cursor.release, 32);
    found = from_memory(store, customer, signkey_id, out, &first_place);

    txn = sc_txn_read(store->db);
    if (txn == NULL) {
        return -1;
    }

    if (!sc_customer_there(txn, customer)) {
        memset(out, 0, sizeof(*out));
        return sc_txn_finish(txn, 0);
    }

    out->deleted |= sc_deleted(txn, customer, sid);
    if (!found && !out->deleted) {
        found = from_disk(txn, key, key_n, signkey_id, out);
    }
    if (found) {
        out->blocked = sc_blocked(txn, customer, sid);
        read_hello(txn, key, key_n, first_place, out);
    }
    if (sc_txn_failed(txn)) {
        found = -1;
    } else if (out->deleted) {
        found = 0;
    }

    sc_txn_end(txn);
    return found;
}


/* --- pages of them ------------------------------------------------------- */

/* The n smallest sids that were put in, ascending, each once. */
struct sids {
    uint8_t (*sid)[32];
    size_t    n;
    size_t    room;
};

static void
put_sid(struct sids *sids, const uint8_t sid[32])
{
    size_t i = sids->n;
    int    order = 1;

    while (i > 0 && (order = memcmp(sid, sids->sid[i - 1], 32)) < 0) {
        i--;
    }

    if (i == sids->room || (i > 0 && order == 0)) {
        return;
    }

    if (sids->n < sids->room) {
        sids->n++;
    }

    memmove(sids->sid[i + 1], sids->sid[i], (sids->n - 1 - i) * 32);
    memcpy(sids->sid[i], sid, 32);
}

static void
sids_in_memory(struct sc_store *store, uint64_t customer,
               const uint8_t from[32], struct sids *sids)
{
    const struct sc_hot_customer *hot;
    const struct sc_hot_session  *session = NULL;

    pthread_mutex_lock(&store->hot.lock);

    hot = sc_hot_customer(&store->hot, customer);
    if (hot != NULL) {
        session = hot->unstored;
    }

    for (; session != NULL; session = session->unstored_next) {
        if (!session->gone && memcmp(session->sid, from, 32) >= 0) {
            put_sid(sids, session->sid);
        }
    }

    pthread_mutex_unlock(&store->hot.lock);
}

static int
sids_on_disk(struct sc_store *store, uint64_t customer,
             const uint8_t from[32], struct sids *sids)
{
    struct sc_txn  *txn = sc_txn_read(store->db);
    struct sc_walk *walk;
    struct sc_bytes key, value;
    uint8_t         seek[SC_KEY_MAX];
    size_t          seek_n = sc_key_of_id(seek, customer, from);
    size_t          i;
    int             more, failed;

    if (txn == NULL) {
        return -1;
    }

    walk = sc_walk_open(txn, SC_DB_SESSIONS);
    more = walk != NULL && sc_walk_seek(walk, seek, seek_n, &key, &value);

    for (i = 0; i < sids->room && more && key.n == 40
                && memcmp(key.p, seek, 8) == 0; i++)
    {
        put_sid(sids, key.p + 8);
        more = sc_walk_next(walk, &key, &value);
    }

    failed = sc_txn_failed(txn);
    sc_walk_close(walk);
    sc_txn_end(txn);
    return failed ? -1 : 0;
}

static int
is_there(struct sc_store *store, uint64_t customer)
{
    struct sc_txn *txn = sc_txn_read(store->db);

    return txn == NULL ? -1
                       : sc_txn_finish(txn, sc_customer_there(txn, customer));
}

/* How many were read, or -1.  gone: one of them was, meanwhile. */
static int
read_page(struct sc_store *store, uint64_t customer, const uint8_t from[32],
          const uint8_t signkey_id[32], struct sids *sids,
          struct sc_session_info *out, int *gone)
{
    int i, rc;

    *gone = 0;
    sids->n = 0;
    sids_in_memory(store, customer, from, sids);
    if (sids_on_disk(store, customer, from, sids) != 0) {
        return -1;
    }

    for (i = 0; i < (int) sids->n; i++) {
        rc = sc_lmdb_session(store, customer, sids->sid[i], signkey_id,
                             &out[i]);
        if (rc != 1) {
            *gone = rc == 0;
            return -1;
        }
    }

    return i;
}

int
sc_lmdb_sessions(struct sc_store *store, uint64_t customer,
                 const uint8_t from[32], const uint8_t signkey_id[32],
                 struct sc_session_info *out, int n)
{
    struct sids sids = { NULL, 0, 0 };
    int         read, gone;

    if (n <= 0) {
        return 0;
    }

    sids.room = (size_t) n;
    sids.sid = malloc((sids.room + 1) * sizeof(sids.sid[0]));
    if (sids.sid == NULL) {
        return -1;
    }

    /* Each turn more means that another session is gone for good. */
    do {
        read = is_there(store, customer);
        gone = 0;
        if (read == 1) {
            read = read_page(store, customer, from, signkey_id, &sids, out,
                             &gone);
        }
    } while (gone);

    free(sids.sid);
    return read;
}
