/*
 * Looking a stopped store over: whether everything in it parses, leads where
 * it should and adds up.  Nothing is changed.
 */

#ifndef SEALCHAT_STORE_CHECK_H
#define SEALCHAT_STORE_CHECK_H

#include <stddef.h>
#include <stdint.h>

struct sc_vault;

struct sc_check {
    struct sc_vault *vault;      /* opens wraps with it; NULL: leaves them */

    /* A sentence for each thing that is wrong. */
    void           (*found)(void *data, const char *sentence);
    void           (*progress)(void *data, uint64_t done, uint64_t all);
    void            *data;

    uint64_t         customers;  /* out: what there is */
    uint64_t         rosters;
    uint64_t         wraps;
    uint64_t         sessions;
    uint64_t         messages;
    uint64_t         wrong;      /* out: times that found() was called */
};

/* Takes the store's lock and looks at all of it.  0, or -1 and a sentence in
 * why[] when it could not be read to its end. */
int sc_check_store(struct sc_check *check, const char *path,
                   char *why, size_t why_size);

/* Entries of a store, by table, in their order; n of the array.  How many, or
 * -1 and a sentence. */
struct sc_check_count {
    const char *table;
    uint64_t    entries;
};

int sc_check_counts(const char *path, struct sc_check_count *counts,
                    size_t n, char *why, size_t why_size);

#endif
