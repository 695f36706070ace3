/*
 * Customers: their rows, what may be stored for them and how long, and their
 * end.
 *
 * A row has counters of two kinds.  What was ever appended follows the log and
 * is written with the head; what has left again is written in the transaction
 * that removes it.  Their difference is right after any crash.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

static const uint16_t class_days[SC_CLASSES] = { 7, 30, 90, 365, SC_KEPT };

unsigned
sc_class_of_days(unsigned days)
{
    unsigned class = 0;

    while (class < SC_CLASSES && class_days[class] != days) {
        class++;
    }

    return class;
}

uint16_t
sc_class_days(unsigned class)
{
    return class_days[class];
}


/* --- rows ---------------------------------------------------------------- */

static void
get_quotas(struct sc_reader *r, struct sc_quotas *quotas)
{
    quotas->bytes = sc_get_uint(r, 8);
    quotas->messages = sc_get_uint(r, 8);
    quotas->sessions = sc_get_uint(r, 8);
    quotas->first_bytes = sc_get_uint(r, 8);
    quotas->first_messages = sc_get_uint(r, 8);
}

static void
put_quotas(struct sc_writer *w, const struct sc_quotas *quotas)
{
    sc_put_uint(w, quotas->bytes, 8);
    sc_put_uint(w, quotas->messages, 8);
    sc_put_uint(w, quotas->sessions, 8);
    sc_put_uint(w, quotas->first_bytes, 8);
    sc_put_uint(w, quotas->first_messages, 8);
}

int
sc_customer_row_read(struct sc_bytes value,
                     struct sc_customer_row *row)
{
    struct sc_reader r = sc_reader_of(value.p, value.n);

    if (value.n != SC_CUSTOMER_ROW) {
        return 0;
    }

    memcpy(row->cid, sc_get_bytes(&r, 32), 32);
    memcpy(row->account_id, sc_get_bytes(&r, 32), 32);
    row->erased = sc_get_u8(&r);
    row->disabled = sc_get_u8(&r);
    row->days = sc_get_u16(&r);
    row->time = sc_get_u64(&r);
    row->version = sc_get_u64(&r);
    row->generation = sc_get_u64(&r);
    row->head = sc_get_u64(&r);
    row->bytes = sc_get_u64(&r);
    row->sessions = sc_get_u64(&r);
    row->earliest = sc_get_uint(&r, 8);
    row->expired = sc_get_uint(&r, 8);
    row->shortened = sc_get_u64(&r);
    row->left.messages = sc_get_u64(&r);
    row->left.bytes = sc_get_u64(&r);
    row->left.sessions = sc_get_u64(&r);
    get_quotas(&r, &row->quotas);

    return sc_reader_done(&r) && sc_class_of_days(row->days) < SC_CLASSES;
}

int
sc_customer_row(struct sc_txn *txn, uint64_t number,
                struct sc_customer_row *row)
{
    uint8_t         key[8];
    struct sc_bytes value;

    sc_put_number(key, number);
    if (!sc_txn_get(txn, SC_DB_CUSTOMERS, key, sizeof(key), &value)) {
        return 0;
    }

    if (!sc_customer_row_read(value, row)) {
        sc_txn_fail(txn, EBADMSG);
        return 0;
    }

    return 1;
}

void
sc_customer_row_put(struct sc_txn *txn, uint64_t number,
                    const struct sc_customer_row *row)
{
    uint8_t          key[8];
    uint8_t          value[SC_CUSTOMER_ROW];
    struct sc_writer w = sc_writer_of(value, sizeof(value));

    sc_put_number(key, number);
    sc_put_bytes(&w, row->cid, 32);
    sc_put_bytes(&w, row->account_id, 32);
    sc_put_uint(&w, row->erased, 1);
    sc_put_uint(&w, row->disabled, 1);
    sc_put_uint(&w, row->days, 2);
    sc_put_uint(&w, row->time, 8);
    sc_put_uint(&w, row->version, 8);
    sc_put_uint(&w, row->generation, 8);
    sc_put_uint(&w, row->head, 8);
    sc_put_uint(&w, row->bytes, 8);
    sc_put_uint(&w, row->sessions, 8);
    sc_put_uint(&w, row->earliest, 8);
    sc_put_uint(&w, row->expired, 8);
    sc_put_uint(&w, row->shortened, 8);
    sc_put_uint(&w, row->left.messages, 8);
    sc_put_uint(&w, row->left.bytes, 8);
    sc_put_uint(&w, row->left.sessions, 8);
    put_quotas(&w, &row->quotas);
    sc_txn_put(txn, SC_DB_CUSTOMERS, key, sizeof(key), value, sizeof(value));
}

int
sc_customer_there(struct sc_txn *txn, uint64_t number)
{
    struct sc_customer_row row;

    return sc_customer_row(txn, number, &row) && !row.erased;
}

uint64_t
sc_customer_number(struct sc_txn *txn, const uint8_t cid[32],
                   struct sc_customer_row *row)
{
    struct sc_bytes value;
    uint64_t        number;

    if (!sc_txn_get(txn, SC_DB_CIDS, cid, 32, &value)) {
        return 0;
    }

    number = sc_number_of(value);
    return number != 0 && sc_customer_row(txn, number, row) ? number : 0;
}


/* --- limits -------------------------------------------------------------- */

enum sc_error_code
sc_limits_set(struct sc_apply *apply, struct sc_op *op)
{
    struct sc_customer_row  row;
    struct sc_hot_customer *customer;
    const struct sc_quotas *quotas = &op->limits.quotas;
    uint64_t                number;

    if ((op->limits.set & SC_SET_DAYS)
        && sc_class_of_days(op->limits.days) == SC_CLASSES)
    {
        return SC_E_INTERNAL;
    }

    number = sc_customer_number(apply->txn, op->limits.cid, &row);
    if (number == 0) {
        return SC_E_NOT_FOUND;
    }

#define SET(bit, member)                                                      \
    if (op->limits.set & (bit)) {                                             \
        row.quotas.member = quotas->member;                                   \
    }
    SET(SC_SET_BYTES, bytes)
    SET(SC_SET_MESSAGES, messages)
    SET(SC_SET_SESSIONS, sessions)
    SET(SC_SET_FIRST_BYTES, first_bytes)
    SET(SC_SET_FIRST_MESSAGES, first_messages)
#undef SET

    if (op->limits.set & SC_SET_DAYS) {
        if (op->limits.days < row.days) {
            row.shortened = apply->last_serial;
        }
        row.days = op->limits.days;
    }
    if (op->limits.set & SC_SET_DISABLED) {
        row.disabled = op->limits.disabled != 0;
    }

    customer = sc_load_customer(apply->store, apply->txn, number,
                                apply->customers);
    if (customer != NULL) {
        sc_customer_row_put(apply->txn, number, &row);
        sc_hot_stage_limits(&apply->store->hot, customer, &row.quotas,
                            sc_class_of_days(row.days));
    }

    return SC_E_NONE;
}

static uint64_t
bound(uint64_t own, uint64_t service)
{
    return own != 0 ? own : service != 0 ? service : SC_NO_LIMIT;
}

static int
above(uint64_t have, uint64_t more, uint64_t most)
{
    return have > most || more > most - have;
}

enum sc_error_code
sc_quota_check(const struct sc_store *store,
               const struct sc_hot_customer *customer,
               const struct sc_session_state *state, const struct sc_op *op)
{
    const struct sc_quotas *own = sc_hot_quotas(customer);
    const struct sc_quotas *service = &store->quotas;
    struct sc_usage         usage = sc_hot_usage(customer);
    uint64_t                bytes = op->append.envelope.n;

    if (state == NULL) {
        bytes += op->append.hello.n;
    }

    if (above(usage.bytes, bytes, bound(own->bytes, service->bytes))
        || above(usage.messages, 1, bound(own->messages, service->messages))
        || (state == NULL
            && above(usage.sessions, 1,
                     bound(own->sessions, service->sessions))))
    {
        return SC_E_QUOTA_FULL;
    }

    if (!op->append.by_session || (state != NULL && state->n > 1)) {
        return SC_E_NONE;
    }

    if (above(state ? state->bytes : 0, bytes,
              bound(own->first_bytes, service->first_bytes))
        || above(state ? state->ordinal : 0, 1,
                 bound(own->first_messages, service->first_messages)))
    {
        return SC_E_REPLY_FIRST;
    }

    return SC_E_NONE;
}


/* --- the end ------------------------------------------------------------- */

enum sc_error_code
sc_erase(struct sc_apply *apply, struct sc_op *op)
{
    struct sc_txn          *txn = apply->txn;
    struct sc_customer_row  row;
    struct sc_hot_customer *customer;
    struct sc_bytes         value;
    uint8_t                 key[8], serial[8];
    uint64_t                number;

    op->erase.customer = 0;
    op->erase.repeated = 0;

    if (!sc_txn_get(txn, SC_DB_CIDS, op->erase.cid, 32, &value)) {
        return SC_E_NOT_FOUND;
    }

    number = sc_customer_number(txn, op->erase.cid, &row);
    if (number == 0) {
        op->erase.repeated = 1;
        return SC_E_NONE;
    }

    if (op->erase.account_id != NULL
        && memcmp(op->erase.account_id, row.account_id, 32) != 0)
    {
        return SC_E_NOT_FOUND;
    }

    customer = sc_load_customer(apply->store, txn, number, apply->customers);
    if (customer == NULL) {
        return SC_E_NONE;
    }

    row.erased = 1;
    row.earliest = UINT64_MAX;
    row.expired = UINT64_MAX;
    sc_customer_row_put(txn, number, &row);

    /* Names that were used, and nobody's any more. */
    sc_txn_put(txn, SC_DB_CIDS, op->erase.cid, 32, "", 0);
    sc_txn_put(txn, SC_DB_ACCOUNTS, row.account_id, 32, "", 0);

    sc_put_number(key, number);
    sc_put_number(serial, apply->last_serial);
    sc_txn_put(txn, SC_DB_PURGES, key, sizeof(key), serial, sizeof(serial));

    sc_hot_stage_erase(&apply->store->hot, customer);
    op->erase.customer = number;
    apply->purges = 1;
    return SC_E_NONE;
}


/* --- reading ------------------------------------------------------------- */

int
sc_txn_finish(struct sc_txn *txn, int found)
{
    if (sc_txn_failed(txn)) {
        found = -1;
    }

    sc_txn_end(txn);
    return found;
}

/* Hot state knows what was appended before the row does; where it knows
 * nothing, the row is right. */
static void
appended(struct sc_store *store, uint64_t number, struct sc_customer_row *row)
{
    const struct sc_hot_customer *customer;

    pthread_mutex_lock(&store->hot.lock);
    customer = sc_hot_customer(&store->hot, number);
    if (customer != NULL) {
        row->head = customer->head;
        row->bytes = customer->bytes;
        row->sessions = customer->sessions;
    }
    pthread_mutex_unlock(&store->hot.lock);
}

int
sc_lmdb_customer(struct sc_store *store, const uint8_t cid[32],
                 struct sc_customer *out)
{
    struct sc_txn         *txn = sc_txn_read(store->db);
    struct sc_customer_row row;

    memset(out, 0, sizeof(*out));
    if (txn == NULL) {
        return -1;
    }

    out->number = sc_customer_number(txn, cid, &row);
    if (out->number != 0) {
        appended(store, out->number, &row);
        out->head = row.head;
        out->earliest = row.earliest;
        out->disabled = row.disabled;
        out->time = row.time;
        memcpy(out->account_id, row.account_id, 32);
    }

    return sc_txn_finish(txn, out->number != 0);
}

/* What left is of this transaction, what came is of later: never negative. */
int
sc_lmdb_limits(struct sc_store *store, const uint8_t cid[32],
               struct sc_limits *out)
{
    struct sc_txn         *txn = sc_txn_read(store->db);
    struct sc_customer_row row;
    uint64_t               number;

    memset(out, 0, sizeof(*out));
    if (txn == NULL) {
        return -1;
    }

    number = sc_customer_number(txn, cid, &row);
    if (number != 0) {
        appended(store, number, &row);
        out->days = row.days;
        out->quotas = row.quotas;
        out->messages = row.head - row.left.messages;
        out->bytes = row.bytes - row.left.bytes;
        out->sessions = row.sessions - row.left.sessions;
    }

    return sc_txn_finish(txn, number != 0);
}

int
sc_lmdb_customers(struct sc_store *store, uint64_t from, uint8_t (*cids)[32],
                  int n, uint64_t *next)
{
    struct sc_txn         *txn = sc_txn_read(store->db);
    struct sc_walk        *walk;
    struct sc_customer_row row;
    struct sc_bytes        key, value;
    uint8_t                seek[8];
    int                    more, found = 0;

    *next = 0;
    if (txn == NULL) {
        return -1;
    }

    sc_put_number(seek, from);
    walk = sc_walk_open(txn, SC_DB_CUSTOMERS);
    more = walk != NULL
           && sc_walk_seek(walk, seek, sizeof(seek), &key, &value);

    for ( ; more && found < n; more = sc_walk_next(walk, &key, &value)) {
        if (!sc_customer_row_read(value, &row)) {
            sc_txn_fail(txn, EBADMSG);
        } else if (!row.erased) {
            memcpy(cids[found++], row.cid, 32);
        }
    }

    if (more && !sc_txn_failed(txn)) {
        *next = sc_number_of(key);
    }

    sc_walk_close(walk);
    return sc_txn_finish(txn, found);
}
