/*
 * Cursors: how far devices and sessions have acknowledged, and what release a
 * session's visitor ran last.
 *
 * They come as often as messages and are worth less, so they gather in memory,
 * the largest of each, and are put many at once.  What is lost by that is
 * delivered again.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "state.h"

#define FIRST_ROOM     256u
#define MANY           1024u

#define KEY_BYTES      SC_KEY_MAX

/* Where the key says whose cursor it is. */
#define OF_SESSION_AT  8u

struct pending {
    uint8_t          key[KEY_BYTES];
    struct sc_cursor cursor;
    int              has_release;
    size_t           next;       /* in the bucket, + 1; 0: the last */
};

/* The commit thread changes it, under the lock of hot state. */
struct sc_cursors {
    uint8_t         hash_key[16];
    struct pending *pending;
    size_t         *buckets;     /* room of them, a power of two */
    size_t          n;
    size_t          room;
    uint64_t        since;       /* ms, when the first of them came */
    uint32_t        delay;
};

static int
resize(struct sc_cursors *cursors, size_t room);

struct sc_cursors *
sc_cursors_new(uint32_t delay_ms)
{
    struct sc_cursors *cursors = calloc(1, sizeof(*cursors));

    if (cursors == NULL) {
        return NULL;
    }

    cursors->delay = delay_ms ? delay_ms : SC_LINGER_MS;
    randombytes_buf(cursors->hash_key, sizeof(cursors->hash_key));

    if (resize(cursors, FIRST_ROOM) != 0) {
        sc_cursors_free(cursors);
        return NULL;
    }

    return cursors;
}

void
sc_cursors_free(struct sc_cursors *cursors)
{
    if (cursors != NULL) {
        free(cursors->pending);
        free(cursors->buckets);
        free(cursors);
    }
}

static size_t *
bucket_of(const struct sc_cursors *cursors, const uint8_t key[KEY_BYTES])
{
    uint64_t hash;

    crypto_shorthash((unsigned char *) &hash, key, KEY_BYTES,
                     cursors->hash_key);
    return &cursors->buckets[hash & (cursors->room - 1)];
}

static struct pending *
find(const struct sc_cursors *cursors, const uint8_t key[KEY_BYTES])
{
    size_t at = *bucket_of(cursors, key);

    while (at != 0) {
        struct pending *pending = &cursors->pending[at - 1];

        if (memcmp(pending->key, key, KEY_BYTES) == 0) {
            return pending;
        }
        at = pending->next;
    }

    return NULL;
}

static void
link_in(struct sc_cursors *cursors, size_t i)
{
    size_t *bucket = bucket_of(cursors, cursors->pending[i].key);

    cursors->pending[i].next = *bucket;
    *bucket = i + 1;
}

static int
resize(struct sc_cursors *cursors, size_t room)
{
    struct pending *pending;
    size_t         *buckets;
    size_t          i;

    pending = realloc(cursors->pending, room * sizeof(pending[0]));
    if (pending == NULL) {
        return -1;
    }
    cursors->pending = pending;

    buckets = calloc(room, sizeof(buckets[0]));
    if (buckets == NULL) {
        return -1;
    }

    free(cursors->buckets);
    cursors->buckets = buckets;
    cursors->room = room;

    for (i = 0; i < cursors->n; i++) {
        link_in(cursors, i);
    }

    return 0;
}


/* --- writing ------------------------------------------------------------- */

enum sc_error_code
sc_cursor_check(struct sc_apply *apply, const struct sc_op *op)
{
    struct sc_hot_customer *customer;
    struct sc_hot_session  *session;
    uint64_t                number = op->cursor.customer;

    customer = sc_load_customer(apply->store, apply->txn, number,
                                apply->customers);
    if (customer == NULL || sc_hot_erased(customer)) {
        return SC_E_NOT_HERE;
    }

    if (op->cursor.position > sc_hot_head(customer)) {
        return SC_E_BAD_POSITION;
    }

    if (!op->cursor.of_session) {
        return SC_E_NONE;
    }

    session = sc_load_session(apply->store, apply->txn, customer,
                              op->cursor.id);
    if (session != NULL) {
        return sc_hot_ended(session) ? SC_E_SESSION_DELETED : SC_E_NONE;
    }

    return sc_deleted(apply->txn, number, op->cursor.id)
           ? SC_E_SESSION_DELETED : SC_E_UNKNOWN_SESSION;
}

int
sc_cursors_reserve(struct sc_store *store, size_t n)
{
    struct sc_cursors *cursors = store->cursors;
    size_t             room = cursors->room;
    int                rc = 0;

    while (room < cursors->n + n) {
        room *= 2;
    }

    if (room != cursors->room) {
        pthread_mutex_lock(&store->hot.lock);
        rc = resize(cursors, room);
        pthread_mutex_unlock(&store->hot.lock);
    }

    return rc;
}

void
sc_cursors_add(struct sc_store *store, const struct sc_op *op)
{
    struct sc_cursors *cursors = store->cursors;
    struct pending    *pending;
    uint8_t            key[KEY_BYTES];

    sc_key_of_cursor(key, op->cursor.customer, op->cursor.of_session,
                     op->cursor.id);

    pthread_mutex_lock(&store->hot.lock);

    pending = find(cursors, key);
    if (pending == NULL) {
        if (cursors->n == 0) {
            cursors->since = sc_store_clock();
        }
        pending = &cursors->pending[cursors->n];
        memset(pending, 0, sizeof(*pending));
        memcpy(pending->key, key, KEY_BYTES);
        link_in(cursors, cursors->n++);
    }

    pending->cursor.time = op->cursor.time;
    if (op->cursor.position > pending->cursor.position) {
        pending->cursor.position = op->cursor.position;
    }
    if (op->cursor.release != NULL) {
        memcpy(pending->cursor.release, op->cursor.release, 32);
        pending->has_release = 1;
    }

    pthread_mutex_unlock(&store->hot.lock);
}

int64_t
sc_cursors_wait(const struct sc_store *store)
{
    const struct sc_cursors *cursors = store->cursors;
    uint64_t                 age;

    if (cursors->n == 0) {
        return -1;
    }

    age = sc_store_clock() - cursors->since;
    return cursors->n >= MANY || age >= cursors->delay
           ? 0 : (int64_t) (cursors->delay - age);
}

int
sc_cursors_due(const struct sc_store *store)
{
    return sc_cursors_wait(store) == 0;
}

static int
by_key(const void *a, const void *b)
{
    const struct pending *const *x = a;
    const struct pending *const *y = b;

    return memcmp((*x)->key, (*y)->key, KEY_BYTES);
}

/* All zero when there is no row. */
static void
stored(struct sc_txn *txn, const uint8_t key[KEY_BYTES],
       struct sc_cursor *cursor)
{
    struct sc_bytes  value;
    struct sc_reader r;

    memset(cursor, 0, sizeof(*cursor));
    if (!sc_txn_get(txn, SC_DB_CURSORS, key, KEY_BYTES, &value)) {
        return;
    }

    r = sc_reader_of(value.p, value.n);
    cursor->position = sc_get_u64(&r);
    cursor->time = sc_get_u64(&r);
    if (key[OF_SESSION_AT] && sc_reader_left(&r) == 32) {
        memcpy(cursor->release, sc_get_bytes(&r, 32), 32);
    }

    if (!sc_reader_done(&r)) {
        sc_txn_fail(txn, EBADMSG);
    }
}

/* Whether the cursor's session was deleted, or its customer erased, since it
 * was added. */
static int
of_deleted(const struct sc_store *store, struct sc_txn *txn,
           const uint8_t key[KEY_BYTES])
{
    struct sc_reader r = sc_reader_of(key, KEY_BYTES);
    uint64_t         number = sc_get_uint(&r, 8);

    const struct sc_hot_customer *customer;

    customer = sc_hot_customer(&store->hot, number);
    return (customer != NULL && sc_hot_erased(customer))
           || (key[OF_SESSION_AT]
               && sc_deleted(txn, number, key + OF_SESSION_AT + 1));
}

static void
put_one(const struct sc_store *store, struct sc_txn *txn,
        const struct pending *pending)
{
    uint8_t          value[16 + 32];
    struct sc_writer w = sc_writer_of(value, sizeof(value));
    struct sc_cursor cursor;

    if (of_deleted(store, txn, pending->key)) {
        return;
    }

    stored(txn, pending->key, &cursor);
    cursor.time = pending->cursor.time;
    if (pending->cursor.position > cursor.position) {
        cursor.position = pending->cursor.position;
    }
    if (pending->has_release) {
        memcpy(cursor.release, pending->cursor.release, 32);
    }

    sc_put_uint(&w, cursor.position, 8);
    sc_put_uint(&w, cursor.time, 8);
    if (pending->key[OF_SESSION_AT]) {
        sc_put_bytes(&w, cursor.release, 32);
    }

    sc_txn_put(txn, SC_DB_CURSORS, pending->key, KEY_BYTES, value,
               (size_t) (w.p - value));
}

/* In the order of their keys, which touches each page of the database once. */
void
sc_cursors_put(struct sc_store *store, struct sc_txn *txn)
{
    struct sc_cursors     *cursors = store->cursors;
    const struct pending **sorted;
    size_t                 i;

    if (cursors->n == 0) {
        return;
    }

    sorted = malloc(cursors->n * sizeof(sorted[0]));
    if (sorted == NULL) {
        sc_txn_fail(txn, ENOMEM);
        return;
    }

    for (i = 0; i < cursors->n; i++) {
        sorted[i] = &cursors->pending[i];
    }

    qsort(sorted, cursors->n, sizeof(sorted[0]), by_key);
    for (i = 0; i < cursors->n; i++) {
        put_one(store, txn, sorted[i]);
    }

    free(sorted);
}

void
sc_cursors_clear(struct sc_store *store)
{
    struct sc_cursors *cursors = store->cursors;

    pthread_mutex_lock(&store->hot.lock);
    cursors->n = 0;
    memset(cursors->buckets, 0, cursors->room * sizeof(cursors->buckets[0]));
    pthread_mutex_unlock(&store->hot.lock);
}


/* --- reading ------------------------------------------------------------- */

int
sc_cursor_get(struct sc_store *store, uint64_t customer, int of_session,
              const uint8_t id[32], struct sc_cursor *cursor)
{
    const struct pending *found;
    struct pending        pending = { .has_release = 0 };
    struct sc_txn        *txn;
    uint8_t               key[KEY_BYTES];
    int                   failed;

    sc_key_of_cursor(key, customer, of_session, id);

    pthread_mutex_lock(&store->hot.lock);
    found = find(store->cursors, key);
    if (found != NULL) {
        pending = *found;
    }
    pthread_mutex_unlock(&store->hot.lock);

    txn = sc_txn_read(store->db);
    if (txn == NULL) {
        return -1;
    }

    stored(txn, key, cursor);
    if (pending.cursor.position > cursor->position) {
        cursor->position = pending.cursor.position;
    }
    if (pending.has_release) {
        memcpy(cursor->release, pending.cursor.release, 32);
    }

    failed = sc_txn_failed(txn);
    sc_txn_end(txn);
    return failed ? -1 : 0;
}

int
sc_lmdb_cursor(struct sc_store *store, uint64_t customer,
               const uint8_t signkey_id[32], uint64_t *position)
{
    struct sc_cursor cursor;
    int              rc;

    rc = sc_cursor_get(store, customer, 0, signkey_id, &cursor);
    *position = rc == 0 ? cursor.position : 0;
    return rc;
}
