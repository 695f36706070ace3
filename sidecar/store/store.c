/*
 * The store as a whole: opening, closing, and applying a list of operations
 * as one transaction.
 *
 * The order is always the same: compare and stage, commit, publish.  Nothing
 * is published that is not durable.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "state.h"

#define SALT_BYTES        32u
#define CHECKPOINT_EVERY  16384u
#define HOT_SESSIONS      65536u
#define DAYS              90u

/* Of a checkpoint, that one step writes when nothing else is to do; and while
 * it is not sure that nothing comes. */
#define IDLE_PAGES        64u
#define BUSY_PAGES        16u

/* The share of the reserve that has to be free beyond it before a store that
 * was full may be said to be full again. */
#define AGAIN_SHARE       8u

/* Steps of expiry in a row, when lists are so large that one is not enough. */
#define EXPIRY_STEPS      16u


/* --- opening and closing ------------------------------------------------- */

static int
make_directory(const char *path, char *why, size_t why_size)
{
    char parent[PATH_MAX];
    char *slash;
    int  fd;

    if (mkdir(path, 0700) != 0) {
        if (errno == EEXIST) {
            return 0;
        }
        snprintf(why, why_size, "could not make %s: %s", path,
                 strerror(errno));
        return -1;
    }

    /* The new name survives a power cut only when its parent is synced. */
    if ((size_t) snprintf(parent, sizeof(parent), "%s", path)
        >= sizeof(parent))
    {
        return 0;
    }

    slash = strrchr(parent, '/');
    if (slash == NULL) {
        strcpy(parent, ".");
    } else {
        slash[slash == parent] = '\0';
    }

    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        snprintf(why, why_size, "could not sync %s: %s", parent,
                 strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }

    close(fd);
    return 0;
}

int
sc_lock_directory(const char *path, char *why, size_t why_size)
{
    char file[PATH_MAX];
    int  fd;

    if ((size_t) snprintf(file, sizeof(file), "%s/lock", path)
        >= sizeof(file))
    {
        snprintf(why, why_size, "the path %.100s... is too long", path);
        return -1;
    }

    fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        snprintf(why, why_size, "could not open %s: %s", file,
                 strerror(errno));
        return -1;
    }

    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            snprintf(why, why_size, "another sealchatd uses the store in %s",
                     path);
        } else {
            snprintf(why, why_size, "could not lock %s: %s", file,
                     strerror(errno));
        }
        close(fd);
        return -1;
    }

    return fd;
}

/* The secret, the first time with a commit of its own. */
static int
load_salt(struct sc_store *store, char *why, size_t why_size)
{
    struct sc_txn  *txn;
    struct sc_bytes value;

    store->salt_secret = sodium_malloc(SALT_BYTES);
    if (store->salt_secret == NULL) {
        snprintf(why, why_size, "no memory for the store");
        return -1;
    }

    txn = sc_txn_write(store->db);
    if (!sc_txn_get(txn, SC_DB_META, "salt", 4, &value)) {
        randombytes_buf(store->salt_secret, SALT_BYTES);
        sc_txn_put(txn, SC_DB_META, "salt", 4, store->salt_secret,
                   SALT_BYTES);
    } else if (value.n == SALT_BYTES) {
        memcpy(store->salt_secret, value.p, SALT_BYTES);
    } else {
        sc_txn_fail(txn, EBADMSG);
    }

    if (sc_txn_commit(txn, why, why_size) != SC_E_NONE) {
        return -1;
    }

    sodium_mprotect_readonly(store->salt_secret);
    return 0;
}

static void
start_clock(struct sc_store *store, const struct sc_store_options *options,
            struct sc_txn *txn)
{
    struct sc_bytes value;
    uint64_t        saved = 0;

    if (sc_txn_get(txn, SC_DB_META, "clock", 5, &value)) {
        saved = sc_number_of(value);
    }

    sc_clock_start(&store->clock, options->clock, options->catch_up, saved);
}

static int
load_counters(struct sc_store *store, const struct sc_store_options *options,
              char *why, size_t why_size)
{
    struct sc_txn  *txn = sc_txn_read(store->db);
    struct sc_bytes value;
    int             failed;

    if (txn == NULL) {
        snprintf(why, why_size, "could not read the store");
        return -1;
    }

    if (sc_txn_get(txn, SC_DB_META, "customers", 9, &value)) {
        store->customers = sc_number_of(value);
    }
    if (sc_txn_get(txn, SC_DB_META, "indexed_to", 10, &value)) {
        store->indexed_to = sc_number_of(value);
    }
    start_clock(store, options, txn);

    failed = sc_txn_failed(txn);
    sc_txn_end(txn);

    if (failed) {
        snprintf(why, why_size, "could not read the store's counters");
        return -1;
    }

    return 0;
}

/* Frees what was made so far, in any order of failure. */
static void
release(struct sc_store *store)
{
    if (store->hot.buckets != NULL) {
        sc_hot_free(&store->hot);
    }
    sc_cursors_free(store->cursors);
    if (store->db != NULL) {
        sc_db_close(store->db);
    }
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
    }
    sodium_free(store->salt_secret);
    free(store);
}

static int
open_all(struct sc_store *store, const struct sc_store_options *options,
         char *why, size_t why_size)
{
    if (options->vault == NULL) {
        snprintf(why, why_size, "the store has no key for its vault");
        return -1;
    }

    if (make_directory(options->path, why, why_size) != 0) {
        return -1;
    }

    store->lock_fd = sc_lock_directory(options->path, why, why_size);
    if (store->lock_fd < 0) {
        return -1;
    }

    store->db = sc_db_open(options->path, options->map_size, why, why_size);
    if (store->db == NULL) {
        return -1;
    }

    if (sc_hot_init(&store->hot, options->hot_sessions
                                 ? options->hot_sessions
                                 : HOT_SESSIONS) != 0
        || (store->cursors = sc_cursors_new(options->cursor_delay)) == NULL)
    {
        snprintf(why, why_size, "no memory for the store");
        return -1;
    }

    if (load_salt(store, why, why_size) != 0
        || sc_wraps_open(store, why, why_size) != 0
        || load_counters(store, options, why, why_size) != 0
        || sc_replay(store, why, why_size) != 0)
    {
        return -1;
    }

    if (sc_removals_load(store) != 0 || sc_purges_load(store) != 0) {
        snprintf(why, why_size, "could not read what is to be removed");
        return -1;
    }

    if (sc_room_start(store, options->map_size, why, why_size) != 0) {
        return -1;
    }

    store->checkpoint_at = store->indexed_to + store->checkpoint_every;
    return 0;
}

struct sc_store *
sc_lmdb_open(const struct sc_store_options *options, char *why,
             size_t why_size)
{
    struct sc_store *store;

    if (sodium_init() < 0) {
        snprintf(why, why_size, "libsodium could not be initialised");
        return NULL;
    }

    store = calloc(1, sizeof(*store));
    if (store == NULL) {
        snprintf(why, why_size, "no memory for the store");
        return NULL;
    }

    store->engine = &sc_engine_lmdb;
    store->lock_fd = -1;
    store->vault = options->vault;
    store->checkpoint_every = options->checkpoint_every
                              ? options->checkpoint_every
                              : CHECKPOINT_EVERY;
    store->quotas = options->quotas;
    store->days = options->days ? options->days : DAYS;

    if (!sc_store_is_class(store->days)) {
        snprintf(why, why_size, "messages cannot be kept for %u days",
                 store->days);
        free(store);
        return NULL;
    }

    if (open_all(store, options, why, why_size) != 0) {
        release(store);
        return NULL;
    }

    return store;
}

void
sc_lmdb_close(struct sc_store *store)
{
    char why[256];

    /* If this fails, the next open replays instead. */
    (void) sc_checkpoint(store, why, sizeof(why));
    release(store);
}

const uint8_t *
sc_lmdb_salt_secret(struct sc_store *store)
{
    return store->salt_secret;
}


/* --- applying ------------------------------------------------------------ */

/* Errors that say of an operation that nothing of it was done. */
static enum sc_error_code
apply_one(struct sc_apply *apply, struct sc_op *op)
{
    switch (op->kind) {
    case SC_OP_APPEND:
        return sc_append(apply, op);
    case SC_OP_REGISTER:
        return sc_register(apply, op);
    case SC_OP_ACCOUNT:
        return sc_account_swap(apply, op);
    case SC_OP_CURSOR:
        return sc_cursor_check(apply, op);
    case SC_OP_DELETE:
        return sc_delete(apply, op);
    case SC_OP_RESEAL:
        return sc_wraps_reseal(apply, op);
    case SC_OP_INVITE:
        return sc_invite(apply, op);
    case SC_OP_REVOKE:
        return sc_revoke(apply, op);
    case SC_OP_ERASE:
        return sc_erase(apply, op);
    case SC_OP_BLOCK:
        return sc_block(apply, op);
    case SC_OP_LIMITS:
        return sc_limits_set(apply, op);
    case SC_OP_SPARE:
        return sc_spare_put(apply, op);
    }

    return SC_E_INTERNAL;
}

static int
fail_all(struct sc_op *ops, enum sc_error_code error)
{
    for (; ops != NULL; ops = ops->next) {
        ops->error = error;
    }

    return -1;
}


/* --- upkeep -------------------------------------------------------------- */

/* What failed is not due again at once, whoever may want it to be. */
static void
note_failure(struct sc_store *store)
{
    store->failed++;
    store->again_at = sc_store_clock() + SC_LINGER_MS;
}

/* A sentence about one part of it, if that failed. */
static void
say(struct sc_store *store, enum sc_error_code error, const char *what,
    const char *detail, char *why, size_t why_size)
{
    if (error == SC_E_NONE) {
        return;
    }

    snprintf(why, why_size, "%s: %s", what, detail);
    note_failure(store);
}

static int
checkpoint_due(const struct sc_store *store)
{
    return store->last_serial >= store->checkpoint_at
           || store->hot.n_dirty > store->hot.max_sessions / 2
           || store->needs > store->indexed_to;
}

/* Goes on with a checkpoint by so many pages, in steps. */
static enum sc_error_code
go_on_with_checkpoint(struct sc_store *store, unsigned pages, char *why,
                      size_t why_size)
{
    enum sc_error_code error = SC_E_NONE;
    unsigned           n;

    if (!sc_hot_passing(&store->hot) && checkpoint_due(store)) {
        snprintf(why, why_size, "no memory");
        error = sc_checkpoint_begin(store);
    }

    for ( ; error == SC_E_NONE && pages > 0 && sc_hot_passing(&store->hot);
          pages -= n)
    {
        n = pages < SC_STEP_PAGES ? pages : SC_STEP_PAGES;
        error = sc_checkpoint_step(store, n, why, why_size);
    }

    return error;
}

/* Whether something waits for a step. */
static int
is_leaving(const struct sc_store *store)
{
    return store->removing || store->purging || sc_expiry_wait(store) == 0;
}

/* Twice as many expire as came meanwhile, if so many are due. */
static enum sc_error_code
expire(struct sc_store *store, char *why, size_t why_size)
{
    enum sc_error_code error = SC_E_NONE;
    uint64_t           began = store->expired, last;
    unsigned           n = 0;

    do {
        last = store->expired;
        error = sc_expiry_step(store, why, why_size);
    } while (error == SC_E_NONE && ++n < EXPIRY_STEPS
             && store->expired > last
             && store->expired - began < 2 * store->pace.owed
             && sc_expiry_is_due(store));

    return error;
}

/* What leaves does so between lists, a little at a time.  Whether something
 * did. */
static int
let_leave(struct sc_store *store, char *why, size_t why_size)
{
    char     detail[256] = "";
    uint64_t began = sc_store_clock_ns();
    uint64_t left = store->removed + store->expired;
    int      purged = 0;

    if (sc_removals_wait(store) == 0) {
        say(store, sc_removals_step(store, detail, sizeof(detail)),
            "deleted messages are still there", detail, why, why_size);
    }

    if (sc_expiry_is_due(store)) {
        say(store, expire(store, detail, sizeof(detail)),
            "expired messages are still there", detail, why, why_size);
    }

    if (sc_purge_wait(store) == 0) {
        purged = 1;
        say(store, sc_purge_step(store, detail, sizeof(detail)),
            "what was erased is still there", detail, why, why_size);
    }

    if (!purged && store->removed + store->expired == left) {
        return 0;
    }

    sc_pace_stepped(&store->pace, began);
    return 1;
}

/* What may fail without a word to the clients: it is tried again.  pages: of a
 * checkpoint that is under way; idle: behind an empty list. */
static void
upkeep(struct sc_store *store, unsigned pages, int idle, char *why,
       size_t why_size)
{
    char detail[256] = "";

    (void) sc_clock_jumped(&store->clock, why, why_size);

    /* One of both at a time, unless one waits for the other. */
    if (idle && let_leave(store, why, why_size)
        && store->needs <= store->indexed_to)
    {
        pages = 0;
    }

    /* Behind that, which may have found that it needs one. */
    say(store, go_on_with_checkpoint(store, pages, detail, sizeof(detail)),
        "no checkpoint", detail, why, why_size);

    sc_hot_evict(&store->hot);
    sc_room_grow(store);
}

/* The sooner of two waits, of which -1 is none. */
static int64_t
sooner(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

int64_t
sc_lmdb_wants(struct sc_store *store)
{
    int64_t wait = sc_hot_passing(&store->hot) ? 0 : -1;
    int64_t least = (int64_t) (store->again_at - sc_store_clock());
    int64_t leave;

    /* Lists take these along, so they can wait for one. */
    wait = sooner(wait, sc_cursors_wait(store));
    wait += wait == 0;

    leave = sooner(sc_removals_wait(store), sc_expiry_wait(store));
    leave = sooner(leave, sc_purge_wait(store));
    if (leave >= 0 && leave < sc_pace_wait(&store->pace)) {
        leave = sc_pace_wait(&store->pace);
    }

    wait = sooner(wait, leave);
    return wait >= 0 && wait < least ? least : wait;
}


/* --- a list -------------------------------------------------------------- */

/* What one call of apply does: its list, and what goes along with it. */
struct work {
    struct sc_op *ops;
    size_t        appends;           /* among them */
    size_t        positions;         /* of cursors, among them */
    int           cursors;           /* those in memory are written */
    unsigned      pages;             /* of a checkpoint */
};

static void
count(struct work *work)
{
    const struct sc_op *op;

    for (op = work->ops; op != NULL; op = op->next) {
        work->appends += op->kind == SC_OP_APPEND;
        work->positions += op->kind == SC_OP_CURSOR;
    }
}

/* Everything up to the commit, and the commit. */
static enum sc_error_code
transact(struct sc_apply *apply, const struct work *work, char *why,
         size_t why_size)
{
    struct sc_store *store = apply->store;
    struct sc_op    *op;
    unsigned         pages = work->pages;

    for (op = work->ops; op != NULL && !sc_txn_failed(apply->txn);
         op = op->next)
    {
        op->error = apply_one(apply, op);
        apply->refused_full += op->error == SC_E_STORAGE_FULL;
        apply->refused_quota += op->error == SC_E_QUOTA_FULL
                                || op->error == SC_E_REPLY_FIRST;
    }

    if (sc_cursors_reserve(store, work->positions) != 0) {
        sc_txn_fail(apply->txn, ENOMEM);
    }

    if (work->cursors) {
        sc_cursors_put(store, apply->txn);
    }

    if (pages != 0) {
        sc_checkpoint_put(store, apply->txn,
                          pages < SC_STEP_PAGES ? pages : SC_STEP_PAGES);
    }

    sc_room_measure(store, apply->txn);
    return sc_txn_commit(apply->txn, why, why_size);
}

/* One attempt: begun anew, and rolled back if it fails. */
static enum sc_error_code
attempt(struct sc_apply *apply, const struct work *work, int tight, char *why,
        size_t why_size)
{
    struct sc_store   *store = apply->store;
    enum sc_error_code error;

    *apply = (struct sc_apply) {
        .store = store, .tight = tight, .stamp = store->clock.now,
        .last_serial = store->last_serial, .customers = store->customers
    };
    apply->txn = sc_txn_write(store->db);

    error = transact(apply, work, why, why_size);
    if (error != SC_E_NONE) {
        sc_hot_rollback(&store->hot);
        if (work->pages != 0) {
            sc_checkpoint_failed(store);
        }
    }

    return error;
}

static void
publish(struct sc_apply *apply, const struct work *work)
{
    struct sc_store *store = apply->store;
    struct sc_op    *op;

    store->last_serial = apply->last_serial;
    store->customers = apply->customers;

    if (work->pages != 0) {
        sc_checkpoint_committed(store);
    }
    sc_hot_publish(&store->hot);

    if (apply->remove_to != 0) {
        sc_removals_add(store, apply->remove_to);
    }
    if (apply->purges) {
        store->purging = 1;
    }
    sc_expiry_appended(store, apply->classes, apply->stamp);

    if (work->cursors) {
        sc_cursors_clear(store);
    }

    for (op = work->ops; op != NULL; op = op->next) {
        if (op->error != SC_E_NONE) {
            continue;
        }
        if (op->kind == SC_OP_CURSOR) {
            sc_cursors_add(store, op);
        } else if (op->kind == SC_OP_RESEAL) {
            sc_wraps_resealed(op);
        }
    }
}

/* Once each time that it gets full: what is refused for want of a page or two
 * comes with lists that take less, and in turn with them. */
static void
tell_of_room(struct sc_store *store, const struct sc_apply *apply, char *why,
             size_t why_size)
{
    uint64_t left = sc_room_left(store);

    if (apply->refused_full > 0 && !store->full) {
        store->full = 1;
        if (why[0] == '\0') {
            snprintf(why, why_size, "no room for messages: the %llu MiB that "
                     "are left are kept for deletions",
                     (unsigned long long) (left >> 20));
        }
    } else if (apply->refused_full == 0
               && left > store->room.reserve
                         + store->room.reserve / AGAIN_SHARE)
    {
        store->full = 0;
    }
}

/* A crash after these messages must not mean a replay beyond bounds. */
static enum sc_error_code
bound_replay(struct sc_store *store, size_t appends, char *why,
             size_t why_size)
{
    if (appends == 0
        || store->last_serial + appends - store->indexed_to <= SC_REPLAY_MAX)
    {
        return SC_E_NONE;
    }

    return sc_checkpoint(store, why, why_size);
}

int
sc_lmdb_apply(struct sc_store *store, struct sc_op *ops, char *why,
              size_t why_size)
{
    struct work        work = { .ops = ops };
    struct sc_apply    apply = { .store = store };
    enum sc_error_code error;
    unsigned           pages;

    why[0] = '\0';
    (void) sc_clock_now(&store->clock);
    count(&work);
    work.cursors = sc_cursors_due(store);

    if (ops != NULL) {
        sc_pace_list(&store->pace, is_leaving(store) ? work.appends : 0);
    } else {
        sc_pace_empty(&store->pace);
    }

    error = bound_replay(store, work.appends, why, why_size);
    if (error == SC_E_NONE && (ops != NULL || work.cursors)) {
        if (ops != NULL) {
            work.pages = sc_checkpoint_pace(store, work.appends);
        }

        error = attempt(&apply, &work, 0, why, why_size);

        /* Less room than was thought: what frees some must not wait for what
         * takes it. */
        if (error == SC_E_STORAGE_FULL) {
            work.pages = 0;
            error = attempt(&apply, &work, 1, why, why_size);
        }
    }

    if (error != SC_E_NONE) {
        note_failure(store);
        return fail_all(ops, error);
    }

    if (apply.txn != NULL) {
        publish(&apply, &work);
    }

    pages = sc_pace_alone(&store->pace) ? IDLE_PAGES : BUSY_PAGES;
    if (ops != NULL) {
        pages = work.pages > SC_STEP_PAGES ? work.pages - SC_STEP_PAGES : 0;
    }

    tell_of_room(store, &apply, why, why_size);
    upkeep(store, pages, ops == NULL, why, why_size);
    store->refused_full += apply.refused_full;
    store->refused_quota += apply.refused_quota;
    return 0;
}
