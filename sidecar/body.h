/*
 * Bytes that several writers send at once: one copy in memory, counted
 * references.  For the loop's thread alone, except that a body may be made
 * and filled in elsewhere before the loop gets it.
 */

#ifndef SEALCHAT_BODY_H
#define SEALCHAT_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "store.h"

struct sc_body {
    unsigned        refs;
    struct sc_page *page;        /* owned with it, or NULL */
    size_t          n;
    uint8_t         bytes[];
};

/* One reference, for the caller.  bytes may be NULL: then they are
 * uninitialised.  NULL when there is no memory. */
struct sc_body *sc_body_new(const void *bytes, size_t n);

/* A body that keeps a page of the store and no bytes of its own; the page is
 * freed with it, and at once where NULL is returned. */
struct sc_body *sc_body_of_page(struct sc_page *page);

static inline struct sc_body *
sc_body_ref(struct sc_body *body)
{
    if (body) {
        body->refs++;
    }

    return body;
}

/* Gives a reference back; NULL is let pass. */
void sc_body_drop(struct sc_body *body);

#endif
