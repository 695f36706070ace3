/*
 * The store: what the sidecar keeps, as operations of this domain.
 *
 * Written for more than one engine.  No transaction, cursor or handle of an
 * engine is visible here; an engine that cannot keep a promise stated below
 * is not an engine.  LMDB (sidecar/store/) is the embedded one; tests have
 * another in memory (t/engine/), and the same tests run on both.
 *
 * Words.  A customer is known by cid, and inside the store by a small number.
 * A position is the number of a message in its customer's order, given out
 * from 1 without gaps and only once; it is what clients see.  The engine's own
 * places never leave it.
 *
 * Retention.  A customer has a class: the days that its messages are kept, or
 * for ever.  A message gets the class of the moment at which it is appended,
 * and expires that long after.  What has expired takes with it whatever is
 * older of its customer, so that what is left is always without gaps: after a
 * change to a shorter class, older messages go at the latest when the first
 * new one does; after a change to a longer class they still go at the time
 * that they had.  A session whose newest message has expired has ended, as if
 * it had been deleted.  Expiry goes by a clock of the store's own, which never
 * goes back, and follows one that jumped ahead no faster than catch_up times
 * the time that passes.
 *
 * Threads.  sc_store_apply() is called by one thread, the commit thread.  All
 * reading functions may be called by any thread at any time, see everything
 * that apply has returned for, and nothing it has not made durable.
 *
 * Memory.  What a reading function returns is copied into storage that the
 * caller frees as stated.  Bytes passed in are borrowed for the call.
 */

#ifndef SEALCHAT_STORE_H
#define SEALCHAT_STORE_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/errors.h>
#include <sealchat/frames.h>

#include "histogram.h"

struct sc_store;
struct sc_engine;
struct sc_vault;

/* Of a quota: there is none. */
#define SC_NO_LIMIT  UINT64_MAX

/* Of a retention class: for ever. */
#define SC_KEPT      UINT16_MAX

/*
 * What a customer may have stored.  0 in a customer's own takes the value of
 * the service.  bytes are of envelopes and hellos.  What is in the way of a
 * quota is refused; nothing is ever removed for it.
 */
struct sc_quotas {
    uint64_t bytes;
    uint64_t messages;
    uint64_t sessions;
    uint64_t first_bytes;        /* of one session, before its first reply */
    uint64_t first_messages;
};

struct sc_store_options {
    const struct sc_engine *engine;      /* NULL: LMDB */

    const char *path;        /* a directory of ours, made if missing */
    uint64_t    map_size;    /* bytes the store may grow to */
    struct sc_vault *vault;  /* under which wraps lie; outlives the store */
    uint16_t    days;        /* class of new customers; 0: 90 */
    struct sc_quotas quotas; /* of customers without own; 0: SC_NO_LIMIT */

    /* For tests and measurements; 0 takes the default. */
    uint32_t    checkpoint_every;    /* messages between checkpoints */
    uint32_t    hot_sessions;        /* sessions kept in memory */
    uint32_t    cursor_delay;        /* ms that a cursor may linger there */
    uint32_t    catch_up;            /* 24 */
    uint64_t  (*clock)(void);        /* ms since 1970 */
};

/* Whether messages may be kept for so many days: 7, 30, 90, 365, SC_KEPT. */
int sc_store_is_class(unsigned days);

/*
 * Opens the store, takes the exclusive lock of its directory and replays what
 * was committed after the last checkpoint.  NULL on failure, and why (a
 * sentence for the log) in why[].
 */
struct sc_store *sc_store_open(const struct sc_store_options *options,
                               char *why, size_t why_size);

/* Writes a checkpoint and closes.  No other call may be under way. */
void sc_store_close(struct sc_store *store);

/* The secret of the service from which salts are derived: 32 bytes made when
 * the store was made, never changed, part of every backup.  Owned by the
 * store, in locked memory. */
const uint8_t *sc_store_salt_secret(struct sc_store *store);


/* --- writing ------------------------------------------------------------- */

enum sc_op_kind {
    SC_OP_APPEND = 1,   /* a message */
    SC_OP_REGISTER,     /* a customer with its first account */
    SC_OP_ACCOUNT,      /* compare-and-swap of account, wraps and roster */
    SC_OP_CURSOR,       /* what a device or session has acknowledged */
    SC_OP_DELETE,       /* a session, for good */
    SC_OP_RESEAL,       /* wraps, under another key of the vault */
    SC_OP_INVITE,       /* a registration to come */
    SC_OP_REVOKE,       /* an invitation */
    SC_OP_ERASE,        /* an account and everything of its customer */
    SC_OP_BLOCK,        /* a session, by its customer */
    SC_OP_LIMITS,       /* a customer's retention class and quotas */
    SC_OP_SPARE         /* a session's spare keys */
};

/* What an operation on limits sets; the rest stays as it is. */
enum {
    SC_SET_DAYS           = 1,
    SC_SET_BYTES          = 2,
    SC_SET_MESSAGES       = 4,
    SC_SET_SESSIONS       = 8,
    SC_SET_FIRST_BYTES    = 16,
    SC_SET_FIRST_MESSAGES = 32,
    SC_SET_DISABLED       = 64
};

/*
 * One operation.  The caller fills in kind, the inputs of that kind, and
 * next; apply fills in the outputs.
 *
 * Layouts and signatures of what is passed were checked by the caller.  What
 * depends on what is stored is checked here, inside the same unit as the
 * write, so that two streams can never both win.
 */
struct sc_op {
    struct sc_op      *next;
    enum sc_op_kind    kind;

    /* out, of every kind: SC_E_NONE when it is durable (or was before) */
    enum sc_error_code error;

    union {
        /*
         * APPEND.  hello: of the session; kept with the session's first
         * message, ignored later.  by_session: the sender is the session key
         * (the visitor).
         *
         * A session that does not exist is created by its first message if
         * by_session, else UNKNOWN_SESSION.  seq must be the last of this
         * sender in this session + 1, and prev its id (zeros for the first):
         *     seq too high                       SEQ_GAP
         *     seq right, prev another            SEQ_CONFLICT
         *     seq at or below the last, same id
         *     within 64 messages of the chain    no error, repeated = 1,
         *                                        position and time of then
         *     the same, another id               SEQ_CONFLICT
         *     further back                       SEQ_OLD
         * A customer number that was never given out, or whose account was
         * erased: NOT_HERE.  A session that was deleted, or has expired:
         * SESSION_DELETED.  By the session itself, while it is blocked:
         * SESSION_BLOCKED.  Beyond a quota of the customer: QUOTA_FULL; of
         * the session, as long as its own key alone has written: REPLY_FIRST.
         * STORAGE_FULL where the message would go into the reserve.
         */
        struct {
            uint64_t        customer;
            const uint8_t  *sid;
            const uint8_t  *signkey_id;
            const uint8_t  *prev;
            const uint8_t  *id;
            uint64_t        seq;
            uint64_t        time;            /* service's clock, ms */
            int             by_session;
            struct sc_bytes hello;
            struct sc_bytes envelope;

            uint64_t        position;        /* out */
            uint64_t        stored_time;     /* out */
            int             repeated;        /* out */
            int             first;           /* out: opened the session */
        } append;

        /*
         * REGISTER and ACCOUNT.  wraps: whole wrap records of this generation,
         * ascending by kind.
         *
         * REGISTER: ACCOUNT_TAKEN if cid or account_id were ever registered,
         * unless all bytes are the stored ones.  STORAGE_FULL as for messages.
         * With an invitation: REGISTRATION_CLOSED if there is none of that
         * name, it has expired, or it let somebody register already.
         *
         * ACCOUNT: the stored roster must be the one of version - 1 whose id
         * is prev, else CONFLICT, unless all bytes are the stored ones.  With
         * a higher generation, kinds 1 to 4 of the one before are deleted and
         * 5 and 6 kept.  NOT_FOUND if there is no such customer, or if the
         * account is not its own.
         */
        struct {
            const uint8_t   *cid;
            const uint8_t   *account_id;
            const uint8_t   *roster_id;
            const uint8_t   *prev;
            uint64_t         version;
            uint64_t         generation;
            uint64_t         time;
            const uint8_t   *invitation;     /* REGISTER: its name, or NULL */
            struct sc_bytes  account;
            struct sc_bytes  roster;
            const struct sc_bytes *wraps;
            size_t           n_wraps;

            uint64_t         customer;       /* out */
        } account;

        /* CURSOR.  id: a device's signkey_id, or a sid.  The larger of the
         * stored and this value stands.  release: 32 bytes that a session is
         * to have from now on, or NULL.  BAD_POSITION above the customer's
         * newest; UNKNOWN_SESSION, SESSION_DELETED, NOT_HERE as above. */
        struct {
            uint64_t        customer;
            const uint8_t  *id;
            const uint8_t  *release;
            int             of_session;
            uint64_t        position;
            uint64_t        time;
        } cursor;

        /*
         * DELETE.  From its commit on, nothing of the session is read, listed
         * or accepted; its messages leave the store in steps of later calls.
         * Their positions are not given out again.
         *
         * by_session: asked for by its own key, which may delete it before
         * its first message; STORAGE_FULL then as for messages, and
         * SESSION_BLOCKED while it is blocked.  Otherwise UNKNOWN_SESSION if it
         * never was; NOT_HERE as above.  One that was deleted before: no
         * error.
         */
        struct {
            uint64_t        customer;
            const uint8_t  *sid;
            uint64_t        time;
            int             by_session;

            int             repeated;        /* out */
        } remove;

        /*
         * BLOCK.  blocked: from its commit on nothing is accepted of the
         * session's own key; what is stored stays.  0: it is again.
         * UNKNOWN_SESSION if it never was; SESSION_DELETED; NOT_HERE as
         * above.  What ends a session ends this too.
         */
        struct {
            uint64_t        customer;
            const uint8_t  *sid;
            uint64_t        time;
            int             blocked;

            int             repeated;        /* out: it was so before */
        } block;

        /*
         * RESEAL.  Puts wraps that lie under another key than the vault's
         * present one under that; some of them at a time, going on from at
         * (n bytes; 0: from the beginning), which moves when they are
         * durable.  done: none is left behind it.
         */
        struct {
            uint8_t         at[48];          /* in and out */
            size_t          n;
            uint8_t         reached[48];     /* the engine's own */
            size_t          n_reached;
            uint64_t        resealed;        /* out: by this operation */
            int             done;            /* out */
        } reseal;

        /*
         * ERASE.  From its commit on nothing of the customer is read, listed
         * or accepted, and its number is NOT_HERE; what it had leaves the
         * store in steps of later calls.  Neither cid nor account_id can be
         * registered again.  account_id: NOT_FOUND unless it is the cid's own;
         * NULL for an operator, who need not know it.  NOT_FOUND if there
         * never was such a customer; one that was erased before: no error.
         */
        struct {
            const uint8_t  *cid;
            const uint8_t  *account_id;
            uint64_t        time;

            uint64_t        customer;        /* out; 0 when repeated */
            int             repeated;        /* out */
        } erase;

        /*
         * LIMITS.  set: SC_SET_* of what days and quotas replace, for messages
         * that come later.  NOT_FOUND if there is no such customer; INTERNAL
         * for days that are no class.
         */
        struct {
            const uint8_t   *cid;
            unsigned         set;
            int              disabled;       /* nobody is to be let in */
            uint16_t         days;
            struct sc_quotas quotas;
        } limits;

        /*
         * INVITE.  Lets one customer register until expires, 0: for ever.
         * name: 32 bytes, a hash of what the invitation is; ACCOUNT_TAKEN if
         * there is one of that name.  label: the operator's own.
         */
        struct {
            const uint8_t  *name;
            uint64_t        time;
            uint64_t        expires;
            struct sc_bytes label;           /* SC_LABEL_MAX at most */
        } invite;

        /*
         * SPARE.  What opens a session for whoever has its code: one of each
         * session, which takes the place of the one before and ends with the
         * session.  name: 32 bytes by which it is found; CONFLICT if another
         * session of the customer has that name.  UNKNOWN_SESSION,
         * SESSION_DELETED, SESSION_BLOCKED, NOT_HERE as above; STORAGE_FULL as
         * for messages; TOO_LARGE beyond SC_SPARE_MAX.
         */
        struct {
            uint64_t        customer;
            const uint8_t  *sid;
            const uint8_t  *name;
            struct sc_bytes sealed;
        } spare;

        /* REVOKE.  It is as if it had never been; NOT_FOUND. */
        struct {
            const uint8_t  *name;
        } revoke;
    };
};

/*
 * Applies a list of operations in its order, as one durable unit: when it
 * returns, everything whose error is SC_E_NONE survives a power cut, and
 * nothing else was changed.  Returns 0, or -1 when nothing of the list could
 * be made durable; every error is then STORAGE_FULL or STORAGE_FAILED, and
 * why[] has a sentence for the log.  With 0, why[] is empty, or has a sentence
 * about upkeep that failed and will be tried again.
 *
 * Room is kept in reserve that messages, registrations and spare keys do not
 * get, nor the deletion of what never was, so that everything else can still be made
 * durable when those are refused with STORAGE_FULL; they alone are refused
 * then, not their list.
 *
 * After a failure of the disk itself every later call fails with
 * STORAGE_FAILED, until the store was opened again, which checks it.
 *
 * Cursors may be kept in memory for a while (losing one redelivers).  An
 * empty list (NULL) writes those that were kept for long enough, and goes on
 * with the removal of what was deleted, erased or has expired.
 */
int sc_store_apply(struct sc_store *store, struct sc_op *ops,
                   char *why, size_t why_size);

/* For the thread that applies: after how many ms the store would like to be
 * given an empty list, if nothing else comes before; -1: it has no need.  0:
 * now, even if another list waits: something is to leave, which happens behind
 * empty lists alone. */
int64_t sc_store_wants(struct sc_store *store);


/* --- what status shows --------------------------------------------------- */

/* Counted since the store was opened. */
struct sc_store_counters {
    struct sc_histogram syncs;   /* time to make a unit durable, ns */
    uint64_t checkpoints;
    uint64_t checkpoint_time;    /* of the last one, ms since 1970; 0: none */
    uint64_t unindexed;          /* messages that a start would replay, now */
    uint64_t removed;            /* messages taken out of the logs */
    uint64_t expired;            /* of these, by retention */
    uint64_t refused_full;       /* operations, for want of room */
    uint64_t refused_quota;      /* messages, beyond a quota */
    uint64_t failed;             /* commits that failed, upkeep's too */
    uint64_t used;               /* bytes that what is stored needs */
    uint64_t room;               /* bytes that still fit */
    uint64_t reserve;            /* of these, what messages do not get */
    uint64_t clock;              /* of retention, ms since 1970 */
    uint64_t unsure;             /* 1: the disk failed: nothing is accepted */
    uint64_t sessions;           /* in memory, now */
    uint64_t sessions_dirty;     /* of these, not in a checkpoint yet */
};

/* The lowest bound of syncs, ns. */
#define SC_STORE_SYNC_BASE  125000u

/* For the thread that applies; all zero where an engine counts nothing. */
void sc_store_counters(const struct sc_store *store,
                       struct sc_store_counters *out);

#define SC_STORE_TABLES_MAX  32u

/* What the store takes, in bytes.  What is in no table is free for reuse, or
 * held by a reader. */
struct sc_store_sizes {
    uint64_t limit;              /* that it may grow to */
    uint64_t used;               /* that it grew to */
    uint64_t disk_free;          /* for us, on its file system */
    uint64_t readers;            /* reading now */
    uint64_t oldest_reader_ns;   /* for how long the oldest of them */
    size_t   n_tables;
    struct {
        const char *name;
        uint64_t    entries;
        uint64_t    bytes;
    } tables[SC_STORE_TABLES_MAX];
};

/* 0; -1 on failure, or where an engine knows nothing of it. */
int sc_store_sizes(struct sc_store *store, struct sc_store_sizes *out);


/* --- backups ------------------------------------------------------------- */

/*
 * A copy of the store as it was at one moment, made while it is in use.  What
 * is given up meanwhile cannot be reused before the copy is made, so that the
 * store grows by it: a copy that makes it grow too much, or takes too long,
 * is broken off.
 */
struct sc_backup {
    int        fd;               /* an empty file, to which it is written */
    uint64_t   max_growth;       /* bytes */
    uint64_t   max_ms;

    /* Called now and then; ends the copy where it returns other than 0. */
    int      (*progress)(void *data, const struct sc_backup *backup);
    void      *data;

    uint64_t   about;            /* out: how many bytes it will be, roughly */
    uint64_t   bytes;            /* out: written */
    uint64_t   growth;           /* out: of the store, so far */
    uint8_t    hash[32];         /* out: BLAKE2b-256 of what was written */
};

/* Blocks; for any thread but the one that applies, whose priority it lowers for
 * good.  While lists are applied it takes its time.  0, synced, or -1 and a
 * sentence in why[]. */
int sc_store_backup(struct sc_store *store, struct sc_backup *backup,
                    char *why, size_t why_size);


/* --- customers, accounts, rosters ---------------------------------------- */

struct sc_customer {
    uint64_t number;
    uint64_t head;               /* newest position, 0: none */
    uint64_t earliest;           /* nothing below is left; 1 at first */
    uint8_t  account_id[32];
    int      disabled;
    uint64_t time;               /* of its registration */
};

/* 1 and fills out, 0 if there is no such customer (any more), -1 on
 * failure. */
int sc_store_customer(struct sc_store *store, const uint8_t cid[32],
                      struct sc_customer *out);

/* A customer's class and own quotas, and what counts against them.  What was
 * deleted or expired counts until it has left the store. */
struct sc_limits {
    uint16_t         days;
    struct sc_quotas quotas;
    uint64_t         bytes;
    uint64_t         messages;
    uint64_t         sessions;
};

/* 1, 0 or -1 as above. */
int sc_store_limits(struct sc_store *store, const uint8_t cid[32],
                    struct sc_limits *out);

/* The cids of up to n customers, in no order, from that number on; *next is
 * where to go on, 0 after the last.  How many, or -1. */
int sc_store_customers(struct sc_store *store, uint64_t from,
                       uint8_t (*cids)[32], int n, uint64_t *next);

#define SC_LABEL_MAX  64u

struct sc_invitation {
    uint8_t  name[32];
    uint64_t time;               /* when it was made */
    uint64_t expires;            /* 0: never */
    uint64_t used;               /* when it let somebody register; 0: not yet */
    uint8_t  cid[32];            /* whom, if so */
    char     label[SC_LABEL_MAX + 1];
};

/* Up to n invitations above that name (NULL: from the first), in the order of
 * their names.  How many, or -1; none where an engine has no such thing. */
int sc_store_invitations(struct sc_store *store, const uint8_t *above,
                         struct sc_invitation *out, int n);

/*
 * Blobs below are malloc'ed; p is NULL when there is none.  The caller frees
 * p.  Each returns 1 found, 0 not, -1 failure.
 */
struct sc_blob_out {
    uint8_t *p;
    size_t   n;
};

/* Whether an account of that name exists, its customer and its record. */
int sc_store_account(struct sc_store *store, const uint8_t account_id[32],
                     uint8_t cid[32], struct sc_blob_out *record);

/* One wrap record. */
int sc_store_wrap(struct sc_store *store, const uint8_t account_id[32],
                  uint64_t generation, uint8_t kind, struct sc_blob_out *wrap);

/* The roster of a version; version 0 is the present one. */
int sc_store_roster(struct sc_store *store, uint64_t customer,
                    uint64_t version, struct sc_blob_out *roster);

int sc_store_roster_by_id(struct sc_store *store, uint64_t customer,
                          const uint8_t id[32], struct sc_blob_out *roster);


/* --- sessions and cursors ------------------------------------------------ */

struct sc_session_info {
    int      deleted;            /* or expired; that is all there is to know */
    int      blocked;            /* by its customer */
    uint8_t  sid[32];
    uint64_t head;               /* position of its newest message */
    uint64_t time;               /* of its newest message */
    uint64_t cursor;             /* the visitor's */
    uint64_t seq;                /* last number of the sender asked for */
    uint8_t  id[32];             /* and its id; zeros if none */
    uint8_t  release[32];        /* the visitor's; zeros if unknown */
    uint8_t  hello[SC_RSA_SPKI_BYTES + 175];
    size_t   hello_len;
};

/* One session, with the last number and id of that sender.  1; 0 if there is
 * none, or none any more; -1. */
int sc_store_session(struct sc_store *store, uint64_t customer,
                     const uint8_t sid[32], const uint8_t signkey_id[32],
                     struct sc_session_info *out);

/* Up to n sessions with sid >= from, ascending.  Returns how many, or -1. */
int sc_store_sessions(struct sc_store *store, uint64_t customer,
                      const uint8_t from[32], const uint8_t signkey_id[32],
                      struct sc_session_info *out, int n);

/* The spare keys of that name.  1, 0 or -1, and a blob, as above. */
int sc_store_spare(struct sc_store *store, uint64_t customer,
                   const uint8_t name[32], struct sc_blob_out *sealed);

/* A device's cursor; 0 if it never acknowledged.  0 or -1. */
int sc_store_cursor(struct sc_store *store, uint64_t customer,
                    const uint8_t signkey_id[32], uint64_t *position);


/* --- messages ------------------------------------------------------------ */

/* Messages read, in one allocation: sc_store_page_free() frees it. */
struct sc_stored {
    uint64_t        position;
    uint64_t        time;
    int             first;       /* of what is kept of its session */
    struct sc_bytes hello;       /* if first, else empty */
    struct sc_bytes envelope;
};

struct sc_page {
    size_t           n;
    uint64_t         next;       /* where to go on; 0: nothing left */
    struct sc_stored messages[];
};

void sc_store_page_free(struct sc_page *page);

/*
 * All three read at most n messages and about max_bytes of envelopes (one at
 * least, if there is one), and return NULL on failure.  skip_signkey, if not
 * NULL, leaves out what that key sent.
 *
 * read            a customer's messages from a position on, ascending
 * read_session    a session's messages above a position, ascending
 * history         a session's messages below a position (0: from its newest),
 *                 descending
 *
 * Positions of deleted sessions are passed over, and what has expired is not
 * there: read begins at the earliest, the others end there.
 *
 * page->next is the position to go on from (for read: the first not looked
 * at; read_session: the last looked at; history: what to pass as before).
 */
struct sc_page *sc_store_read(struct sc_store *store, uint64_t customer,
                              uint64_t from, const uint8_t *skip_signkey,
                              size_t n, size_t max_bytes);
struct sc_page *sc_store_read_session(struct sc_store *store,
                                      uint64_t customer,
                                      const uint8_t sid[32], uint64_t above,
                                      const uint8_t *skip_signkey,
                                      size_t n, size_t max_bytes);
struct sc_page *sc_store_history(struct sc_store *store, uint64_t customer,
                                 const uint8_t sid[32], uint64_t before,
                                 size_t n, size_t max_bytes);


/* --- engines ------------------------------------------------------------- */

/*
 * What an engine provides: for each function above but the last, one of its
 * name and contract.  A struct sc_store is the engine's own; its first member
 * is the pointer to this table, which open sets.  A page is one allocation
 * that free() frees.
 */
struct sc_engine {
    const char *name;

    struct sc_store *(*open)(const struct sc_store_options *options,
                             char *why, size_t why_size);
    void (*close)(struct sc_store *store);
    const uint8_t *(*salt_secret)(struct sc_store *store);

    int (*apply)(struct sc_store *store, struct sc_op *ops,
                 char *why, size_t why_size);
    int64_t (*wants)(struct sc_store *store);

    int (*customer)(struct sc_store *store, const uint8_t cid[32],
                    struct sc_customer *out);
    int (*limits)(struct sc_store *store, const uint8_t cid[32],
                  struct sc_limits *out);
    int (*customers)(struct sc_store *store, uint64_t from,
                     uint8_t (*cids)[32], int n, uint64_t *next);
    int (*account)(struct sc_store *store, const uint8_t account_id[32],
                   uint8_t cid[32], struct sc_blob_out *record);
    int (*wrap)(struct sc_store *store, const uint8_t account_id[32],
                uint64_t generation, uint8_t kind, struct sc_blob_out *wrap);
    int (*roster)(struct sc_store *store, uint64_t customer,
                  uint64_t version, struct sc_blob_out *roster);
    int (*roster_by_id)(struct sc_store *store, uint64_t customer,
                        const uint8_t id[32], struct sc_blob_out *roster);

    int (*session)(struct sc_store *store, uint64_t customer,
                   const uint8_t sid[32], const uint8_t signkey_id[32],
                   struct sc_session_info *out);
    int (*sessions)(struct sc_store *store, uint64_t customer,
                    const uint8_t from[32], const uint8_t signkey_id[32],
                    struct sc_session_info *out, int n);
    int (*spare)(struct sc_store *store, uint64_t customer,
                 const uint8_t name[32], struct sc_blob_out *sealed);
    int (*cursor)(struct sc_store *store, uint64_t customer,
                  const uint8_t signkey_id[32], uint64_t *position);

    struct sc_page *(*read)(struct sc_store *store, uint64_t customer,
                            uint64_t from, const uint8_t *skip_signkey,
                            size_t n, size_t max_bytes);
    struct sc_page *(*read_session)(struct sc_store *store,
                                    uint64_t customer, const uint8_t sid[32],
                                    uint64_t above,
                                    const uint8_t *skip_signkey, size_t n,
                                    size_t max_bytes);
    struct sc_page *(*history)(struct sc_store *store, uint64_t customer,
                               const uint8_t sid[32], uint64_t before,
                               size_t n, size_t max_bytes);

    /* NULL where an engine has no such thing. */
    void (*counters)(const struct sc_store *store,
                     struct sc_store_counters *out);
    int (*sizes)(struct sc_store *store, struct sc_store_sizes *out);
    int (*invitations)(struct sc_store *store, const uint8_t *above,
                       struct sc_invitation *out, int n);
    int (*backup)(struct sc_store *store, struct sc_backup *backup,
                  char *why, size_t why_size);
};

extern const struct sc_engine sc_engine_lmdb;

#endif
