/*
 * Accounts and rosters: registering, swapping, reading.
 *
 * All of it is written when it happens, in the transaction of its list; none
 * of it is hot state.  Each operation compares first and writes only when
 * nothing more can refuse it, so that a refusal leaves nothing behind.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

/* customer:8 generation:8 time:8, then the account record */
#define ACCOUNT_FIXED  24u

/* roster_id:32, then the roster */
#define ROSTER_FIXED   32u

struct account {
    uint64_t        customer;
    uint64_t        generation;
    struct sc_bytes record;
};


/* --- what is stored ------------------------------------------------------ */

static int
same(struct sc_bytes a, struct sc_bytes b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* 1 also for a deleted account: its customer is 0. */
static int
get_account(struct sc_txn *txn, const uint8_t account_id[32],
            struct account *account)
{
    struct sc_bytes  value;
    struct sc_reader r;

    if (!sc_txn_get(txn, SC_DB_ACCOUNTS, account_id, 32, &value)) {
        return 0;
    }

    memset(account, 0, sizeof(*account));
    if (value.n == 0) {
        return 1;
    }

    r = sc_reader_of(value.p, value.n);
    account->customer = sc_get_u64(&r);
    account->generation = sc_get_u64(&r);
    (void) sc_get_u64(&r);
    account->record.n = sc_reader_left(&r);
    account->record.p = sc_get_bytes(&r, account->record.n);

    if (r.bad) {
        sc_txn_fail(txn, EBADMSG);
        return 0;
    }

    return 1;
}

static int
get_roster(struct sc_txn *txn, uint64_t customer, uint64_t version,
           struct sc_bytes *id, struct sc_bytes *roster)
{
    uint8_t         key[SC_KEY_MAX];
    struct sc_bytes value;

    if (!sc_txn_get(txn, SC_DB_ROSTERS, key,
                    sc_key_of_number(key, customer, version), &value))
    {
        return 0;
    }

    if (value.n < ROSTER_FIXED) {
        sc_txn_fail(txn, EBADMSG);
        return 0;
    }

    id->p = value.p;
    id->n = ROSTER_FIXED;
    roster->p = value.p + ROSTER_FIXED;
    roster->n = value.n - ROSTER_FIXED;
    return 1;
}

/* Whether everything the operation would write stands there already. */
static int
same_as_stored(struct sc_apply *apply, const struct sc_op *op,
               const struct account *account,
               const struct sc_customer_row *row)
{
    struct sc_txn  *txn = apply->txn;
    struct sc_bytes id, roster;

    return account->generation == op->account.generation
           && row->version == op->account.version
           && memcmp(row->cid, op->account.cid, 32) == 0
           && memcmp(row->account_id, op->account.account_id, 32) == 0
           && same(account->record, op->account.account)
           && get_roster(txn, account->customer, row->version, &id, &roster)
           && memcmp(id.p, op->account.roster_id, 32) == 0
           && same(roster, op->account.roster)
           && sc_wraps_same(apply, op);
}


/* --- writing ------------------------------------------------------------- */

static void
put_account(struct sc_txn *txn, uint64_t customer, const struct sc_op *op)
{
    size_t           n = ACCOUNT_FIXED + op->account.account.n;
    uint8_t         *value = malloc(n);
    struct sc_writer w;

    if (value == NULL) {
        sc_txn_fail(txn, ENOMEM);
        return;
    }

    w = sc_writer_of(value, n);
    sc_put_uint(&w, customer, 8);
    sc_put_uint(&w, op->account.generation, 8);
    sc_put_uint(&w, op->account.time, 8);
    sc_put_bytes(&w, op->account.account.p, op->account.account.n);
    sc_txn_put(txn, SC_DB_ACCOUNTS, op->account.account_id, 32, value, n);
    free(value);
}

static void
put_roster(struct sc_txn *txn, uint64_t customer, const struct sc_op *op)
{
    size_t           n = ROSTER_FIXED + op->account.roster.n;
    uint8_t         *value = malloc(n);
    uint8_t          key[SC_KEY_MAX], version[8];
    struct sc_writer w;

    if (value == NULL) {
        sc_txn_fail(txn, ENOMEM);
        return;
    }

    w = sc_writer_of(value, n);
    sc_put_bytes(&w, op->account.roster_id, 32);
    sc_put_bytes(&w, op->account.roster.p, op->account.roster.n);
    sc_txn_put(txn, SC_DB_ROSTERS, key,
               sc_key_of_number(key, customer, op->account.version), value, n);
    free(value);

    sc_put_number(version, op->account.version);
    sc_txn_put(txn, SC_DB_ROSTER_IDS, key,
               sc_key_of_id(key, customer, op->account.roster_id), version,
               sizeof(version));
}

/* Everything an operation carries, with the row as the caller made it. */
static void
put_all(struct sc_apply *apply, struct sc_op *op, uint64_t number,
        struct sc_customer_row *row)
{
    struct sc_txn *txn = apply->txn;

    row->version = op->account.version;
    row->generation = op->account.generation;
    op->account.customer = number;

    put_account(txn, number, op);
    put_roster(txn, number, op);
    sc_wraps_put(apply, op);
    sc_customer_row_put(txn, number, row);
}

enum sc_error_code
sc_register(struct sc_apply *apply, struct sc_op *op)
{
    struct sc_txn         *txn = apply->txn;
    struct sc_customer_row row = { 0 };
    struct account         account;
    struct sc_bytes        value;
    uint8_t                number[8];

    op->account.customer = 0;

    if (!sc_wraps_in_order(op)) {
        return SC_E_BAD_WRAPS;
    }

    if (get_account(txn, op->account.account_id, &account)) {
        if (account.customer != 0
            && sc_customer_row(txn, account.customer, &row)
            && same_as_stored(apply, op, &account, &row))
        {
            op->account.customer = account.customer;
            return SC_E_NONE;
        }
        return SC_E_ACCOUNT_TAKEN;
    }

    if (sc_txn_get(txn, SC_DB_CIDS, op->account.cid, 32, &value)) {
        return SC_E_ACCOUNT_TAKEN;
    }

    if (sc_invitation_check(apply, op) != SC_E_NONE) {
        return SC_E_REGISTRATION_CLOSED;
    }

    if (sc_room_take(apply, op) != SC_E_NONE) {
        return SC_E_STORAGE_FULL;
    }

    sc_invitation_use(apply, op);
    apply->customers++;
    sc_put_number(number, apply->customers);
    sc_txn_put(txn, SC_DB_META, "customers", 9, number, sizeof(number));
    sc_txn_put(txn, SC_DB_CIDS, op->account.cid, 32, number, sizeof(number));

    memcpy(row.cid, op->account.cid, 32);
    memcpy(row.account_id, op->account.account_id, 32);
    row.days = apply->store->days;
    row.time = op->account.time;
    row.earliest = 1;
    put_all(apply, op, apply->customers, &row);

    return SC_E_NONE;
}

/* The customer of the operation, if the account is its own. */
static uint64_t
customer_of(struct sc_txn *txn, const struct sc_op *op,
            struct account *account, struct sc_customer_row *row)
{
    uint64_t number = sc_customer_number(txn, op->account.cid, row);

    if (number == 0
        || !get_account(txn, op->account.account_id, account)
        || account->customer != number)
    {
        return 0;
    }

    return number;
}

enum sc_error_code
sc_account_swap(struct sc_apply *apply, struct sc_op *op)
{
    struct sc_txn         *txn = apply->txn;
    struct sc_customer_row row;
    struct account         account;
    struct sc_bytes        id, roster;
    uint64_t               number, generation;

    op->account.customer = 0;

    if (!sc_wraps_in_order(op)) {
        return SC_E_BAD_WRAPS;
    }

    number = customer_of(txn, op, &account, &row);
    if (number == 0) {
        return SC_E_NOT_FOUND;
    }

    if (same_as_stored(apply, op, &account, &row)) {
        op->account.customer = number;
        return SC_E_NONE;
    }

    generation = row.generation;
    if (row.version + 1 != op->account.version
        || op->account.generation < generation
        || !get_roster(txn, number, row.version, &id, &roster)
        || memcmp(id.p, op->account.prev, 32) != 0)
    {
        return SC_E_CONFLICT;
    }

    if (sc_room_take(apply, op) != SC_E_NONE) {
        return SC_E_STORAGE_FULL;
    }

    if (op->account.generation > generation) {
        sc_wraps_drop_owners(txn, op->account.account_id, generation);
    }

    put_all(apply, op, number, &row);
    return SC_E_NONE;
}


/* --- reading ------------------------------------------------------------- */

static void
copy_out(struct sc_txn *txn, struct sc_bytes bytes, struct sc_blob_out *out)
{
    out->p = malloc(bytes.n ? bytes.n : 1);
    if (out->p == NULL) {
        sc_txn_fail(txn, ENOMEM);
        return;
    }

    out->n = bytes.n;
    if (bytes.n) {
        memcpy(out->p, bytes.p, bytes.n);
    }
}

int
sc_lmdb_account(struct sc_store *store, const uint8_t account_id[32],
                uint8_t cid[32], struct sc_blob_out *record)
{
    struct sc_txn         *txn = sc_txn_read(store->db);
    struct sc_customer_row row;
    struct account         account = { .customer = 0 };
    int                    found;

    memset(record, 0, sizeof(*record));
    if (txn == NULL) {
        return -1;
    }

    /* One that is not there costs the same reads: there is no customer 0. */
    found = get_account(txn, account_id, &account);
    found &= sc_customer_row(txn, account.customer, &row);
    if (found) {
        memcpy(cid, row.cid, 32);
        copy_out(txn, account.record, record);
    }

    return sc_txn_finish(txn, found);
}

static int
read_roster(struct sc_txn *txn, uint64_t customer, uint64_t version,
            struct sc_blob_out *out)
{
    struct sc_bytes id, roster;
    int             found;

    found = sc_customer_there(txn, customer)
            && get_roster(txn, customer, version, &id, &roster);
    if (found) {
        copy_out(txn, roster, out);
    }

    return sc_txn_finish(txn, found);
}

int
sc_lmdb_roster(struct sc_store *store, uint64_t customer, uint64_t version,
               struct sc_blob_out *roster)
{
    struct sc_txn         *txn = sc_txn_read(store->db);
    struct sc_customer_row row;

    memset(roster, 0, sizeof(*roster));
    if (txn == NULL) {
        return -1;
    }

    if (version == 0 && sc_customer_row(txn, customer, &row)) {
        version = row.version;
    }

    return read_roster(txn, customer, version, roster);
}

int
sc_lmdb_roster_by_id(struct sc_store *store, uint64_t customer,
                     const uint8_t id[32], struct sc_blob_out *roster)
{
    struct sc_txn  *txn = sc_txn_read(store->db);
    struct sc_bytes value;
    uint8_t         key[SC_KEY_MAX];

    memset(roster, 0, sizeof(*roster));
    if (txn == NULL) {
        return -1;
    }

    if (!sc_txn_get(txn, SC_DB_ROSTER_IDS, key,
                    sc_key_of_id(key, customer, id), &value))
    {
        return sc_txn_finish(txn, 0);
    }

    return read_roster(txn, customer, sc_number_of(value), roster);
}
