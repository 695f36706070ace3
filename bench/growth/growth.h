/*
 * What the two halves of the growth benchmark share: the stores at hand, and
 * verdicts on them.
 */

#ifndef SEALCHAT_BENCH_GROWTH_RUN_H
#define SEALCHAT_BENCH_GROWTH_RUN_H

#include "world.h"

struct growth {
    const char      *folder;
    size_t           messages;
    size_t           n_sessions;
    size_t           n_shops;
    struct side      large, small;
    struct shop     *large_shops, *small_shops;
    struct session  *large_sessions, *small_sessions;
    struct session **picked;     /* of the large, in no order */
    struct shop     *short_shops;    /* of the large: kept for 7 days */
    struct session  *short_sessions; /* theirs */
    FILE            *rounds;
    int              failed;
};


/* --- growth.c ------------------------------------------------------------ */

double median(const double *values, size_t n);

/* Prints whether a value is within its bound; if not, the run has failed. */
void verdict(struct growth *g, const char *what, double value, int at_least,
             double bound);


/* --- beside.c ------------------------------------------------------------ */

/* Makes the shops and sessions whose messages will expire. */
void beside_make(struct growth *g);

/* What STORED takes while something else goes on.  The large side's daemon
 * runs, and is started anew. */
void beside_measure(struct growth *g);

#endif
