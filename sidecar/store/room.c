/*
 * Room: how much messages may still take, so that everything else can go on.
 *
 * A copy-on-write tree needs free pages even to delete.  So the file is
 * allocated on disk ahead of what is used, by a reserve and a little more,
 * and messages are refused before they reach into the reserve.  Accounts may
 * take three quarters of it; deletions, cursors and what upkeep writes all.
 */

#define _GNU_SOURCE              /* fallocate() */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "state.h"

#define MIB            (1024ull * 1024)
#define RESERVE        (64 * MIB)
#define RESERVE_SHARE  20u          /* of what is used */
#define STEP           (16 * MIB)
#define PAGE           4096u

/* Between attempts to get more of a full disk, ms. */
#define RETRY_MS       1000u

/* Appended messages between two measurements. */
#define MEASURE_EVERY  32u

/* A small map has a small reserve. */
static uint64_t
reserve_of(const struct sc_room *room)
{
    uint64_t reserve = room->used / RESERVE_SHARE;

    if (reserve < RESERVE) {
        reserve = RESERVE;
    }

    return reserve < room->map / 4 ? reserve : room->map / 4;
}

static uint64_t
size_of(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? (uint64_t) st.st_size : 0;
}

/* What there is, whichever is less of map and disk. */
static uint64_t
limit_of(const struct sc_store *store)
{
    const struct sc_room *room = &store->room;
    struct statvfs        disk;
    uint64_t              limit = room->size;

    if (room->sparse && fstatvfs(sc_db_fd(store->db), &disk) == 0) {
        limit += (uint64_t) disk.f_bavail * disk.f_frsize;
    }

    return limit < room->map ? limit : room->map;
}

uint64_t
sc_room_left(const struct sc_store *store)
{
    uint64_t limit = limit_of(store);

    return limit > store->room.used ? limit - store->room.used : 0;
}

void
sc_room_measure(struct sc_store *store, struct sc_txn *txn)
{
    struct sc_room *room = &store->room;

    room->used = sc_txn_used(txn);
    room->reserve = reserve_of(room);
}

/* Whether the file was made longer by so much, all of it on disk. */
static int
allocate(struct sc_room *room, int fd, uint64_t more)
{
    if (fallocate(fd, 0, (off_t) room->size, (off_t) more) != 0) {
        room->sparse = errno == EOPNOTSUPP;
        return 0;
    }

    room->size += more;
    return 1;
}

/* The file's size moves ahead of what LMDB writes, so that a commit need not
 * change it. */
void
sc_room_grow(struct sc_store *store)
{
    struct sc_room *room = &store->room;
    uint64_t        step = STEP < room->map / 16 ? STEP : room->map / 16;
    uint64_t        want = room->used + room->reserve + step;
    uint64_t        more;
    int             fd = sc_db_fd(store->db);

    if (want > room->map) {
        want = room->map;
    }

    if (room->size >= want || sc_store_clock() < room->grow_at) {
        return;
    }

    /* Pages may lie behind the first free one. */
    if (size_of(fd) > room->size) {
        room->size = size_of(fd);
        if (room->size >= want) {
            return;
        }
    }

    /* What does not fit in one piece may in a smaller one. */
    more = (want + step - room->size) / PAGE * PAGE;
    if (more > room->map - room->size) {
        more = room->map - room->size;
    }
    while (more >= PAGE && !room->sparse && !allocate(room, fd, more)) {
        more = more / 2 / PAGE * PAGE;
    }

    if (room->size < want) {
        room->grow_at = sc_store_clock() + RETRY_MS;
    }
}

int
sc_room_start(struct sc_store *store, uint64_t map_size, char *why,
              size_t why_size)
{
    struct sc_room *room = &store->room;
    struct sc_txn  *txn = sc_txn_read(store->db);

    if (txn == NULL) {
        snprintf(why, why_size, "could not read the store");
        return -1;
    }

    room->map = map_size;
    room->size = size_of(sc_db_fd(store->db));
    sc_room_measure(store, txn);
    sc_txn_end(txn);

    /* There may be holes where pages were given back unwritten. */
    if (room->size > 0) {
        (void) fallocate(sc_db_fd(store->db), 0, 0, (off_t) room->size);
    }

    sc_room_grow(store);
    return 0;
}


/* --- asking for it ------------------------------------------------------- */

/* What an entry of so many bytes may take. */
static uint64_t
pages_for(size_t bytes)
{
    return (bytes / PAGE + 2) * PAGE;
}

static void
measure(struct sc_apply *apply)
{
    struct sc_store *store = apply->store;
    uint64_t         room;

    sc_room_measure(store, apply->txn);
    room = sc_room_left(store);
    apply->free = room > store->room.reserve ? room - store->room.reserve : 0;
}

static int
take(struct sc_apply *apply, uint64_t bytes)
{
    if (apply->asked++ % MEASURE_EVERY == 0 || apply->free < bytes) {
        measure(apply);
    }

    if (apply->tight || apply->free < bytes) {
        return 0;
    }

    apply->free -= bytes;
    return 1;
}

enum sc_error_code
sc_room_take(struct sc_apply *apply, const struct sc_op *op)
{
    int taken;

    switch (op->kind) {
    case SC_OP_APPEND:
        taken = take(apply, pages_for(op->append.envelope.n
                                      + op->append.hello.n));
        break;
    case SC_OP_SPARE:
        taken = take(apply, pages_for(op->spare.sealed.n));
        break;
    case SC_OP_DELETE:
        taken = take(apply, PAGE);
        break;
    case SC_OP_REGISTER:
        taken = take(apply, pages_for(op->account.account.n
                                      + op->account.roster.n));
        break;
    default:
        taken = sc_room_left(apply->store) >= apply->store->room.reserve / 4;
        break;
    }

    return taken ? SC_E_NONE : SC_E_STORAGE_FULL;
}
