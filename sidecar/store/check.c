/*
 * The check: customers, accounts, rosters and wraps, and the order in which
 * everything is looked at.
 */

#include "check_state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../log.h"
#include "../protocol/account.h"
#include "../protocol/ids.h"
#include "../protocol/roster.h"

#define PROGRESS_EVERY  4096u

void
sc_check_found(struct sc_checking *checking, const char *format, ...)
{
    char    sentence[256];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);

    checking->check->wrong++;
    checking->check->found(checking->check->data, sentence);
}

void
sc_check_step(struct sc_checking *checking)
{
    if (++checking->done % PROGRESS_EVERY == 0) {
        checking->check->progress(checking->check->data, checking->done,
                                  checking->all);
    }
}

struct sc_checked *
sc_check_customer(struct sc_checking *checking, uint64_t number)
{
    return number > 0 && number <= checking->n_customers
           && checking->customers[number].there
           ? &checking->customers[number] : NULL;
}


/* --- customers and accounts ---------------------------------------------- */

static void
check_account(struct sc_checking *checking, uint64_t number,
              const struct sc_customer_row *row)
{
    struct sc_bytes   value, record;
    struct sc_reader  r;
    struct sc_account account;
    const char       *wrong = "it has no account";

    if (sc_txn_get(checking->txn, SC_DB_ACCOUNTS, row->account_id, 32,
                   &value))
    {
        r = sc_reader_of(value.p, value.n);
        wrong = sc_get_u64(&r) != number ? "its account is another's" : NULL;
        if (wrong == NULL && sc_get_u64(&r) != row->generation) {
            wrong = "its account is of another generation";
        }
        (void) sc_get_u64(&r);
        record.n = sc_reader_left(&r);
        record.p = sc_get_bytes(&r, record.n);
        if (wrong == NULL && (r.bad || sc_account_parse(record, &account)
                                       != NULL
                              || sc_account_verify(&account) != NULL
                              || memcmp(account.cid, row->cid, 32) != 0))
        {
            wrong = "its account record does not hold";
        }
    }

    if (wrong != NULL) {
        sc_check_found(checking, "customer %llu: %s",
                       (unsigned long long) number, wrong);
    }
}

/* NULL, or what is wrong with a version that follows last (version 0: it is
 * the first). */
static const char *
check_roster(struct sc_checking *checking, uint64_t number,
             const struct sc_customer_row *row, struct sc_bytes value,
             struct sc_roster *last, uint8_t last_id[32])
{
    struct sc_roster roster;
    struct sc_bytes  bytes = { value.p + 32, value.n - 32 }, version;
    uint8_t          id[32], key[SC_KEY_MAX];

    if (value.n < 32 || sc_roster_parse(bytes, &roster) != NULL
        || sc_roster_verify(&roster) != NULL
        || memcmp(roster.cid, row->cid, 32) != 0)
    {
        return "does not hold";
    }

    sc_signed_id_of(id, bytes);
    if (memcmp(id, value.p, 32) != 0) {
        return "has another id than it is stored with";
    }

    if (last->version != 0 && sc_roster_succeeds(last, &roster) != NULL) {
        return "does not follow from the one before it";
    }

    if (!sc_txn_get(checking->txn, SC_DB_ROSTER_IDS, key,
                    sc_key_of_id(key, number, id), &version)
        || sc_number_of(version) != roster.version)
    {
        return "is not found by its id";
    }

    *last = roster;
    memcpy(last_id, id, 32);
    return NULL;
}

static void
check_rosters(struct sc_checking *checking, uint64_t number,
              const struct sc_customer_row *row)
{
    struct sc_roster last = { .version = 0 };
    struct sc_bytes  value;
    uint8_t          key[SC_KEY_MAX], id[32] = { 0 };
    uint64_t         version;
    const char      *wrong = NULL;

    for (version = 1; version <= row->version && wrong == NULL; version++) {
        wrong = sc_txn_get(checking->txn, SC_DB_ROSTERS, key,
                           sc_key_of_number(key, number, version), &value)
                ? check_roster(checking, number, row, value, &last, id)
                : "is missing";
        checking->check->rosters++;
        sc_check_step(checking);

        if (wrong == NULL && last.version != version) {
            wrong = "is of another version";
        }
    }

    if (wrong != NULL) {
        sc_check_found(checking, "customer %llu: roster %llu %s",
                       (unsigned long long) number,
                       (unsigned long long) (version - 1), wrong);
    } else if (last.generation != row->generation) {
        sc_check_found(checking, "customer %llu: its roster is of another "
                       "generation", (unsigned long long) number);
    }
}

static void
check_customer(struct sc_checking *checking, uint64_t number,
               struct sc_checked *customer)
{
    struct sc_bytes value;

    if (!sc_txn_get(checking->txn, SC_DB_CIDS, customer->row.cid, 32, &value)
        || (sc_number_of(value) != number && !customer->row.erased))
    {
        sc_check_found(checking, "customer %llu: not found by its cid",
                       (unsigned long long) number);
    }

    if (!customer->row.erased) {
        checking->check->customers++;
        check_account(checking, number, &customer->row);
        check_rosters(checking, number, &customer->row);
    }
}

static void
check_customers(struct sc_checking *checking)
{
    struct sc_bytes value;
    uint8_t         key[8];
    uint64_t        number;

    for (number = 1; number <= checking->n_customers; number++) {
        struct sc_checked *customer = &checking->customers[number];

        sc_put_number(key, number);
        if (!sc_txn_get(checking->txn, SC_DB_CUSTOMERS, key, sizeof(key),
                        &value))
        {
            continue;
        }

        customer->there = sc_customer_row_read(value, &customer->row);
        if (customer->there) {
            check_customer(checking, number, customer);
        } else {
            sc_check_found(checking, "customer %llu: its row does not hold",
                           (unsigned long long) number);
        }
        sc_check_step(checking);
    }
}

/* Each cid that is not an erased one's leads to a row. */
static void
check_cids(struct sc_checking *checking)
{
    static const uint8_t lowest[1];

    struct sc_walk    *walk = sc_walk_open(checking->txn, SC_DB_CIDS);
    struct sc_bytes    key, value;
    struct sc_checked *customer;
    int                more;

    more = walk != NULL
           && sc_walk_seek(walk, lowest, sizeof(lowest), &key, &value);
    while (more) {
        uint64_t number = sc_number_of(value);

        customer = sc_check_customer(checking, number);
        if (number != 0
            && (customer == NULL || key.n != 32
                || memcmp(customer->row.cid, key.p, 32) != 0))
        {
            sc_check_found(checking, "a cid leads to customer %llu, which is "
                           "not its own", (unsigned long long) number);
        }

        sc_check_step(checking);
        more = sc_walk_next(walk, &key, &value);
    }

    sc_walk_close(walk);
}

static void
check_wrap(struct sc_checking *checking, struct sc_bytes key,
           struct sc_bytes value)
{
    struct sc_vault *vault = checking->check->vault;
    uint8_t         *plain;

    checking->check->wraps++;
    if (vault == NULL) {
        return;
    }

    plain = malloc(value.n + 1);
    if (plain == NULL) {
        sc_txn_fail(checking->txn, ENOMEM);
        return;
    }

    if (sc_vault_unseal(vault, key.p, key.n, value.p, value.n, plain) != 0) {
        sc_check_found(checking, "a wrap record of account %s does not open "
                       "with the vault's keys",
                       key.n >= 4 ? sc_log_id(key.p).text : "?");
    }

    free(plain);
}

static void
check_wraps(struct sc_checking *checking)
{
    static const uint8_t lowest[1];

    struct sc_walk *walk = sc_walk_open(checking->txn, SC_DB_WRAPS);
    struct sc_bytes key, value;
    int             more;

    more = walk != NULL
           && sc_walk_seek(walk, lowest, sizeof(lowest), &key, &value);
    while (more) {
        check_wrap(checking, key, value);
        sc_check_step(checking);
        more = sc_walk_next(walk, &key, &value);
    }

    sc_walk_close(walk);
}

/* Each session's spare keys are found by their name. */
static void
check_spares(struct sc_checking *checking)
{
    static const uint8_t lowest[1];

    struct sc_walk *walk = sc_walk_open(checking->txn, SC_DB_SPARES);
    struct sc_bytes key, value, sid;
    uint8_t         name[SC_KEY_MAX];
    int             more;

    more = walk != NULL
           && sc_walk_seek(walk, lowest, sizeof(lowest), &key, &value);
    while (more) {
        struct sc_bytes customer = { key.p, 8 };

        if (key.n != 40 || value.n < 32
            || !sc_txn_get(checking->txn, SC_DB_SPARE_NAMES, name,
                           sc_key_of_id(name, sc_number_of(customer),
                                        value.p), &sid)
            || sid.n != 32 || memcmp(sid.p, key.p + 8, 32) != 0)
        {
            sc_check_found(checking, "the spare keys of a session are not "
                           "found by their name");
        }

        sc_check_step(checking);
        more = sc_walk_next(walk, &key, &value);
    }

    sc_walk_close(walk);
}


/* --- blocked sessions ---------------------------------------------------- */

/* The end of a session is the end of that too. */
static void
check_blocked(struct sc_checking *checking)
{
    static const uint8_t lowest[1];

    struct sc_walk *walk = sc_walk_open(checking->txn, SC_DB_BLOCKED);
    struct sc_bytes key, value;
    int             more;

    more = walk != NULL
           && sc_walk_seek(walk, lowest, sizeof(lowest), &key, &value);
    while (more) {
        struct sc_reader r = sc_reader_of(key.p, key.n);
        uint64_t         number = sc_get_uint(&r, 8);

        if (key.n != 40 || value.n != 8) {
            sc_check_found(checking, "a row of a blocked session does not "
                           "hold");
        } else if (sc_customer_there(checking->txn, number)
                   && sc_deleted(checking->txn, number, key.p + 8))
        {
            sc_check_found(checking, "session %s: it was deleted and is "
                           "blocked", sc_log_id(key.p + 8).text);
        }

        sc_check_step(checking);
        more = sc_walk_next(walk, &key, &value);
    }

    sc_walk_close(walk);
}


/* --- all of it ----------------------------------------------------------- */

/* Each number that was given out has a cid for good; memory is taken for as
 * many as there are, whatever the store says. */
static void
count_customers(struct sc_checking *checking, uint64_t cids)
{
    struct sc_bytes value;
    uint64_t        said = 0;

    if (sc_txn_get(checking->txn, SC_DB_META, "customers", 9, &value)) {
        said = sc_number_of(value);
    }

    if (said != cids) {
        sc_check_found(checking, "%llu numbers of customers are said to be "
                       "given out, and %llu cids are there",
                       (unsigned long long) said, (unsigned long long) cids);
    }

    if (cids > SC_NUMBER_MAX) {
        sc_txn_fail(checking->txn, EBADMSG);
        return;
    }

    checking->n_customers = cids;
}

static void
run(struct sc_checking *checking, uint64_t cids)
{
    count_customers(checking, cids);

    checking->customers = calloc(checking->n_customers + 1,
                                 sizeof(checking->customers[0]));
    if (checking->customers == NULL) {
        sc_txn_fail(checking->txn, ENOMEM);
        return;
    }

    check_customers(checking);
    check_cids(checking);
    check_wraps(checking);
    check_spares(checking);
    sc_check_logs(checking);
    sc_check_sessions(checking);
    check_blocked(checking);
    sc_check_blocks(checking);
    free(checking->customers);
}

static int
check_db(struct sc_check *check, struct sc_db *db, char *why,
         size_t why_size)
{
    struct sc_checking checking = { .check = check };
    struct sc_db_sizes sizes;
    int                i, failed;

    checking.txn = sc_db_sizes(db, &sizes) == 0 ? sc_txn_read(db) : NULL;
    if (checking.txn == NULL) {
        snprintf(why, why_size, "the store cannot be read");
        return -1;
    }

    for (i = 0; i < SC_DB_COUNT; i++) {
        checking.all += sizes.tables[i].entries;
    }

    run(&checking, sizes.tables[SC_DB_CIDS].entries);
    failed = sc_txn_failed(checking.txn);
    sc_txn_end(checking.txn);

    if (failed) {
        snprintf(why, why_size, "the store cannot be read to its end: its "
                 "file is damaged");
        return -1;
    }

    return 0;
}

/* Opens what is there, and makes nothing. */
static struct sc_db *
open_db(const char *path, char *why, size_t why_size)
{
    char file[4096];

    snprintf(file, sizeof(file), "%s/store.mdb", path);
    if (access(file, R_OK | W_OK) != 0) {
        snprintf(why, why_size, "there is no store in %s", path);
        return NULL;
    }

    return sc_db_open(path, 0, why, why_size);
}

int
sc_check_store(struct sc_check *check, const char *path, char *why,
               size_t why_size)
{
    struct sc_db *db = NULL;
    int           lock, rc = -1;

    lock = sc_lock_directory(path, why, why_size);
    if (lock >= 0) {
        db = open_db(path, why, why_size);
    }

    if (db != NULL) {
        rc = check_db(check, db, why, why_size);
        sc_db_close(db);
    }

    if (lock >= 0) {
        close(lock);
    }

    return rc;
}

int
sc_check_counts(const char *path, struct sc_check_count *counts, size_t n,
                char *why, size_t why_size)
{
    struct sc_db      *db = open_db(path, why, why_size);
    struct sc_db_sizes sizes;
    size_t             i;
    int                rc;

    if (db == NULL) {
        return -1;
    }

    rc = sc_db_sizes(db, &sizes);
    sc_db_close(db);

    if (rc != 0 || n < SC_DB_COUNT) {
        snprintf(why, why_size, "the store in %s cannot be counted", path);
        return -1;
    }

    for (i = 0; i < SC_DB_COUNT; i++) {
        counts[i].table = sizes.tables[i].name;
        counts[i].entries = sizes.tables[i].entries;
    }

    return SC_DB_COUNT;
}
