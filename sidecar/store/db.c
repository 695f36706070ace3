/*
 * The cover over LMDB: environment, transactions, walks, and the one place
 * where LMDB's codes become ours.
 *
 * It knows the names of the databases and nothing of what they hold.  No flag
 * that weakens a commit is used: when mdb_txn_commit() returns, data and meta
 * page are synced.
 */

#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <lmdb.h>

#define IDLE_READERS  16
#define MAX_READERS   126

/* LMDB's own databases, of free pages and of names. */
#define OWN_DBIS      2u

struct sc_walk {
    MDB_cursor    *cursor;
    struct sc_txn *txn;
};

struct sc_txn {
    struct sc_db *db;
    MDB_txn      *mdb;
    MDB_cursor   *appender;      /* of the log appended to last */
    int           appender_of;
    int           rc;            /* the error that stuck, or 0 */
    int           writes;
    uint64_t      since;         /* ns; of a reader */
    struct sc_txn *older;        /* readers under way, as they began */
    struct sc_txn *newer;
};

struct sc_db {
    MDB_env        *env;
    MDB_dbi         dbi[SC_DB_COUNT];
    struct sc_txn   writer;
    int             unsure;      /* a sync failed */
    struct sc_histogram syncs;   /* the commit thread's */
    pthread_mutex_t lock;        /* of what follows */
    struct sc_txn  *idle[IDLE_READERS];
    int             n_idle;
    struct sc_txn  *oldest;      /* reader that is under way */
    struct sc_txn  *newest;
    unsigned        n_readers;
};

static const struct {
    const char  *name;
    unsigned     flags;
} databases[SC_DB_COUNT] = {
#define ROW(NAME, name, numbered) { name, numbered ? MDB_INTEGERKEY : 0 },
    SC_DATABASES(ROW)
#undef ROW
};

static enum sc_error_code
error_of(int rc)
{
    switch (rc) {
    case 0:
        return SC_E_NONE;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return SC_E_STORAGE_FULL;
    default:
        return SC_E_STORAGE_FAILED;
    }
}

static void
stick(struct sc_txn *txn, int rc)
{
    if (txn->rc == 0) {
        txn->rc = rc;
    }
}


/* --- the environment ----------------------------------------------------- */

static int
put_schema(MDB_txn *txn, MDB_dbi meta)
{
    uint8_t  number[8] = { 0, 0, 0, 0, 0, 0, 0, SC_DB_SCHEMA };
    MDB_val  key = { 6, "schema" };
    MDB_val  value = { sizeof(number), number };

    return mdb_put(txn, meta, &key, &value, 0);
}

/* 0 or an error of LMDB; a refusal is MDB_INCOMPATIBLE with a sentence. */
static int
check_schema(MDB_txn *txn, MDB_dbi meta, int fresh, const char *path,
             char *why, size_t why_size)
{
    MDB_val          key = { 6, "schema" };
    MDB_val          value;
    struct sc_reader r;
    uint64_t         schema;
    int              rc = mdb_get(txn, meta, &key, &value);

    if (rc == MDB_NOTFOUND && fresh) {
        return put_schema(txn, meta);
    }

    if (rc != 0 && rc != MDB_NOTFOUND) {
        return rc;
    }

    if (rc == MDB_NOTFOUND || value.mv_size != 8) {
        snprintf(why, why_size, "%s is no store of sealchatd", path);
        return MDB_INCOMPATIBLE;
    }

    r = sc_reader_of(value.mv_data, 8);
    schema = sc_get_uint(&r, 8);
    if (schema != SC_DB_SCHEMA) {
        snprintf(why, why_size,
                 "%s has schema %llu, and this sealchatd knows schema %u "
                 "alone: it was written by %s version", path,
                 (unsigned long long) schema, SC_DB_SCHEMA,
                 schema > SC_DB_SCHEMA ? "a newer" : "an older");
        return MDB_INCOMPATIBLE;
    }

    return 0;
}

static int
open_databases(struct sc_db *db, const char *path, char *why, size_t why_size)
{
    MDB_txn *txn;
    MDB_stat stat;
    int      i, rc;

    rc = mdb_env_stat(db->env, &stat);
    if (rc == 0) {
        rc = mdb_txn_begin(db->env, NULL, 0, &txn);
    }
    if (rc != 0) {
        return rc;
    }

    /* Before any other database is touched: a newer store stays as it is. */
    rc = mdb_dbi_open(txn, databases[SC_DB_META].name, MDB_CREATE,
                      &db->dbi[SC_DB_META]);
    if (rc == 0) {
        rc = check_schema(txn, db->dbi[SC_DB_META], stat.ms_entries == 0,
                          path, why, why_size);
    }

    for (i = 0; rc == 0 && i < SC_DB_COUNT; i++) {
        rc = mdb_dbi_open(txn, databases[i].name,
                          databases[i].flags | MDB_CREATE, &db->dbi[i]);
    }

    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }

    return mdb_txn_commit(txn);
}

/* A file that was just made survives a power cut only when its directory is
 * synced too. */
static int
sync_directory(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = 0;

    if (fd < 0) {
        return errno;
    }

    if (fsync(fd) != 0) {
        rc = errno;
    }

    close(fd);
    return rc;
}

static int
open_env(struct sc_db *db, const char *path, uint64_t map_size)
{
    int rc = mdb_env_create(&db->env);

    if (rc != 0) {
        return rc;
    }

    rc = mdb_env_set_mapsize(db->env, map_size);
    if (rc == 0) {
        rc = mdb_env_set_maxdbs(db->env, SC_DB_COUNT);
    }
    if (rc == 0) {
        rc = mdb_env_set_maxreaders(db->env, MAX_READERS);
    }
    if (rc == 0) {
        rc = mdb_env_open(db->env, path,
                          MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD, 0600);
    }

    return rc;
}

struct sc_db *
sc_db_open(const char *directory, uint64_t map_size, char *why,
           size_t why_size)
{
    char          path[PATH_MAX];
    struct sc_db *db = calloc(1, sizeof(*db));
    int           rc;

    if (db == NULL) {
        snprintf(why, why_size, "no memory for the store");
        return NULL;
    }

    pthread_mutex_init(&db->lock, NULL);
    db->writer.db = db;
    db->writer.writes = 1;
    why[0] = '\0';

    rc = ENAMETOOLONG;
    if ((size_t) snprintf(path, sizeof(path), "%s/store.mdb", directory)
        < sizeof(path))
    {
        rc = open_env(db, path, map_size);
    }
    if (rc == 0) {
        rc = open_databases(db, path, why, why_size);
    }
    if (rc == 0) {
        rc = sync_directory(directory);
    }
    if (rc == 0) {
        return db;
    }

    if (why[0] == '\0') {
        snprintf(why, why_size, "could not open %s: %s", path,
                 mdb_strerror(rc));
    }

    sc_db_close(db);
    return NULL;
}

void
sc_db_close(struct sc_db *db)
{
    while (db->n_idle > 0) {
        struct sc_txn *txn = db->idle[--db->n_idle];

        mdb_txn_abort(txn->mdb);
        free(txn);
    }

    if (db->env != NULL) {
        mdb_env_close(db->env);
    }

    pthread_mutex_destroy(&db->lock);
    free(db);
}

int
sc_db_fd(const struct sc_db *db)
{
    int fd = -1;

    (void) mdb_env_get_fd(db->env, &fd);
    return fd;
}

uint64_t
sc_db_commits(const struct sc_db *db)
{
    MDB_envinfo info;

    return mdb_env_info(db->env, &info) == 0 ? info.me_last_txnid : 0;
}

int
sc_db_unsure(const struct sc_db *db)
{
    return db->unsure;
}


/* --- transactions -------------------------------------------------------- */

static struct sc_txn *
take_idle(struct sc_db *db)
{
    struct sc_txn *txn = NULL;

    pthread_mutex_lock(&db->lock);
    if (db->n_idle > 0) {
        txn = db->idle[--db->n_idle];
    }
    pthread_mutex_unlock(&db->lock);

    return txn;
}

static uint64_t
clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}

static void
reader_begins(struct sc_db *db, struct sc_txn *txn)
{
    txn->since = clock_ns();
    txn->newer = NULL;

    pthread_mutex_lock(&db->lock);
    txn->older = db->newest;
    *(db->newest != NULL ? &db->newest->newer : &db->oldest) = txn;
    db->newest = txn;
    db->n_readers++;
    pthread_mutex_unlock(&db->lock);
}

/* Under the lock. */
static void
reader_ends(struct sc_db *db, struct sc_txn *txn)
{
    *(txn->older != NULL ? &txn->older->newer : &db->oldest) = txn->newer;
    *(txn->newer != NULL ? &txn->newer->older : &db->newest) = txn->older;
    db->n_readers--;
}

static int
keep_idle(struct sc_db *db, struct sc_txn *txn)
{
    int kept = 0;

    pthread_mutex_lock(&db->lock);
    reader_ends(db, txn);
    if (db->n_idle < IDLE_READERS) {
        db->idle[db->n_idle++] = txn;
        kept = 1;
    }
    pthread_mutex_unlock(&db->lock);

    return kept;
}

struct sc_txn *
sc_txn_read(struct sc_db *db)
{
    struct sc_txn *txn = take_idle(db);
    int            rc;

    if (txn != NULL) {
        rc = mdb_txn_renew(txn->mdb);
    } else {
        txn = calloc(1, sizeof(*txn));
        if (txn == NULL) {
            return NULL;
        }
        txn->db = db;
        rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn->mdb);
    }

    if (rc != 0) {
        if (txn->mdb != NULL) {
            mdb_txn_abort(txn->mdb);
        }
        free(txn);
        return NULL;
    }

    reader_begins(db, txn);
    return txn;
}

struct sc_txn *
sc_txn_write(struct sc_db *db)
{
    struct sc_txn *txn = &db->writer;

    txn->mdb = NULL;
    txn->appender = NULL;
    txn->rc = db->unsure ? EIO : mdb_txn_begin(db->env, NULL, 0, &txn->mdb);

    return txn;
}

/* LMDB wants cursors of a writing transaction closed before it ends. */
static void
close_appender(struct sc_txn *txn)
{
    if (txn->appender != NULL) {
        mdb_cursor_close(txn->appender);
        txn->appender = NULL;
    }
}

void
sc_txn_end(struct sc_txn *txn)
{
    if (txn->writes) {
        close_appender(txn);
        if (txn->mdb != NULL) {
            mdb_txn_abort(txn->mdb);
            txn->mdb = NULL;
        }
        return;
    }

    mdb_txn_reset(txn->mdb);
    txn->rc = 0;

    if (!keep_idle(txn->db, txn)) {
        mdb_txn_abort(txn->mdb);
        free(txn);
    }
}

enum sc_error_code
sc_txn_commit(struct sc_txn *txn, char *why, size_t why_size)
{
    struct sc_db *db = txn->db;
    uint64_t      start;
    int           rc;

    if (db->unsure) {
        snprintf(why, why_size, "an earlier sync failed; the store must be "
                 "reopened and checked");
        sc_txn_end(txn);
        return SC_E_STORAGE_FAILED;
    }

    if (txn->rc == 0) {
        close_appender(txn);
        start = clock_ns();
        txn->rc = mdb_txn_commit(txn->mdb);
        sc_histogram_add(&db->syncs, SC_DB_SYNC_BASE, clock_ns() - start);
        txn->mdb = NULL;
        db->unsure = error_of(txn->rc) == SC_E_STORAGE_FAILED
                     && txn->rc != ENOMEM && txn->rc != MDB_TXN_FULL;
    }

    rc = txn->rc;
    sc_txn_end(txn);

    if (rc != 0) {
        snprintf(why, why_size, "could not write to the store: %s",
                 mdb_strerror(rc));
    }

    return error_of(rc);
}

int
sc_txn_failed(const struct sc_txn *txn)
{
    return txn->rc != 0;
}

void
sc_txn_fail(struct sc_txn *txn, int error)
{
    stick(txn, error);
}


/* --- values -------------------------------------------------------------- */

static int
get(struct sc_txn *txn, enum sc_db_name name, MDB_val key,
    struct sc_bytes *value)
{
    MDB_val found;
    int     rc;

    if (txn->rc != 0) {
        return 0;
    }

    rc = mdb_get(txn->mdb, txn->db->dbi[name], &key, &found);
    if (rc == 0) {
        value->p = found.mv_data;
        value->n = found.mv_size;
        return 1;
    }

    if (rc != MDB_NOTFOUND) {
        stick(txn, rc);
    }

    return 0;
}

int
sc_txn_get(struct sc_txn *txn, enum sc_db_name name, const void *key,
           size_t key_n, struct sc_bytes *value)
{
    MDB_val k = { key_n, (void *) (uintptr_t) key };

    return get(txn, name, k, value);
}

int
sc_txn_get_number(struct sc_txn *txn, enum sc_db_name name, uint64_t key,
                  struct sc_bytes *value)
{
    MDB_val k = { sizeof(key), &key };

    return get(txn, name, k, value);
}

void
sc_txn_put(struct sc_txn *txn, enum sc_db_name name, const void *key,
           size_t key_n, const void *value, size_t value_n)
{
    MDB_val k = { key_n, (void *) (uintptr_t) key };
    MDB_val v = { value_n, (void *) (uintptr_t) value };

    if (txn->rc != 0) {
        return;
    }

    stick(txn, mdb_put(txn->mdb, txn->db->dbi[name], &k, &v, 0));
}

static void
del(struct sc_txn *txn, enum sc_db_name name, MDB_val key)
{
    int rc;

    if (txn->rc != 0) {
        return;
    }

    rc = mdb_del(txn->mdb, txn->db->dbi[name], &key, NULL);
    if (rc != MDB_NOTFOUND) {
        stick(txn, rc);
    }
}

void
sc_txn_del(struct sc_txn *txn, enum sc_db_name name, const void *key,
           size_t key_n)
{
    MDB_val k = { key_n, (void *) (uintptr_t) key };

    del(txn, name, k);
}

void
sc_txn_del_number(struct sc_txn *txn, enum sc_db_name name, uint64_t key)
{
    MDB_val k = { sizeof(key), &key };

    del(txn, name, k);
}

uint8_t *
sc_txn_append(struct sc_txn *txn, enum sc_db_name name, uint64_t key,
              size_t value_n)
{
    MDB_val k = { sizeof(key), &key };
    MDB_val v = { value_n, NULL };

    if (txn->appender != NULL && txn->appender_of != (int) name) {
        close_appender(txn);
    }

    if (txn->rc == 0 && txn->appender == NULL) {
        txn->appender_of = (int) name;
        stick(txn, mdb_cursor_open(txn->mdb, txn->db->dbi[name],
                                   &txn->appender));
    }

    if (txn->rc == 0) {
        stick(txn, mdb_cursor_put(txn->appender, &k, &v,
                                  MDB_APPEND | MDB_RESERVE));
    }

    return txn->rc == 0 ? v.mv_data : NULL;
}

/* The pages of every tree, those of the names and of the free ones too, and
 * the two that name the roots. */
uint64_t
sc_txn_used(struct sc_txn *txn)
{
    MDB_stat stat;
    uint64_t pages = 2;
    MDB_dbi  dbi;
    int      rc;

    for (dbi = 0; dbi < OWN_DBIS + SC_DB_COUNT; dbi++) {
        if (txn->rc != 0) {
            return 0;
        }

        rc = mdb_stat(txn->mdb, dbi < OWN_DBIS ? dbi
                                : txn->db->dbi[dbi - OWN_DBIS], &stat);
        stick(txn, rc);
        if (rc == 0) {
            pages += stat.ms_branch_pages + stat.ms_leaf_pages
                     + stat.ms_overflow_pages;
        }
    }

    return pages * stat.ms_psize;
}


/* --- walks --------------------------------------------------------------- */

struct sc_walk *
sc_walk_open(struct sc_txn *txn, enum sc_db_name name)
{
    struct sc_walk *walk;

    if (txn->rc != 0) {
        return NULL;
    }

    walk = malloc(sizeof(*walk));
    if (walk == NULL) {
        stick(txn, ENOMEM);
        return NULL;
    }

    walk->txn = txn;
    stick(txn, mdb_cursor_open(txn->mdb, txn->db->dbi[name], &walk->cursor));
    if (txn->rc != 0) {
        free(walk);
        return NULL;
    }

    return walk;
}

void
sc_walk_close(struct sc_walk *walk)
{
    if (walk != NULL) {
        mdb_cursor_close(walk->cursor);
        free(walk);
    }
}

static int
step(struct sc_walk *walk, MDB_val *key, struct sc_bytes *found,
     struct sc_bytes *value, MDB_cursor_op op)
{
    MDB_val v;
    int     rc;

    if (walk->txn->rc != 0) {
        return 0;
    }

    rc = mdb_cursor_get(walk->cursor, key, &v, op);
    if (rc == 0) {
        found->p = key->mv_data;
        found->n = key->mv_size;
        value->p = v.mv_data;
        value->n = v.mv_size;
        return 1;
    }

    if (rc != MDB_NOTFOUND) {
        stick(walk->txn, rc);
    }

    return 0;
}

int
sc_walk_seek(struct sc_walk *walk, const void *key, size_t key_n,
             struct sc_bytes *found, struct sc_bytes *value)
{
    MDB_val k = { key_n, (void *) (uintptr_t) key };

    return step(walk, &k, found, value, MDB_SET_RANGE);
}

int
sc_walk_next(struct sc_walk *walk, struct sc_bytes *found,
             struct sc_bytes *value)
{
    MDB_val k;

    return step(walk, &k, found, value, MDB_NEXT);
}

int
sc_walk_seek_down(struct sc_walk *walk, const void *key, size_t key_n,
                  struct sc_bytes *found, struct sc_bytes *value)
{
    MDB_val k;

    if (!sc_walk_seek(walk, key, key_n, found, value)) {
        return step(walk, &k, found, value, MDB_LAST);
    }

    if (found->n == key_n && memcmp(found->p, key, key_n) == 0) {
        return 1;
    }

    return step(walk, &k, found, value, MDB_PREV);
}

static int
step_number(struct sc_walk *walk, MDB_val *key, uint64_t *found,
            struct sc_bytes *value, MDB_cursor_op op)
{
    struct sc_bytes k;

    if (!step(walk, key, &k, value, op)) {
        return 0;
    }

    memcpy(found, k.p, sizeof(*found));
    return 1;
}

int
sc_walk_seek_number(struct sc_walk *walk, uint64_t key, uint64_t *found,
                    struct sc_bytes *value)
{
    MDB_val k = { sizeof(key), &key };

    return step_number(walk, &k, found, value, MDB_SET_RANGE);
}

int
sc_walk_next_number(struct sc_walk *walk, uint64_t *found,
                    struct sc_bytes *value)
{
    MDB_val k;

    return step_number(walk, &k, found, value, MDB_NEXT);
}

int
sc_walk_last_number(struct sc_walk *walk, uint64_t *found)
{
    MDB_val         k;
    struct sc_bytes value;

    return step_number(walk, &k, found, &value, MDB_LAST);
}


/* --- what it takes ------------------------------------------------------- */

const struct sc_histogram *
sc_db_syncs(const struct sc_db *db)
{
    return &db->syncs;
}

static void
note_readers(struct sc_db *db, struct sc_db_sizes *out)
{
    pthread_mutex_lock(&db->lock);
    out->readers = db->n_readers;
    out->oldest_reader_ns = db->oldest != NULL
                            ? clock_ns() - db->oldest->since : 0;
    pthread_mutex_unlock(&db->lock);
}

int
sc_db_sizes(struct sc_db *db, struct sc_db_sizes *out)
{
    MDB_envinfo    info;
    MDB_stat       stat;
    struct sc_txn *txn;
    int            i, rc;

    memset(out, 0, sizeof(*out));
    note_readers(db, out);

    txn = sc_txn_read(db);
    if (txn == NULL) {
        return -1;
    }

    rc = mdb_env_info(db->env, &info);

    for (i = 0; rc == 0 && i < SC_DB_COUNT; i++) {
        rc = mdb_stat(txn->mdb, db->dbi[i], &stat);
        out->tables[i].name = databases[i].name;
        out->tables[i].entries = stat.ms_entries;
        out->tables[i].bytes = (uint64_t) stat.ms_psize
                               * (stat.ms_branch_pages + stat.ms_leaf_pages
                                  + stat.ms_overflow_pages);
    }

    sc_txn_end(txn);

    if (rc != 0) {
        return -1;
    }

    out->map = info.me_mapsize;
    out->used = (uint64_t) stat.ms_psize * (info.me_last_pgno + 1);
    return 0;
}

const char *
sc_db_copy(struct sc_db *db, int fd)
{
    struct sc_txn mark = { .db = db };
    int           rc;

    reader_begins(db, &mark);
    rc = mdb_env_copyfd2(db->env, fd, MDB_CP_COMPACT);

    pthread_mutex_lock(&db->lock);
    reader_ends(db, &mark);
    pthread_mutex_unlock(&db->lock);

    return rc == 0 ? NULL : mdb_strerror(rc);
}
