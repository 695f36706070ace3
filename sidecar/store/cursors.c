/*
 * Cursors: how far devices and sessions have acknowledged.
 *
 * They come as often as messages and are worth less, so they gather in memory,
 * the largest of each, and are put many at once.  What is lost by that is
 * delivered again.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "state.h"

#define FIRST_ROOM     256u
#define MANY           1024u
#define DEFAULT_DELAY  1000u

#define KEY_BYTES      41u       /* customer:8 of_session:1 id:32 */

struct pending {
    uint8_t  key[KEY_BYTES];
    uint64_t position;
    uint64_t time;
    size_t   next;               /* in the bucket, + 1; 0: the last */
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

static uint64_t
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

static int
resize(struct sc_cursors *cursors, size_t room);

struct sc_cursors *
sc_cursors_new(uint32_t delay_ms)
{
    struct sc_cursors *cursors = calloc(1, sizeof(*cursors));

    if (cursors == NULL) {
        return NULL;
    }

    cursors->delay = delay_ms ? delay_ms : DEFAULT_DELAY;
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

static size_t
cursor_key(uint8_t key[KEY_BYTES], uint64_t customer, int of_session,
           const uint8_t id[32])
{
    struct sc_writer w = sc_writer_of(key, KEY_BYTES);

    sc_put_uint(&w, customer, 8);
    sc_put_uint(&w, of_session != 0, 1);
    sc_put_bytes(&w, id, 32);
    return KEY_BYTES;
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
    uint64_t                number = op->cursor.customer;

    customer = sc_load_customer(apply->store, apply->txn, number,
                                apply->customers);
    if (customer == NULL) {
        return SC_E_NOT_HERE;
    }

    if (op->cursor.position > sc_hot_head(customer)) {
        return SC_E_BAD_POSITION;
    }

    if (op->cursor.of_session
        && sc_load_session(apply->store, apply->txn, customer, op->cursor.id)
           == NULL)
    {
        return SC_E_UNKNOWN_SESSION;
    }

    return SC_E_NONE;
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

    cursor_key(key, op->cursor.customer, op->cursor.of_session,
               op->cursor.id);

    pthread_mutex_lock(&store->hot.lock);

    pending = find(cursors, key);
    if (pending == NULL) {
        if (cursors->n == 0) {
            cursors->since = now();
        }
        pending = &cursors->pending[cursors->n];
        memset(pending, 0, sizeof(*pending));
        memcpy(pending->key, key, KEY_BYTES);
        link_in(cursors, cursors->n++);
    }

    pending->time = op->cursor.time;
    if (op->cursor.position > pending->position) {
        pending->position = op->cursor.position;
    }

    pthread_mutex_unlock(&store->hot.lock);
}

int
sc_cursors_due(const struct sc_store *store)
{
    const struct sc_cursors *cursors = store->cursors;

    return cursors->n >= MANY
           || (cursors->n > 0 && now() - cursors->since >= cursors->delay);
}

static int
by_key(const void *a, const void *b)
{
    const struct pending *const *x = a;
    const struct pending *const *y = b;

    return memcmp((*x)->key, (*y)->key, KEY_BYTES);
}

static uint64_t
stored(struct sc_txn *txn, const uint8_t key[KEY_BYTES])
{
    struct sc_bytes  value;
    struct sc_reader r;

    if (!sc_txn_get(txn, SC_DB_CURSORS, key, KEY_BYTES, &value)) {
        return 0;
    }

    r = sc_reader_of(value.p, value.n);
    return sc_get_u64(&r);
}

static void
put_one(struct sc_txn *txn, const struct pending *pending)
{
    uint8_t          value[16];
    struct sc_writer w = sc_writer_of(value, sizeof(value));
    uint64_t         position = stored(txn, pending->key);

    if (pending->position > position) {
        position = pending->position;
    }

    sc_put_uint(&w, position, 8);
    sc_put_uint(&w, pending->time, 8);
    sc_txn_put(txn, SC_DB_CURSORS, pending->key, KEY_BYTES, value,
               sizeof(value));
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
        put_one(txn, sorted[i]);
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
              const uint8_t id[32], uint64_t *position)
{
    const struct pending *pending;
    struct sc_txn        *txn;
    uint8_t               key[KEY_BYTES];
    uint64_t              on_disk;
    int                   failed;

    cursor_key(key, customer, of_session, id);
    *position = 0;

    pthread_mutex_lock(&store->hot.lock);
    pending = find(store->cursors, key);
    if (pending != NULL) {
        *position = pending->position;
    }
    pthread_mutex_unlock(&store->hot.lock);

    txn = sc_txn_read(store->db);
    if (txn == NULL) {
        return -1;
    }

    on_disk = stored(txn, key);
    if (on_disk > *position) {
        *position = on_disk;
    }

    failed = sc_txn_failed(txn);
    sc_txn_end(txn);
    return failed ? -1 : 0;
}

int
sc_store_cursor(struct sc_store *store, uint64_t customer,
                const uint8_t signkey_id[32], uint64_t *position)
{
    return sc_cursor_get(store, customer, 0, signkey_id, position);
}
