/*
 * Linked into sealchatd for tests alone, by the linker's --wrap: steps of the
 * commit at which the process ends at once, a sync that fails, a clock that
 * jumps.  sidecar/ knows nothing of it.
 *
 *     SC_FAULT=step:n      _exit at the n-th time that step is passed
 *     SC_FAULT_EIO=n       the n-th sync and all behind it fail with EIO
 *     SC_FAULT_CLOCK=file  its 8 bytes are seconds, added to the time of day
 *     SC_FAULT_CATCH_UP    retention follows that clock at once
 *
 * Checkpoints come every 64 messages, so that each run has many.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <lmdb.h>

#include "store.h"
#include "store/db.h"
#include "store/hot.h"
#include "store/state.h"

#define CHECKPOINT_EVERY 64u

/* What the commit thread is at: its own list, or a part of upkeep. */
static _Thread_local int         applying;
static _Thread_local const char *part = "";

static void
step(const char *name)
{
    static long  left = -1;
    const char  *fault = getenv("SC_FAULT");
    size_t       n = strlen(name);

    if (fault == NULL || strncmp(fault, name, n) != 0 || fault[n] != ':') {
        return;
    }

    if (left < 0) {
        left = atol(fault + n + 1);
    }
    if (--left == 0) {
        _exit(86);
    }
}

static void
commit_step(const char *name)
{
    char full[64];

    if (applying) {
        snprintf(full, sizeof(full), "%s%s", part, name);
        step(full);
    }
}


/* --- opening ------------------------------------------------------------- */

struct sc_store *
__real_sc_store_open(const struct sc_store_options *, char *, size_t);
struct sc_store *
__wrap_sc_store_open(const struct sc_store_options *, char *, size_t);

struct sc_store *
__wrap_sc_store_open(const struct sc_store_options *options, char *why,
                     size_t why_size)
{
    struct sc_store_options own = *options;

    own.checkpoint_every = CHECKPOINT_EVERY;
    own.cursor_delay = 50;
    if (getenv("SC_FAULT_CATCH_UP")) {
        own.catch_up = UINT32_MAX;
    }
    return __real_sc_store_open(&own, why, why_size);
}

#ifdef SC_EARLY
/* The build that acknowledges before the disk has it. */
int __real_mdb_env_open(MDB_env *, const char *, unsigned, mdb_mode_t);
int __wrap_mdb_env_open(MDB_env *, const char *, unsigned, mdb_mode_t);

int
__wrap_mdb_env_open(MDB_env *env, const char *path, unsigned flags,
                    mdb_mode_t mode)
{
    return __real_mdb_env_open(env, path, flags | SC_EARLY, mode);
}
#endif


/* --- the steps of a commit ----------------------------------------------- */

int __real_sc_store_apply(struct sc_store *, struct sc_op *, char *, size_t);
int __wrap_sc_store_apply(struct sc_store *, struct sc_op *, char *, size_t);

int
__wrap_sc_store_apply(struct sc_store *store, struct sc_op *ops, char *why,
                      size_t why_size)
{
    int rc;

    step("taken");
    applying = 1;
    rc = __real_sc_store_apply(store, ops, why, why_size);
    applying = 0;
    step("applied");
    return rc;
}

struct sc_txn *__real_sc_txn_write(struct sc_db *);
struct sc_txn *__wrap_sc_txn_write(struct sc_db *);

struct sc_txn *
__wrap_sc_txn_write(struct sc_db *db)
{
    struct sc_txn *txn = __real_sc_txn_write(db);

    commit_step("begun");
    return txn;
}

enum sc_error_code __real_sc_txn_commit(struct sc_txn *, char *, size_t);
enum sc_error_code __wrap_sc_txn_commit(struct sc_txn *, char *, size_t);

enum sc_error_code
__wrap_sc_txn_commit(struct sc_txn *txn, char *why, size_t why_size)
{
    enum sc_error_code error;

    commit_step("put");
    error = __real_sc_txn_commit(txn, why, why_size);
    commit_step("committed");
    return error;
}

void __real_sc_hot_publish(struct sc_hot *);
void __wrap_sc_hot_publish(struct sc_hot *);

void
__wrap_sc_hot_publish(struct sc_hot *hot)
{
    __real_sc_hot_publish(hot);
    if (applying) {
        commit_step("published");
    } else {
        step("replayed");
    }
}

/* A checkpoint goes along with a list, from the moment at which its pages are
 * put. */
void __real_sc_checkpoint_put(struct sc_store *, struct sc_txn *, unsigned);
void __wrap_sc_checkpoint_put(struct sc_store *, struct sc_txn *, unsigned);

void
__wrap_sc_checkpoint_put(struct sc_store *store, struct sc_txn *txn,
                         unsigned pages)
{
    part = "checkpoint-";
    commit_step("begun");
    __real_sc_checkpoint_put(store, txn, pages);
}

void __real_sc_checkpoint_committed(struct sc_store *);
void __wrap_sc_checkpoint_committed(struct sc_store *);

void
__wrap_sc_checkpoint_committed(struct sc_store *store)
{
    uint64_t indexed_to = store->indexed_to;

    __real_sc_checkpoint_committed(store);
    if (store->indexed_to > indexed_to) {
        step("checkpointed");
    }
    part = "";
}

/* The parts of upkeep that have transactions of their own. */
#define PART(function, name)                                                  \
    enum sc_error_code __real_##function(struct sc_store *, char *, size_t);  \
    enum sc_error_code __wrap_##function(struct sc_store *, char *, size_t);  \
                                                                              \
    enum sc_error_code                                                        \
    __wrap_##function(struct sc_store *store, char *why, size_t why_size)     \
    {                                                                         \
        enum sc_error_code error;                                             \
                                                                              \
        part = name;                                                          \
        error = __real_##function(store, why, why_size);                      \
        part = "";                                                            \
        return error;                                                         \
    }

PART(sc_removals_step, "removal-")
PART(sc_expiry_step, "expiry-")
PART(sc_purge_step, "purge-")

int __real_eventfd_write(int, eventfd_t);
int __wrap_eventfd_write(int, eventfd_t);

int
__wrap_eventfd_write(int fd, eventfd_t value)
{
    step("finished");
    return __real_eventfd_write(fd, value);
}

struct sc_service;
void __real_sc_link_flush_all(struct sc_service *);
void __wrap_sc_link_flush_all(struct sc_service *);

/* Answers are queued by now, and not yet written to the link. */
void
__wrap_sc_link_flush_all(struct sc_service *service)
{
    step("answered");
    __real_sc_link_flush_all(service);
    step("flushed");
}


/* --- syncs --------------------------------------------------------------- */

static int
sync_fails(void)
{
    static long  left = -1;
    const char  *eio = getenv("SC_FAULT_EIO");

    if (eio == NULL) {
        return 0;
    }
    if (left < 0) {
        left = atol(eio);
    }
    if (left > 0) {
        left--;
    }
    return left == 0;
}

/* Takes the place of libc's, which LMDB calls. */
int
fdatasync(int fd)
{
    static int (*real)(int);
    int        rc;

    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "fdatasync");
    }

    commit_step("written");
    if (sync_fails()) {
        errno = EIO;
        return -1;
    }
    rc = real(fd);
    commit_step("synced");
    return rc;
}


/* --- the clock ----------------------------------------------------------- */

int __real_clock_gettime(clockid_t, struct timespec *);
int __wrap_clock_gettime(clockid_t, struct timespec *);

int
__wrap_clock_gettime(clockid_t which, struct timespec *t)
{
    static const volatile int64_t *jump;
    const char                    *file = getenv("SC_FAULT_CLOCK");
    int                            fd, rc = __real_clock_gettime(which, t);

    if (which != CLOCK_REALTIME || file == NULL || rc != 0) {
        return rc;
    }

    if (jump == NULL) {
        fd = open(file, O_RDONLY | O_CLOEXEC);
        jump = fd < 0 ? MAP_FAILED
                      : mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
        if (jump == MAP_FAILED) {
            abort();
        }
        close(fd);
    }

    t->tv_sec += *jump;
    return rc;
}
