/*
 * Appending a message: compare with what its session holds, put the entry
 * behind the log, stage what it changes.
 *
 * The only database written here is the log: rows and blocks are left to the
 * next checkpoint.
 */

#include <errno.h>
#include <string.h>

#include <sealchat/limits.h>

#include "state.h"

#define HELLO_MAX  sizeof(((struct sc_session_info *) NULL)->hello)

static const uint8_t zeros[32];

struct sc_hot_customer *
sc_load_customer(struct sc_store *store, struct sc_txn *txn, uint64_t number,
                 uint64_t last)
{
    struct sc_hot_customer *customer;
    struct sc_hot_customer  like = { .number = number };
    struct sc_customer_row  row;

    if (number == 0 || number > last) {
        return NULL;
    }

    customer = sc_hot_customer(&store->hot, number);
    if (customer != NULL || !sc_customer_row(txn, number, &row)) {
        return customer;
    }

    like.head = row.head;
    like.bytes = row.bytes;
    like.sessions = row.sessions;
    like.left = row.left;
    like.quotas = row.quotas;
    like.class = sc_class_of_days(row.days);
    like.erased = row.erased;

    customer = sc_hot_add_customer(&store->hot, &like);
    if (customer == NULL) {
        sc_txn_fail(txn, ENOMEM);
    }

    return customer;
}

struct sc_hot_session *
sc_load_session(struct sc_store *store, struct sc_txn *txn,
                struct sc_hot_customer *customer, const uint8_t sid[32])
{
    struct sc_hot_session   *session;
    struct sc_session_state *state;
    struct sc_bytes          row;
    uint8_t                  key[SC_KEY_MAX];
    size_t                   key_n;

    session = sc_hot_session(&store->hot, customer->number, sid);
    if (session != NULL) {
        return session;
    }

    key_n = sc_key_of_id(key, customer->number, sid);
    if (!sc_txn_get(txn, SC_DB_SESSIONS, key, key_n, &row)) {
        return NULL;
    }

    state = sc_session_row_read(row);
    if (state == NULL) {
        sc_txn_fail(txn, EBADMSG);
        return NULL;
    }

    session = sc_hot_add_session(&store->hot, customer, sid, state);
    if (session == NULL) {
        sc_txn_fail(txn, ENOMEM);
        return NULL;
    }

    session->blocked = (uint8_t) sc_blocked(txn, customer->number, sid);
    return session;
}

int
sc_entry_at(struct sc_txn *txn, uint64_t place, struct sc_entry *entry)
{
    struct sc_bytes value;

    if (place == 0
        || !sc_txn_get_number(txn, sc_log_of(place), place, &value))
    {
        return 0;
    }

    if (!sc_entry_read(value, entry)) {
        sc_txn_fail(txn, EBADMSG);
        return 0;
    }

    return 1;
}

/* A number that its sender has used: is it the same message? */
static enum sc_error_code
repeat(struct sc_apply *apply, const struct sc_session_state *state,
       struct sc_op *op)
{
    struct sc_entry entry;
    uint64_t        place = state == NULL ? 0 : state->place;
    unsigned        i;

    for (i = 0; i < SC_REPEAT_DEPTH; i++) {
        if (!sc_entry_at(apply->txn, place, &entry)) {
            break;
        }

        if (entry.seq == op->append.seq
            && memcmp(entry.signkey_id, op->append.signkey_id, 32) == 0)
        {
            if (memcmp(entry.id, op->append.id, 32) != 0) {
                return SC_E_SEQ_CONFLICT;
            }

            op->append.repeated = 1;
            op->append.position = entry.position;
            op->append.stored_time = entry.time;
            return SC_E_NONE;
        }

        place = entry.prev;
    }

    return SC_E_SEQ_OLD;
}

static enum sc_error_code
check_first(struct sc_apply *apply, const struct sc_op *op)
{
    if (sc_deleted(apply->txn, op->append.customer, op->append.sid)) {
        return SC_E_SESSION_DELETED;
    }

    if (!op->append.by_session) {
        return SC_E_UNKNOWN_SESSION;
    }

    if (op->append.hello.n == 0 || op->append.hello.n > HELLO_MAX) {
        return SC_E_BAD_HELLO;
    }

    return SC_E_NONE;
}

/* Compares number and prev with the sender's last.  Sets repeated. */
static enum sc_error_code
compare(struct sc_apply *apply, const struct sc_session_state *state,
        struct sc_op *op)
{
    const struct sc_sender *sender = NULL;
    const uint8_t          *last_id = zeros;
    uint64_t                last = 0;

    if (state != NULL) {
        sender = sc_session_state_sender(state, op->append.signkey_id);
    }

    if (sender != NULL) {
        last = sender->seq;
        last_id = sender->id;
    }

    if (op->append.seq > last + 1) {
        return SC_E_SEQ_GAP;
    }

    if (op->append.seq <= last) {
        return repeat(apply, state, op);
    }

    return memcmp(op->append.prev, last_id, 32) == 0 ? SC_E_NONE
                                                     : SC_E_SEQ_CONFLICT;
}

/* Puts and stages.  Failures stick to the transaction. */
static void
put(struct sc_apply *apply, struct sc_hot_customer *customer,
    struct sc_hot_session *session, struct sc_op *op)
{
    const struct sc_session_state *state = sc_hot_state(session);
    uint64_t                       serial = apply->last_serial + 1;
    unsigned                       class = sc_hot_class(customer);
    uint64_t                       place = sc_place_of(serial, class);
    struct sc_entry                entry = { 0 };
    uint8_t                       *out;

    entry.position = sc_hot_head(customer) + 1;
    entry.time = op->append.time;
    entry.stamp = apply->stamp;
    entry.customer = customer->number;
    entry.ordinal = 1;
    entry.seq = op->append.seq;
    entry.sid = op->append.sid;
    entry.signkey_id = op->append.signkey_id;
    entry.id = op->append.id;
    entry.envelope = op->append.envelope;

    if (state == NULL) {
        entry.hello = op->append.hello;
    } else {
        entry.ordinal = state->ordinal + 1;
        entry.prev = state->place;
        entry.skip = state->skip;
    }

    op->append.first = state == NULL;
    op->append.position = entry.position;
    op->append.stored_time = entry.time;

    if (sc_hot_stage(&apply->store->hot, session, &entry, place) != 0) {
        sc_txn_fail(apply->txn, ENOMEM);
        return;
    }

    out = sc_txn_append(apply->txn, sc_log_of(place), place,
                        sc_entry_size(&entry));
    if (out != NULL) {
        sc_entry_write(out, &entry);
        apply->last_serial = serial;
        apply->classes |= 1u << class;
    }
}

enum sc_error_code
sc_append(struct sc_apply *apply, struct sc_op *op)
{
    struct sc_store               *store = apply->store;
    struct sc_hot_customer        *customer;
    struct sc_hot_session         *session;
    const struct sc_session_state *state = NULL;
    enum sc_error_code             error = SC_E_NONE;

    op->append.repeated = 0;
    op->append.first = 0;
    op->append.position = 0;
    op->append.stored_time = 0;

    customer = sc_load_customer(store, apply->txn, op->append.customer,
                                apply->customers);
    if (customer == NULL || sc_hot_erased(customer)) {
        return SC_E_NOT_HERE;
    }

    session = sc_load_session(store, apply->txn, customer, op->append.sid);
    if (session == NULL) {
        error = check_first(apply, op);
    } else if (sc_hot_ended(session)) {
        error = SC_E_SESSION_DELETED;
    } else if (op->append.by_session && sc_hot_blocked(session)) {
        error = SC_E_SESSION_BLOCKED;
    } else {
        state = sc_hot_state(session);
    }

    if (error == SC_E_NONE && op->append.envelope.n > SC_ENVELOPE_MAX) {
        error = SC_E_TOO_LARGE;
    }
    if (error == SC_E_NONE) {
        error = compare(apply, state, op);
    }
    if (error == SC_E_NONE && !op->append.repeated) {
        error = sc_quota_check(store, customer, state, op);
    }
    if (error == SC_E_NONE && !op->append.repeated) {
        error = sc_room_take(apply, op);
    }
    if (error != SC_E_NONE || op->append.repeated
        || sc_txn_failed(apply->txn))
    {
        return error;
    }

    if (session == NULL) {
        session = sc_hot_add_session(&store->hot, customer, op->append.sid,
                                     NULL);
    }
    if (session == NULL) {
        sc_txn_fail(apply->txn, ENOMEM);
        return SC_E_STORAGE_FAILED;
    }

    put(apply, customer, session, op);
    return SC_E_NONE;
}
