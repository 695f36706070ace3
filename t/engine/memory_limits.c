/*
 * The engine in memory: how long messages are kept, how many there may be,
 * and the end of an account.
 */

#include "state.h"

#include <time.h>

#define DAY_MS    86400000ull
#define CATCH_UP  24u


/* --- retention ----------------------------------------------------------- */

static uint64_t
clock_ms(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

static uint64_t
machine_clock(const struct sc_store *store)
{
    return store->options.clock ? store->options.clock()
                                : clock_ms(CLOCK_REALTIME);
}

void
memory_clock_start(struct sc_store *store)
{
    if (store->clock == 0) {
        store->clock = machine_clock(store);
    }
    store->looked = clock_ms(CLOCK_MONOTONIC);
}

void
memory_clock_look(struct sc_store *store)
{
    uint32_t catch_up = store->options.catch_up;
    uint64_t looked = clock_ms(CLOCK_MONOTONIC), wall = machine_clock(store);
    uint64_t most = (looked - store->looked) * (catch_up ? catch_up
                                                         : CATCH_UP);

    if (catch_up == UINT32_MAX || bug("believes any clock")) {
        most = UINT64_MAX;
    }

    store->looked = looked;
    if (wall > store->clock) {
        store->clock += wall - store->clock < most ? wall - store->clock
                                                   : most;
    } else if (bug("goes back with the clock")) {
        store->clock = wall;
    }
}

uint64_t
memory_expires(const struct sc_store *store, const struct customer *customer)
{
    return customer->days == SC_KEPT ? UINT64_MAX
                                     : store->clock + customer->days * DAY_MS;
}

static void
expire(const struct sc_store *store, struct customer *customer)
{
    struct session *session;
    uint64_t        position;

    for (position = customer->earliest; position <= customer->n_messages;
         position++)
    {
        if (customer->messages[position - 1].expires <= store->clock
            && !bug("keeps for ever"))
        {
            customer->earliest = position + 1;
        }
    }

    for (session = customer->sessions; session; session = session->next) {
        if (session->n > 0 && session->head < customer->earliest
            && !bug("sessions outlive their messages"))
        {
            session->deleted = 1;
        }
    }
}

void
memory_expire(struct sc_store *store)
{
    size_t i;

    for (i = 0; i < store->n_customers; i++) {
        expire(store, store->customers[i]);
    }
}


/* --- quotas -------------------------------------------------------------- */

void
memory_usage(const struct customer *customer, struct sc_limits *out)
{
    const struct session *session;
    uint64_t              position;

    for (position = customer->earliest; position <= customer->n_messages;
         position++)
    {
        const struct message *m = &customer->messages[position - 1];

        if (is_left(customer, position)) {
            out->messages++;
            out->bytes += m->envelope.n
                          + (m->before == 0 ? m->session->hello.n : 0);
        }
    }

    for (session = customer->sessions; session; session = session->next) {
        out->sessions += session->n > 0 && !session->deleted;
    }
}

/* Whether one has more than is allowed with that on top. */
static int
above(uint64_t have, uint64_t one_more, uint64_t own, uint64_t service)
{
    uint64_t most = own ? own : service ? service : SC_NO_LIMIT;

    return have > most || one_more > most - have;
}

enum sc_error_code
memory_quota(const struct sc_store *store, const struct customer *customer,
             const struct session *session, const struct sc_op *op)
{
    const struct sc_quotas *own = &customer->quotas;
    const struct sc_quotas *all = &store->options.quotas;
    struct sc_limits        usage = { .days = 0 };
    uint64_t                bytes = op->append.envelope.n
                                    + (session ? 0 : op->append.hello.n);

    memory_usage(customer, &usage);

    if (above(usage.bytes, bytes, own->bytes, all->bytes)
        || above(usage.messages, 1, own->messages, all->messages)
        || (session == NULL
            && above(usage.sessions, 1, own->sessions, all->sessions)))
    {
        return bug("has no quotas") ? SC_E_NONE : SC_E_QUOTA_FULL;
    }

    /* Two senders: it was answered. */
    if (op->append.by_session && (session == NULL || session->n_senders < 2)
        && (above(session ? session->bytes : 0, bytes, own->first_bytes,
                  all->first_bytes)
            || above(session ? session->n : 0, 1, own->first_messages,
                     all->first_messages)))
    {
        return bug("waits for no reply") ? SC_E_NONE : SC_E_REPLY_FIRST;
    }

    return SC_E_NONE;
}

enum sc_error_code
memory_set_limits(struct sc_store *store, const struct sc_op *op)
{
    const struct sc_quotas *quotas = &op->limits.quotas;
    struct customer        *customer = customer_by_cid(store, op->limits.cid);

    if (customer == NULL || customer->erased) {
        return SC_E_NOT_FOUND;
    }

    if (op->limits.set & SC_SET_DAYS) {
        if (!sc_store_is_class(op->limits.days)) {
            return SC_E_INTERNAL;
        }
        customer->days = op->limits.days;
    }

#define SET(bit, member)                                                      \
    if (op->limits.set & (bit)) {                                             \
        customer->quotas.member = quotas->member;                             \
    }
    SET(SC_SET_BYTES, bytes)
    SET(SC_SET_MESSAGES, messages)
    SET(SC_SET_SESSIONS, sessions)
    SET(SC_SET_FIRST_BYTES, first_bytes)
    SET(SC_SET_FIRST_MESSAGES, first_messages)
#undef SET

    return SC_E_NONE;
}


/* --- the end of an account ----------------------------------------------- */

enum sc_error_code
memory_erase(struct sc_store *store, struct sc_op *op)
{
    struct customer *customer = customer_by_cid(store, op->erase.cid);

    op->erase.customer = 0;
    op->erase.repeated = customer != NULL && customer->erased;

    if (customer == NULL
        || (!customer->erased && op->erase.account_id != NULL
            && !same_id(customer->account_id, op->erase.account_id)
            && !bug("erases another's account")))
    {
        return SC_E_NOT_FOUND;
    }

    if (!customer->erased) {
        customer->erased = 1;
        op->erase.customer = customer->number;
        if (bug("gives names out again")) {
            memset(customer->cid, 0, 32);
            memset(customer->account_id, 0, 32);
        }
    }

    return SC_E_NONE;
}
