/*
 * What status shows of the store.  Nothing here changes anything.
 */

#include <sys/statvfs.h>

#include "state.h"

_Static_assert(SC_DB_COUNT <= SC_STORE_TABLES_MAX, "all tables are shown");
_Static_assert(SC_DB_SYNC_BASE == SC_STORE_SYNC_BASE, "one histogram");

void
sc_lmdb_counters(const struct sc_store *store, struct sc_store_counters *out)
{
    *out = (struct sc_store_counters) {
        .syncs = *sc_db_syncs(store->db),
        .checkpoints = store->checkpoints,
        .checkpoint_time = store->checkpoint_time,
        .unindexed = store->last_serial - store->indexed_to,
        .removed = store->removed,
        .expired = store->expired,
        .refused_full = store->refused_full,
        .refused_quota = store->refused_quota,
        .failed = store->failed,
        .used = store->room.used,
        .room = sc_room_left(store),
        .reserve = store->room.reserve,
        .clock = store->clock.now,
        .unsure = sc_db_unsure(store->db) != 0,
        .sessions = store->hot.n_sessions,
        .sessions_dirty = store->hot.n_dirty + sc_hot_pass_left(&store->hot)
    };
}

int
sc_lmdb_sizes(struct sc_store *store, struct sc_store_sizes *out)
{
    struct sc_db_sizes sizes;
    struct statvfs     disk;
    size_t             i;

    if (sc_db_sizes(store->db, &sizes) != 0
        || fstatvfs(store->lock_fd, &disk) != 0)
    {
        return -1;
    }

    out->limit = sizes.map;
    out->used = sizes.used;
    out->disk_free = (uint64_t) disk.f_bavail * disk.f_frsize;
    out->readers = sizes.readers;
    out->oldest_reader_ns = sizes.oldest_reader_ns;
    out->n_tables = SC_DB_COUNT;

    for (i = 0; i < SC_DB_COUNT; i++) {
        out->tables[i].name = sizes.tables[i].name;
        out->tables[i].entries = sizes.tables[i].entries;
        out->tables[i].bytes = sizes.tables[i].bytes;
    }

    return 0;
}
