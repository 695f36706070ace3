/*
 * Databases and transactions, as the rest of the store sees them.
 *
 * A thin cover over LMDB; db.c alone includes lmdb.h.  Errors stick to the
 * transaction: after the first one every call is a no-op that finds nothing,
 * and the caller looks once, at its end.
 */

#ifndef SEALCHAT_STORE_DB_H
#define SEALCHAT_STORE_DB_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/frames.h>

#include "../histogram.h"

/*
 * What the store consists of.  Numbers in keys and values are big-endian, but
 * for keys of the logs, which are the machine's own.
 *
 *     X(NAME, "name", numbered)
 *
 *     meta        schema, salt, indexed_to, customers (numbers given out),
 *                 clock (of retention), vault (id of its key)
 *     cids        cid -> customer
 *     customers   customer -> row (customers.c)
 *     accounts    account_id -> customer, generation, time, account record
 *     wraps       account_id, generation, kind:1 -> sealed wrap record
 *     rosters     customer, version -> roster_id, roster
 *     roster_ids  customer, roster_id -> version
 *     sessions    customer, sid -> row (entry.h)
 *     hellos      customer, sid -> hello
 *     blocks      customer, position -> places of that and the next positions
 *     cursors     customer, of_session:1, id -> position, time, and of a
 *                 session release:32
 *     deleted     customer, sid -> time
 *     spares      customer, sid -> name:32, sealed spare keys
 *     spare_names customer, name -> sid
 *     removals    customer, sid -> place of the newest message that is left of
 *                 a session that was deleted
 *     blocked     customer, sid -> time
 *     purges      customer -> serial (entry.h): once this is indexed, blocks
 *                 below the customer's earliest go, and all of an erased one
 *     invitations name -> time, expires, used, cid, label
 *     log.<class> place -> entry (entry.h); one for each retention class, in
 *                 the order of their numbers
 *
 * The rows of cids and accounts are never removed: erasing empties them, so
 * that neither name can be registered again.  Those of deleted stay as long as
 * their customer.
 */
#define SC_DATABASES(X)                                                       \
    X(META,       "meta",       0)                                            \
    X(CIDS,       "cids",       0)                                            \
    X(CUSTOMERS,  "customers",  0)                                            \
    X(ACCOUNTS,   "accounts",   0)                                            \
    X(WRAPS,      "wraps",      0)                                            \
    X(ROSTERS,    "rosters",    0)                                            \
    X(ROSTER_IDS, "roster_ids", 0)                                            \
    X(SESSIONS,   "sessions",   0)                                            \
    X(HELLOS,     "hellos",     0)                                            \
    X(BLOCKS,     "blocks",     0)                                            \
    X(CURSORS,    "cursors",    0)                                            \
    X(DELETED,    "deleted",    0)                                            \
    X(REMOVALS,   "removals",   0)                                            \
    X(BLOCKED,    "blocked",    0)                                            \
    X(PURGES,     "purges",     0)                                            \
    X(INVITATIONS, "invitations", 0)                                          \
    X(SPARES,     "spares",     0)                                            \
    X(SPARE_NAMES, "spare_names", 0)                                          \
    X(LOG,        "log.7",      1)                                            \
    X(LOG_30,     "log.30",     1)                                            \
    X(LOG_90,     "log.90",     1)                                            \
    X(LOG_365,    "log.365",    1)                                            \
    X(LOG_KEPT,   "log.kept",   1)

#define SC_DATABASE_ENUM(NAME, name, numbered) SC_DB_##NAME,
enum sc_db_name { SC_DATABASES(SC_DATABASE_ENUM) SC_DB_COUNT };
#undef SC_DATABASE_ENUM

/* Of what is on disk.  A store with another one is refused. */
#define SC_DB_SCHEMA  6u

struct sc_db;
struct sc_txn;
struct sc_walk;

/* Opens the file store.mdb in a directory that exists and is locked, makes it
 * if missing, and checks its schema.  NULL, and a sentence in why[]. */
struct sc_db *sc_db_open(const char *directory, uint64_t map_size, char *why,
                         size_t why_size);
void sc_db_close(struct sc_db *db);

/* What the file takes.  used is what its pages were ever needed for; the gap
 * to the sum of the tables is free or holds what a reader still sees. */
struct sc_db_sizes {
    uint64_t map;
    uint64_t used;
    unsigned readers;            /* under way */
    uint64_t oldest_reader_ns;   /* how long the oldest of them has been */
    struct {
        const char *name;
        uint64_t    entries;
        uint64_t    bytes;
    } tables[SC_DB_COUNT];
};

/* For any thread.  0, or -1. */
int sc_db_sizes(struct sc_db *db, struct sc_db_sizes *out);

/* Writes a copy of all that is durable now, without its free pages, to a
 * descriptor; NULL, or what went wrong.  Blocks for as long as that takes, and
 * counts as a reader. */
const char *sc_db_copy(struct sc_db *db, int fd);

/* How long commits took, ns; the commit thread's. */
const struct sc_histogram *sc_db_syncs(const struct sc_db *db);

/* The lowest bound of these, ns. */
#define SC_DB_SYNC_BASE  125000u

/*
 * A reading transaction, for any thread: what was durable when it began.
 * NULL on failure.  sc_txn_end() ends it; pointers got from it die then.
 */
struct sc_txn *sc_txn_read(struct sc_db *db);

/*
 * The writing transaction, for the commit thread; never NULL, but it may be
 * born with an error.  Either sc_txn_commit() or sc_txn_end() ends it; the
 * latter drops what was written.
 */
struct sc_txn *sc_txn_write(struct sc_db *db);
void sc_txn_end(struct sc_txn *txn);

/*
 * Makes everything durable or nothing.  SC_E_NONE, or SC_E_STORAGE_FULL or
 * SC_E_STORAGE_FAILED with a sentence in why[].  After a sync that failed, the
 * disk's content is unknown: every later writing transaction is refused.
 */
enum sc_error_code sc_txn_commit(struct sc_txn *txn, char *why,
                                 size_t why_size);

/* True once an error stuck. */
int sc_txn_failed(const struct sc_txn *txn);

/* Makes an error of the caller's (an errno) stick. */
void sc_txn_fail(struct sc_txn *txn, int error);

/* 1 and the value, in place: to the next put of a writing transaction, or the
 * end of a reading one.  0: there is none, or an error stuck. */
int sc_txn_get(struct sc_txn *txn, enum sc_db_name name, const void *key,
               size_t key_n, struct sc_bytes *value);
int sc_txn_get_number(struct sc_txn *txn, enum sc_db_name name, uint64_t key,
                      struct sc_bytes *value);

void sc_txn_put(struct sc_txn *txn, enum sc_db_name name, const void *key,
                size_t key_n, const void *value, size_t value_n);
void sc_txn_del(struct sc_txn *txn, enum sc_db_name name, const void *key,
                size_t key_n);
void sc_txn_del_number(struct sc_txn *txn, enum sc_db_name name,
                       uint64_t key);

/* Bytes of the pages that hold something, as the transaction sees it. */
uint64_t sc_txn_used(struct sc_txn *txn);

/* The descriptor of the file. */
int sc_db_fd(const struct sc_db *db);

/* A number that is another one after each commit. */
uint64_t sc_db_commits(const struct sc_db *db);

/* Whether a failure of the disk has made its content unknown. */
int sc_db_unsure(const struct sc_db *db);

/* Room for a value behind the last of a numbered database, to be filled in
 * before the next call; NULL when an error stuck. */
uint8_t *sc_txn_append(struct sc_txn *txn, enum sc_db_name name, uint64_t key,
                       size_t value_n);

/*
 * Walks a database in the order of its keys.  NULL when an error stuck.  Each
 * step returns 1 and where it stands, or 0 at the end.  Closed before its
 * transaction ends.
 */
struct sc_walk *sc_walk_open(struct sc_txn *txn, enum sc_db_name name);
void sc_walk_close(struct sc_walk *walk);

/* The first key that is not below. */
int sc_walk_seek(struct sc_walk *walk, const void *key, size_t key_n,
                 struct sc_bytes *found, struct sc_bytes *value);
int sc_walk_next(struct sc_walk *walk, struct sc_bytes *found,
                 struct sc_bytes *value);

/* The last key that is not above. */
int sc_walk_seek_down(struct sc_walk *walk, const void *key, size_t key_n,
                      struct sc_bytes *found, struct sc_bytes *value);

/* The same on a numbered database. */
int sc_walk_seek_number(struct sc_walk *walk, uint64_t key, uint64_t *found,
                        struct sc_bytes *value);
int sc_walk_next_number(struct sc_walk *walk, uint64_t *found,
                        struct sc_bytes *value);
int sc_walk_last_number(struct sc_walk *walk, uint64_t *found);

#endif
