/*
 * The engine in memory: reading.
 */

#include "state.h"

#define PAGE_MAX  512u

static void
copy_out(const struct blob *blob, struct sc_blob_out *out)
{
    out->n = blob->n;
    out->p = malloc(blob->n ? blob->n : 1);
    if (out->p == NULL) {
        abort();
    }
    memcpy(out->p, blob->p, blob->n);
}


/* --- customers ----------------------------------------------------------- */

int
memory_customer(struct sc_store *store, const uint8_t cid[32],
                struct sc_customer *out)
{
    const struct customer *customer;
    int                    found;

    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&store->lock);

    customer = customer_by_cid(store, cid);
    found = customer != NULL && !customer->erased;
    if (found) {
        out->number = customer->number;
        out->head = customer->n_messages;
        out->earliest = customer->earliest;
        memcpy(out->account_id, customer->account_id, 32);
    }

    pthread_mutex_unlock(&store->lock);
    return found;
}

int
memory_limits(struct sc_store *store, const uint8_t cid[32],
              struct sc_limits *out)
{
    const struct customer *customer;
    int                    found;

    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&store->lock);

    customer = customer_by_cid(store, cid);
    found = customer != NULL && !customer->erased;
    if (found) {
        out->days = customer->days;
        out->quotas = customer->quotas;
        memory_usage(customer, out);
    }

    pthread_mutex_unlock(&store->lock);
    return found;
}

int
memory_customers(struct sc_store *store, uint64_t from, uint8_t (*cids)[32],
                 int n, uint64_t *next)
{
    size_t i;
    int    found = 0;

    *next = 0;
    pthread_mutex_lock(&store->lock);

    for (i = from ? from - 1 : 0; i < store->n_customers; i++) {
        if (store->customers[i]->erased) {
            continue;
        }
        if (found == n) {
            *next = i + 1;
            break;
        }
        memcpy(cids[found++], store->customers[i]->cid, 32);
    }

    pthread_mutex_unlock(&store->lock);
    return found;
}

static const struct customer *
customer_of_account(const struct sc_store *store, const uint8_t *account_id)
{
    size_t i;

    for (i = 0; i < store->n_customers; i++) {
        if (!store->customers[i]->erased
            && same_id(store->customers[i]->account_id, account_id))
        {
            return store->customers[i];
        }
    }

    return NULL;
}

int
memory_account(struct sc_store *store, const uint8_t account_id[32],
               uint8_t cid[32], struct sc_blob_out *record)
{
    const struct customer *customer;

    memset(record, 0, sizeof(*record));
    pthread_mutex_lock(&store->lock);
    customer = customer_of_account(store, account_id);
    if (customer != NULL) {
        memcpy(cid, customer->cid, 32);
        copy_out(&customer->account, record);
    }
    pthread_mutex_unlock(&store->lock);
    return customer != NULL;
}

int
memory_wrap(struct sc_store *store, const uint8_t account_id[32],
            uint64_t generation, uint8_t kind, struct sc_blob_out *wrap)
{
    const struct customer *customer;
    size_t                 i;
    int                    found = 0;

    memset(wrap, 0, sizeof(*wrap));
    pthread_mutex_lock(&store->lock);
    customer = customer_of_account(store, account_id);

    for (i = 0; customer != NULL && i < customer->n_wraps && !found; i++) {
        found = customer->wraps[i].generation == generation
                && customer->wraps[i].kind == kind;
        if (found) {
            copy_out(&customer->wraps[i].bytes, wrap);
        }
    }

    pthread_mutex_unlock(&store->lock);
    return found;
}

int
memory_roster(struct sc_store *store, uint64_t number, uint64_t version,
              struct sc_blob_out *roster)
{
    const struct customer *customer;
    int                    found;

    memset(roster, 0, sizeof(*roster));
    pthread_mutex_lock(&store->lock);

    customer = customer_of(store, number);
    if (customer != NULL && version == 0) {
        version = customer->n_rosters;
    }

    found = customer != NULL && version <= customer->n_rosters;
    if (found) {
        copy_out(&customer->rosters[version - 1].bytes, roster);
    }

    pthread_mutex_unlock(&store->lock);
    return found;
}

int
memory_roster_by_id(struct sc_store *store, uint64_t number,
                    const uint8_t id[32], struct sc_blob_out *roster)
{
    const struct customer *customer;
    size_t                 i;
    int                    found = 0;

    memset(roster, 0, sizeof(*roster));
    pthread_mutex_lock(&store->lock);
    customer = customer_of(store, number);

    for (i = 0; customer != NULL && i < customer->n_rosters && !found; i++) {
        found = same_id(customer->rosters[i].id, id);
        if (found) {
            copy_out(&customer->rosters[i].bytes, roster);
        }
    }

    pthread_mutex_unlock(&store->lock);
    return found;
}


/* --- sessions and cursors ------------------------------------------------ */

static int
is_there(const struct session *session)
{
    return session != NULL && session->n > 0 && !session->deleted;
}

static void
fill(struct sc_session_info *out, const struct session *session,
     const uint8_t *signkey_id)
{
    const struct sender *sender = sender_of(session, signkey_id);

    memset(out, 0, sizeof(*out));
    memcpy(out->sid, session->sid, 32);
    out->head = session->head;
    out->time = session->time;
    out->cursor = session->cursor;
    out->blocked = session->blocked;
    memcpy(out->release, session->release, 32);
    out->hello_len = session->hello.n;
    memcpy(out->hello, session->hello.p, session->hello.n);

    if (sender != NULL) {
        out->seq = sender->seq;
        memcpy(out->id, sender->id, 32);
    }
}

int
memory_session(struct sc_store *store, uint64_t number, const uint8_t sid[32],
               const uint8_t signkey_id[32], struct sc_session_info *out)
{
    const struct session *session;
    int                   found;

    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&store->lock);

    session = session_of(customer_of(store, number), sid);
    found = is_there(session);
    if (found) {
        fill(out, session, signkey_id);
    } else if (session != NULL) {
        out->deleted = session->deleted;
    }

    pthread_mutex_unlock(&store->lock);
    return found;
}

/* The smallest sid that is not below from, and above the last one. */
static const struct session *
next_session(const struct customer *customer, const uint8_t *from,
             const uint8_t *last)
{
    const struct session *session = customer ? customer->sessions : NULL;
    const struct session *best = NULL;

    for ( ; session != NULL; session = session->next) {
        if ((is_there(session)
             || (session->n > 0 && bug("lists the deleted")))
            && memcmp(session->sid, from, 32) >= 0
            && (last == NULL || memcmp(session->sid, last, 32) > 0)
            && (best == NULL || memcmp(session->sid, best->sid, 32) < 0))
        {
            best = session;
        }
    }

    return best;
}

int
memory_sessions(struct sc_store *store, uint64_t number,
                const uint8_t from[32], const uint8_t signkey_id[32],
                struct sc_session_info *out, int n)
{
    const struct session *session;
    int                   i;

    pthread_mutex_lock(&store->lock);

    for (i = 0; i < n; i++) {
        session = next_session(customer_of(store, number), from,
                               i ? out[i - 1].sid : NULL);
        if (session == NULL) {
            break;
        }
        fill(&out[i], session, signkey_id);
    }

    pthread_mutex_unlock(&store->lock);
    return i;
}

int
memory_spare(struct sc_store *store, uint64_t number, const uint8_t name[32],
             struct sc_blob_out *sealed)
{
    const struct session *session;
    int                   found = 0;

    memset(sealed, 0, sizeof(*sealed));
    pthread_mutex_lock(&store->lock);

    session = spare_holder(customer_of(store, number), name);
    if (session != NULL) {
        copy_out(&session->spare, sealed);
        found = 1;
    }

    pthread_mutex_unlock(&store->lock);
    return found;
}

int
memory_cursor(struct sc_store *store, uint64_t number,
              const uint8_t signkey_id[32], uint64_t *position)
{
    const struct customer *customer;
    size_t                 i;

    *position = 0;
    pthread_mutex_lock(&store->lock);
    customer = customer_of(store, number);

    for (i = 0; customer != NULL && i < customer->n_cursors; i++) {
        if (same_id(customer->cursors[i].signkey_id, signkey_id)) {
            *position = customer->cursors[i].position;
        }
    }

    pthread_mutex_unlock(&store->lock);
    return 0;
}


/* --- messages ------------------------------------------------------------ */

struct gather {
    const struct customer *customer;
    const uint8_t         *skip;
    size_t                 n_max;
    size_t                 bytes_max;
    size_t                 n;
    size_t                 bytes;
    uint64_t               positions[PAGE_MAX];
};

static struct gather
gather_begin(struct sc_store *store, uint64_t number, const uint8_t *skip,
             size_t n, size_t max_bytes)
{
    struct gather gather = {
        .skip = skip, .n_max = n < PAGE_MAX ? n : PAGE_MAX,
        .bytes_max = max_bytes
    };

    pthread_mutex_lock(&store->lock);
    gather.customer = customer_of(store, number);
    return gather;
}

static uint64_t
head_of(const struct gather *gather)
{
    return gather->customer ? gather->customer->n_messages : 0;
}

/* Whether it is the first that is left of its session. */
static int
is_first(const struct gather *gather, const struct message *m)
{
    return m->before < gather->customer->earliest;
}

static const struct blob *
hello_of(const struct gather *gather, const struct message *m)
{
    static const struct blob none;

    return is_first(gather, m) ? &m->session->hello : &none;
}

/* 0 when the page is full without this one. */
static int
gather_add(struct gather *gather, uint64_t position)
{
    const struct message *m = &gather->customer->messages[position - 1];
    size_t                n = m->envelope.n + hello_of(gather, m)->n;

    if (!is_left(gather->customer, position)
        || (gather->skip != NULL && same_id(m->signkey_id, gather->skip)))
    {
        return 1;
    }

    if (gather->n == gather->n_max
        || (gather->n > 0 && gather->bytes + n > gather->bytes_max))
    {
        return 0;
    }

    gather->positions[gather->n++] = position;
    gather->bytes += n;
    return 1;
}

static struct sc_bytes
put(uint8_t **to, const struct blob *from)
{
    struct sc_bytes at = { *to, from->n };

    if (from->n) {
        memcpy(*to, from->p, from->n);
        *to += from->n;
    }

    return at;
}

static struct sc_page *
gather_end(struct sc_store *store, const struct gather *gather, uint64_t next)
{
    size_t          fixed = sizeof(struct sc_page)
                            + gather->n * sizeof(struct sc_stored);
    struct sc_page *page = malloc(fixed + gather->bytes);
    uint8_t        *to;
    size_t          i;

    if (page == NULL) {
        abort();
    }

    to = (uint8_t *) page + fixed;
    page->n = gather->n;
    page->next = next && bug("loses one between pages") ? next + 1 : next;

    for (i = 0; i < gather->n; i++) {
        const struct message *m
            = &gather->customer->messages[gather->positions[i] - 1];
        struct sc_stored *out = &page->messages[i];

        out->position = gather->positions[i];
        out->time = m->time;
        out->first = is_first(gather, m);
        out->hello = put(&to, hello_of(gather, m));
        out->envelope = put(&to, &m->envelope);
    }

    if (page->n > 1 && bug("mixes the order")) {
        struct sc_stored first = page->messages[0];

        page->messages[0] = page->messages[1];
        page->messages[1] = first;
    }

    pthread_mutex_unlock(&store->lock);
    return page;
}

struct sc_page *
memory_read(struct sc_store *store, uint64_t number, uint64_t from,
            const uint8_t *skip_signkey, size_t n, size_t max_bytes)
{
    struct gather gather = gather_begin(store, number, skip_signkey, n,
                                        max_bytes);
    uint64_t      position = from ? from : 1;

    while (position <= head_of(&gather) && gather_add(&gather, position)) {
        position++;
    }

    return gather_end(store, &gather,
                      position <= head_of(&gather) ? position : 0);
}

static int
is_of(const struct gather *gather, uint64_t position, const uint8_t *sid)
{
    return same_id(gather->customer->messages[position - 1].session->sid,
                   sid);
}

struct sc_page *
memory_read_session(struct sc_store *store, uint64_t number,
                    const uint8_t sid[32], uint64_t above,
                    const uint8_t *skip_signkey, size_t n, size_t max_bytes)
{
    struct gather gather = gather_begin(store, number, skip_signkey, n,
                                        max_bytes);
    uint64_t      position, next = 0;

    for (position = above + 1; position <= head_of(&gather) && next == 0;
         position++)
    {
        if (!is_of(&gather, position, sid)) {
            continue;
        }
        if (!gather_add(&gather, position)) {
            next = above;
        }
        above = position;
    }

    return gather_end(store, &gather, next);
}

struct sc_page *
memory_history(struct sc_store *store, uint64_t number,
               const uint8_t sid[32], uint64_t before, size_t n,
               size_t max_bytes)
{
    struct gather gather = gather_begin(store, number, NULL, n, max_bytes);
    uint64_t      position = head_of(&gather), next = 0;

    if (before != 0 && before <= position) {
        position = before - 1;
    }

    for ( ; position > 0; position--) {
        if (is_of(&gather, position, sid) && !gather_add(&gather, position)) {
            next = gather.n ? gather.positions[gather.n - 1] : 0;
            break;
        }
    }

    return gather_end(store, &gather, next);
}
