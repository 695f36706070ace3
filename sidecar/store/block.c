/*
 * Blocking sessions: a row for as long as one is, committed with the operation
 * that asks for it.  Readers go by the row; the commit thread keeps a copy with
 * the session, since each message of a visitor asks.
 */

#include "state.h"

int
sc_blocked(struct sc_txn *txn, uint64_t customer, const uint8_t sid[32])
{
    struct sc_bytes value;
    uint8_t         key[SC_KEY_MAX];

    return sc_txn_get(txn, SC_DB_BLOCKED, key,
                      sc_key_of_id(key, customer, sid), &value);
}

enum sc_error_code
sc_block(struct sc_apply *apply, struct sc_op *op)
{
    struct sc_txn          *txn = apply->txn;
    struct sc_hot_customer *customer;
    struct sc_hot_session  *session;
    uint8_t                 key[SC_KEY_MAX], time[8];
    size_t                  key_n = sc_key_of_id(key, op->block.customer,
                                                 op->block.sid);

    op->block.repeated = 0;

    customer = sc_load_customer(apply->store, txn, op->block.customer,
                                apply->customers);
    if (customer == NULL || sc_hot_erased(customer)) {
        return SC_E_NOT_HERE;
    }

    if (sc_deleted(txn, customer->number, op->block.sid)) {
        return SC_E_SESSION_DELETED;
    }

    session = sc_load_session(apply->store, txn, customer, op->block.sid);
    if (session == NULL) {
        return SC_E_UNKNOWN_SESSION;
    }

    if (!sc_hot_blocked(session) == !op->block.blocked) {
        op->block.repeated = 1;
        return SC_E_NONE;
    }

    if (op->block.blocked) {
        sc_put_number(time, op->block.time);
        sc_txn_put(txn, SC_DB_BLOCKED, key, key_n, time, sizeof(time));
    } else {
        sc_txn_del(txn, SC_DB_BLOCKED, key, key_n);
    }

    sc_hot_stage_block(&apply->store->hot, session, op->block.blocked);
    return SC_E_NONE;
}
