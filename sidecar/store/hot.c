/*
 * Hot state: the map of sessions, the table of customers, staging, publishing
 * and eviction.  It touches no database.
 *
 * The commit thread is the only writer, so it reads without the lock; it
 * takes the lock for every change that another thread could see half done.
 */

#include "hot.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define FIRST_BUCKETS    1024u
#define FIRST_CUSTOMERS  64u
#define FIRST_TAIL       16u

/* A tail's memory that is kept over a checkpoint, in places. */
#define KEPT_TAIL        256u

/* One call evicts from this share of the map at most: readers wait for it. */
#define EVICT_SHARE      8u

int
sc_hot_init(struct sc_hot *hot, size_t max_sessions)
{
    memset(hot, 0, sizeof(*hot));
    hot->max_sessions = max_sessions;
    hot->n_buckets = FIRST_BUCKETS;
    hot->n_customers = FIRST_CUSTOMERS;
    hot->buckets = calloc(hot->n_buckets, sizeof(hot->buckets[0]));
    hot->customers = calloc(hot->n_customers, sizeof(hot->customers[0]));
    pthread_mutex_init(&hot->lock, NULL);
    randombytes_buf(hot->key, sizeof(hot->key));

    if (hot->buckets == NULL || hot->customers == NULL) {
        sc_hot_free(hot);
        return -1;
    }

    return 0;
}

static void
free_session(struct sc_hot_session *session)
{
    free(session->state);
    free(session->staged);
    free(session);
}

static void
free_customer(struct sc_hot_customer *customer)
{
    if (customer != NULL) {
        free(customer->tail);
        free(customer);
    }
}

void
sc_hot_free(struct sc_hot *hot)
{
    size_t i;

    for (i = 0; hot->buckets != NULL && i < hot->n_buckets; i++) {
        while (hot->buckets[i] != NULL) {
            struct sc_hot_session *session = hot->buckets[i];

            hot->buckets[i] = session->bucket_next;
            free_session(session);
        }
    }

    for (i = 0; hot->customers != NULL && i < hot->n_customers; i++) {
        free_customer(hot->customers[i]);
    }

    sc_hot_pass_end(hot);
    free(hot->buckets);
    free(hot->customers);
    pthread_mutex_destroy(&hot->lock);
}


/* --- customers ----------------------------------------------------------- */

struct sc_hot_customer *
sc_hot_customer(const struct sc_hot *hot, uint64_t number)
{
    return number < hot->n_customers ? hot->customers[number] : NULL;
}

static int
make_room_for_customer(struct sc_hot *hot, uint64_t number)
{
    size_t                   n = hot->n_customers;
    struct sc_hot_customer **grown;

    while (n <= number) {
        n *= 2;
    }

    if (n == hot->n_customers) {
        return 0;
    }

    pthread_mutex_lock(&hot->lock);
    grown = realloc(hot->customers, n * sizeof(grown[0]));
    if (grown != NULL) {
        memset(grown + hot->n_customers, 0,
               (n - hot->n_customers) * sizeof(grown[0]));
        hot->customers = grown;
        hot->n_customers = n;
    }
    pthread_mutex_unlock(&hot->lock);

    return grown == NULL ? -1 : 0;
}

struct sc_hot_customer *
sc_hot_add_customer(struct sc_hot *hot, const struct sc_hot_customer *like)
{
    struct sc_hot_customer *customer;

    if (make_room_for_customer(hot, like->number) != 0) {
        return NULL;
    }

    customer = malloc(sizeof(*customer));
    if (customer == NULL) {
        return NULL;
    }

    *customer = *like;
    customer->tail_first = customer->head + 1;

    pthread_mutex_lock(&hot->lock);
    hot->customers[customer->number] = customer;
    pthread_mutex_unlock(&hot->lock);

    return customer;
}

uint64_t
sc_hot_head(const struct sc_hot_customer *customer)
{
    return customer->head + customer->staged;
}

struct sc_usage
sc_hot_usage(const struct sc_hot_customer *customer)
{
    struct sc_usage usage;

    usage.messages = sc_hot_head(customer)
                     - customer->left.messages
                     - customer->staged_left.messages;
    usage.bytes = customer->bytes + customer->staged_bytes
                  - customer->left.bytes - customer->staged_left.bytes;
    usage.sessions = customer->sessions + customer->staged_sessions
                     - customer->left.sessions
                     - customer->staged_left.sessions;
    return usage;
}

const struct sc_quotas *
sc_hot_quotas(const struct sc_hot_customer *customer)
{
    return customer->relimited ? &customer->staged_quotas : &customer->quotas;
}

unsigned
sc_hot_class(const struct sc_hot_customer *customer)
{
    return customer->relimited ? customer->staged_class : customer->class;
}

int
sc_hot_erased(const struct sc_hot_customer *customer)
{
    return customer->erasing || customer->erased;
}


/* --- sessions ------------------------------------------------------------ */

/* Keyed, because a visitor can choose among the sids it makes. */
static uint64_t
hash_of(const struct sc_hot *hot, uint64_t customer, const uint8_t sid[32])
{
    uint8_t  input[8 + 32];
    uint64_t hash;

    memcpy(input, &customer, 8);
    memcpy(input + 8, sid, 32);
    crypto_shorthash((unsigned char *) &hash, input, sizeof(input), hot->key);

    return hash;
}

static struct sc_hot_session **
bucket_of(const struct sc_hot *hot, uint64_t hash)
{
    return &hot->buckets[hash & (hot->n_buckets - 1)];
}

struct sc_hot_session *
sc_hot_session(const struct sc_hot *hot, uint64_t customer,
               const uint8_t sid[32])
{
    uint64_t               hash = hash_of(hot, customer, sid);
    struct sc_hot_session *session = *bucket_of(hot, hash);

    while (session != NULL
           && (session->hash != hash || session->customer->number != customer
               || memcmp(session->sid, sid, 32) != 0))
    {
        session = session->bucket_next;
    }

    return session;
}

/* Under the lock.  A map that cannot grow only gets slower. */
static void
grow(struct sc_hot *hot)
{
    size_t                  n = hot->n_buckets, i;
    struct sc_hot_session **old = hot->buckets;
    struct sc_hot_session **grown = calloc(2 * n, sizeof(grown[0]));

    if (grown == NULL) {
        return;
    }

    hot->buckets = grown;
    hot->n_buckets = 2 * n;

    for (i = 0; i < n; i++) {
        while (old[i] != NULL) {
            struct sc_hot_session  *session = old[i];
            struct sc_hot_session **bucket = bucket_of(hot, session->hash);

            old[i] = session->bucket_next;
            session->bucket_next = *bucket;
            *bucket = session;
        }
    }

    free(old);
}

struct sc_hot_session *
sc_hot_add_session(struct sc_hot *hot, struct sc_hot_customer *customer,
                   const uint8_t sid[32], struct sc_session_state *state)
{
    struct sc_hot_session  *session = calloc(1, sizeof(*session));
    struct sc_hot_session **bucket;

    if (session == NULL) {
        free(state);
        return NULL;
    }

    session->customer = customer;
    session->hash = hash_of(hot, customer->number, sid);
    session->state = state;
    session->stored = state != NULL;
    session->used = 1;
    memcpy(session->sid, sid, 32);

    pthread_mutex_lock(&hot->lock);
    if (hot->n_sessions >= hot->n_buckets) {
        grow(hot);
    }
    bucket = bucket_of(hot, session->hash);
    session->bucket_next = *bucket;
    *bucket = session;
    hot->n_sessions++;
    pthread_mutex_unlock(&hot->lock);

    return session;
}

/* Under the lock. */
static void
remove_session(struct sc_hot *hot, struct sc_hot_session *session)
{
    struct sc_hot_session **at = bucket_of(hot, session->hash);

    while (*at != session) {
        at = &(*at)->bucket_next;
    }

    *at = session->bucket_next;
    hot->n_sessions--;
    free_session(session);
}

const struct sc_session_state *
sc_hot_state(const struct sc_hot_session *session)
{
    return session->staged != NULL ? session->staged : session->state;
}


/* --- staging ------------------------------------------------------------- */

/* Room for one more place.  A published tail moves under the lock. */
static int
make_room_for_place(struct sc_hot *hot, struct sc_hot_customer *customer)
{
    size_t    room = customer->room ? 2 * customer->room : FIRST_TAIL;
    uint64_t *tail;

    if (customer->n_tail + customer->staged < customer->room) {
        return 0;
    }

    pthread_mutex_lock(&hot->lock);
    tail = realloc(customer->tail, room * sizeof(tail[0]));
    if (tail != NULL) {
        customer->tail = tail;
        customer->room = room;
    }
    pthread_mutex_unlock(&hot->lock);

    return tail == NULL ? -1 : 0;
}

static void
touch_session(struct sc_hot *hot, struct sc_hot_session *session)
{
    if (!session->touched) {
        session->touched = 1;
        session->touched_next = hot->touched_sessions;
        hot->touched_sessions = session;
    }
}

/* A staged state with room for the sender of one more message. */
static struct sc_session_state *
staged_state(struct sc_hot *hot, struct sc_hot_session *session)
{
    struct sc_session_state *state = session->staged;
    struct sc_session_state *copy;

    if (state != NULL && state->n < state->room) {
        return state;
    }

    copy = sc_session_state_copy(sc_hot_state(session));
    if (copy == NULL) {
        return NULL;
    }

    touch_session(hot, session);
    free(state);
    session->staged = copy;
    return copy;
}

static void
touch_customer(struct sc_hot *hot, struct sc_hot_customer *customer)
{
    if (!customer->touched) {
        customer->touched = 1;
        customer->touched_next = hot->touched_customers;
        hot->touched_customers = customer;
    }
}

static int
fail_to_stage(struct sc_hot *hot, struct sc_hot_session *session)
{
    if (sc_hot_state(session) == NULL) {
        pthread_mutex_lock(&hot->lock);
        remove_session(hot, session);
        pthread_mutex_unlock(&hot->lock);
    }

    return -1;
}

int
sc_hot_stage_place(struct sc_hot *hot, struct sc_hot_customer *customer,
                   const struct sc_entry *entry, uint64_t place)
{
    if (make_room_for_place(hot, customer) != 0) {
        return -1;
    }

    touch_customer(hot, customer);
    customer->tail[customer->n_tail + customer->staged++] = place;
    customer->staged_bytes += sc_entry_bytes(entry);
    customer->staged_sessions += entry->ordinal == 1;
    return 0;
}

void
sc_hot_stage_limits(struct sc_hot *hot, struct sc_hot_customer *customer,
                    const struct sc_quotas *quotas, unsigned class)
{
    touch_customer(hot, customer);
    customer->staged_quotas = *quotas;
    customer->staged_class = class;
    customer->relimited = 1;
}

void
sc_hot_stage_erase(struct sc_hot *hot, struct sc_hot_customer *customer)
{
    touch_customer(hot, customer);
    customer->erasing = 1;
}

int
sc_hot_stage_state(struct sc_hot *hot, struct sc_hot_session *session,
                   const struct sc_entry *entry, uint64_t place)
{
    struct sc_session_state *state = staged_state(hot, session);

    if (state == NULL) {
        return fail_to_stage(hot, session);
    }

    if (entry->ordinal == 1) {
        session->first_place = place;
    }

    session->used = 1;
    sc_session_state_append(state, entry, place);
    return 0;
}

int
sc_hot_stage(struct sc_hot *hot, struct sc_hot_session *session,
             const struct sc_entry *entry, uint64_t place)
{
    if (make_room_for_place(hot, session->customer) != 0) {
        return fail_to_stage(hot, session);
    }

    if (sc_hot_stage_state(hot, session, entry, place) != 0) {
        return -1;
    }

    return sc_hot_stage_place(hot, session->customer, entry, place);
}

void
sc_hot_stage_end(struct sc_hot *hot, struct sc_hot_session *session)
{
    struct sc_usage one = { .sessions = 1 };

    touch_session(hot, session);
    sc_hot_stage_left(hot, session->customer, &one, 0, 0);
    session->going = 1;
}

void
sc_hot_stage_block(struct sc_hot *hot, struct sc_hot_session *session,
                   int blocked)
{
    touch_session(hot, session);
    session->staged_blocked = blocked != 0;
    session->reblocked = 1;
}

int
sc_hot_blocked(const struct sc_hot_session *session)
{
    return session->reblocked ? session->staged_blocked : session->blocked;
}

void
sc_hot_stage_left(struct sc_hot *hot, struct sc_hot_customer *customer,
                  const struct sc_usage *left, uint64_t earliest,
                  uint64_t expired)
{
    touch_customer(hot, customer);
    customer->staged_left.messages += left->messages;
    customer->staged_left.bytes += left->bytes;
    customer->staged_left.sessions += left->sessions;

    if (earliest > customer->staged_earliest) {
        customer->staged_earliest = earliest;
    }
    if (expired > customer->staged_expired) {
        customer->staged_expired = expired;
    }
}

int
sc_hot_ended(const struct sc_hot_session *session)
{
    return session->going || session->gone
           || sc_hot_erased(session->customer);
}

static void
link_unstored(struct sc_hot_session *session)
{
    struct sc_hot_customer *customer = session->customer;

    session->unstored = 1;
    session->unstored_prev = NULL;
    session->unstored_next = customer->unstored;
    if (customer->unstored != NULL) {
        customer->unstored->unstored_prev = session;
    }
    customer->unstored = session;
}

static void
unlink_unstored(struct sc_hot_session *session)
{
    if (!session->unstored) {
        return;
    }

    session->unstored = 0;
    if (session->unstored_prev != NULL) {
        session->unstored_prev->unstored_next = session->unstored_next;
    } else {
        session->customer->unstored = session->unstored_next;
    }
    if (session->unstored_next != NULL) {
        session->unstored_next->unstored_prev = session->unstored_prev;
    }
}

static void
publish_session(struct sc_hot *hot, struct sc_hot_session *session)
{
    if (session->state == NULL) {
        link_unstored(session);
    }

    if (!session->dirty) {
        session->dirty = 1;
        session->dirty_next = hot->dirty_sessions;
        hot->dirty_sessions = session;
        hot->n_dirty++;
    }

    if (session->staged != NULL) {
        free(session->state);
        session->state = session->staged;
        session->staged = NULL;
    }

    session->gone |= session->going;
    session->going = 0;
    session->blocked = (uint8_t) sc_hot_blocked(session);
    session->reblocked = 0;
    session->touched = 0;
}

static void
forget_staged(struct sc_hot_customer *customer)
{
    customer->staged = 0;
    customer->staged_bytes = 0;
    customer->staged_sessions = 0;
    memset(&customer->staged_left, 0, sizeof(customer->staged_left));
    customer->staged_earliest = 0;
    customer->staged_expired = 0;
    customer->relimited = 0;
    customer->erasing = 0;
    customer->touched = 0;
}

static void
publish_customer(struct sc_hot *hot, struct sc_hot_customer *customer)
{
    if (customer->staged > 0 && !customer->dirty) {
        customer->dirty = 1;
        customer->dirty_next = hot->dirty_customers;
        hot->dirty_customers = customer;
        hot->n_dirty_customers++;
    }

    customer->head += customer->staged;
    customer->n_tail += customer->staged;
    customer->bytes += customer->staged_bytes;
    customer->sessions += customer->staged_sessions;
    customer->left.messages += customer->staged_left.messages;
    customer->left.bytes += customer->staged_left.bytes;
    customer->left.sessions += customer->staged_left.sessions;
    customer->erased |= customer->erasing;

    if (customer->relimited) {
        customer->quotas = customer->staged_quotas;
        customer->class = customer->staged_class;
    }

    forget_staged(customer);
}

void
sc_hot_publish(struct sc_hot *hot)
{
    struct sc_hot_session  *session;
    struct sc_hot_customer *customer;

    pthread_mutex_lock(&hot->lock);

    for (session = hot->touched_sessions; session != NULL;
         session = session->touched_next)
    {
        publish_session(hot, session);
    }

    for (customer = hot->touched_customers; customer != NULL;
         customer = customer->touched_next)
    {
        publish_customer(hot, customer);
    }

    pthread_mutex_unlock(&hot->lock);

    hot->touched_sessions = NULL;
    hot->touched_customers = NULL;
}

void
sc_hot_rollback(struct sc_hot *hot)
{
    pthread_mutex_lock(&hot->lock);

    while (hot->touched_sessions != NULL) {
        struct sc_hot_session *session = hot->touched_sessions;

        hot->touched_sessions = session->touched_next;
        free(session->staged);
        session->staged = NULL;
        session->going = 0;
        session->reblocked = 0;
        session->touched = 0;
        if (session->state == NULL) {
            remove_session(hot, session);
        }
    }

    while (hot->touched_customers != NULL) {
        struct sc_hot_customer *customer = hot->touched_customers;

        hot->touched_customers = customer->touched_next;
        forget_staged(customer);
    }

    pthread_mutex_unlock(&hot->lock);
}


/* --- checkpoints --------------------------------------------------------- */

static int
by_key(const void *a, const void *b)
{
    const struct sc_hot_session *const *x = a;
    const struct sc_hot_session *const *y = b;
    uint64_t                            m = (*x)->customer->number;
    uint64_t                            n = (*y)->customer->number;

    return m != n ? (m < n ? -1 : 1) : memcmp((*x)->sid, (*y)->sid, 32);
}

int
sc_hot_pass_begin(struct sc_hot *hot)
{
    struct sc_hot_pass     *pass = &hot->pass;
    struct sc_hot_session  *session;
    struct sc_hot_customer *customer;

    pass->sessions = malloc((hot->n_dirty + 1) * sizeof(pass->sessions[0]));
    pass->customers = malloc((hot->n_dirty_customers + 1)
                             * sizeof(pass->customers[0]));
    if (pass->sessions == NULL || pass->customers == NULL) {
        sc_hot_pass_end(hot);
        return -1;
    }

    for (session = hot->dirty_sessions; session != NULL;
         session = session->dirty_next)
    {
        pass->sessions[pass->n_sessions++] = session;
    }

    for (customer = hot->dirty_customers; customer != NULL;
         customer = customer->dirty_next)
    {
        pass->customers[pass->n_customers++] = customer;
    }

    hot->dirty_sessions = NULL;
    hot->dirty_customers = NULL;
    hot->n_dirty = 0;
    hot->n_dirty_customers = 0;

    qsort(pass->sessions, pass->n_sessions, sizeof(pass->sessions[0]), by_key);
    return 0;
}

int
sc_hot_passing(const struct sc_hot *hot)
{
    return hot->pass.sessions != NULL;
}

size_t
sc_hot_pass_left(const struct sc_hot *hot)
{
    return hot->pass.n_sessions + hot->pass.n_customers - hot->pass.at;
}

void
sc_hot_pass_end(struct sc_hot *hot)
{
    free(hot->pass.sessions);
    free(hot->pass.customers);
    memset(&hot->pass, 0, sizeof(hot->pass));
}

/* What is staged stays behind what is written. */
static void
clean_customer(struct sc_hot_customer *customer)
{
    customer->dirty = 0;
    customer->tail_first = customer->head + 1;
    if (customer->staged > 0) {
        memmove(customer->tail, customer->tail + customer->n_tail,
                customer->staged * sizeof(customer->tail[0]));
    }
    customer->n_tail = 0;

    if (customer->staged == 0 && customer->room > KEPT_TAIL) {
        free(customer->tail);
        customer->tail = NULL;
        customer->room = 0;
    }
}

static void
clean_session(struct sc_hot *hot, struct sc_hot_session *session)
{
    session->dirty = 0;
    session->stored = 1;
    unlink_unstored(session);
    if (session->gone) {
        remove_session(hot, session);
    }
}

void
sc_hot_pass_clean(struct sc_hot *hot)
{
    struct sc_hot_pass *pass = &hot->pass;

    pthread_mutex_lock(&hot->lock);

    for ( ; pass->at < pass->put; pass->at++) {
        if (pass->at < pass->n_sessions) {
            clean_session(hot, pass->sessions[pass->at]);
        } else {
            clean_customer(pass->customers[pass->at - pass->n_sessions]);
        }
    }

    pthread_mutex_unlock(&hot->lock);
}

/* Under the lock.  Evicts what it can of one bucket. */
static void
evict_bucket(struct sc_hot *hot, struct sc_hot_session *session)
{
    while (session != NULL) {
        struct sc_hot_session *next = session->bucket_next;

        if (session->used) {
            session->used = 0;
        } else if (!session->dirty) {
            remove_session(hot, session);
        }

        session = next;
    }
}

void
sc_hot_evict(struct sc_hot *hot)
{
    size_t steps = hot->n_buckets / EVICT_SHARE;

    if (hot->n_sessions <= hot->max_sessions) {
        return;
    }

    pthread_mutex_lock(&hot->lock);

    while (steps-- > 0 && hot->n_sessions > hot->max_sessions) {
        evict_bucket(hot, hot->buckets[hot->hand]);
        hot->hand = (hot->hand + 1) & (hot->n_buckets - 1);
    }

    pthread_mutex_unlock(&hot->lock);
}
