/*
 * Backups of a store that is in use.
 *
 * LMDB writes its copy into a pipe, in a thread; here it is taken out, hashed
 * and written to the file.  So the copy can be watched and broken off: LMDB
 * itself knows neither, and while it copies no page is reused.
 */

#define _GNU_SOURCE  /* pipe2, sync_file_range */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "state.h"

#define CHUNK        (1u << 20)
#define PROGRESS_MS  250u
#define REST_MAX_NS  100000000

/* Of the time that a piece took, while lists come. */
#define REST_TIMES   3

/* Of the threads that copy: what else there is to do goes first. */
#define NICE         10

struct copying {
    struct sc_db *db;
    int           to;            /* the pipe's end, which the thread closes */
    const char   *wrong;
};

/* For the calling thread and those that it makes.  If that is not to be, it
 * goes on as it is. */
static void
go_behind(void)
{
    (void) setpriority(PRIO_PROCESS, 0, NICE);
}

static void *
copy_main(void *arg)
{
    struct copying *copying = arg;

    go_behind();
    copying->wrong = sc_db_copy(copying->db, copying->to);
    close(copying->to);
    return NULL;
}

/* 0, or -1 with errno set. */
static int
write_all(int fd, const uint8_t *p, size_t n)
{
    ssize_t written;

    while (n > 0) {
        written = write(fd, p, n);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return -1;
        }

        p += written;
        n -= (size_t) written;
    }

    return 0;
}

/* What the store grew to. */
static uint64_t
used(struct sc_store *store)
{
    struct sc_db_sizes sizes;

    return sc_db_sizes(store->db, &sizes) == 0 ? sizes.used : 0;
}

/* What the tables take is what will be copied, but for a page or two. */
static uint64_t
about(struct sc_store *store)
{
    struct sc_db_sizes sizes;
    uint64_t           bytes = 0;
    int                i;

    if (sc_db_sizes(store->db, &sizes) == 0) {
        for (i = 0; i < SC_DB_COUNT; i++) {
            bytes += sizes.tables[i].bytes;
        }
    }

    return bytes;
}

/* NULL, or why the copy ends here. */
static const char *
look(struct sc_store *store, struct sc_backup *backup, uint64_t began,
     uint64_t used_then)
{
    uint64_t used_now = used(store);

    backup->growth = used_now > used_then ? used_now - used_then : 0;

    if (backup->growth > backup->max_growth) {
        return "the store grew by more than it may meanwhile; try it when "
               "less is written, or let it grow more";
    }

    if (sc_store_clock() - began > backup->max_ms) {
        return "it took longer than it may; try a faster disk, or give it "
               "more time";
    }

    if (backup->progress != NULL
        && backup->progress(backup->data, backup) != 0)
    {
        return "nobody waits for it any more";
    }

    return NULL;
}

/*
 * Commits wait for the same disk.  So a piece goes there at once, where a
 * whole backup's worth of dirty pages would follow with somebody's sync.  0,
 * or -1 with errno set: the disk's error is told once, and not again by the
 * sync at the end.
 */
static int
send_off(int fd, uint64_t at, size_t n)
{
    if (sync_file_range(fd, (off_t) at, (off_t) n,
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE
                        | SYNC_FILE_RANGE_WAIT_AFTER) != 0
        && errno != ESPIPE)      /* it goes to no disk of ours */
    {
        return -1;
    }

    return 0;
}

/* Behind a piece that was begun then, if something was committed since the
 * last one. */
static void
rest(struct sc_store *store, uint64_t began, uint64_t *commits)
{
    uint64_t        now = sc_db_commits(store->db);
    uint64_t        ns = REST_TIMES * (sc_store_clock_ns() - began);
    struct timespec time = { 0, (long) (ns < REST_MAX_NS ? ns
                                                         : REST_MAX_NS) };

    if (now != *commits) {
        *commits = now;
        nanosleep(&time, NULL);
    }
}

/* Takes the copy out of the pipe.  NULL at its end, or why not. */
static const char *
take(struct sc_store *store, struct sc_backup *backup, int from,
     uint8_t *chunk)
{
    crypto_generichash_state hash;
    uint64_t                 began = sc_store_clock(), looked = began;
    uint64_t                 used_then = used(store);
    uint64_t                 commits = sc_db_commits(store->db), piece;
    const char              *why = NULL;
    ssize_t                  n;

    crypto_generichash_init(&hash, NULL, 0, sizeof(backup->hash));

    while (why == NULL && (n = read(from, chunk, CHUNK)) != 0) {
        if (n < 0) {
            why = errno == EINTR ? NULL : strerror(errno);
            continue;
        }

        piece = sc_store_clock_ns();
        crypto_generichash_update(&hash, chunk, (size_t) n);
        backup->bytes += (uint64_t) n;
        if (write_all(backup->fd, chunk, (size_t) n) != 0
            || send_off(backup->fd, backup->bytes - (uint64_t) n,
                        (size_t) n) != 0)
        {
            why = strerror(errno);
        }
        rest(store, piece, &commits);

        if (why == NULL && sc_store_clock() - looked >= PROGRESS_MS) {
            looked = sc_store_clock();
            why = look(store, backup, began, used_then);
        }
    }

    crypto_generichash_final(&hash, backup->hash, sizeof(backup->hash));
    return why;
}

static const char *
copy(struct sc_store *store, struct sc_backup *backup, int ends[2],
     uint8_t *chunk)
{
    struct copying copying = { .db = store->db, .to = ends[1] };
    pthread_t      thread;
    const char    *why;
    int            rc = pthread_create(&thread, NULL, copy_main, &copying);

    if (rc != 0) {
        close(ends[0]);
        close(ends[1]);
        return strerror(rc);
    }

    why = take(store, backup, ends[0], chunk);

    /* A copy that goes on finds that nobody reads it. */
    close(ends[0]);
    pthread_join(thread, NULL);
    return why != NULL ? why : copying.wrong;
}

int
sc_lmdb_backup(struct sc_store *store, struct sc_backup *backup, char *why,
               size_t why_size)
{
    uint8_t    *chunk = malloc(CHUNK);
    const char *wrong;
    int         ends[2];

    go_behind();
    backup->bytes = backup->growth = 0;
    backup->about = about(store);

    if (chunk == NULL || pipe2(ends, O_CLOEXEC) != 0) {
        wrong = chunk == NULL ? "no memory" : strerror(errno);
    } else {
        wrong = copy(store, backup, ends, chunk);
    }

    free(chunk);

    if (wrong == NULL && fsync(backup->fd) != 0) {
        wrong = strerror(errno);
    }

    if (wrong != NULL) {
        snprintf(why, why_size, "the backup was broken off: %s", wrong);
        return -1;
    }

    return 0;
}
