/*
 * Reading messages: a customer's from a position on, a session's from either
 * end.
 *
 * What a page will hold is gathered inside one reading transaction, as
 * pointers into the map, and copied out once.  Memory is asked first, then
 * the transaction begins: what a checkpoint moves from one to the other in
 * between is seen.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

/* So many messages are looked at in one call, skipped ones included. */
#define LOOK_MAX  512u

/* What a page will hold, or may. */
struct gather {
    struct sc_txn  *txn;
    const uint8_t  *skip_signkey;
    uint64_t        earliest;    /* of the customer */
    uint64_t        expired;
    size_t          n_max;
    size_t          bytes_max;
    size_t          n;
    size_t          bytes;       /* of hellos and envelopes */
    struct sc_entry entries[LOOK_MAX];
};

static struct gather *
gather_new(struct sc_store *store, uint64_t customer,
           const uint8_t *skip_signkey, size_t n, size_t max_bytes,
           struct sc_customer_row *row)
{
    struct gather *gather = malloc(sizeof(*gather));

    if (gather == NULL) {
        return NULL;
    }

    gather->txn = sc_txn_read(store->db);
    if (gather->txn == NULL) {
        free(gather);
        return NULL;
    }

    if (!sc_customer_row(gather->txn, customer, row)) {
        memset(row, 0, sizeof(*row));
        row->earliest = row->expired = UINT64_MAX;
    }

    gather->skip_signkey = skip_signkey;
    gather->earliest = row->earliest;
    gather->expired = row->expired;
    gather->n_max = n < LOOK_MAX ? n : LOOK_MAX;
    gather->bytes_max = max_bytes;
    gather->n = 0;
    gather->bytes = 0;
    return gather;
}

/* What has expired is not there, even where its log still has it. */
static int
entry_at(const struct gather *gather, uint64_t place, struct sc_entry *entry)
{
    return sc_serial_of(place) > gather->expired
           && sc_entry_at(gather->txn, place, entry);
}

/* The first that is left of a session has lost the message that had the
 * hello. */
static void
find_hello(const struct gather *gather, struct sc_entry *entry)
{
    uint8_t key[SC_KEY_MAX];

    if (entry->ordinal > 1 && sc_serial_of(entry->prev) <= gather->expired) {
        (void) sc_txn_get(gather->txn, SC_DB_HELLOS, key,
                          sc_key_of_id(key, entry->customer, entry->sid),
                          &entry->hello);
    }
}

/* 0 when the page is full without this one. */
static int
gather_add(struct gather *gather, struct sc_entry *entry)
{
    size_t bytes;

    if ((gather->skip_signkey != NULL
         && memcmp(entry->signkey_id, gather->skip_signkey, 32) == 0)
        || sc_removing(gather->txn, entry->customer, entry->sid))
    {
        return 1;
    }

    find_hello(gather, entry);
    bytes = entry->hello.n + entry->envelope.n;

    if (gather->n == gather->n_max
        || (gather->n > 0 && gather->bytes + bytes > gather->bytes_max))
    {
        return 0;
    }

    gather->entries[gather->n++] = *entry;
    gather->bytes += bytes;
    return 1;
}

static struct sc_bytes
copy(uint8_t **to, struct sc_bytes from)
{
    struct sc_bytes at = { *to, from.n };

    if (from.n) {
        memcpy(*to, from.p, from.n);
        *to += from.n;
    }

    return at;
}

static struct sc_page *
page_of(const struct gather *gather, uint64_t next)
{
    struct sc_page *page;
    uint8_t        *bytes;
    size_t          i, fixed;

    fixed = sizeof(*page) + gather->n * sizeof(page->messages[0]);
    page = malloc(fixed + gather->bytes);
    if (page == NULL) {
        return NULL;
    }

    bytes = (uint8_t *) page + fixed;
    page->n = gather->n;
    page->next = next;

    for (i = 0; i < gather->n; i++) {
        const struct sc_entry *entry = &gather->entries[i];
        struct sc_stored      *message = &page->messages[i];

        message->position = entry->position;
        message->time = entry->time;
        message->first = entry->hello.n != 0;
        message->hello = copy(&bytes, entry->hello);
        message->envelope = copy(&bytes, entry->envelope);
    }

    return page;
}

/* Frees the gather and ends its transaction. */
static struct sc_page *
finish(struct gather *gather, uint64_t next)
{
    struct sc_page *page = NULL;

    if (!sc_txn_failed(gather->txn)) {
        page = page_of(gather, next);
    }

    sc_txn_end(gather->txn);
    free(gather);
    return page;
}


/* --- a customer's -------------------------------------------------------- */

/* The places of a customer's positions: on disk below tail_first, and from
 * there on as memory had them, starting at copied_from. */
struct places {
    uint64_t        customer;
    uint64_t        head;
    uint64_t        tail_first;
    uint64_t        copied_from;
    size_t          n_copied;
    uint64_t        copied[LOOK_MAX];
    struct sc_block block;           /* the one at hand */
};

/* 0 when memory does not know the customer. */
static int
places_in_memory(struct sc_store *store, struct places *places, uint64_t from)
{
    const struct sc_hot_customer *customer;
    size_t                        skip;

    pthread_mutex_lock(&store->hot.lock);

    customer = sc_hot_customer(&store->hot, places->customer);
    if (customer != NULL) {
        places->head = customer->head;
        places->tail_first = customer->tail_first;
        skip = 0;
        if (from > customer->tail_first) {
            skip = from - customer->tail_first;
        }
        places->copied_from = customer->tail_first + skip;
        if (skip < customer->n_tail) {
            places->n_copied = customer->n_tail - skip;
            if (places->n_copied > LOOK_MAX) {
                places->n_copied = LOOK_MAX;
            }
            memcpy(places->copied, customer->tail + skip,
                   places->n_copied * sizeof(places->copied[0]));
        }
    }

    pthread_mutex_unlock(&store->hot.lock);

    return customer != NULL;
}

/* 0 when the position is beyond what was copied of memory, or on failure. */
static uint64_t
place_of(struct sc_txn *txn, struct places *places, uint64_t position)
{
    if (position >= places->tail_first) {
        position -= places->copied_from;
        return position < places->n_copied ? places->copied[position] : 0;
    }

    if (!sc_block_has(&places->block, position)
        && !sc_block_find(txn, places->customer, position, &places->block))
    {
        sc_txn_fail(txn, EBADMSG);
        return 0;
    }

    return places->block.places[position - places->block.first];
}

static uint64_t
gather_from(struct gather *gather, struct places *places, uint64_t from)
{
    struct sc_entry entry;
    uint64_t        position = from;
    unsigned        looked;

    for (looked = 0; looked < LOOK_MAX && position <= places->head;
         looked++, position++)
    {
        uint64_t place = place_of(gather->txn, places, position);

        if (place == 0) {
            break;
        }

        /* A position without an entry is of a deleted session. */
        if (entry_at(gather, place, &entry)
            && !gather_add(gather, &entry))
        {
            break;
        }
    }

    return position <= places->head ? position : 0;
}

struct sc_page *
sc_lmdb_read(struct sc_store *store, uint64_t customer, uint64_t from,
             const uint8_t *skip_signkey, size_t n, size_t max_bytes)
{
    struct places          places = { .customer = customer };
    struct sc_customer_row row;
    struct gather         *gather;
    int                    hot;

    hot = places_in_memory(store, &places, from);

    gather = gather_new(store, customer, skip_signkey, n, max_bytes, &row);
    if (gather == NULL) {
        return NULL;
    }

    if (from < gather->earliest) {
        from = gather->earliest;
    }

    if (!hot) {
        places.head = row.head;
        places.tail_first = row.head + 1;
        places.copied_from = places.tail_first;
    }

    return finish(gather, gather_from(gather, &places, from));
}


/* --- a session's --------------------------------------------------------- */

/* Place of the newest message, 0 if there is none. */
static uint64_t
head_in_memory(struct sc_store *store, uint64_t customer,
               const uint8_t sid[32])
{
    const struct sc_hot_session *session;
    uint64_t                     place = 0;

    pthread_mutex_lock(&store->hot.lock);

    session = sc_hot_session(&store->hot, customer, sid);
    if (session != NULL && session->state != NULL && !session->gone) {
        place = session->state->place;
    }

    pthread_mutex_unlock(&store->hot.lock);

    return place;
}

static uint64_t
head_on_disk(struct sc_txn *txn, uint64_t customer, const uint8_t sid[32])
{
    struct sc_session_state *state;
    struct sc_bytes          row;
    uint8_t                  key[SC_KEY_MAX];
    size_t                   key_n = sc_key_of_id(key, customer, sid);
    uint64_t                 place = 0;

    if (!sc_txn_get(txn, SC_DB_SESSIONS, key, key_n, &row)) {
        return 0;
    }

    state = sc_session_row_read(row);
    if (state == NULL) {
        sc_txn_fail(txn, EBADMSG);
        return 0;
    }

    place = state->place;
    free(state);
    return place;
}

static struct gather *
gather_session(struct sc_store *store, uint64_t customer,
               const uint8_t sid[32], const uint8_t *skip_signkey, size_t n,
               size_t max_bytes, uint64_t *head)
{
    struct gather         *gather;
    struct sc_customer_row row;

    *head = head_in_memory(store, customer, sid);

    gather = gather_new(store, customer, skip_signkey, n, max_bytes, &row);
    if (gather != NULL && *head == 0) {
        *head = head_on_disk(gather->txn, customer, sid);
    }

    return gather;
}

/*
 * Goes back along a chain from entry, in long steps where it can, to the
 * oldest message with a position of at least that and an ordinal of at least
 * that.  entry itself fulfils both.
 */
static void
go_back(const struct gather *gather, struct sc_entry *entry,
        uint64_t position, uint64_t ordinal)
{
    struct sc_entry older;

    for ( ;; ) {
        if (entry_at(gather, entry->skip, &older)
            && older.position >= position && older.ordinal >= ordinal)
        {
            *entry = older;
            continue;
        }

        if (!entry_at(gather, entry->prev, &older)
            || older.position < position || older.ordinal < ordinal)
        {
            return;
        }

        *entry = older;
    }
}

/* From the oldest message above a position, ascending. */
static uint64_t
gather_above(struct gather *gather, uint64_t head, uint64_t above)
{
    struct sc_entry newest, entry;
    struct sc_entry window[LOOK_MAX];
    uint64_t        oldest;
    size_t          n = 0;

    if (!entry_at(gather, head, &newest) || newest.position <= above) {
        return 0;
    }

    entry = newest;
    go_back(gather, &entry, above + 1, 0);
    oldest = entry.ordinal;

    entry = newest;
    if (newest.ordinal - oldest >= LOOK_MAX) {
        go_back(gather, &entry, 0, oldest + LOOK_MAX - 1);
    }

    while (n < LOOK_MAX && entry.ordinal >= oldest) {
        window[n++] = entry;
        if (!entry_at(gather, entry.prev, &entry)) {
            break;
        }
    }

    while (n > 0 && gather_add(gather, &window[n - 1])) {
        above = window[--n].position;
    }

    return above == newest.position ? 0 : above;
}

struct sc_page *
sc_lmdb_read_session(struct sc_store *store, uint64_t customer,
                     const uint8_t sid[32], uint64_t above,
                     const uint8_t *skip_signkey, size_t n, size_t max_bytes)
{
    struct gather *gather;
    uint64_t       head;

    gather = gather_session(store, customer, sid, skip_signkey, n, max_bytes,
                            &head);
    if (gather == NULL) {
        return NULL;
    }

    return finish(gather, gather_above(gather, head, above));
}

/* From the newest message below a position (0: the newest), descending. */
static uint64_t
gather_below(struct gather *gather, uint64_t head, uint64_t before)
{
    struct sc_entry entry;
    uint64_t        last = 0;

    if (!entry_at(gather, head, &entry)) {
        return 0;
    }

    if (before != 0 && entry.position >= before) {
        go_back(gather, &entry, before, 0);
        if (!entry_at(gather, entry.prev, &entry)) {
            return 0;
        }
    }

    while (gather_add(gather, &entry)) {
        last = entry.position;
        if (!entry_at(gather, entry.prev, &entry)) {
            return 0;
        }
    }

    return last;
}

struct sc_page *
sc_lmdb_history(struct sc_store *store, uint64_t customer,
                const uint8_t sid[32], uint64_t before, size_t n,
                size_t max_bytes)
{
    struct gather *gather;
    uint64_t       head;

    gather = gather_session(store, customer, sid, NULL, n, max_bytes, &head);
    if (gather == NULL) {
        return NULL;
    }

    return finish(gather, gather_below(gather, head, before));
}
