/*
 * What the interposed library leaves beside the store's file for each write
 * since the last sync: where it went, and what was there.
 */

#ifndef SEALCHAT_CRASH_UNDO_H
#define SEALCHAT_CRASH_UNDO_H

#include <stdint.h>

#define UNDO_BLOCK 4096u

struct undo {
    uint64_t at;
    uint64_t n;                  /* bytes that follow */
    uint64_t size;               /* of the file before the write */
    uint64_t synced;             /* 1: what follows was written and synced by
                                  * a descriptor that syncs each write */
};

#endif
