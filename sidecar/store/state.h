/*
 * What the files of the store share: the store itself, and the steps of which
 * apply and the reading functions are made.
 *
 * Every step that takes a transaction leaves its failures stuck to it.
 */

#ifndef SEALCHAT_STORE_STATE_H
#define SEALCHAT_STORE_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "../store.h"
#include "../vault.h"
#include "db.h"
#include "entry.h"
#include "hot.h"

#define SC_KEY_MAX        41u    /* account_id, generation, kind and others */
#define SC_CUSTOMER_ROW   98u

/* Places in one block: it stays within half a page of LMDB. */
#define SC_BLOCK_PLACES   240u

/* Nothing is appended while more than this would have to be replayed. */
#define SC_REPLAY_MAX     100000u

/* Messages of deleted sessions that one transaction removes. */
#define SC_REMOVALS_STEP  256u

/* Days that messages are kept, of the one class in use. */
#define SC_CLASS_90       90u

struct sc_cursors;

struct sc_store {
    const struct sc_engine *engine;    /* first: store.h */
    int                lock_fd;
    struct sc_db      *db;
    struct sc_hot      hot;
    struct sc_cursors *cursors;
    struct sc_vault   *vault;          /* the caller's */
    uint8_t           *salt_secret;

    /* The commit thread's: as of what was committed. */
    uint64_t           last_place;
    uint64_t           indexed_to;
    uint64_t           customers;      /* numbers given out */
    uint64_t           checkpoint_at;  /* the place that makes one due */
    uint32_t           checkpoint_every;
    int                removing;       /* there are removals */
    uint64_t           remove_to;      /* no place of theirs is above */
    uint64_t           remove_at;      /* when to go on with them, ms */
    uint64_t           checkpoints;    /* written, and when the last, ms */
    uint64_t           checkpoint_time;
    uint64_t           removed;        /* messages */
};

/* One call of apply: the same numbers as the transaction would leave them. */
struct sc_apply {
    struct sc_store *store;
    struct sc_txn   *txn;
    uint64_t         last_place;
    uint64_t         customers;
    uint64_t         remove_to;      /* 0: nothing was deleted */
};

/* ms that what may linger in memory does. */
#define SC_LINGER_MS  1000u

/* A clock that only goes forward, ms. */
uint64_t sc_store_clock(void);


/* --- the engine (engine.c has its table) --------------------------------- */

struct sc_store *sc_lmdb_open(const struct sc_store_options *options,
                              char *why, size_t why_size);
void sc_lmdb_close(struct sc_store *store);
const uint8_t *sc_lmdb_salt_secret(struct sc_store *store);
int sc_lmdb_apply(struct sc_store *store, struct sc_op *ops, char *why,
                  size_t why_size);
int64_t sc_lmdb_wants(struct sc_store *store);
int sc_lmdb_customer(struct sc_store *store, const uint8_t cid[32],
                     struct sc_customer *out);
int sc_lmdb_account(struct sc_store *store, const uint8_t account_id[32],
                    uint8_t cid[32], struct sc_blob_out *record);
int sc_lmdb_wrap(struct sc_store *store, const uint8_t account_id[32],
                 uint64_t generation, uint8_t kind, struct sc_blob_out *wrap);
int sc_lmdb_roster(struct sc_store *store, uint64_t customer,
                   uint64_t version, struct sc_blob_out *roster);
int sc_lmdb_roster_by_id(struct sc_store *store, uint64_t customer,
                         const uint8_t id[32], struct sc_blob_out *roster);
int sc_lmdb_session(struct sc_store *store, uint64_t customer,
                    const uint8_t sid[32], const uint8_t signkey_id[32],
                    struct sc_session_info *out);
int sc_lmdb_sessions(struct sc_store *store, uint64_t customer,
                     const uint8_t from[32], const uint8_t signkey_id[32],
                     struct sc_session_info *out, int n);
int sc_lmdb_cursor(struct sc_store *store, uint64_t customer,
                   const uint8_t signkey_id[32], uint64_t *position);
struct sc_page *sc_lmdb_read(struct sc_store *store, uint64_t customer,
                             uint64_t from, const uint8_t *skip_signkey,
                             size_t n, size_t max_bytes);
struct sc_page *sc_lmdb_read_session(struct sc_store *store,
                                     uint64_t customer,
                                     const uint8_t sid[32], uint64_t above,
                                     const uint8_t *skip_signkey, size_t n,
                                     size_t max_bytes);
struct sc_page *sc_lmdb_history(struct sc_store *store, uint64_t customer,
                                const uint8_t sid[32], uint64_t before,
                                size_t n, size_t max_bytes);
void sc_lmdb_counters(const struct sc_store *store,
                      struct sc_store_counters *out);
int sc_lmdb_sizes(struct sc_store *store, struct sc_store_sizes *out);


/* --- customers (accounts.c) ---------------------------------------------- */

struct sc_customer_row {
    uint8_t  cid[32];
    uint8_t  account_id[32];
    uint16_t days;               /* retention class */
    uint64_t time;               /* of the registration */
    uint64_t version;            /* of the present roster */
    uint64_t generation;
    uint64_t head;               /* as of indexed_to */
};

/* 1, or 0. */
int sc_customer_row(struct sc_txn *txn, uint64_t number,
                    struct sc_customer_row *row);
void sc_customer_row_put(struct sc_txn *txn, uint64_t number,
                         const struct sc_customer_row *row);

enum sc_error_code sc_register(struct sc_apply *apply, struct sc_op *op);
enum sc_error_code sc_account_swap(struct sc_apply *apply, struct sc_op *op);


/* --- the vault (wraps.c) ------------------------------------------------- */

/* Whether the store's vault opens what lies in it, which is noted the first
 * time.  0, or -1 and a sentence. */
int sc_wraps_open(struct sc_store *store, char *why, size_t why_size);

/* Ascending by kind, each once: what sc_wraps_same() can compare. */
int sc_wraps_in_order(const struct sc_op *op);

/* Whether the stored wraps of the generation are the operation's, no more and
 * no less. */
int sc_wraps_same(struct sc_apply *apply, const struct sc_op *op);
void sc_wraps_put(struct sc_apply *apply, const struct sc_op *op);

/* Those of a generation that open with the password or the recovery code: an
 * old password opens nothing new, and soon nothing at all. */
void sc_wraps_drop_owners(struct sc_txn *txn, const uint8_t account_id[32],
                          uint64_t generation);

enum sc_error_code sc_wraps_reseal(struct sc_apply *apply, struct sc_op *op);


/* --- messages (append.c, pages.c) ---------------------------------------- */

enum sc_error_code sc_append(struct sc_apply *apply, struct sc_op *op);

/* From memory or from disk; NULL if there is none, or on failure.  last: the
 * numbers of customers given out so far. */
struct sc_hot_customer *sc_load_customer(struct sc_store *store,
                                         struct sc_txn *txn, uint64_t number,
                                         uint64_t last);
struct sc_hot_session *sc_load_session(struct sc_store *store,
                                       struct sc_txn *txn,
                                       struct sc_hot_customer *customer,
                                       const uint8_t sid[32]);

/* The entry at a place.  1; 0 if there is none (then it was removed, with all
 * of its session that is older). */
int sc_entry_at(struct sc_txn *txn, uint64_t place, struct sc_entry *entry);


/* --- cursors (cursors.c) ------------------------------------------------- */

struct sc_cursors *sc_cursors_new(uint32_t delay_ms);
void sc_cursors_free(struct sc_cursors *cursors);

/* Whether the operation holds; changes nothing. */
enum sc_error_code sc_cursor_check(struct sc_apply *apply,
                                   const struct sc_op *op);

/* Room for n more, so that adding cannot fail.  0, or -1. */
int sc_cursors_reserve(struct sc_store *store, size_t n);
void sc_cursors_add(struct sc_store *store, const struct sc_op *op);

/* Whether those in memory are many or old enough to be written; after how
 * many ms they will be, or -1 when there are none. */
int sc_cursors_due(const struct sc_store *store);
int64_t sc_cursors_wait(const struct sc_store *store);

/* Puts all that are in memory; they are forgotten once this is committed. */
void sc_cursors_put(struct sc_store *store, struct sc_txn *txn);
void sc_cursors_clear(struct sc_store *store);

/* What a row of a cursor says.  release is a session's. */
struct sc_cursor {
    uint64_t position;           /* 0: none */
    uint64_t time;
    uint8_t  release[32];
};

/* 0 and the cursor, or -1. */
int sc_cursor_get(struct sc_store *store, uint64_t customer, int of_session,
                  const uint8_t id[32], struct sc_cursor *cursor);


/* --- deleted sessions (removals.c) --------------------------------------- */

enum sc_error_code sc_delete(struct sc_apply *apply, struct sc_op *op);

/* Whether the session was deleted, and whether the log may still have some of
 * it. */
int sc_deleted(struct sc_txn *txn, uint64_t customer, const uint8_t sid[32]);
int sc_removing(struct sc_txn *txn, uint64_t customer, const uint8_t sid[32]);

/* Looks whether an earlier run left something to remove.  0, or -1. */
int sc_removals_load(struct sc_store *store);

/* What was deleted up to that place is committed. */
void sc_removals_add(struct sc_store *store, uint64_t remove_to);

/* After how many ms a step is due; -1: there is nothing to remove. */
int64_t sc_removals_wait(const struct sc_store *store);

/* Removes SC_REMOVALS_STEP messages at most, in a transaction of its own. */
enum sc_error_code sc_removals_step(struct sc_store *store, char *why,
                                    size_t why_size);


/* --- checkpoints (checkpoint.c) ------------------------------------------ */

/*
 * Writes the rows of dirty sessions, the blocks and heads of dirty customers,
 * the cursors, and the place up to which all of this now speaks of the log:
 * in one transaction.  SC_E_NONE, or as sc_txn_commit().
 */
enum sc_error_code sc_checkpoint(struct sc_store *store, char *why,
                                 size_t why_size);

/* Reads the log from the last checkpoint to its end into hot state.  0, or -1
 * and a sentence. */
int sc_replay(struct sc_store *store, char *why, size_t why_size);


/* --- keys ---------------------------------------------------------------- */

/* customer:8 id:32 */
static inline size_t
sc_key_of_id(uint8_t key[SC_KEY_MAX], uint64_t customer, const uint8_t id[32])
{
    struct sc_writer w = sc_writer_of(key, SC_KEY_MAX);

    sc_put_uint(&w, customer, 8);
    sc_put_bytes(&w, id, 32);
    return 40;
}

/* customer:8 of_session:1 id:32 */
static inline size_t
sc_key_of_cursor(uint8_t key[SC_KEY_MAX], uint64_t customer, int of_session,
                 const uint8_t id[32])
{
    struct sc_writer w = sc_writer_of(key, SC_KEY_MAX);

    sc_put_uint(&w, customer, 8);
    sc_put_uint(&w, of_session != 0, 1);
    sc_put_bytes(&w, id, 32);
    return 41;
}

/* customer:8 number:8 */
static inline size_t
sc_key_of_number(uint8_t key[SC_KEY_MAX], uint64_t customer, uint64_t number)
{
    struct sc_writer w = sc_writer_of(key, SC_KEY_MAX);

    sc_put_uint(&w, customer, 8);
    sc_put_uint(&w, number, 8);
    return 16;
}

/* A number that is a whole key or value. */
static inline void
sc_put_number(uint8_t out[8], uint64_t number)
{
    struct sc_writer w = sc_writer_of(out, 8);

    sc_put_uint(&w, number, 8);
}

/* 0 unless the bytes are one number. */
static inline uint64_t
sc_number_of(struct sc_bytes bytes)
{
    struct sc_reader r = sc_reader_of(bytes.p, bytes.n);
    uint64_t         number = sc_get_uint(&r, 8);

    return sc_reader_done(&r) ? number : 0;
}

#endif
