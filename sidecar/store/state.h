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
#define SC_CUSTOMER_ROW   204u

/* Places in one block: it stays within half a page of LMDB. */
#define SC_BLOCK_PLACES   240u

/* Nothing is appended while more than this would have to be replayed. */
#define SC_REPLAY_MAX     100000u

/* What one transaction of upkeep may do: remove so many messages, write about
 * so many pages (1 MiB). */
#define SC_STEP_MESSAGES  256u
#define SC_STEP_PAGES     256u

/* Of retention; the number of each is the low part of its places. */
#define SC_CLASSES        5u

struct sc_cursors;

/* The clock of retention (clock.c). */
struct sc_clock {
    uint64_t (*wall)(void);
    uint32_t   catch_up;
    uint64_t   now;              /* ms since 1970; never goes back */
    uint64_t   looked;           /* sc_store_clock() of that */
    int        behind;           /* more than a day, and said so */
};

/* What there is to write to (room.c). */
struct sc_room {
    uint64_t map;                /* bytes the file may grow to */
    uint64_t size;               /* of the file, all of it on disk */
    uint64_t used;
    uint64_t reserve;
    uint64_t grow_at;            /* not before, ms */
    int      sparse;             /* the disk cannot be reserved */
};

/* What leaves, while lists come (pace.c). */
struct sc_pace {
    uint64_t rest_until;         /* sc_store_clock_ns() */
    uint64_t owed;               /* messages that came behind the last step */
    unsigned alone;              /* empty lists since the last other one */
};

struct sc_store {
    const struct sc_engine *engine;    /* first: store.h */
    int                lock_fd;
    struct sc_db      *db;
    struct sc_hot      hot;
    struct sc_cursors *cursors;
    struct sc_vault   *vault;          /* the caller's */
    uint8_t           *salt_secret;

    struct sc_quotas   quotas;         /* of customers without own */
    uint16_t           days;           /* class of new customers */

    /* The commit thread's: as of what was committed. */
    uint64_t           last_serial;
    uint64_t           indexed_to;     /* serial */
    uint64_t           customers;      /* numbers given out */
    uint32_t           checkpoint_every;
    uint64_t           checkpoint_at;  /* the serial that makes one due */
    uint64_t           pass_to;        /* what the one under way will cover */
    uint64_t           needs;          /* upkeep waits for this to be indexed */
    int                removing;       /* there are removals */
    uint64_t           remove_to;      /* no serial of theirs is above */
    uint64_t           remove_at;      /* when to go on with them, ms */
    uint64_t           checkpoints;    /* written, and when the last, ms */
    uint64_t           checkpoint_time;
    uint64_t           removed;        /* messages */
    int                purging;        /* there are purges */
    uint64_t           purge_at;
    uint64_t           expire_due;     /* by the clock of retention */
    uint64_t           expire_at;      /* not before, ms */
    int                expiring;       /* a step left something that is due */
    struct sc_pace     pace;
    struct sc_clock    clock;
    struct sc_room     room;
    int                full;           /* and that was said */
    uint64_t           expired;        /* messages */
    uint64_t           refused_full;
    uint64_t           refused_quota;
    uint64_t           failed;         /* commits */
    uint64_t           again_at;       /* after one that failed, ms */
};

/* One call of apply: the same numbers as the transaction would leave them. */
struct sc_apply {
    struct sc_store *store;
    struct sc_txn   *txn;
    uint64_t         stamp;          /* of what is appended */
    uint64_t         last_serial;
    uint64_t         customers;
    uint64_t         remove_to;      /* 0: nothing was deleted */
    unsigned         classes;        /* bits of those appended to */
    int              purges;         /* somebody was erased */
    int              tight;          /* no room was found: messages wait */
    uint64_t         free;           /* bytes that messages may still take */
    unsigned         asked;          /* how often, since that was measured */
    uint64_t         refused_full;
    uint64_t         refused_quota;
};

/* Takes the lock of a directory.  Its descriptor, which holds it, or -1 and a
 * sentence. */
int sc_lock_directory(const char *path, char *why, size_t why_size);

/* ms that what may linger in memory does. */
#define SC_LINGER_MS  1000u

/* A clock that only goes forward, ms; and ns. */
uint64_t sc_store_clock(void);
uint64_t sc_store_clock_ns(void);


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
int sc_lmdb_limits(struct sc_store *store, const uint8_t cid[32],
                   struct sc_limits *out);
int sc_lmdb_customers(struct sc_store *store, uint64_t from,
                      uint8_t (*cids)[32], int n, uint64_t *next);
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
int sc_lmdb_spare(struct sc_store *store, uint64_t customer,
                  const uint8_t name[32], struct sc_blob_out *sealed);
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
int sc_lmdb_invitations(struct sc_store *store, const uint8_t *above,
                        struct sc_invitation *out, int n);
int sc_lmdb_backup(struct sc_store *store, struct sc_backup *backup,
                   char *why, size_t why_size);


/* --- customers (customers.c) --------------------------------------------- */

struct sc_customer_row {
    uint8_t          cid[32];
    uint8_t          account_id[32];
    uint8_t          erased;
    uint8_t          disabled;
    uint16_t         days;       /* retention class */
    uint64_t         time;       /* of the registration */
    uint64_t         version;    /* of the present roster */
    uint64_t         generation;
    uint64_t         head;       /* up to which blocks are written */
    uint64_t         bytes;      /* ever appended up to there */
    uint64_t         sessions;   /* ever begun up to there */
    uint64_t         earliest;   /* nothing below is left */
    uint64_t         expired;    /* nothing of this serial or below is */
    uint64_t         shortened;  /* the newest serial of a longer class */
    struct sc_usage  left;       /* what has left again */
    struct sc_quotas quotas;
};

/* The number of a class, SC_CLASSES if there is none; and back. */
unsigned sc_class_of_days(unsigned days);
uint16_t sc_class_days(unsigned class);

/* 1, or 0. */
int sc_customer_row(struct sc_txn *txn, uint64_t number,
                    struct sc_customer_row *row);
int sc_customer_row_read(struct sc_bytes value,
                         struct sc_customer_row *row);
void sc_customer_row_put(struct sc_txn *txn, uint64_t number,
                         const struct sc_customer_row *row);

/* Whether there is such a customer, and it was not erased. */
int sc_customer_there(struct sc_txn *txn, uint64_t number);

/* The number of a customer that was not erased, and its row; or 0. */
uint64_t sc_customer_number(struct sc_txn *txn, const uint8_t cid[32],
                            struct sc_customer_row *row);

enum sc_error_code sc_limits_set(struct sc_apply *apply, struct sc_op *op);
enum sc_error_code sc_erase(struct sc_apply *apply, struct sc_op *op);

/* Whether quotas have room for that message; state as in sc_append(). */
enum sc_error_code sc_quota_check(const struct sc_store *store,
                                  const struct sc_hot_customer *customer,
                                  const struct sc_session_state *state,
                                  const struct sc_op *op);

/* Ends a reading transaction.  found, turned into what reading functions
 * return. */
int sc_txn_finish(struct sc_txn *txn, int found);


/* --- accounts (accounts.c) ----------------------------------------------- */

enum sc_error_code sc_register(struct sc_apply *apply, struct sc_op *op);
enum sc_error_code sc_account_swap(struct sc_apply *apply, struct sc_op *op);


/* --- invitations (invitations.c) ----------------------------------------- */

enum sc_error_code sc_invite(struct sc_apply *apply, struct sc_op *op);
enum sc_error_code sc_revoke(struct sc_apply *apply, struct sc_op *op);
enum sc_error_code sc_spare_put(struct sc_apply *apply, struct sc_op *op);

/* Whether the operation's invitation, if it has one, still holds; and that it
 * was used. */
enum sc_error_code sc_invitation_check(struct sc_apply *apply,
                                       const struct sc_op *op);
void sc_invitation_use(struct sc_apply *apply, const struct sc_op *op);


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

/* What that did is committed. */
void sc_wraps_resealed(struct sc_op *op);


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

/* The log of a place.  A class that there is not has no entries. */
static inline enum sc_db_name
sc_log_of(uint64_t place)
{
    unsigned class = sc_class_of(place);

    return (enum sc_db_name) (SC_DB_LOG
                              + (class < SC_CLASSES ? class : SC_CLASSES - 1));
}

/* The entry at a place.  1; 0 if there is none (then it was removed, with all
 * of its session that is older). */
int sc_entry_at(struct sc_txn *txn, uint64_t place, struct sc_entry *entry);


/* --- the index of positions (blocks.c) ----------------------------------- */

struct sc_block {
    uint64_t first;              /* position */
    size_t   n;
    uint64_t places[SC_BLOCK_PLACES];
};

static inline int
sc_block_has(const struct sc_block *block, uint64_t position)
{
    return position >= block->first && position - block->first < block->n;
}

void sc_block_put(struct sc_txn *txn, uint64_t customer, uint64_t first,
                  const uint64_t *places, size_t n);

/* A customer's first block, or the one that has a position.  1, or 0. */
int sc_block_first(struct sc_txn *txn, uint64_t customer,
                   struct sc_block *block);
int sc_block_find(struct sc_txn *txn, uint64_t customer, uint64_t position,
                  struct sc_block *block);


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


/* --- blocked sessions (block.c) ------------------------------------------ */

enum sc_error_code sc_block(struct sc_apply *apply, struct sc_op *op);

/* Whether the session is blocked, as the transaction sees it. */
int sc_blocked(struct sc_txn *txn, uint64_t customer, const uint8_t sid[32]);


/* --- deleted sessions (removals.c) --------------------------------------- */

enum sc_error_code sc_delete(struct sc_apply *apply, struct sc_op *op);

/* Whether the session was deleted, and whether the log may still have some of
 * it. */
int sc_deleted(struct sc_txn *txn, uint64_t customer, const uint8_t sid[32]);
int sc_removing(struct sc_txn *txn, uint64_t customer, const uint8_t sid[32]);

/* A session's spare keys go, if it has any. */
void sc_spare_del(struct sc_txn *txn, uint64_t customer,
                  const uint8_t sid[32]);

/* Deletes what is stored of a session beside its messages. */
void sc_session_rows_del(struct sc_txn *txn, uint64_t customer,
                         const uint8_t sid[32]);

/* Looks whether an earlier run left something to remove.  0, or -1. */
int sc_removals_load(struct sc_store *store);

/* What was deleted up to that place is committed. */
void sc_removals_add(struct sc_store *store, uint64_t remove_to);

/* After how many ms a step is due; -1: there is nothing to remove. */
int64_t sc_removals_wait(const struct sc_store *store);

/* Removes some messages, in a transaction of its own. */
enum sc_error_code sc_removals_step(struct sc_store *store, char *why,
                                    size_t why_size);


/* --- messages that leave (leave.c) --------------------------------------- */

/* A transaction in which messages leave their logs. */
struct sc_leave {
    struct sc_store *store;
    struct sc_txn   *txn;
    unsigned         messages;       /* that left */
    unsigned         pages;          /* that this wrote, about */
    unsigned         most_messages;
    unsigned         most_pages;
    size_t           front;          /* bytes of a log's front page */
};

void sc_leave_begin(struct sc_leave *leave, struct sc_store *store);

/* 1 while the transaction may do more; share: of what its pace lets it. */
int sc_leave_more(const struct sc_leave *leave, unsigned share);

/* Removes the message at a place, which has that entry; if it was the newest
 * of its session, that ends.  expired: so has all of its customer that is
 * older. */
void sc_leave_message(struct sc_leave *leave, uint64_t place,
                      const struct sc_entry *entry, int expired);

/* Commits, and counts what left. */
enum sc_error_code sc_leave_commit(struct sc_leave *leave, uint64_t *counter,
                                   char *why, size_t why_size);


/* --- retention (expiry.c) ------------------------------------------------ */

/* Removes what has expired, a step of it, in a transaction of its own. */
enum sc_error_code sc_expiry_step(struct sc_store *store, char *why,
                                  size_t why_size);

/* What was appended to these classes will expire. */
void sc_expiry_appended(struct sc_store *store, unsigned classes,
                        uint64_t stamp);

/* Whether a step is due now; and as sc_removals_wait(), which is later: what
 * is due gathers for a while. */
int sc_expiry_is_due(const struct sc_store *store);
int64_t sc_expiry_wait(const struct sc_store *store);


/* --- purges (purge.c) ---------------------------------------------------- */

/* Removes what is below its earliest position from one customer's index, and
 * all of one that was erased; a step of it. */
enum sc_error_code sc_purge_step(struct sc_store *store, char *why,
                                 size_t why_size);
int64_t sc_purge_wait(const struct sc_store *store);

/* Looks whether an earlier run left some.  0, or -1. */
int sc_purges_load(struct sc_store *store);


/* --- pace (pace.c) ------------------------------------------------------- */

/* A list came, with so many messages behind which as many are to leave; an
 * empty one did. */
void sc_pace_list(struct sc_pace *pace, size_t appends);
void sc_pace_empty(struct sc_pace *pace);

/* Whether nothing else has come for a while. */
int sc_pace_alone(const struct sc_pace *pace);

/* How much the next step may do. */
unsigned sc_pace_messages(const struct sc_pace *pace);
unsigned sc_pace_pages(const struct sc_pace *pace);

/* Steps were made, which began then by sc_store_clock_ns(). */
void sc_pace_stepped(struct sc_pace *pace, uint64_t began);

/* After how many ms the next one may be. */
int64_t sc_pace_wait(const struct sc_pace *pace);


/* --- the clock of retention (clock.c) ------------------------------------ */

/* wall and catch_up as in struct sc_store_options; saved: what was saved, or
 * 0 when the store is new. */
void sc_clock_start(struct sc_clock *clock, uint64_t (*wall)(void),
                    uint32_t catch_up, uint64_t saved);

/* The time, and what it has to say of a machine's clock that jumped: with 1,
 * a sentence. */
uint64_t sc_clock_now(struct sc_clock *clock);
int sc_clock_jumped(struct sc_clock *clock, char *why, size_t why_size);

/* Saves it with the transaction. */
void sc_clock_save(const struct sc_clock *clock, struct sc_txn *txn);


/* --- room (room.c) ------------------------------------------------------- */

/* Reserves disk ahead of what is used.  0, or -1 and a sentence. */
int sc_room_start(struct sc_store *store, uint64_t map_size, char *why,
                  size_t why_size);
void sc_room_measure(struct sc_store *store, struct sc_txn *txn);
void sc_room_grow(struct sc_store *store);

/* Bytes that are left of map and disk, as of the last measurement. */
uint64_t sc_room_left(const struct sc_store *store);

/* STORAGE_FULL when messages may not have room for that one; or a
 * registration, the deletion of a session that has no message, or an account
 * of a customer. */
enum sc_error_code sc_room_take(struct sc_apply *apply,
                                const struct sc_op *op);


/* --- checkpoints (checkpoint.c) ------------------------------------------ */

/*
 * A checkpoint writes the rows of dirty sessions, the blocks and heads of
 * dirty customers, and at its end the serial up to which all of this speaks of
 * the log, a few pages with each transaction.  Rows may by then speak of later
 * messages too: a replay passes over what they know.
 */
enum sc_error_code sc_checkpoint_begin(struct sc_store *store);

/* How many pages the next transaction should write for it, after that many
 * messages; 0 when none is under way. */
unsigned sc_checkpoint_pace(const struct sc_store *store, size_t appends);

/* Puts about so many pages of the one under way into a transaction.  Then
 * either: that was committed, before it is published; or it was not. */
void sc_checkpoint_put(struct sc_store *store, struct sc_txn *txn,
                       unsigned pages);
void sc_checkpoint_committed(struct sc_store *store);
void sc_checkpoint_failed(struct sc_store *store);

/* A step in a transaction of its own. */
enum sc_error_code sc_checkpoint_step(struct sc_store *store, unsigned pages,
                                      char *why, size_t why_size);

/* One from beginning to end, with the cursors, now.  SC_E_NONE, or as
 * sc_txn_commit(). */
enum sc_error_code sc_checkpoint(struct sc_store *store, char *why,
                                 size_t why_size);

/* Reads the logs from the last checkpoint to their end into hot state.  0, or
 * -1 and a sentence. */
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
